"""Planned mutes: windows come and go by themselves, report what they held back, and let go of what still fires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tocsin.core.alert import Reason
from tocsin.store import mutes
from tocsin.store.database import Database

from .quiet import API, configure, service, silence
from .world import MONDAY, World

EVERY_NIGHT = {
    "id": "nightly", "matchers": ['job="batch"'], "from": "2026-01-05T22:00", "rrule": "FREQ=DAILY", "duration": "4h",
    "time_zone": "Europe/Berlin", "reason": "batch runs",
}  # fmt: skip
BATCH = {"job": "batch"}


async def until(world: World, at: datetime) -> None:
    await world.wait(seconds=(at - world.clock.now()).total_seconds())


async def test_a_recurring_mute_mutes_night_after_night_and_not_between(world: World) -> None:
    await configure(world, mutes=[EVERY_NIGHT])
    for night in range(3):
        day = MONDAY + timedelta(days=night)
        await until(world, day.replace(hour=20, minute=59))
        assert (await world.fire(f"before-{night}", labels=BATCH)).reason is Reason.OPENED
        await until(world, day.replace(hour=21))  # 22:00 in Berlin
        assert (await world.fire(f"inside-{night}", labels=BATCH)).reason is Reason.MUTED
        assert (await world.fire(f"other-{night}", labels={"job": "web"})).reason is Reason.OPENED
        await world.ends(f"inside-{night}")
        await until(world, (day + timedelta(days=1)).replace(hour=1))
        assert (await world.fire(f"after-{night}", labels=BATCH)).reason is Reason.OPENED
    assert len(await world.rows("SELECT FROM mutes WHERE ends_at > $1", world.clock.now())) == 1, "the next one"


async def test_a_night_in_which_the_clocks_change_is_muted_from_ten_to_two_on_the_wall(db: Database) -> None:
    async with World(db, start=datetime(2026, 3, 28, 12, tzinfo=UTC)) as world:
        rule = {**EVERY_NIGHT, "from": "2026-01-05T23:00", "duration": "6h"}
        await configure(world, mutes=[rule])
        windows = [(await world.row("SELECT starts_at, ends_at FROM mutes ORDER BY id DESC"))]
        for _ in range(2):
            await until(world, windows[-1]["ends_at"] + timedelta(seconds=1))
            windows.append(await world.row("SELECT starts_at, ends_at FROM mutes ORDER BY id DESC"))
    assert [(w["starts_at"].hour, w["ends_at"].hour) for w in windows] == [(22, 4), (21, 3), (21, 3)]


async def test_a_mute_outside_working_hours_lets_go_in_the_morning(world: World) -> None:
    await configure(world, mutes=[{"id": "off", "service": "api", "during": "off_hours", "reason": "looked at by day"}])
    assert (await world.fire("day")).reason is Reason.OPENED
    await until(world, MONDAY.replace(hour=18))
    assert (await world.fire("night")).reason is Reason.MUTED
    world.phone("alice").rang()
    await until(world, MONDAY.replace(hour=8, minute=59) + timedelta(days=1))
    assert (await world.row("SELECT incident_id FROM alerts WHERE dedup_key = 'night'"))[0] is None
    await until(world, MONDAY.replace(hour=9) + timedelta(days=1))
    alert = await world.row("SELECT incident_id, reason FROM alerts WHERE dedup_key = 'night'")
    assert alert["reason"] == "unmuted"
    assert world.phone("alice").rang()


async def test_windows_that_touch_let_nothing_through(world: World) -> None:
    rule = {"id": "always", "service": "api", "from": "2026-01-05T00:00", "rrule": "FREQ=DAILY", "duration": "24h"}
    await configure(world, mutes=[rule])
    assert (await world.fire()).reason is Reason.MUTED
    await world.wait(days=70)
    assert not world.phone("alice").rang()
    assert (await world.row("SELECT incident_id, mute IS NOT NULL AS muted FROM alerts"))["muted"]
    assert len(await world.rows("SELECT FROM mutes")) >= 3


async def test_a_maintenance_window_records_reports_and_lets_go(world: World) -> None:
    window = {
        "id": "upgrade", "kind": "maintenance", "services": ["api", "grouped"], "from": "2026-03-02T11:00",
        "to": "2026-03-02T12:00", "reason": "database upgrade",
    }  # fmt: skip
    await configure(world, mutes=[window])
    assert (await world.fire("early")).reason is Reason.OPENED
    await until(world, MONDAY.replace(hour=11))
    world.phone("alice").rang()
    assert (await world.fire("a")).reason is Reason.MAINTENANCE
    assert (await world.fire("b", service="grouped")).reason is Reason.MAINTENANCE
    assert (await world.fire("c")).reason is Reason.MAINTENANCE
    assert (await world.fire("a")).reason is Reason.REPEATED
    assert (await world.ends("c")).reason is Reason.RESOLVED, "resolve events are honoured inside"
    assert not world.phone("alice").rang()
    await until(world, MONDAY.replace(hour=12))
    assert world.phone("alice").times >= 3
    report = (await world.row("SELECT report FROM mutes"))["report"]
    assert {name: report[name] for name in ("alerts", "events", "resolved", "firing")} == {
        "alerts": 3, "events": 4, "resolved": 1, "firing": 2,
    }  # fmt: skip
    titles = [item["title"] for item in report["items"]]
    assert (sorted(titles[:2]), titles[2:]) == (["a is broken", "b is broken"], ["c is broken"]), (
        "what still fires first"
    )
    assert report["services"] == {"api": 2, "grouped": 1}
    reasons = {r["dedup_key"]: r["reason"] for r in await world.rows("SELECT dedup_key, reason FROM alerts")}
    assert reasons == {"early": "opened", "a": "unmuted", "b": "unmuted", "c": "maintenance"}


async def test_an_overrun_is_declared_where_its_plan_asks_for_it(world: World) -> None:
    window = {
        "id": "upgrade", "kind": "maintenance", "service": "api", "from": "2026-03-02T11:00", "to": "2026-03-02T12:00",
        "reason": "database upgrade", "overrun": "declare",
    }  # fmt: skip
    quiet = {**window, "id": "calm", "service": "grouped"}
    await configure(world, mutes=[window, quiet])
    await until(world, MONDAY.replace(hour=11))
    await world.fire("a")
    await until(world, MONDAY.replace(hour=13))
    (declared,) = await world.rows("SELECT * FROM incidents WHERE origin = 'person'")
    assert (declared["title"], declared["severity"], declared["affected_services"]) == (
        "Maintenance overran: database upgrade", 3, ["api"],
    )  # fmt: skip
    assert "ended at 2026-03-02 12:00 UTC" in declared["description"]
    assert [row["severity"] for row in await world.rows("SELECT severity FROM incidents WHERE origin = 'event'")] == [1]


async def test_a_changed_plan_changes_its_window_and_a_removed_one_ends_it(world: World) -> None:
    window = {"id": "w", "service": "api", "from": "2026-03-02T09:00", "to": "2026-03-02T20:00", "reason": "x"}
    await configure(world, mutes=[window])
    assert (await world.fire()).reason is Reason.MUTED
    await configure(world, mutes=[{**window, "to": "2026-03-02T19:00"}])
    assert (await world.row("SELECT incident_id FROM alerts"))[0] is None, "muted without a gap"
    row = await world.row("SELECT ends_at FROM mutes WHERE ends_at > $1", world.clock.now())
    assert row["ends_at"] == MONDAY.replace(hour=19)
    await configure(world, mutes=[{**window, "to": "2026-03-02T19:00"}], services=[API, service("more")])
    assert len(await world.rows("SELECT FROM mutes")) == 2, "an unrelated change touches nothing"
    await configure(world)
    assert world.phone("alice").rang()
    assert (await world.row("SELECT reason FROM alerts"))["reason"] == "unmuted"


async def test_a_mute_of_a_team_follows_the_services_of_the_team(world: World) -> None:
    rule = {"id": "team", "team": "payments", "from": "2026-03-02T09:00", "to": "2026-03-02T20:00"}
    await configure(world, mutes=[rule], services=[API])
    await configure(world, mutes=[rule], services=[API, service("fresh")])
    assert (await world.fire(service="fresh")).reason is Reason.MUTED


async def test_a_silence_changed_at_the_same_instant_counts_at_once(world: World) -> None:
    """The index of silences that a node holds is told by their versions, not by the clock."""
    await silence(world, 'a="1"', hours=1)
    assert (await world.fire("one", labels={"a": "1"})).reason is Reason.MUTED
    await silence(world, 'a="2"', hours=1)
    assert (await world.fire("two", labels={"a": "2"})).reason is Reason.MUTED
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE mutes SET matchers = jsonb_set(matchers, '{0,value}', '\"3\"')")
    assert (await world.fire("three", labels={"a": "3"})).reason is Reason.MUTED
    assert (await world.fire("four", labels={"a": "2"})).reason is Reason.OPENED


async def test_a_thousand_silences_and_one_of_them_mutes(world: World) -> None:
    for number in range(100):
        await silence(world, f'host="{number}"', service="api", hours=1)
    async with world.db.transaction() as tx:
        await tx.execute("""INSERT INTO mutes (public_id, service, matchers, starts_at, ends_at, created_by, comment, created_at,
          updated_at) SELECT gen_random_uuid(), service, jsonb_set(matchers, '{0,value}', to_jsonb('x' || n || id)), starts_at,
          ends_at, created_by, comment, created_at, updated_at FROM mutes, generate_series(1, 9) n""")
        assert len(await mutes.standing(tx, world.clock.now())) == 1000
    assert (await world.fire(labels={"host": "42"})).reason is Reason.MUTED
    assert (await world.fire("other", labels={"host": "4242"})).reason is Reason.OPENED
