"""Pages that go without being read again, because they were written this moment: only while that is true."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tocsin.flow import respond
from tocsin.store import notifications
from tocsin.store.notifications import Held

from .world import NODES, World


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many notifications each reading before sending was about."""
    found: list[int] = []
    real = notifications.begin

    async def begin(tx, ids, *rest):  # type: ignore[no-untyped-def]
        found.append(len(ids))
        return await real(tx, ids, *rest)

    monkeypatch.setattr(notifications, "begin", begin)
    return found


@pytest.mark.skipif(NODES > 1, reason="each node makes the rules known to itself")
async def test_a_page_about_a_new_incident_goes_at_once(world: World, reads: list[int]) -> None:
    await world.fire("the first one, which makes its rules known")
    del reads[:]
    await world.fire("one")
    assert world.phone("alice").times == 2
    assert reads == []


@pytest.mark.skipif(NODES > 1, reason="the node that holds its pages back is the one that wrote them")
async def test_a_page_that_was_held_up_is_not_sent_after_an_answer(world: World, reads: list[int]) -> None:
    await world.fire("the first one, which makes its rules known")
    del reads[:]
    kept: list[Held] = []
    real = world.ctx.hand_over
    world.ctx.hand_over = lambda held: kept.extend(held)
    fired = await world.fire("one")
    assert fired.incident is not None
    assert kept[0].letter is not None
    await respond.acknowledge(world.ctx, fired.incident, "user:alice")
    world.clock.advance(timedelta(seconds=5))
    real(kept)
    await world.settle()
    assert reads == [len(kept)]
    assert world.phone("alice").times == 1
