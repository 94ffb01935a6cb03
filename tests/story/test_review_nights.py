"""What comes back, and what could not be heard while we were away."""

from __future__ import annotations

from datetime import timedelta

from tocsin.core.alert import Reason
from tocsin.store import timers

from .world import MONDAY, World


async def led(world: World, number: int) -> None:
    """A person leads the incident, so that it is watched when its alerts end."""
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE incidents SET moved_by_person = true WHERE id = $1", number)


async def test_what_comes_back_worse_during_the_watch_is_as_bad_as_it_says(world: World) -> None:
    outcome = await world.fire(severity="info")
    await led(world, outcome.incident)
    await world.ends()
    assert (await world.incident())["status"] == "monitoring"
    back = await world.fire(severity="critical")
    assert back.incident == outcome.incident
    assert (await world.incident())["severity"] == 1
    assert world.phone("alice").rang()


async def test_what_could_not_be_sent_again_while_we_were_away_is_given_time_to(world: World) -> None:
    outcome = await world.fire(ends_at=world.clock.now() + timedelta(minutes=4))
    await world.acknowledge(outcome.incident)
    await world.sleep(minutes=30)
    await world.settle()
    assert (await world.incident())["status"] == "acknowledged", "its source had nobody to tell that it still fires"
    await world.wait(minutes=1)
    again = await world.fire(ends_at=world.clock.now() + timedelta(minutes=4))
    assert again.incident == outcome.incident
    assert world.phone("alice").times == 1
    await world.wait(minutes=6)
    assert (await world.incident())["status"] == "resolved"


async def test_the_watch_goes_on_while_an_alert_fires(world: World) -> None:
    outcome = await world.fire()
    async with world.db.transaction() as tx:  # a person says that it is restored, although it still fires
        await tx.execute(
            "UPDATE incidents SET status = 'monitoring', restored_at = $1, acknowledged_cycle = cycle", MONDAY
        )
        await timers.set_timer(tx, "watch", outcome.incident, outcome.incident, MONDAY + timedelta(minutes=30))
    await world.wait(minutes=31)
    assert (await world.incident())["status"] == "monitoring"
    await world.ends()
    await world.wait(minutes=31)
    assert (await world.incident())["status"] == "resolved"


async def test_an_alert_that_gets_its_first_end_by_a_repeat_ends_then(world: World) -> None:
    """One sender names no end (a webhook), another does (Prometheus, of the same alert)."""
    await world.fire()
    assert (await world.fire(ends_at=world.clock.now() + timedelta(minutes=4))).reason is Reason.REPEATED
    await world.wait(minutes=3)
    assert (await world.row("SELECT resolved_at FROM alerts"))["resolved_at"] is None
    await world.wait(minutes=2)
    assert (await world.row("SELECT resolved_at FROM alerts"))["resolved_at"] is not None
