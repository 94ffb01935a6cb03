"""How fast incidents are found among 100,000: `python -m bench.search`. Exit 1 when a limit is missed."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tocsin.postgres.server import Server
from tocsin.store import reading_incidents as reading
from tocsin.store import search
from tocsin.store.database import Database
from tocsin.store.migrate import migrate

COUNT, BEGAN = 100_000, datetime(2025, 1, 1, tzinfo=UTC)
COMMON = ("error", "service", "api", "high", "latency", "timeout", "database", "payments", "checkout", "disk")
RARE = tuple(f"word{n}" for n in range(3000))
COLUMNS = (
    "title", "description", "severity", "urgency", "status", "service", "affected_services", "reporter", "created_at", "detected_at",
)  # fmt: skip
FOUND_WITHIN, ALIKE_WITHIN = 0.05, 0.25
QUERIES = ("word17", "word17 word18", "error", "api error latency", "ord17")
TEXTS = (
    "word17 word18 payments error",
    "api error latency timeout database checkout",
    "the database connection pool word5 is exhausted: high latency of payments and checkout, disk word9 word10 word11",
)


def incident(number: int, chance: random.Random) -> tuple[Any, ...]:
    title = " ".join((*chance.sample(COMMON, 3), *chance.sample(RARE, 3)))
    description = " ".join((*chance.choices(COMMON, k=5), *chance.choices(RARE, k=20)))
    at = BEGAN + timedelta(minutes=number)
    return title, description, chance.randint(1, 4), "none", "closed", "api", ["api"], "bench", at, at


async def fill(db: Database) -> None:
    chance = random.Random(1)
    async with db.transaction() as tx:
        rows = [incident(number, chance) for number in range(COUNT)]
        await tx.copy_records_to_table("incidents", records=rows, columns=COLUMNS)
    started, written = time.perf_counter(), 0
    while True:
        async with db.transaction() as tx:
            count = await search.catch_up(tx, datetime.now(UTC))
        written += count
        if not count:
            break
    print(f"{written} incidents got their words in {time.perf_counter() - started:.1f} s")
    async with db.transaction() as tx:
        await tx.execute("ANALYZE incidents, incident_words")


async def timed(name: str, limit: float, ask: Callable[[], Awaitable[list[Any]]]) -> bool:
    """The middle of nine."""
    taken = []
    for _ in range(9):
        started = time.perf_counter()
        found = await ask()
        taken.append(time.perf_counter() - started)
    middle = sorted(taken)[4]
    print(f"{middle * 1000:8.1f} ms (limit {limit * 1000:.0f})  {name}: {len(found)} found")
    return middle <= limit


async def measure(url: str) -> bool:
    await migrate(url)
    db = Database(url)
    await db.open()
    try:
        await fill(db)
        met = []
        async with db.reading() as tx:
            for query in QUERIES:
                wanted = reading.Filter(text=query)
                met.append(await timed(f"list, {query}", FOUND_WITHIN, partial(reading.find, tx, wanted, 51)))
            for text in TEXTS:
                met.append(await timed(f"like, {text[:40]}", ALIKE_WITHIN, partial(search.alike, tx, text, [], 40)))
        return all(met)
    finally:
        await db.close()


async def main(folder: Path) -> int:
    server = Server(folder / "data")
    await server.start()
    try:
        return 0 if await measure(server.url) else 1
    finally:
        await server.stop()


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    place.chmod(0o755)
    try:
        sys.exit(asyncio.run(main(place)))
    finally:
        shutil.rmtree(place, ignore_errors=True)
