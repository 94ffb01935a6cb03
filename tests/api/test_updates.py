"""Updates, communications, subscriptions and promises over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tocsin.store.database import Database

from ..story.test_updates import organisation
from ..story.world import World
from .desk import Desk, open_desk


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    async with World(db, organisation()) as world:
        made = await open_desk(world)
        yield made
        await made.http.aclose()


async def answered(desk: Desk) -> str:
    number = (await desk.world.fire(severity="critical")).incident
    assert number is not None
    await desk.world.acknowledge(number)
    return f"/incidents/{number}"


async def test_an_update_is_created_and_moves_the_incident(desk: Desk) -> None:
    place = await answered(desk)
    body = {
        "audience": "public", "message": "Some payments fail. We are sorry. Next update in 30 minutes.", "status": "identified",
        "next_update_in": "30m", "components": {"payments": "major_outage"},
    }  # fmt: skip
    made = await desk.post(f"{place}/updates", body, 201, role="manager")
    assert (made["audience"], made["status"], made["state"], made["kept"]) == (
        "public",
        "identified",
        "published",
        None,
    )
    assert made["components"] == {"payments": "major_outage"}
    assert made["hints"] == ["The severity asks for an update every 15m; longer is for incidents of two hours and more"]
    found = await desk.get(place)
    assert (found["status"], found["next_update_at"]) == ("identified", made["next_update_at"])
    assert [one["id"] for one in (await desk.get(f"{place}/updates"))["items"]] == [made["id"]]
    kinds = [(one["kind"], one["details"]) for one in (await desk.get(f"{place}/timeline"))["items"]]
    assert ("update_published", f"Public: {body['message']}") in kinds


async def test_bad_updates_are_refused_by_field(desk: Desk) -> None:
    place = await answered(desk)
    good = {"audience": "stakeholders", "message": "Hello"}
    yesterday = (desk.world.clock.now() - timedelta(days=1)).isoformat()
    for change, pointer in (
        ({"next_update_at": yesterday}, "/next_update_at"), ({"next_update_in": "0s"}, "/next_update_in"),
        ({"next_update_in": "soon"}, "/next_update_in"), ({"next_update_in": "5m", "next_update_at": yesterday}, "/next_update_at"),
        ({"audience": "everyone"}, "/audience"), ({"message": "  "}, "/message"), ({"message": "x" * 10_001}, "/message"),
        ({"components": {"nothing": "operational"}}, "/components/nothing"), ({"components": {"payments": "fine"}}, "/components/payments"),
        ({"status": "gone"}, "/status"), ({"cause": "aliens"}, "/cause"), ({"surprise": 1}, "/surprise"),
    ):  # fmt: skip
        found = await desk.refused("POST", f"{place}/updates", 422, {**good, **change}, role="manager")
        assert [one["pointer"] for one in found["errors"]] == [pointer], change
    await desk.post(f"{place}/resolve", {}, 200)
    await desk.refused("POST", f"{place}/updates", 409, {**good, "status": "identified"}, role="manager")
    assert (await desk.get(f"{place}/updates"))["items"] == []
    await desk.refused("POST", "/incidents/999/updates", 404, good, role="manager")


async def test_a_policy_of_wording_stops_what_it_names_and_takes_a_reason(desk: Desk) -> None:
    place = await answered(desk)
    bad = {"audience": "stakeholders", "message": "The kubernetes pods restarted. Customers cannot pay."}
    await desk.post(f"{place}/updates", bad, 201)
    await desk.post("/wording", {"id": "stakeholders", "block": ["jargon"]}, 201, role="admin")
    refused = await desk.refused("POST", f"{place}/updates", 422, {**bad, "status": "identified"})
    assert {one["rule"] for one in refused["findings"]} == {"jargon"}
    assert {one["pointer"] for one in refused["errors"]} == {"/message", "/overrule"}
    assert (await desk.get(place))["status"] == "acknowledged", "nothing moved"
    composed = await desk.post(f"{place}/updates/compose", {"audience": "stakeholders"}, 200)
    assert not any(one["stops"] for one in composed["findings"])
    await desk.post(f"{place}/updates", {**bad, "audience": "responders"}, 201)
    await desk.post(f"{place}/updates", {**bad, "overrule": "They are engineers"}, 201)
    entries = (await desk.get(f"{place}/timeline"))["items"]
    told = [one["data"]["overruled"] for one in entries if one["data"].get("overruled")]
    assert told == [{"rules": ["jargon"], "reason": "They are engineers"}]
    await desk.call("PATCH", "/wording/stakeholders", {"strict": True}, role="admin")
    await desk.refused("POST", f"{place}/updates", 422, {**bad, "overrule": "They are engineers"})
    faults = await desk.refused("POST", "/wording", 422, {"id": "press", "block": ["jargn"]}, role="admin")
    assert {one["pointer"] for one in faults["errors"]} == {"/id", "/block/0"}


async def test_who_may_tell_whom(desk: Desk) -> None:
    place = await answered(desk)
    public, inside = {"audience": "public", "message": "Hello"}, {"audience": "executives", "message": "Hello"}
    await desk.post(f"{place}/updates", inside, 201, role="responder")
    found = await desk.refused("POST", f"{place}/updates", 403, public, role="responder")
    assert "take the role of comms lead or incident commander" in found["detail"]
    await desk.refused("POST", f"{place}/updates", 403, inside, role="observer")


async def test_drafts_are_composed_kept_and_published(desk: Desk) -> None:
    place = await answered(desk)
    composed = await desk.post(f"{place}/updates/compose", {"audience": "public"}, 200, role="manager")
    assert composed["moment"] == "initial"
    assert "Some users may experience problems with Payments." in composed["message"]
    assert [one for one in composed["findings"] if one["level"] != "hint"] == []
    draft = await desk.post(
        f"{place}/updates/drafts", {"audience": "public", "message": "A draft"}, 201, role="manager"
    )
    assert draft["state"] == "draft"
    made = await desk.post(f"{place}/updates/{draft['id']}/publish", {"message": "Mended"}, 201, role="manager")
    assert (made["id"], made["message"], made["state"]) == (draft["id"], "Mended", "published")
    await desk.refused("POST", f"{place}/updates/{draft['id']}/publish", 409, {}, role="manager")
    other = await desk.post(f"{place}/updates/drafts", {"audience": "executives", "message": "No"}, 201, role="manager")
    assert (await desk.post(f"{place}/updates/{other['id']}/discard", {}, 200, role="manager"))["state"] == "discarded"


async def test_a_text_and_its_promise_never_differ(desk: Desk) -> None:
    place = await answered(desk)
    composed = await desk.post(f"{place}/updates/compose", {"audience": "stakeholders"})
    assert "10:15 UTC" in composed["message"]
    await desk.world.wait(minutes=2)
    body = {"audience": "stakeholders", "message": composed["message"], "written_for": composed["next_update_at"]}
    made = await desk.post(f"{place}/updates", body, 201)
    assert made["next_update_at"] == composed["next_update_at"], "what it says is promised"
    made = await desk.post(f"{place}/updates", {**body, "next_update_in": "28m"}, 201)
    assert "Next update: 10:30 UTC" in made["message"]
    assert made["next_update_at"] == "2026-03-02T10:30:00Z"


async def test_a_communication_is_created(desk: Desk) -> None:
    place = await answered(desk)
    made = await desk.post(f"{place}/communications", {"message": "Called the bank", "channel": "phone"}, 201)
    assert (made["channel"], made["message"], made["state"], made["actor"]) == (
        "phone",
        "Called the bank",
        "recorded",
        "token:responder",
    )
    assert [one["id"] for one in (await desk.get(f"{place}/communications"))["items"]] == [made["id"]]
    found = await desk.refused("POST", f"{place}/communications", 422, {"message": "", "channel": "phone"})
    assert [one["pointer"] for one in found["errors"]] == ["/message"]


async def test_subscriptions_are_made_listed_and_ended(desk: Desk) -> None:
    made = await desk.post(
        "/subscriptions", {"user": "carol", "service": "api", "severity": "SEV2"}, 201, role="manager"
    )
    assert (made["user"], made["service"], made["severity"], made["audience"]) == (
        "carol",
        "api",
        "sev2_high",
        "stakeholders",
    )
    again = await desk.post(
        "/subscriptions", {"user": "carol", "service": "api", "severity": "SEV1"}, 201, role="manager"
    )
    assert (again["id"], again["severity"]) == (made["id"], "sev1_critical")
    assert len((await desk.get("/subscriptions", role="manager", user="*"))["items"]) == 1
    await desk.refused("POST", "/subscriptions", 403, {"user": "carol"}, role="responder")
    await desk.refused("POST", "/subscriptions", 422, {"user": "carol", "service": "nothing"}, role="manager")
    await desk.call("DELETE", f"/subscriptions/{made['id']}", role="manager")
    assert (await desk.get("/subscriptions", role="manager", user="carol"))["items"] == []


async def test_promises_are_counted(desk: Desk) -> None:
    place = await answered(desk)
    for minutes in (5, 20):
        await desk.post(
            f"{place}/updates", {"audience": "stakeholders", "message": "Hello", "next_update_in": "10m"}, 201
        )
        await desk.world.wait(minutes=minutes)
    found = await desk.get("/metrics/promises")
    assert (found["kept"], found["broken"], found["share"], found["late_seconds"]) == (1, 1, 0.5, 600)
    assert [one["broken"] for one in found["items"]] == [1]
    one = await desk.get(f"{place}/updates")
    assert (one["promises"]["kept"], one["promises"]["broken"]) == (1, 1)
    [stakeholders] = [each for each in one["audiences"] if each["audience"] == "stakeholders"]
    assert stakeholders["overdue"]
    assert stakeholders["required"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}", "longer than 2 s"),
        ("{% for a in range(99999) %}{{ title }}{% endfor %}", "more than 10000 characters"),
        ("{{ title | center(900000000) }}", "too much memory"),
        ("{{ title.__class__.__mro__ }}", "not allowed here"),
        ("{{ titel }}", "'titel' is undefined"),
        ("{% if %}", "line 1"),
    ],
)
async def test_a_bad_template_ends_in_a_clear_error(desk: Desk, body: str, said: str) -> None:
    asked = {"body": body, "audience": "stakeholders"}
    found = await desk.refused("POST", "/update_wordings/preview", 422, asked, role="manager")
    assert [one["pointer"] for one in found["errors"]] == ["/body"]
    assert said in found["errors"][0]["detail"]
    fine = await desk.post("/update_wordings/preview", {**asked, "body": "{{ severity }}"}, 200, role="manager")
    assert fine["text"] == "SEV-1", "the next one is served"


async def test_a_template_that_breaks_at_night_leaves_nobody_without_words(desk: Desk) -> None:
    place = await answered(desk)
    one = {"id": "board", "audience": "executives", "moment": "initial"}
    one["body"] = "{{ impact }} {{ next_update }} {{ known[7].text }}"
    await desk.post("/update_templates", one, 201, role="admin")
    composed = await desk.post(f"{place}/updates/compose", {"audience": "executives"}, 200, role="manager")
    assert "SEV-1: disk is broken" in composed["message"]
    assert composed["problem"].startswith("The template board cannot be used: line 1: list object has no element 7")
    body = "{{ severity }} on {{ affected }}: {{ impact }} {{ next_update }}"
    await desk.call("PATCH", "/update_templates/board", {"body": body}, role="admin")
    composed = await desk.post(f"{place}/updates/compose", {"audience": "executives"}, 200, role="manager")
    assert (composed["message"], composed["template"]) == ("SEV-1 on api: not known yet 10:15 UTC", "board")
