"""Foresight from a terminal: `check` and `rehearse`, of a server or of files on their own."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from tocsin.cli import configuration, incidents, show
from tocsin.cli.client import Client, WrongInput, path
from tocsin.cli.show import AsJson, when

At = Annotated[str | None, typer.Option("--at", help="RFC 3339, like 2026-11-28T03:00:00Z; default now.")]

_LEVELS = {"error": ("FAILS", "bold red"), "warning": ("RISK", "yellow"), "note": ("note", "dim")}


def check(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...]", help="Check these files, without a server.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How far to look.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Prove the coming days minute by minute: gaps, unreachable people, empty steps. Exit 1 when something would fail at night."""
    found = _offline().check(_files(files), days) if files else _checked(days)
    if as_json:
        show.json(found)
    else:
        _print_findings(found)
    if not found["ok"]:
        raise typer.Exit(1)


def _checked(days: int) -> Any:
    return Client.from_environment().get("check", {"days": days})


def _print_findings(found: dict[str, Any]) -> None:
    for item in found["items"]:
        word, style = _LEVELS[item["level"]]
        line = Text.assemble((f"{word:<6}", style), show.clean(item["sentence"]))
        show.console().print(line, soft_wrap=True)
        if item["level"] != "note":
            show.console().print(Text(show.clean(f"      {item['fix']}"), style="dim"), soft_wrap=True)
    show.line(found["sentence"])
    if (known := found.get("runbooks")) is not None:
        many = f"{known['with_runbook']} of {known['alerts']} alerts of the last 30 days"
        show.line(f"Runbooks: {many} came with one ({known['percent']}%).")


def rehearse(
    at: At = None,
    service: Annotated[str | None, typer.Option("--service", help="Id of a service.")] = None,
    file: Annotated[str | None, typer.Option("--file", help="A payload, as its source would send it.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Whose payload it is, like alertmanager.")] = None,
    severity: Annotated[str | None, typer.Option("--severity", help="SEV1 to SEV4.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="RFC 3339; default one whole pass.")] = None,
    answered: Annotated[
        str | None,
        typer.Option("--answered", help="After how long somebody acknowledges, like 5m; default nobody does."),
    ] = None,
    config: Annotated[
        list[str] | None, typer.Option("--config", help="Configuration file; then no server is asked.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who would be paged, when, by what and why: on the code that pages, without doing anything."""
    if service is None and file is None:
        raise WrongInput("Name a service with --service, or give a payload with --file and --source")
    if (file is None) != (source is None):
        raise WrongInput("--file and --source belong together: give both")
    asked: dict[str, Any] = {"service": service, "severity": severity, "at": at, "until": until, "answered": answered}
    if file is not None:
        asked |= {"source": source, "payload": _payload(file)}
    body = {name: value for name, value in asked.items() if value is not None}
    if config:
        offline = _offline()
        found = offline.rehearse(_files(config), msgspec.convert(body, offline.foresight.Question))
    else:
        found = Client.from_environment().post("rehearse", body)
    if as_json:
        return show.json(found)
    _print_rehearsal(found)


def _print_rehearsal(found: dict[str, Any]) -> None:
    for case in found["cases"]:
        show.line(f"{case['title']} ({case['service']}, {case['severity']}): {case['sentence']}")
        for rung in case["rungs"]:
            if rung["nobody"]:
                show.line(f"  {when(rung['at'])}  step {rung['step']} pages nobody: {rung['nobody']}")
    for sentence in found["hidden"]:
        show.line(sentence)
    rows = [
        (when(i["at"]), i["user"], i["method"] or "UNREACHABLE", i["step"], i["tier"], i["reason"])
        for i in found["items"]
    ]
    show.table(("At", "User", "By", "Step", "Tier", "Why"), rows, "Nobody would be paged.")
    for sentence in found["assumes"]:
        show.console().print(Text(show.clean(f"Assumed: {sentence}"), style="dim"), soft_wrap=True)


@incidents.app.command("replay")
def replay(
    id: Annotated[str, typer.Argument(metavar="INCIDENT", help="INC-1A2B3C4D, its number or its name.")],
    as_json: AsJson = False,
) -> None:
    """Who was paged then, beside who would be paged today."""
    found = Client.from_environment().get(path("incidents", id, "replay"))
    if as_json:
        return show.json(found)
    rows = [
        (i["name"], i["method"] or "UNREACHABLE", i["step"], when(i["then"]), when(i["now"]), i["change"])
        for i in found["items"]
    ]
    show.line(f"{found['name']}  {found['title']}")
    show.table(("User", "By", "Step", "Then", "Today", "Change"), rows, "")
    show.line(found["sentence"])


def explain(
    user: Annotated[str, typer.Option("--user", help="Id of a person.")],
    at: Annotated[str | None, typer.Option("--at", help="RFC 3339; default now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Was this person on call in that minute, was she paged, why, by what, and what became of it."""
    found = Client.from_environment().get(path("users", user, "explain"), {"at": at})
    if as_json:
        return show.json(found)
    show.line(found["sentence"])
    for item in found["items"]:
        show.line(f"{when(item['at'])}  {item['sentence']}")
    for page in found["pages"]:
        for told in page["told"]:
            show.line(f"    {page['incident_name']}: {told}")


def _offline() -> Any:
    """Loaded only when files are checked: it takes as long as all the other commands together."""
    return importlib.import_module("tocsin.manage.offline")


def _files(names: list[str]) -> list[Any]:
    offline = _offline()
    return [offline.File(file["name"], file["text"]) for file in configuration.read(names)]


def _payload(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        raise WrongInput(f"{name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise WrongInput(f"{name}: this is not UTF-8 text") from error
