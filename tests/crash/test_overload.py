"""I-1 under load: more than we can take is refused at once, in words that make senders come again; what was taken is stored."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.story.world import World

from tocsin.core.errors import Unavailable
from tocsin.flow import intake
from tocsin.store.database import Database

REQUEST = 2000
"""Events of one request."""


async def test_what_does_not_fit_is_refused_at_once_and_what_fitted_is_stored(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(db) as world:
        number = (await world.fire("before", service="grouped", labels={"cluster": "eu"})).incident or 0
        real, gate = intake.triage, asyncio.Event()

        async def slowly(*args: object) -> int:
            await gate.wait()
            return await real(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(intake, "triage", slowly)
        ref = world.ctx.directory.integrations["g" * 32]
        count = intake.MOST_WAITING // REQUEST + 4
        batches = [
            [world.event(key=f"{batch}-{n}", labels={"cluster": "eu"}) for n in range(REQUEST)]
            for batch in range(count)
        ]
        began = time.monotonic()
        requests = [asyncio.create_task(world.intake.accept(ref, batch, world.clock.now())) for batch in batches]
        done, waiting = await asyncio.wait(requests, timeout=0.5)
        assert time.monotonic() - began < 2
        assert {type(task.exception()) for task in done} == {Unavailable}
        assert 0 < len(waiting) <= intake.MOST_WAITING // REQUEST + 1
        assert (await world.acknowledge(number)).changed, "people are heard all the same"
        gate.set()
        await asyncio.gather(*waiting)
        assert (await world.row("SELECT count(*) FROM alerts"))[0] == 1 + REQUEST * len(waiting)
