"""Mutes over the API: made, previewed, changed, ended; planned ones; what each mutes; and beside amtool the same."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.api.alertmanager_shapes import read_filter
from tocsin.manage import alertmanager, silences

from ..story.quiet import configure, service
from .desk import Desk

DISK = {"matchers": ['alertname="Disk"'], "duration": "2h", "reason": "disks are being replaced"}


async def test_a_mute_is_made_seen_changed_and_ended(desk: Desk) -> None:
    made = await desk.post("/mutes", DISK, 201)
    assert (made["status"], made["matchers"], made["created_by"]) == ("active", ['alertname="Disk"'], "token:responder")
    await desk.world.fire(labels={"alertname": "Disk"})
    await desk.world.fire("other", labels={"alertname": "Net"})
    seen = await desk.get(f"/mutes/{made['id']}")
    assert (seen["muting"], [alert["title"] for alert in seen["alerts"]]) == (1, ["disk is broken"])
    alert = await desk.get(f"/alerts/{seen['alerts'][0]['id']}")
    assert (alert["status"], alert["reason"]) == ("muted", "muted")
    assert alert["muted_by"]["reason"] == "disks are being replaced"
    changed = (await desk.call("PATCH", f"/mutes/{made['id']}", {"duration": "10m", "reason": "nearly done"})).json()
    assert (changed["id"], changed["reason"], changed["ends_at"]) == (made["id"], "nearly done", "2026-03-02T10:10:00Z")
    ended = (await desk.call("DELETE", f"/mutes/{made['id']}")).json()
    assert ended["status"] == "expired"
    await desk.world.settle()
    assert desk.world.phone("alice").times == 2
    report = (await desk.get(f"/mutes/{made['id']}"))["report"]
    assert (report["alerts"], report["firing"]) == (1, 1)


async def test_the_list_has_an_order_filters_and_pages(desk: Desk) -> None:
    await desk.post("/mutes", {**DISK, "reason": "long"}, 201)
    await desk.post("/mutes", {**DISK, "duration": "1h", "reason": "short", "services": ["api"]}, 201)
    later = {**DISK, "starts_at": "2026-03-02T12:00:00Z", "duration": "1h", "reason": "later"}
    await desk.post("/mutes", later, 201)
    assert [m["reason"] for m in (await desk.get("/mutes"))["items"]] == ["short", "long", "later"]
    assert [m["reason"] for m in (await desk.get("/mutes", status="pending"))["items"]] == ["later"]
    assert [m["reason"] for m in (await desk.get("/mutes", service="grouped"))["items"]] == ["long", "later"]
    first = await desk.get("/mutes", limit=2)
    assert [m["reason"] for m in (await desk.get("/mutes", limit=2, cursor=first["next"]))["items"]] == ["later"]
    await desk.refused("GET", "/mutes", 422, query={"status": "sleeping"})


async def test_a_preview_tells_what_it_would_mute_and_makes_nothing(desk: Desk) -> None:
    for key in "abc":
        await desk.world.fire(key, labels={"alertname": "Disk", "host": key})
    seen = await desk.post("/mutes/preview", {**DISK, "matchers": ['host=~"a|b"']})
    assert (seen["count"], seen["in_incidents"]) == (2, 2)
    assert sorted(item["labels"]["host"] for item in seen["items"]) == ["a", "b"]
    assert seen["windows"] == [{"starts_at": "2026-03-02T10:00:00Z", "ends_at": "2026-03-02T12:00:00Z"}]
    assert "It is for every service." in seen["notes"]
    nothing = await desk.post("/mutes/preview", {**DISK, "services": ["grouped"]})
    assert (nothing["count"], nothing["notes"]) == (0, ["It matches no alert that is open now."])
    assert (await desk.get("/mutes"))["items"] == []


async def test_a_planned_mute_foretells_its_windows_and_a_responder_may_make_and_end_it(desk: Desk) -> None:
    await configure(desk.world)
    plan = {
        "services": ["api"], "from": "2026-03-02T22:00", "rrule": "FREQ=WEEKLY;BYDAY=MO", "duration": "4h",
        "time_zone": "Europe/Berlin", "reason": "Weekly batch",
    }  # fmt: skip
    seen = await desk.post("/mutes/preview", plan)
    assert [w["starts_at"] for w in seen["windows"]][:2] == ["2026-03-02T21:00:00Z", "2026-03-09T21:00:00Z"]
    made = await desk.post("/mutes", plan, 201)
    assert (made["status"], made["starts_at"], made["plan"]["rrule"]) == (
        "pending",
        "2026-03-02T21:00:00Z",
        plan["rrule"],
    )
    assert made["rule"].startswith("weekly-batch-")
    skipped = (await desk.call("DELETE", f"/mutes/{made['id']}")).json()
    assert skipped["status"] == "expired"
    await desk.world.settle()
    following = await desk.get(f"/mutes/{made['rule']}")
    assert following["starts_at"] == "2026-03-09T21:00:00Z", "the window of this week was ended by hand"
    assert (await desk.call("DELETE", f"/mutes/{made['rule']}")).status_code == 200
    assert (await desk.get("/mutes", status="pending"))["items"] == []
    await desk.refused("GET", "/mutes/nothing-like-it", 404)


async def test_what_a_file_plans_is_changed_in_the_file(desk: Desk) -> None:
    await configure(
        desk.world, mutes=[{"id": "w", "service": "api", "from": "2026-03-02T09:00", "to": "2026-03-02T20:00"}]
    )
    (mute,) = (await desk.get("/mutes"))["items"]
    assert mute["plan"]["origin"] == {"file": "tocsin.yml", "line": 1}
    assert "tocsin.yml" in (await desk.refused("DELETE", "/mutes/w", 409))["detail"]
    await desk.refused("PATCH", f"/mutes/{mute['id']}", 409, {"duration": "1h"})
    assert (await desk.call("DELETE", f"/mutes/{mute['id']}")).json()["status"] == "expired", "its window may be ended"


async def test_a_maintenance_window_of_several_services(desk: Desk) -> None:
    made = await desk.post(
        "/mutes", {"kind": "maintenance", "services": ["grouped", "api"], "duration": "1h", "reason": "upgrade"}, 201
    )
    assert (made["kind"], made["services"], made["matchers"]) == ("maintenance", ["api", "grouped"], [])
    for name in ("api", "grouped"):
        assert (await desk.world.fire(service=name)).reason == "maintenance"
    assert (await desk.call("PATCH", f"/mutes/{made['id']}", {"duration": "30m"})).json()["services"] == [
        "api",
        "grouped",
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"matchers": ["a=1"], "duration": "1h"}, "/reason"), ({**DISK, "matchers": []}, "/matchers"),
     ({**DISK, "matchers": ['a=~"("']}, "/matchers/0"), ({**DISK, "matchers": ['a=~".*"']}, "/matchers"),
     ({**DISK, "duration": "soon"}, "/duration"), ({**DISK, "duration": "0s"}, "/duration"),
     ({**DISK, "ends_at": "2026-03-03T00:00:00Z"}, "/duration"), ({"matchers": ["a=1"], "reason": "x"}, "/ends_at"),
     ({"matchers": ["a=1"], "reason": "x", "ends_at": "2026-03-01T00:00:00Z"}, "/endsAt"),
     ({"matchers": ["a=1"], "reason": "x", "ends_at": "tomorrow"}, "/ends_at"), ({**DISK, "services": ["nope"]}, "/services/0"),
     ({**DISK, "team": "nope"}, "/team"), ({**DISK, "kind": "pause"}, "/kind"), ({**DISK, "kind": "maintenance"}, "/services"),
     ({**DISK, "colour": "red"}, "/colour"), ({**DISK, "rrule": "FREQ=SECONDLY", "from": "2026-03-02T09:00"}, "/rrule"),
     ({**DISK, "rrule": "FREQ=DAILY"}, "/from"), ({**DISK, "during": "off_hours"}, "/duration"), ([], ""),
     ({**DISK, "rrule": "FREQ=DAILY", "starts_at": "2026-03-02T09:00:00Z"}, "/starts_at")],
)  # fmt: skip
async def test_what_is_wrong_is_told_by_field_in_creation_and_preview(desk: Desk, body: Any, pointer: str) -> None:
    for path in ("/mutes", "/mutes/preview"):
        found = await desk.refused("POST", path, 422, body)
        assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert (await desk.get("/mutes"))["items"] == []


async def test_its_maker_hears_before_it_ends_while_something_still_fires(desk: Desk) -> None:
    world = desk.world
    quiet = await desk.post("/mutes", {**DISK, "matchers": ['alertname="Other"']}, 201)
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE mutes SET created_by = 'user:bob'")
    made = await desk.post("/mutes", DISK, 201)
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE mutes SET created_by = 'user:alice' WHERE public_id = $1::text::uuid", made["id"])
    await world.fire(labels={"alertname": "Disk"})
    await world.wait(minutes=89)
    assert await world.rows("SELECT FROM notices") == []
    await world.wait(minutes=1)
    (notice,) = await world.rows("SELECT user_id, heading, text, path FROM notices")
    assert (notice["user_id"], notice["heading"], notice["path"]) == (
        "alice",
        "Your silence ends in 30 min",
        f"/mutes/{made['id']}",
    )
    assert "1 alert still fires" in notice["text"]
    assert (await desk.get(f"/mutes/{made['id']}"))["ends_soon"]
    assert quiet["id"] != made["id"]


async def test_hidden_alerts_say_what_hides_them(desk: Desk) -> None:
    await configure(desk.world, inhibitions=[{"id": "down", "source": ['n="1"'], "target": ['n="2"']}])
    cause = await desk.world.fire("cause", labels={"n": "1"})
    await desk.world.fire("symptom", labels={"n": "2"})
    found = {alert["dedup_key"]: alert for alert in (await desk.get("/alerts"))["items"]}
    assert (found["symptom"]["status"], found["symptom"]["reason"]) == ("inhibited", "inhibited")
    assert found["symptom"]["inhibited_by"] == {
        "inhibition": "down", "alert": cause.alert_id, "incident": None, "incident_name": None,
    }  # fmt: skip
    assert found["cause"]["inhibited_by"] is None


async def test_an_alertmanager_shows_what_is_hidden_and_maintenance_windows(desk: Desk) -> None:
    metrics = {**service("api"), "integrations": [{"id": "metrics", "type": "alertmanager", "key": "m" * 32}]}
    await configure(
        desk.world, services=[metrics], inhibitions=[{"id": "down", "source": ['n="1"'], "target": ['n="2"']}]
    )
    await desk.post("/mutes", {"kind": "maintenance", "services": ["api"], "duration": "1h", "reason": "upgrade"}, 201)
    cause = await desk.world.fire("cause", labels={"n": "1"})
    for mute in (await desk.get("/mutes"))["items"]:
        await desk.call("DELETE", f"/mutes/{mute['id']}")
    await desk.world.fire("symptom", labels={"n": "2"})
    found = {shown.alert.dedup_key: shown for shown in await alertmanager.open_alerts(desk.world.ctx, "api")}
    assert (found["symptom"].alert.inhibited_by, found["cause"].alert.inhibited_by) == (str(cause.alert_id), "")
    assert not read_filter({"inhibited": ["false"]}).wants(found["symptom"])
    assert read_filter({"active": ["false"]}).wants(found["symptom"])
    assert not read_filter({"active": ["false"]}).wants(found["cause"])
    assert [(mute.comment, mute.scope) for mute in await silences.list_silences(desk.world.ctx, "api")] == [
        ("upgrade", ("api",))
    ]
