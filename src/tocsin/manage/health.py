"""Is this node fit to work, and what does it count?"""

from __future__ import annotations

from typing import Protocol

import msgspec

from tocsin import metrics
from tocsin.core.errors import Unavailable
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.store import statistics
from tocsin.store.migrate import pending


class Runs(Protocol):
    """The engine of this node (flow.tick.Engine)."""

    @property
    def running(self) -> bool: ...


class Waits(Protocol):
    """The intake of this node (flow.intake.Intake)."""

    @property
    def waiting(self) -> int: ...


class Readiness(msgspec.Struct, frozen=True):
    """`problems` are sentences; none when all is well."""

    database: bool
    migrated: bool
    engine: bool
    problems: list[str]

    @property
    def ready(self) -> bool:
        return self.database and self.migrated and self.engine


async def readiness(ctx: Context, engine: Runs) -> Readiness:
    """Ready: the database is migrated and can be written, and the engine runs."""
    writable, missing, problems = False, None, []
    try:
        async with ctx.db.reading() as tx:
            writable = await statistics.is_writable(tx)
            missing = await pending(tx)
        if not writable:
            problems.append("The database can only be read.")
        if missing:
            problems.append(f"Migrations are missing: {', '.join(missing)}.")
    except Unavailable as error:
        problems.append(str(error))
    if not engine.running:
        problems.append("The engine does not run: nobody is being paged by this node.")
    return Readiness(writable, missing == [], engine.running, problems)


async def exposition(ctx: Context, intake: Waits) -> bytes:
    """Everything for Prometheus. Without a database what this node knows by itself."""
    metrics.QUEUE_DEPTH.labels("intake").set(intake.waiting)
    try:
        async with ctx.db.reading() as tx:
            depths = await statistics.depths(tx, ctx.clock.now())
            incidents = await statistics.open_by_severity(tx)
        metrics.DATABASE_UP.set(1)
    except Unavailable:
        metrics.DATABASE_UP.set(0)
        return metrics.exposition()
    for queue in ("timers", "timers_due", "notifications", "notifications_due"):
        metrics.QUEUE_DEPTH.labels(queue).set(getattr(depths, queue))
    metrics.UNANSWERED.set(depths.unanswered)
    for severity in Severity:
        metrics.OPEN_INCIDENTS.labels(severity.key).set(incidents.get(severity.value, 0))
    return metrics.exposition()
