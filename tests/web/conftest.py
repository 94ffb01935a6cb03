"""A browser without a screen, on a world of its own for every test of the web application."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tocsin.store.database import Database

from .visitor import Site, open_site


@pytest.fixture
async def site(db: Database) -> AsyncIterator[Site]:
    async with open_site(db) as made:
        yield made
