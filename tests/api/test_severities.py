"""The severity matrix over HTTP and on the incident that it holds for."""

from __future__ import annotations

from tocsin.manage import configuration

from .desk import Desk


async def test_the_matrix_is_read_changed_and_its_changes_told(desk: Desk) -> None:
    before = await desk.get("/severities", role="observer")
    assert before["severities"]["sev1_critical"]["response_time"] == "5m"
    assert before["severities"]["sev4_low"]["page"] == "never"
    assert before["overrides"] == {}
    assert before["business_hours"]["text"] == "mon-fri 09:00-17:00 UTC"

    body = {"sev1_critical": {"response_time": "3m"}}
    dry = await desk.call("PUT", "/severities", body, role="manager", dry_run="true")
    assert dry.json()["changes"] == [{"field": "sev1_critical.response_time", "old": None, "new": "3m"}]
    assert (await desk.get("/severities"))["overrides"] == {}

    made = await desk.call("PUT", "/severities", body, role="manager")
    assert made.status_code == 200
    assert (await desk.get("/severities"))["severities"]["sev1_critical"]["response_time"] == "3m"
    [change] = (await desk.get("/severities/changes"))["items"]
    assert change["actor"] == "token:manager"
    assert change["changes"][0]["new"] == "3m"


async def test_bad_fields_and_roles(desk: Desk) -> None:
    told = await desk.refused("PUT", "/severities", 422, {"sev1_critical": {"page": "loudly"}}, role="admin")
    assert told["errors"][0]["pointer"] == "/sev1_critical/page"
    await desk.refused("PUT", "/severities", 422, ["x"], role="admin")
    await desk.refused("PUT", "/severities", 403, {}, role="responder")
    await desk.refused("PUT", "/services/ghost/severities", 404, {}, role="admin")
    await desk.refused("GET", "/services/ghost/severities", 404)


async def test_what_rings_nobody_waits_in_the_queue_of_its_team(desk: Desk) -> None:
    await desk.world.fire("down", "critical")
    await desk.world.fire("label", "info", title="A label is wrong")
    chart = await desk.world.fire("chart", "info", service="grouped")
    assert chart.incident is not None
    await desk.world.acknowledge(chart.incident, "bob")
    [queue] = (await desk.get("/queues", role="stakeholder"))["items"]
    assert (queue["team"], queue["owner"], queue["waiting"]) == ("payments", "erin", 2)
    assert queue["keepers"] == ["erin", "alice", "bob"]
    assert queue["next_digest_at"] == "2026-03-03T09:00:00Z"
    assert [(one["title"], one["assignee"]) for one in queue["incidents"]] == [
        ("A label is wrong", None), ("chart is broken", "bob"),
    ]  # fmt: skip
    assert (await desk.get("/queues", team="payments"))["items"] == [queue]
    await desk.post(f"/incidents/{chart.incident}/related", {"incident": 1})
    await desk.post("/incidents/1/private", {"private": True}, role="admin")
    for role, linked in (("admin", 1), ("stakeholder", 0)):
        [shown] = (await desk.get("/queues", role=role))["items"]
        assert [len(one["related"]) for one in shown["incidents"]] == [0, linked], "a hidden one has no name"
    assert (
        "did you mean 'payments'?" in (await desk.refused("GET", "/queues", 404, query={"team": "paiments"}))["detail"]
    )


