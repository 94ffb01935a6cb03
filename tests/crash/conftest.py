"""Shared by the tests that kill: one durable cluster, one nursery."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.sites import Cluster, Nursery, temporary_folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Durable, like a user's. Databases are cheap; tests that stop the server make a cluster of their own."""
    made = Cluster()
    try:
        asyncio.run(made.start())
        yield made
    finally:
        asyncio.run(made.close())


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from temporary_folder()
