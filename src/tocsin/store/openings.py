"""New incidents, each with its alerts, its story, its pages and its timers: one statement, which is its own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from tocsin.store.database import Tx
from tocsin.store.writing import (
    ALERTS,
    CALM,
    ESCALATIONS,
    INCIDENTS,
    NOTIFICATIONS,
    PAGE_ROWS,
    STORY,
    TIMERS,
    NewAlert,
    Writing,
    count_pages,
    new_alerts,
    paged,
    paging,
    told,
)

FEW = 6
"""Rows of a table that still travel value by value. Each combination of counts is a statement of its own, planned once by each
connection; a policy pages as many people each time, so there are not many."""

Shape = tuple[int, int, int, int, int, int, int]
"""How many incidents, entries, alerts, escalations, pages, notifications and timers; all 0: packed, any number."""

_ANY: Shape = (0, 0, 0, 0, 0, 0, 0)


@lru_cache(maxsize=256)
def _open(shape: Shape) -> str:
    story = 4 + INCIDENTS.width * (shape[0] or 1)
    alerts = story + STORY.width * (shape[1] or 1)
    pages = alerts + ALERTS.width * (shape[2] or 1)
    return f"""
WITH incident AS (
  {INCIDENTS.insert(4, rows=shape[0])}
), story AS (
  {STORY.insert(story, rows=shape[1])}
), {new_alerts(alerts, rows=shape[2])}, {paging(pages, shape[3:])}
SELECT all_written(CASE WHEN $2::timestamptz IS NULL OR ({CALM.format("$2")}) THEN count(*) ELSE -1 END, $1),
       ARRAY(SELECT nextval('incidents_id_seq') FROM generate_series(1, $3)) FROM new
"""


async def write_opening(
    tx: Tx, writing: Writing, alerts: Sequence[NewAlert], calm_at: datetime | None = None, spare: int = 0
) -> list[int]:
    """Insert new incidents with their alerts, stories and pages in one statement, which is its own transaction.

    Returns `spare` further incident numbers. Raises asyncpg.SerializationError, and nothing is written, when one of the keys was
    opened by somebody else meanwhile; or, with `calm_at`, when something could hold back an alert at that time.
    """
    story = told(writing.entries)
    shape: Shape = (
        len(writing.incidents), len(story), len(alerts), len(writing.escalations), len(writing.pages),
        len(writing.notifications), len(writing.timers),
    )  # fmt: skip
    if shape[0] == 1 and all(1 <= count <= FEW for count in shape):
        values = [
            *INCIDENTS.values(writing.incidents), *STORY.values(story), *ALERTS.values(alerts),
            *ESCALATIONS.values(writing.escalations), *PAGE_ROWS.values(writing.pages),
            *NOTIFICATIONS.values(writing.notifications), *TIMERS.values(writing.timers),
        ]  # fmt: skip
    else:
        shape = _ANY
        values = [*INCIDENTS.pack(writing.incidents), *STORY.pack(story), *ALERTS.pack(alerts), *paged(writing)]
    (row,) = await tx.fetch(_open(shape), len(alerts), calm_at, spare, *values)
    count_pages(writing)
    numbers: list[int] = row[1]
    return numbers
