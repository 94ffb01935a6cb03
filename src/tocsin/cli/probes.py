"""The probes of services, from a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli import show
from tocsin.cli.client import Client, path
from tocsin.cli.show import AsJson

app = typer.Typer(no_args_is_help=True, help="What shows that a service does its work.")

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="Id of a service.")]
ProbeId = Annotated[str, typer.Argument(metavar="PROBE", help="Id of a probe of it.")]


@app.command("list")
def list_probes(service: Service, as_json: AsJson = False) -> None:
    """List the probes of a service."""
    found = Client.from_environment().get(path("services", service, "probes"))
    if as_json:
        return show.json(found)
    rows = [
        (one["id"], one["type"], one.get("url") or one["place"], one["samples"], one["interval"])
        for one in found["items"]
    ]
    show.table(
        ("ID", "Type", "Looks at", "Good samples in a row", "Apart"),
        rows,
        "It has no probe: only a person can say that it works.",
    )


@app.command("set")
def set_probe(
    service: Service,
    probe: ProbeId,
    type: Annotated[str, typer.Option("--type", help="http or tcp.")] = "http",
    url: Annotated[str | None, typer.Option("--url", help="http: a public address.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="http: good statuses, like 200-299.")] = None,
    contains: Annotated[str | None, typer.Option("--contains", help="http: words in the answer.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="tcp: a public host.")] = None,
    port: Annotated[str | None, typer.Option("--port", help="tcp: its port.")] = None,
    samples: Annotated[int | None, typer.Option("--samples", help="Good ones in a row, 1 to 10; default 3.")] = None,
    interval: Annotated[str | None, typer.Option("--interval", help="Between them, up to 10s; default 1s.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a probe, or replace one whole."""
    given = {
        "type": type, "url": url, "status": status, "contains": contains, "host": host, "port": port, "samples": samples,
        "interval": interval,
    }  # fmt: skip
    body = {name: value for name, value in given.items() if value is not None}
    made = Client.from_environment().put(path("services", service, "probes", probe), body)
    if as_json:
        return show.json(made)
    show.line(f"{probe} looks at {made['place']}. Try it: tocsin probe try {service} {probe}")


@app.command("remove")
def remove_probe(service: Service, probe: ProbeId) -> None:
    """Remove a probe."""
    gone = Client.from_environment().delete(path("services", service, "probes", probe))
    show.line(f"Removed {gone['id']}, which looked at {gone['place']}.")


@app.command("try")
def try_probe(service: Service, probe: ProbeId, as_json: AsJson = False) -> None:
    """Take one sample now. Exit code 1 when it is bad."""
    found: dict[str, Any] = Client.from_environment().post(path("services", service, "probes", probe, "try"))
    if as_json:
        show.json(found)
    else:
        show.line(f"{'Good' if found['good'] else 'Bad'}: {found['text']}, {found['milliseconds']:.0f} ms")
    if not found["good"]:
        raise typer.Exit(1)
