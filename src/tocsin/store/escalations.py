"""Where the climbs of incidents stand, and whom they reached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.core.escalation import PageReason
from tocsin.core.tier import Tier
from tocsin.store.database import Tx


class Escalation(msgspec.Struct, kw_only=True):
    """One climb of one policy."""

    id: int
    incident_id: int
    policy: str
    cycle: int
    round: int
    step: int
    round_started_at: datetime
    next_at: datetime | None
    state: str


_CLIMB = ", ".join(f.name for f in msgspec.structs.fields(Escalation))


async def escalations(tx: Tx, ids: Sequence[int]) -> dict[int, Escalation]:
    """Climbs by id."""
    rows = await tx.fetch(f"SELECT {_CLIMB} FROM escalations WHERE id = ANY($1::bigint[])", list(ids))
    return {row["id"]: Escalation(**row) for row in rows}


async def escalations_of(tx: Tx, incident: int) -> list[Escalation]:
    """All climbs of one incident, oldest first."""
    rows = await tx.fetch(f"SELECT {_CLIMB} FROM escalations WHERE incident_id = $1 ORDER BY id", incident)
    return [Escalation(**row) for row in rows]


async def escalations_of_all(tx: Tx, incidents: Sequence[int]) -> dict[int, list[Escalation]]:
    """All climbs of several incidents, by incident, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_CLIMB} FROM escalations WHERE incident_id = ANY($1::bigint[]) ORDER BY id", sorted(set(incidents))
    )
    found: dict[int, list[Escalation]] = {number: [] for number in incidents}
    for row in rows:
        found[row["incident_id"]].append(Escalation(**row))
    return found


async def last_acts(tx: Tx, incidents: Sequence[int]) -> dict[int, datetime]:
    """When a person last did something about each incident (an acknowledgement by its source counts, too)."""
    rows = await tx.fetch(
        """SELECT incident_id, max(at) FROM timeline WHERE incident_id = ANY($1::bigint[])
             AND (actor LIKE 'user:%' OR actor LIKE 'token:%' OR kind = 'acknowledged') GROUP BY incident_id""",
        sorted(set(incidents)),
    )
    return {row[0]: row[1] for row in rows}


async def last_answers(tx: Tx, incidents: Sequence[int]) -> dict[int, str]:
    """The actor who acknowledged each incident last, in whichever cycle of paging that was."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (incident_id) incident_id, actor FROM timeline
           WHERE incident_id = ANY($1::bigint[]) AND kind = 'acknowledged' ORDER BY incident_id, seq DESC""",
        sorted(set(incidents)),
    )
    return {row[0]: row[1] for row in rows}


async def move_escalations(tx: Tx, climbs: Sequence[Escalation], now: datetime) -> None:
    """Write where climbs stand now; those that are over since are dated."""
    if climbs:
        await tx.execute(
            """UPDATE escalations e SET round = r.round, step = r.step, round_started_at = r.started, next_at = r.next,
                      state = r.state,
                      ended_at = CASE WHEN (r.state, r.step) = (e.state, e.step) THEN e.ended_at
                                      WHEN r.state IN ('stopped', 'exhausted') THEN $7::timestamptz END,
                      ended_reason = CASE WHEN (r.state, r.step) = (e.state, e.step) THEN e.ended_reason
                                          WHEN r.state = 'exhausted' THEN 'exhausted' WHEN r.state = 'stopped' THEN 'top' END
               FROM unnest($1::bigint[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::text[])
                 AS r(id, round, step, started, next, state)
               WHERE e.id = r.id AND e.id = ANY($1::bigint[])""",
            [c.id for c in climbs], [c.round for c in climbs], [c.step for c in climbs],
            [c.round_started_at for c in climbs], [c.next_at for c in climbs], [c.state for c in climbs], now,
        )  # fmt: skip


async def page_incident(tx: Tx, page: int) -> tuple[int, str] | None:
    """(incident, user) of a page: whoever answers it, answers the incident that its own was merged into."""
    row = await tx.fetchrow(
        """SELECT COALESCE(i.merged_into, i.id), p.user_id FROM pages p JOIN incidents i ON i.id = p.incident_id
           WHERE p.id = $1""",
        page,
    )
    return (row[0], row[1]) if row else None


async def managers_paged(tx: Tx, ids: Sequence[int]) -> set[int]:
    """Those of the incidents whose manager was paged as a last resort in their present cycle."""
    rows = await tx.fetch(
        """SELECT DISTINCT i.id FROM incidents i JOIN pages p ON p.incident_id = i.id AND p.cycle = i.cycle
           WHERE i.id = ANY($1::bigint[]) AND p.reason = $2""",
        sorted(set(ids)), PageReason.MANAGER.value,
    )  # fmt: skip
    return {row[0] for row in rows}


class Reached(msgspec.Struct, frozen=True):
    """Somebody whom a rung paged, and whose page was not lost or stopped on its way."""

    user: str
    cycle: int
    round: int
    step: int
    tier: Tier


async def reached(tx: Tx, incidents: Sequence[int]) -> dict[int, list[Reached]]:
    """By incident, whom its ladder paged so far, in order."""
    rows = await tx.fetch(
        """SELECT incident_id, user_id, cycle, round, step, tier FROM pages
           WHERE incident_id = ANY($1::bigint[]) AND clock <> 'person' AND state IN ('pending', 'delivered', 'acknowledged')
           ORDER BY id""",
        sorted(set(incidents)),
    )
    found: dict[int, list[Reached]] = {number: [] for number in incidents}
    for row in rows:
        found[row[0]].append(Reached(*row[1:]))
    return found


async def renew_cycle(tx: Tx, climbs: Sequence[int], cycle: int) -> None:
    """Climbs go on in a new cycle of paging."""
    await tx.execute("UPDATE escalations SET cycle = $2 WHERE id = ANY($1::bigint[])", list(climbs), cycle)
