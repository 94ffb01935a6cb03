"""The same write twice is done once: a client that heard no answer may safely ask again with the same Idempotency-Key."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from tocsin.core.errors import Conflict, Invalid, TocsinError, Unavailable
from tocsin.flow.context import Context
from tocsin.store import idempotency as store
from tocsin.store.idempotency import Kept

KEPT = timedelta(hours=24)
ABANDONED = timedelta(seconds=60)
"""A request that has not answered after this long died with its node: the next one with the same key does the work."""
PATIENCE = timedelta(seconds=10)
"""How long a duplicate waits for the first request's answer."""
LONGEST_KEY = 255


@dataclass(frozen=True)
class Answer:
    """A JSON answer as it goes out. `replayed`: it was given before, nothing was done now."""

    status: int
    body: bytes
    replayed: bool = False


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """What makes two requests the same."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode("utf-8", "surrogatepass"), body))).digest()


async def once(
    ctx: Context, principal: str, key: str, request_hash: bytes, act: Callable[[], Awaitable[Answer]]
) -> Answer:
    """The answer of `act`, which runs once per (principal, key) within a day, however often and from wherever it is asked.

    An `act` that is refused changed nothing: the key is free again. Raises Invalid when the key came with another request
    before, Conflict when the first request takes longer than a duplicate can wait.
    """
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise Invalid(f"An Idempotency-Key has 1 to {LONGEST_KEY} printable characters")
    if not await _claim(ctx, principal, key, request_hash):
        return await _first_answer(ctx, principal, key, request_hash)
    try:
        answer = await act()
    except Unavailable:
        # Whether it was committed is not known: the key stays taken until ABANDONED.
        raise
    except TocsinError:
        await _release(ctx, principal, key)
        raise
    async with ctx.db.transaction() as tx:
        await store.keep(tx, principal, key, answer.status, answer.body)
    return answer


async def _claim(ctx: Context, principal: str, key: str, request_hash: bytes) -> bool:
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        await store.forget(tx, now - KEPT)
        return await store.claim(tx, principal, key, request_hash, now, now - ABANDONED)


async def _release(ctx: Context, principal: str, key: str) -> None:
    # Without a database the key frees itself after ABANDONED.
    with suppress(Unavailable):
        async with ctx.db.transaction() as tx:
            await store.release(tx, principal, key)


async def _first_answer(ctx: Context, principal: str, key: str, request_hash: bytes) -> Answer:
    """Wait for the answer of the request that came first."""
    deadline = asyncio.get_running_loop().time() + PATIENCE.total_seconds()
    pause = 0.01
    while asyncio.get_running_loop().time() < deadline:
        async with ctx.db.reading() as tx:
            kept = await store.find(tx, principal, key)
        if kept is None:
            raise Conflict("The first request with this Idempotency-Key did not succeed: send it again")
        if (answer := _answer(kept, request_hash)) is not None:
            return answer
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.5)
    raise Conflict("The first request with this Idempotency-Key is still at work: ask again shortly")


def _answer(kept: Kept, request_hash: bytes) -> Answer | None:
    if kept.request_hash != request_hash:
        raise Invalid("This Idempotency-Key was used for another request before: use a new key for a new request")
    return Answer(kept.status, kept.body, replayed=True) if kept.status is not None and kept.body is not None else None
