"""Connections and transactions. Everything that can go wrong with the connection becomes `Unavailable`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import datetime
from types import MappingProxyType
from typing import Any

import asyncpg
import msgspec

from tocsin.core.errors import Contended, Unavailable

Tx = Any
"""A connection inside a transaction (asyncpg.Connection; asyncpg ships no types)."""

in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)
"""True inside `Database.transaction`: network clients of channels refuse to work then."""

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was lost in the middle of a statement, when it is given back
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.QueryCanceledError,
    asyncpg.ReadOnlySQLTransactionError,
)


_CONTENDED = (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError, asyncpg.SerializationError)


@contextmanager
def translated() -> Iterator[None]:
    """Turn a lost or refused connection into Unavailable, and a lost race for locks into Contended; other errors pass."""
    try:
        yield
    except _CONTENDED as error:
        raise Contended("Somebody else is changing the same things: try again") from error
    except _LOST as error:
        raise Unavailable(f"The database cannot be reached: {type(error).__name__}") from error


async def prepare(connection: Any) -> None:
    """Make one new connection ours: JSON as Python values."""
    await connection.set_type_codec(
        "jsonb", encoder=lambda v: msgspec.json.encode(v).decode(), decoder=msgspec.json.decode, schema="pg_catalog"
    )


LONGEST = 15.0
"""Seconds until a transaction on the pool is given up. A database that is frozen or cut off breaks no connection by itself."""


@contextmanager
def bounded(connection: Any, seconds: float) -> Iterator[None]:
    """Cut the connection when the block takes longer; whoever waits for its answer then finds it lost.

    A timeout around the block would not do: the driver first waits until the server confirms that it stopped.
    """
    alarm = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        yield
    finally:
        alarm.cancel()


async def _as_it_was(connection: Any) -> None:
    """Nothing of ours outlives a transaction, so a connection goes back to the pool without another round trip."""


SESSION = {
    "application_name": "tocsin",
    "timezone": "UTC",
    "jit": "off",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "10s",
    "enable_seqscan": "off",
}
"""Settings of every session. A hung node cannot hold a lock for longer than the timeouts. Sequential scans are a last resort,
because a plan made while a table was empty is kept while a storm fills it, and statistics lag behind."""

POINTWISE = {
    "plan_cache_mode": "force_generic_plan",
    **dict.fromkeys(("enable_hashjoin", "enable_mergejoin", "enable_material", "enable_bitmapscan"), "off"),
}
"""For sessions that only ever look up single rows by key, many at a time: nested loops over indexes, for the same reason."""

RESERVED = 4
"""Connections of the pool that readers leave free, so that no number of slow questions keeps a page or an answer waiting."""


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(self, url: str, size: int = 10) -> None:
        self.url = url
        self.size = size
        self._pool: Any = None
        self._readers = asyncio.Semaphore(max(1, size - RESERVED))

    async def open(self) -> None:
        """Connect; raises Unavailable when nobody answers."""
        with translated():
            self._pool = await asyncpg.create_pool(
                self.url, min_size=1, max_size=self.size, init=prepare, server_settings=SESSION, timeout=5,
                command_timeout=35, max_inactive_connection_lifetime=300, reset=_as_it_was,
            )  # fmt: skip

    async def close(self) -> None:
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._pool.terminate()
            self._pool = None

    async def connect(self, settings: Mapping[str, str] = MappingProxyType({})) -> Any:
        """A connection of one's own, outside the pool (the intake writer, LISTEN). The caller closes it."""
        with translated():
            connection = await asyncpg.connect(
                self.url, server_settings={**SESSION, **settings}, timeout=5, command_timeout=35
            )
            await prepare(connection)
            return connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction (READ COMMITTED); committed when the block ends, rolled back when it raises."""
        with translated():
            async with self._acquire() as connection:
                with bounded(connection, LONGEST):
                    async with connection.transaction():
                        token = in_transaction.set(True)
                        try:
                            yield connection
                        finally:
                            in_transaction.reset(token)

    @asynccontextmanager
    async def reading(self, reserved: bool = False) -> AsyncIterator[Tx]:
        """A connection for single reading statements, without a transaction around them. `reserved`: paging waits for it."""
        with translated():
            async with self._place(reserved), self._acquire() as connection:
                with bounded(connection, LONGEST):
                    yield connection

    @asynccontextmanager
    async def _place(self, reserved: bool) -> AsyncIterator[None]:
        if reserved:
            yield
            return
        async with asyncio.timeout(5):
            await self._readers.acquire()
        try:
            yield
        finally:
            self._readers.release()

    def _acquire(self) -> Any:
        if self._pool is None:
            raise Unavailable("The database is not connected yet")
        return self._pool.acquire(timeout=5)

    async def time(self) -> tuple[datetime, float, float]:
        """The database's clock, with the monotonic instants before and after asking (seconds)."""
        async with self.reading(reserved=True) as tx:
            asked = time.monotonic()
            now: datetime = await tx.fetchval("SELECT clock_timestamp()")
            return now, asked, time.monotonic()
