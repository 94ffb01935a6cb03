"""Contract, "Rehearse and check" and `tocsin drill`: the future as a shell and the API tell it, and a drill that really rings."""

from __future__ import annotations

import json
import time
from pathlib import Path

from .world import CONFIGURATION, SECRET, Api, House, cli

SUNDAY = "2026-03-01T03:00:00Z"
FIELDS = ["at", "user", "method", "step", "tier", "reason"]


def test_a_rehearsal_is_one_whole_pass_in_the_same_words_everywhere(house: House, api: Api, tmp_path: Path) -> None:
    asked = {"service": "payments-api", "severity": "SEV1", "at": SUNDAY}
    told = api.post("/rehearse", asked).ok()["items"]
    assert [list(item) for item in told] == [FIELDS] * len(told)
    assert [(i["at"], i["user"], i["method"], i["step"], i["tier"], i["reason"]) for i in told[:3]] == [
        ("2026-03-01T03:00:00Z", "alice", "hook", 1, "on_call", "on_call_schedule"),
        ("2026-03-01T03:02:00Z", "alice", "mail", 1, "on_call", "on_call_schedule"),
        ("2026-03-01T03:10:00Z", "bob", "hook", 2, "on_call", "named_in_policy"),
    ]
    assert {i["user"] for i in told if i["step"] == 3} == {"alice", "bob", "carol", "dave", "erin"}
    assert told == sorted(told, key=lambda item: item["at"])
    words = ("rehearse", "--service", "payments-api", "--severity", "SEV1", "--at", SUNDAY, "--json")
    assert cli(house.url, *words).json["items"] == told
    file = tmp_path / "tocsin.yml"
    file.write_text(CONFIGURATION.format(sink=1, secret=SECRET, closed="mon"))
    alone = cli("http://127.0.0.1:1", *words, "--config", str(file))
    assert (alone.code, alone.json["items"]) == (0, told), "without a server"


def test_a_payload_and_an_end(house: House, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    alert = {"status": "firing", "labels": {"alertname": "Disk", "severity": "critical"}, "startsAt": SUNDAY}
    file.write_text(json.dumps({"version": "4", "status": "firing", "alerts": [alert]}))
    words = ("rehearse", "--file", str(file), "--source", "alertmanager", "--at", SUNDAY, "--json")
    told = cli(house.url, *words, "--until", "2026-03-01T03:05:00Z")
    assert told.code == 0, told.err
    assert [(i["user"], i["method"]) for i in told.json["items"]] == [("alice", "hook"), ("alice", "mail")]


def test_check_finds_what_would_fail_and_says_so_with_its_exit_code(house: House, api: Api) -> None:
    found = api.get("/check").ok()
    assert not found["ok"]
    objects = {(f["kind"], f["object"]) for f in found["items"]}
    assert ("coverage_gap", "schedule:nobody") in objects
    assert ("unreachable_person", "user:frank") in objects
    for one in found["items"]:
        assert {"kind", "level", "object", "from", "to", "sentence", "fix"} <= set(one)
    ran = cli(house.url, "check", "--json")
    assert (ran.code, ran.json["ok"]) == (1, False)


def test_check_names_an_unknown_user_and_ends_with_one_or_two(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yml"
    text = CONFIGURATION.format(sink=1, secret=SECRET, closed="mon")
    file.write_text(text.replace("users: [alice, bob, carol, dave]", "users: [alice, mallory]"))
    ran = cli("http://127.0.0.1:1", "check", str(file))
    assert ran.code in (1, 2)
    assert "mallory" in ran.out + ran.err


def test_a_drill_rings_is_marked_and_ends_by_itself(house: House, api: Api) -> None:
    drill = api.post("/drills", {"service": "of-bob", "severity": "SEV2", "for": "10m"}).ok(201)
    incident = api.incident(drill["incident"])
    assert incident["drill"]
    assert incident["title"].startswith("Drill:")
    api.act(drill["incident"], "acknowledge")
    ends = time.monotonic() + 30
    while (report := api.get(f"/drills/{drill['id']}").ok())["state"] == "running" and time.monotonic() < ends:
        time.sleep(0.5)
    assert (report["state"], report["ended_because"]) == ("over", "answered")
    assert [person["user"] for person in report["people"]] == ["bob"]
    assert api.incident(drill["incident"])["status"] == "resolved"
