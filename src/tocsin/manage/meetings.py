"""The meeting about an incident, to be fetched for a calendar."""

from __future__ import annotations

from tocsin.core.errors import Conflict, NotFound
from tocsin.core.review import NOT_FOUND
from tocsin.flow.context import Context
from tocsin.flow.meetings import invitation
from tocsin.store import reading_incidents as reading
from tocsin.store import reviews


async def meeting_of(ctx: Context, number: int) -> bytes:
    """The meeting as an iCalendar file. Raises NotFound; Conflict while there is none."""
    async with ctx.db.reading() as tx:
        row, found = await reading.get(tx, number), await reviews.get(tx, number)
    if row is None:
        raise NotFound(NOT_FOUND)
    if found is None or found.meeting_at is None:
        raise Conflict("No meeting is planned: give the review a time for it first.")
    return invitation(ctx, row, found).encode()
