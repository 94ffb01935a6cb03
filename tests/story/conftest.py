"""A world for every story."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tocsin.store.database import Database

from .world import World


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with World(db) as made:
        yield made
