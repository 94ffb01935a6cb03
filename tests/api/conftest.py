"""A desk on a world of its own for every test of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tocsin.store.database import Database

from ..story.world import World
from .desk import Desk, open_desk


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    async with World(db) as world:
        made = await open_desk(world)
        yield made
        await made.http.aclose()
