"""Contract, "Command line": the client's commands as a shell sees them: what they print, `--json`, and their exit codes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .world import Api, House, Ran, cli, fresh


def at_once(house: House, *commands: tuple[str, ...], **environment: str) -> list[Ran]:
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(lambda words: cli(house.url, *words, **environment), commands))


def test_an_incident_from_a_shell(house: House, api: Api) -> None:
    title = fresh("Typed")
    made = cli(house.url, "incident", "declare", title, "--severity", "SEV2", "--service", "of-bob", "--json")
    assert made.code == 0, made.err
    id = made.json["id"]
    assert api.incident(id)["title"] == title
    assert cli(house.url, "incident", "ack", id, "--json").json["status"] == "acknowledged"
    api.act(id, "resolve")
    refused = cli(house.url, "incident", "ack", id)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err


def test_reading_commands_print_json_and_nothing_else(house: House, api: Api) -> None:
    id = api.declare()["id"]
    ran = at_once(
        house,
        ("incident", "show", id, "--verify", "--json"),
        ("oncall", "--at", "2026-01-13T10:00:00Z", "--json"),
        ("schedule", "show", "payments-primary", "--from", "2026-01-05", "--to", "2026-01-12", "--json"),
    )
    for one in ran:
        assert (one.code, one.err) == (0, "")
    assert ran[0].json["verification"]["ok"]
    assert {item["schedule"]: item["user"] for item in ran[1].json["items"]}["payments-primary"] == "bob"
    assert len(ran[2].json["items"]) == 5


def test_exit_codes(house: House) -> None:
    ran = at_once(
        house,
        ("incident", "show", "INC-00000000"),
        ("incident", "declare", "x", "--severity", "SEV9"),
        ("incident", "frobnicate"),
    )
    ran += at_once(house, ("incident", "list", "--json"), TOCSIN_URL="http://127.0.0.1:1")
    assert [one.code for one in ran] == [1, 2, 2, 3]
    assert [one.out for one in ran] == ["", "", "", ""]
    assert all(one.err for one in ran)


def test_a_token_is_printed_once_and_alone(house: House) -> None:
    made = cli(house.url, "token", "create", fresh("cli"), "--role", "observer")
    assert made.code == 0
    assert re.fullmatch(r"\S+\n", made.out)
    assert Api(house.url, made.out.strip()).get("/incidents").status == 200


def test_apply_plans_and_refuses(house: House, api: Api, tmp_path: Path) -> None:
    good, bad, id = tmp_path / "good.yml", tmp_path / "bad.yml", fresh("team")
    good.write_text(f"version: 1\nteams:\n  - {{id: {id}, members: [bob]}}\n")
    bad.write_text(f"version: 1\nteams:\n  - {{id: {id}, members: [bob]}}\n  - {{id: other, members: [ghost]}}\n")
    planned, refused = at_once(house, ("apply", str(good), "--dry-run"), ("apply", str(bad)))
    assert planned.code == 0
    assert f"+ teams {id}" in planned.out
    assert (refused.code, refused.out) == (2, "")
    assert f"{bad}:4: " in refused.err
    api.get(f"/teams/{id}").problem(404)


def test_export_is_a_file_that_applies_to_nothing(house: House) -> None:
    exported = cli(house.url, "export")
    assert exported.out.startswith("version: 1\n")
    applied = cli(house.url, "apply", "-", "--dry-run", "--json", stdin=exported.out)
    assert (applied.code, applied.json["items"]) == (0, [])
