"""What a node remembers of what is open is a guess: whatever changed meanwhile, an alert goes where a look would have sent it."""

from __future__ import annotations

import pytest

from tocsin.core.alert import Reason
from tocsin.core.severity import Severity
from tocsin.flow import closing
from tocsin.flow.regrade import regrade
from tocsin.flow.triage import intake

from .quiet import silence
from .world import NODES, ORGANISATION, World, directory

SERVICES = ORGANISATION["services"]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many keys each look was about."""
    found: list[int] = []
    real = intake.look

    async def look(tx, keys, *rest):  # type: ignore[no-untyped-def]
        found.append(len(keys))
        return await real(tx, keys, *rest)

    monkeypatch.setattr(intake, "look", look)
    return found


async def join(world: World, key: str, severity: str = "critical") -> tuple[Reason, int | None]:
    outcome = await world.fire(key, severity, service="grouped", labels={"cluster": "a"})
    return outcome.reason, outcome.incident


@pytest.mark.skipif(NODES > 1, reason="each node looks for itself first")
async def test_after_one_look_new_alerts_need_none_for_a_second(world: World, looks: list[int]) -> None:
    _, room = await join(world, "one")
    assert await join(world, "two") == (Reason.JOINED, room)
    assert len(looks) == 2, "the first look found no room, the second one did"
    assert await join(world, "three") == (Reason.JOINED, room)
    assert len(looks) == 2
    for key, wanted in (("alone", 3), ("alone too", 3), ("and another", 3)):
        assert (await world.fire(key)).reason is Reason.OPENED
        assert len(looks) == wanted, "the first one found no number at hand"
    await world.wait(seconds=1)
    assert await join(world, "four") == (Reason.JOINED, room)
    assert len(looks) == 4


async def test_a_key_that_is_open_repeats(world: World) -> None:
    await world.fire("one")
    await world.fire("two")
    first = await world.fire("three")
    world.ctx.recall._seen.clear()
    again = await world.fire("three")
    assert (again.reason, again.alert_id, again.incident) == (Reason.REPEATED, first.alert_id, first.incident)
    assert (await world.row("SELECT count FROM alerts WHERE id = $1", first.alert_id))[0] == 2


async def test_a_silence_made_meanwhile_mutes(world: World) -> None:
    await join(world, "one")
    await join(world, "two")
    await world.fire("alone")
    await silence(world, "cluster=a", hours=1)
    assert (await join(world, "three"))[0] is Reason.MUTED
    assert (await world.fire("alone too", labels={"cluster": "a"})).reason is Reason.MUTED


async def test_a_room_that_was_resolved_takes_nobody(world: World) -> None:
    _, room = await join(world, "one")
    await join(world, "two")
    assert room is not None
    await closing.resolve(world.ctx, room, "user:alice")
    reason, other = await join(world, "three")
    assert (reason, other != room) == (Reason.OPENED, True)


async def test_a_room_that_became_less_severe_is_raised_again(world: World) -> None:
    _, room = await join(world, "one")
    await join(world, "two")
    assert room is not None
    await regrade(world.ctx, room, "user:alice", Severity.SEV3)
    assert await join(world, "three") == (Reason.JOINED, room)
    assert (await world.incident(room))["severity"] == 1


async def test_the_window_ends(world: World) -> None:
    _, room = await join(world, "one")
    await join(world, "two")
    await world.wait(minutes=4, seconds=59)
    assert await join(world, "three") == (Reason.JOINED, room)
    await world.wait(seconds=1)
    reason, other = await join(world, "four")
    assert (reason, other != room) == (Reason.OPENED, True)


async def test_a_window_that_was_made_shorter_ends_as_it_says_now(world: World) -> None:
    """The look that knew the new revision was asked with the old window: others keep the memory fresh, but that room is over."""
    _, room = await join(world, "one")
    await world.wait(minutes=2)
    assert await join(world, "two") == (Reason.JOINED, room)
    services = [
        {**one, "grouping": {"by": ["cluster"], "window": "1m"}} if "grouping" in one else one for one in SERVICES
    ]
    world.ctx.directory = directory({"services": services})
    reason, other = await join(world, "three")
    assert (reason, other != room) == (Reason.OPENED, True)


async def test_an_alert_that_comes_back_during_the_watch_brings_its_incident_back(world: World) -> None:
    first = await world.fire("one")
    await world.fire("two")
    await world.fire("three")
    assert first.incident is not None
    await world.rows("UPDATE incidents SET moved_by_person = true WHERE id = $1", first.incident)
    await world.ends("one")
    assert (await world.incident(first.incident))["status"] == "monitoring"
    assert (await world.fire("one")).reason is Reason.RELAPSED


async def test_who_guesses_wrong_looks_first_for_a_while(world: World, looks: list[int]) -> None:
    for _ in range(30):
        world.ctx.recall._seen.clear()
        await world.fire("same")
    assert (await world.row("SELECT count(*) FROM incidents"))[0] == 1
    assert (await world.row("SELECT count FROM alerts"))[0] == 30