async def test_an_incident_shows_the_row_that_it_keeps(desk: Desk) -> None:
    await desk.world.fire(severity="critical")
    await desk.call("PUT", "/severities", {"sev1_critical": {"response_time": "3m"}}, role="admin")
    [listed] = (await desk.get("/incidents"))["items"]
    shown = await desk.get(f"/incidents/{listed['id']}")
    policy = shown["severity_policy"]
    assert policy == listed["severity_policy"]
    assert (policy["response_time"], policy["page"], policy["progress"]) == ("5m", "now", "automatic")
    assert policy["respond_by"] == "2026-03-02T10:05:00Z"
    assert policy["response_late"] is False
    assert shown["next_update_at"] == "2026-03-02T10:15:00Z"
    await desk.world.wait(minutes=31)
    policy = (await desk.get(f"/incidents/{listed['id']}"))["severity_policy"]
    assert policy["response_late"] is True
    assert policy["restore_late"] is True
    await desk.world.acknowledge(1)
    assert (await desk.get(f"/incidents/{listed['id']}"))["severity_policy"]["response_late"] is True


async def test_a_person_changes_the_severity(desk: Desk) -> None:
    await desk.world.fire(severity="warning")
    made = await desk.post("/incidents/1/severity", {"severity": "P1", "reason": "worse than it looked"})
    assert (made["severity"], made["result"]) == ("sev1_critical", {"changed": True, "sentence": "It is SEV1 now"})
    assert made["severity_policy"]["since"] == made["created_at"]
    told = (await desk.get("/incidents/1/timeline"))["items"]
    assert [e["actor"] for e in told if e["kind"] == "severity_changed"] == ["token:responder"]
    await desk.refused("POST", "/incidents/1/severity", 422, {"severity": "sev9"})
    await desk.refused("POST", "/incidents/1/severity", 403, {"severity": "sev2"}, role="observer")
    await desk.post("/incidents/1/resolve")
    await desk.refused("POST", "/incidents/1/severity", 409, {"severity": "sev2"})


async def test_a_service_read_and_written_back_keeps_its_severities(desk: Desk) -> None:
    made = {"id": "search", "severities": {"sev1_critical": {"who": "Us"}}}
    assert (await desk.post("/services", made, 201, role="admin"))["severities"] == made["severities"]
    shown = await desk.get("/services/search", role="admin")
    assert shown["severities"] == made["severities"]
    again = await desk.call("PUT", "/services/search", shown, role="admin")
    assert again.json()["severities"] == made["severities"]


async def test_the_business_hours_of_a_team(desk: Desk) -> None:
    ctx = desk.world.ctx
    wanted = ctx.directory
    await configuration.change(ctx, configuration.ITSELF, lambda _: wanted)
    place = "/teams/payments/business_hours"
    shown = await desk.get(place, role="observer")
    assert (shown["written"], shown["text"], shown["open"]) == (None, "mon-fri 09:00-17:00 UTC", True)
    assert shown["changes_at"] == "2026-03-02T17:00:00Z"
    assert shown["week"]["fri"] == {"from": "09:00", "to": "17:00"}
    body = {
        "exceptions": [{"days": ["fri"], "from": "09:00", "to": "15:00"}], "holidays": ["2026-03-02"],
        "holiday_names": [{"day": "2026-03-02", "name": "Town day"}],
    }  # fmt: skip
    made = (await desk.call("PUT", place, body, role="manager")).json()
    assert made["text"] == "mon-thu 09:00-17:00, fri 09:00-15:00 UTC"
    assert (made["open"], made["holiday"], made["changes_at"]) == (False, "Town day", "2026-03-03T09:00:00Z")
    assert made["written"] == body
    assert (await desk.get("/services/api/severities"))["business_hours"]["holiday_names"] == {"2026-03-02": "Town day"}
    told = await desk.refused("PUT", place, 422, {"days": ["mon"], "from": "9am", "to": "17:00"}, role="admin")
    assert told["errors"][0]["pointer"] == "/from"
    told = await desk.refused("PUT", place, 422, {**body, "days": ["mon"]}, role="admin")
    assert told["errors"][0]["pointer"] == "/exceptions/0/days/0"
    assert "add it to days" in told["errors"][0]["detail"]
    await desk.refused("PUT", "/teams/ghost/business_hours", 404, {}, role="admin")
    assert (await desk.call("DELETE", place, role="manager")).json()["written"] is None
