"""Contract, "Others", "Environment" and `tocsin up`: health, metrics, and a start that finds everything again."""

from __future__ import annotations

from pathlib import Path

from ..fakes.ports import free_port
from ..test_up import tocsin
from .world import TOKEN, House, cli


def test_alive_and_ready(house: House) -> None:
    for path in ("/livez", "/readyz"):
        assert (house.http.get(path).status, house.http.call("HEAD", path).status) == (200, 200)
    ready = house.http.get("/readyz").ok()
    assert ready["ready"] is True
    assert (ready["database"], ready["migrated"], ready["engine"]) == (True, True, True)


def test_metrics_tell_of_events_pages_timers_deliveries_queues_and_the_database(house: House) -> None:
    house.trigger("of-bob")
    reply = house.http.get("/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith(("text/plain", "application/openmetrics-text"))
    families = {line.split()[2] for line in reply.text.splitlines() if line.startswith("# TYPE ")}
    for word in ("event", "page", "timer", "deliver", "queue", "database"):
        assert [name for name in families if word in name], f"nothing about {word} in {sorted(families)}"
    assert all(name.startswith(("tocsin_", "process_", "python_")) for name in families)


def test_the_first_start_prints_the_address_and_a_link(house: House) -> None:
    assert house.url in house.said()
    assert f"{house.url}/sign-in/" in house.said()
    assert TOKEN not in house.said()


def test_a_restart_keeps_everything_and_needs_no_config_again(place: Path) -> None:
    file, token = place / "tocsin.yml", place / "token"
    file.write_text("version: 1\nusers: [{id: alice}]\nescalation_policies: [{id: p, steps: [{targets: [{user: alice}]}]}]\n"
                    "services: [{id: s, escalation_policy: p}]\n")  # fmt: skip
    token.write_text(TOKEN + "\n")
    environment = {
        "TOCSIN_DATA": str(place / "data"), "TOCSIN_BOOTSTRAP_TOKEN_FILE": str(token),
        "TOCSIN_EXTERNAL_URL": "https://tocsin.example.com/",
    }  # fmt: skip
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    with tocsin("up", "--port", port, "--config", str(file), **environment) as one:
        one.wait_for("is ready: https://tocsin.example.com\n")
        made = cli(url, "incident", "declare", "x", "--service", "s", "--json")
        assert made.code == 0, made.err
        assert made.json["url"] == f"https://tocsin.example.com/incidents/{made.json['id']}"
        # no service, and no default_escalation_policy
        assert cli(url, "incident", "declare", "y").code == 2
        assert one.stop() == 0
    with tocsin("up", "--port", port, **environment) as one:
        one.wait_for("is ready")
        shown = cli(url, "incident", "show", made.json["id"], "--json")
        assert shown.json["title"] == "x"
        assert one.stop() == 0
