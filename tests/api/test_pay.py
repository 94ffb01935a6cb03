"""The pay report over HTTP, from a terminal and in the browser."""

from __future__ import annotations

import csv
import io

from tocsin.core.permission import Principal
from tocsin.manage import pay

from ..story.world import directory
from .desk import Desk

RATES = {"currency": "CHF", "idle": {"night": "5.00", "weekend": "4.50"}, "paged": {"night": "50", "business": "0"}}
MARCH = {"from": "2026-03-01", "to": "2026-04-01"}


async def lived(desk: Desk) -> None:
    """Alice is on call; she is paged in the night to Tuesday, at 03:00, and works for an hour."""
    await desk.world.wait(hours=17)
    outcome = await desk.world.fire()
    await desk.world.acknowledge(outcome.incident)
    await desk.world.wait(hours=1)
    await desk.world.ends()
    await desk.world.wait(days=6)


async def test_the_report_counts_hours_pay_and_time_off(desk: Desk) -> None:
    answer = await desk.call("PUT", "/pay/rates/2026-01-01", RATES, role="manager")
    assert (answer.status_code, answer.json()["valid_from"]) == (200, "2026-01-01")
    await lived(desk)
    found = await desk.get("/pay", role="manager", **MARCH)
    (alice,) = found["items"]
    assert alice["hours"]["night"]["paged"] == "1.00"
    assert (alice["lieu_hours"], alice["nights_worked"], alice["calls"]) == ("1.00", 1, 1)
    lines = {(line["class"], line["work"]): line for line in alice["lines"]}
    assert lines["night", "paged"]["amount"] == "50.00"
    assert found["totals"] == alice["totals"]
    assert list(found["totals"]) == ["CHF"]


async def test_csv_has_the_same_lines_and_no_formulas(desk: Desk) -> None:
    users = [{"id": "alice", "name": "=HYPERLINK(1)", "contact_methods": []}]
    world = desk.world
    await lived(desk)
    world.ctx.directory = directory({"users": [*users, {"id": "bob"}, {"id": "carol"}, {"id": "erin"}]})
    answer = await desk.call("GET", "/pay/report.csv", role="manager", query=MARCH)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    found = await desk.get("/pay", role="manager", **MARCH)
    assert [(row["class"], row["hours"]) for row in rows] == [
        (i["class"], i["hours"]) for i in found["items"][0]["lines"]
    ]
    assert rows[0]["name"] == "'=HYPERLINK(1)"


async def test_people_see_their_own_and_managers_everybodys(desk: Desk) -> None:
    await lived(desk)
    assert (await desk.get("/pay", role="responder", **MARCH))["items"] == [], "a token is nobody in particular"
    ctx = desk.world.ctx
    first, last = pay.read_day("2026-03-01", "from"), pay.read_day("2026-04-01", "to")
    own = await pay.report(ctx, Principal("user:alice", "responder", "alice", "Alice"), first, last)
    other = await pay.report(ctx, Principal("user:bob", "responder", "bob", "Bob"), first, last)
    assert [item["user"] for item in own["items"]] == ["alice"]
    assert other["items"] == []


async def test_bad_rates_and_days_are_refused_by_field(desk: Desk) -> None:
    for day, body, pointer in (
        ("2026-01-01", {**RATES, "currency": "Franken"}, "/currency"), ("soon", RATES, "/valid_from"),
        ("2026-01-01", {"idle": {"night": "five"}}, "/idle/night"), ("2026-01-01", {"idel": {}}, "/idel"),
    ):  # fmt: skip
        found = await desk.refused("PUT", f"/pay/rates/{day}", 422, body, role="manager")
        assert [e["pointer"] for e in found["errors"]] == [pointer]
    for query in (
        {"from": "x"},
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "2020-03-02", "to": "2026-03-01"},
    ):
        await desk.refused("GET", "/pay", 422, query=query)
    await desk.refused("GET", "/pay", 404, query={"team": "nope"})
    await desk.refused("DELETE", "/pay/rates/2026-01-01", 404, role="manager")
