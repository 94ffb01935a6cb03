"""Figures over many incidents: how long they took to resolve, against the targets of their severities (S0-61 to S0-63)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tocsin.core import mttr
from tocsin.core import severity as severities
from tocsin.core.errors import Invalid
from tocsin.core.matrix import matrix_of
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.manage import privacy
from tocsin.manage.lists import time_text, words
from tocsin.store import durations

PERIOD = timedelta(days=30)
"""Looked at when no time is given (S0-61)."""


async def incidents(
    ctx: Context,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    severity: str | None = None,
    service: str | None = None,
) -> dict[str, Any]:
    """Incidents that began from `start` (30 days before) until `end` (now): how many, how many are open, and `core/mttr.figures` of
    those that were resolved until `end`, from creation to resolution. What cannot be known is None. Raises Invalid.
    """
    now = ctx.clock.now()
    until = min(end or now, now)
    since = start or until - PERIOD
    if since > until:
        raise Invalid("the period ends before it begins", "/to")
    wanted = [int(severities.parse(word)) for word in words(severity)]
    async with ctx.db.reading() as tx:
        beginning_by = end if end is not None and end <= now else now + timedelta(microseconds=1)
        found = await durations.of_incidents(tx, since, beginning_by, wanted, service or None, await privacy.hidden(tx))
    spans, opened = [], []
    for number, created, resolved in found:
        key = Severity(number).key
        if resolved is None or resolved > until:
            opened.append(key)
        else:
            spans.append((key, max(0.0, (resolved - created).total_seconds() / 60)))
    rows = matrix_of(ctx.directory, service if service in ctx.directory.services else None)
    targets = {one.key: rows[one].resolution_target / 60 for one in Severity}
    return {
        "from": time_text(since),
        "to": time_text(until),
        "total_incidents": len(found),
        **mttr.figures(spans, opened, targets),
    }
