"""Heartbeats: what pings do, what their absence does, and that our own absence is nobody else's fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tocsin.flow import heartbeats
from tocsin.store.database import Database
from tocsin.store.heartbeats import Received

from .quiet import configure, service
from .world import NODES, World

KEY = "8f6c9b3e-6a35-4d7b-9d9b-0c5b6a1f2e11"
HOURLY = {"id": "hourly", "service": "api", "period": "1h", "grace": "10m", "key": KEY}


async def ping(
    world: World, kind: Any = "success", id: str = "hourly", rid: UUID | None = None, body: bytes = b""
) -> None:
    received = Received(
        at=world.clock.now(),
        kind=kind,
        exit_status=None,
        rid=rid,
        seconds=None,
        method="POST",
        remote="",
        agent="",
        body=body,
    )
    await heartbeats.receive(world.ctx, world.ctx.directory.heartbeats[id], received)
    await world.settle()


async def begin(world: World, **more: Any) -> None:
    await configure(world, heartbeats=[{**HOURLY, **more}])


async def alerts(world: World) -> list[tuple[str, bool]]:
    rows = await world.rows("SELECT title, resolved_at IS NULL FROM alerts ORDER BY id")
    return [(r[0], r[1]) for r in rows]


async def test_one_that_was_never_heard_of_alarms_nobody(world: World) -> None:
    await begin(world)
    await world.wait(days=2)
    assert await alerts(world) == []


async def test_a_missed_ping_pages_after_the_grace_and_the_next_one_resolves(world: World) -> None:
    await begin(world)
    await ping(world)
    await world.wait(hours=1, minutes=9, seconds=59)
    assert await alerts(world) == []
    await world.wait(seconds=1)
    assert await alerts(world) == [("hourly did not ping in time", True)]
    assert world.phone("alice").rang()
    incident = (await world.incident())["id"]
    await world.wait(hours=3)
    assert len(await alerts(world)) == 1, "one alert, however long it lasts"
    await ping(world)
    assert (await alerts(world))[0][1] is False
    assert (await world.incident(incident))["status"] == "resolved"
    await world.wait(hours=1, minutes=10)
    assert len(await alerts(world)) == 2, "and it alarms again"


async def test_a_host_that_dies_takes_its_jobs_together_and_holds_up_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sent = heartbeats.triage, list[int]()

    async def counted(ctx: Any, tx: Any, items: Any, *more: Any) -> Any:
        sent.append(len(items))
        return await real(ctx, tx, items, *more)

    monkeypatch.setattr(heartbeats, "triage", counted)
    jobs = [{**HOURLY, "id": f"job-{n:02}", "key": str(uuid4())} for n in range(20)]
    await configure(world, heartbeats=jobs)
    for job in jobs:
        await ping(world, id=str(job["id"]))
    await world.wait(hours=1, minutes=10)
    assert sum(sent) == 20
    assert len(sent) <= NODES, "all of them at once, on the one way to the database that this takes"
    assert sorted(await alerts(world)) == [(f"job-{n:02} did not ping in time", True) for n in range(20)]
    assert world.phone("alice").times == 20
    await ping(world, id="job-07")
    assert [title for title, firing in await alerts(world) if not firing] == ["job-07 did not ping in time"]


async def test_pings_in_time_are_quiet_for_ever(world: World) -> None:
    await begin(world)
    for _ in range(30):
        await ping(world)
        await world.wait(hours=1, minutes=5)
    assert await alerts(world) == []


async def test_a_job_that_says_it_failed_pages_at_once(world: World) -> None:
    await begin(world)
    await ping(world)
    await ping(world, "fail", body=b"disk full")
    assert await alerts(world) == [("hourly says that it failed", True)]
    assert world.phone("alice").rang()
    await ping(world, "log", body=b"still trying")
    assert (await alerts(world))[0][1] is True
    await ping(world)
    assert (await alerts(world))[0][1] is False


async def test_a_job_that_starts_and_does_not_end_within_its_grace(world: World) -> None:
    await begin(world)
    await ping(world)
    await world.wait(minutes=30)
    await ping(world, "start")
    await world.wait(minutes=9, seconds=59)
    assert await alerts(world) == []
    await world.wait(seconds=1)
    assert await alerts(world) == [("hourly started and did not end within its grace", True)]


async def test_how_long_a_run_took_is_told_by_its_id(world: World) -> None:
    await begin(world)
    run = uuid4()
    await ping(world, "start", rid=run)
    await world.wait(minutes=4)
    await ping(world, rid=uuid4())
    await ping(world, rid=run)
    found = await world.rows("SELECT seconds FROM pings ORDER BY id")
    assert [r[0] for r in found] == [None, None, 240.0]


async def test_a_cron_expression_is_read_in_its_zone_and_the_night_of_the_change_is_no_alarm(db: Database) -> None:
    async with World(db, start=datetime(2026, 3, 27, 12, tzinfo=UTC)) as world:
        await configure(
            world,
            heartbeats=[{"id": "hourly", "service": "api", "cron": "30 2 * * *", "time_zone": "Europe/Berlin", "grace": "1h",
                         "key": KEY}],
        )  # fmt: skip
        await ping(world)
        for _ in range(4):  # 28, 29 (02:30 does not exist: it is 03:00), 30, 31 March
            row = await world.row("SELECT due_at FROM timers WHERE kind = 'heartbeat'")
            await world.wait(seconds=(row["due_at"] - timedelta(minutes=5) - world.clock.now()).total_seconds())
            assert await alerts(world) == []
            await ping(world)
        await world.wait(hours=25)
        assert [title for title, _ in await alerts(world)] == ["hourly did not ping in time"]


async def test_a_ping_that_we_could_not_receive_is_not_held_against_the_job(world: World) -> None:
    await begin(world)
    await ping(world)
    await world.wait(minutes=55)
    await world.sleep(minutes=30)  # the ping of the hour is lost, and so is the moment at which it would be missed
    await world.settle()
    assert await alerts(world) == []
    await world.wait(hours=1)
    await ping(world)
    assert await alerts(world) == []


async def test_an_outage_that_is_over_before_the_grace_counts_as_well(world: World) -> None:
    await begin(world, grace="50m")
    await ping(world)
    await world.wait(minutes=58)
    await world.sleep(minutes=10)
    await world.settle()
    await world.wait(minutes=45)
    assert await alerts(world) == [], "the ping may have come while we were away"
    await world.wait(minutes=80)
    assert [title for title, _ in await alerts(world)] == ["hourly did not ping in time"], (
        "the next one did not come either"
    )


async def test_an_outage_at_another_time_excuses_nothing(world: World) -> None:
    await begin(world)
    await ping(world)
    await world.wait(minutes=10)
    await world.sleep(minutes=10)
    await world.settle()
    await world.wait(minutes=50)
    assert [title for title, _ in await alerts(world)] == ["hourly did not ping in time"]


async def test_a_silence_mutes_a_heartbeat_like_any_alert(world: World) -> None:
    window = {"id": "w", "matchers": ['heartbeat="hourly"'], "from": "2026-03-02T10:00", "to": "2026-03-02T13:00"}
    await configure(world, heartbeats=[HOURLY], mutes=[window])
    await ping(world)
    await world.wait(hours=2)
    assert (await world.row("SELECT reason FROM alerts"))["reason"] == "muted"
    assert not world.phone("alice").rang()
    await world.wait(hours=1)
    assert world.phone("alice").rang()


async def test_paused_says_nothing_and_a_ping_wakes_it(world: World) -> None:
    await begin(world)
    await ping(world)
    await world.wait(hours=1, minutes=10)
    beat = world.ctx.directory.heartbeats["hourly"]
    assert await heartbeats.pause(world.ctx, beat, True)
    await world.settle()
    assert (await alerts(world))[0][1] is False, "pausing ends the alarm"
    await world.wait(days=1)
    assert len(await alerts(world)) == 1
    await ping(world)
    await world.wait(hours=1, minutes=10)
    assert len(await alerts(world)) == 2


async def test_a_heartbeat_that_is_removed_or_moved_takes_its_alert_with_it(world: World) -> None:
    await begin(world)
    await ping(world, "fail")
    await configure(world, heartbeats=[{**HOURLY, "service": "other"}], services=[service("api"), service("other")])
    rows = await world.rows("SELECT service, resolved_at IS NULL FROM alerts ORDER BY id")
    assert [(r[0], r[1]) for r in rows] == [("api", False), ("other", True)]
    await configure(world, services=[service("api"), service("other")])
    assert [r[1] for r in await world.rows("SELECT service, resolved_at IS NULL FROM alerts ORDER BY id")] == [
        False,
        False,
    ]
    assert await world.rows("SELECT FROM heartbeats") == []


async def test_a_quiet_time_of_the_service_does_not_end_the_alert_of_a_silent_job(world: World) -> None:
    await configure(world, services=[service("api", auto_resolve="30m")], heartbeats=[HOURLY])
    await ping(world)
    await world.wait(hours=5)
    assert [firing for _, firing in await alerts(world)] == [True]


async def test_only_the_last_hundred_pings_are_kept(world: World) -> None:
    await begin(world)
    for number in range(103):
        await ping(world, "log", body=b"%d" % number)
    rows = await world.rows("SELECT body FROM pings ORDER BY id")
    assert [bytes(r[0]) for r in rows] == [b"%d" % number for number in range(3, 103)]
