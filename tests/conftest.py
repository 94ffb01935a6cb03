"""What every test may ask for. Databases are real: one embedded PostgreSQL per test process, one fresh database per test."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tocsin.postgres.server import Server, running
from tocsin.store.database import Database
from tocsin.store.migrate import migrate

_PREFIX = "tocsin-tests-"
_MEMORY = "/dev/shm"
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "logging_collector": "off",
}


@dataclass
class Databases:
    """Fresh migrated databases on one cluster: copies of a template that was migrated once. Named by the worker: a cluster that
    was given is shared by them all."""

    url: str
    worker: str = field(default_factory=lambda: os.environ.get("PYTEST_XDIST_WORKER", "alone"))
    _numbers: count[int] = field(default_factory=count)

    async def prepare(self) -> None:
        await self._execute(f"DROP DATABASE IF EXISTS {self._template} WITH (FORCE)")
        await self._execute(f"CREATE DATABASE {self._template}")
        await migrate(self._named(self._template))

    async def create(self) -> str:
        name = f"test_{self.worker}_{next(self._numbers)}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY")
        return self._named(name)

    async def create_empty(self) -> str:
        name = f"test_{self.worker}_{next(self._numbers)}"
        await self._execute(f"CREATE DATABASE {name}")
        return self._named(name)

    async def drop(self, url: str) -> None:
        await self._execute(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)")

    @property
    def _template(self) -> str:
        return f"template_{self.worker}"

    def _named(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The session's cluster. Set TOCSIN_TEST_DATABASE_URL (a superuser's) to run on another PostgreSQL."""
    if given := os.environ.get("TOCSIN_TEST_DATABASE_URL"):
        made = Databases(given)
        asyncio.run(made.prepare())
        yield made
        return
    _sweep()
    # Not below pytest's own folder: the database user could not enter it.
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_roomy()))
    folder.chmod(0o755)
    server = Server(folder / "data", extra=_FAST)
    asyncio.run(server.start())
    try:
        made = Databases(server.url)
        asyncio.run(made.prepare())
        yield made
    finally:
        asyncio.run(server.stop())
        shutil.rmtree(folder, ignore_errors=True)


def _roomy() -> str | None:
    """A folder in memory, where a fresh database takes a seventh of the time, if it can hold many of them."""
    try:
        usage = shutil.disk_usage(_MEMORY)
    except OSError:
        return None
    return _MEMORY if usage.free > 2 << 30 and os.access(_MEMORY, os.W_OK) else None


def _sweep() -> None:
    """Remove the clusters of test runs that were killed: those whose lock nobody holds."""
    for folder in (found for place in (tempfile.gettempdir(), _MEMORY) for found in Path(place).glob(f"{_PREFIX}*")):
        try:
            if time.time() - folder.stat().st_mtime < 60:
                continue  # somebody may be starting here this very moment
            with (folder / "data" / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if (orphan := running(folder / "data" / "postgres")) is not None:
                    os.kill(orphan.pid, signal.SIGQUIT)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A fresh, migrated database of this test's own."""
    url = await databases.create()
    yield url
    await databases.drop(url)


@pytest.fixture
async def empty_database_url(databases: Databases) -> AsyncIterator[str]:
    """A fresh database without any table."""
    url = await databases.create_empty()
    yield url
    await databases.drop(url)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open `Database` on `database_url`."""
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the database user can enter (pytest's own is for root only). Servers left in it are stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-place-"))
    folder.chmod(0o755)
    yield folder
    for pid_file in folder.glob("**/postgres/postmaster.pid"):
        if (left := running(pid_file.parent)) is not None:
            os.kill(left.pid, signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)
