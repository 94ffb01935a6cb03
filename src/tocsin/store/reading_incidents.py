"""What people look at: incidents, their timelines, pages and escalations. Only reading; `tx` is any connection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.store import search
from tocsin.store.conditions import Conditions, like
from tocsin.store.database import Tx

Row = Mapping[str, Any]
"""One row, by column name."""

INCIDENT = """
  id, title, description, severity, urgency, status, service, affected_services, assignee, responders, roles, tags,
  impact, origin, reporter, cycle, acknowledged_cycle, no_page_reason, alarm, created_at, detected_at, impact_started_at, acknowledged_at,
  acknowledged_by, engaged_at, identified_at, restored_at, resolved_at, closed_at, alerts_count,
  escalations_count, snoozed_until, snoozed_by, handover, prompted_at, matrix, clocks_since, drill,
  uncommanded_at, external_id, imported_at, hand_tags, declared_at, moments, public_title, private, readers, merged_into, related,
  timeline_seq, timeline_head, CASE WHEN status NOT IN ('resolved', 'closed') THEN next_update_at END AS next_update_at
"""
"""The columns of an incident as people read it: of one that is over no update is due."""

ENTRY = "id, incident_id, seq, at, kind, actor, details, data"
"""The columns of a timeline entry."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents; empty and None mean all. `start` is included, `end` not. `before`: (created_at, id) of a row."""

    open_only: bool = False
    statuses: Sequence[str] = ()
    severities: Sequence[int] = ()
    service: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    text: str = ""
    number: int | None = None
    before: tuple[datetime, int] | None = None
    hidden: Sequence[int] = ()
    """Incidents that whoever asks may not see."""


def _conditions(wanted: Filter) -> Conditions:
    made = Conditions()
    if wanted.open_only:
        made.add("status NOT IN ('resolved', 'closed')")  # spelled like the partial index
    if wanted.statuses:
        made.add("status = ANY({0}::text[])", list(wanted.statuses))
    if wanted.severities:
        made.add("severity = ANY({0}::smallint[])", list(wanted.severities))
    made.add_given("(service = {0} OR {0} = ANY(affected_services))", wanted.service)
    made.add_given("created_at >= {0}", wanted.start)
    made.add_given("created_at < {0}", wanted.end)
    if wanted.hidden:
        made.add("id <> ALL({0}::bigint[])", list(wanted.hidden))
    if wanted.before is not None:
        made.add("(created_at, id) < ({0}, {1})", *wanted.before)
    return made


_NEWEST = "ORDER BY created_at DESC, id DESC LIMIT"
_HOLDS = "(title ILIKE {0} OR description ILIKE {0} OR service ILIKE {0} OR array_to_string(tags, ' ') ILIKE {0})"


async def find(tx: Tx, wanted: Filter, limit: int) -> list[Row]:
    """At most `limit` incidents, newest first. A text is looked for as words and beginnings of words, by the index; only when no
    incident has those, as any part of the texts, which takes a while when there are many."""
    asked = search.wanted(wanted.text)
    if wanted.text and asked is not None and (found := await _by_words(tx, wanted, asked, limit)):
        return found
    made = _conditions(wanted)
    if wanted.text:
        made.add(f"({_HOLDS} OR id = {{1}})", like(wanted.text), wanted.number)
    return list(
        await tx.fetch(
            f"SELECT {INCIDENT} FROM incidents {made.where} {_NEWEST} {made.value(limit)}",
            *made.values,
        )
    )


async def _by_words(tx: Tx, wanted: Filter, asked: search.Wanted, limit: int) -> list[Row]:
    """Those that have their words, those too young for that, and the one whose name was typed."""
    made, until = _conditions(wanted), await search.until(tx)
    if asked.exact:
        made.add(_HOLDS, like(wanted.text))
    rest = f"AND {' AND '.join(made.texts)}" if made.texts else ""
    query, since, most, number = (made.value(one) for one in (asked.query, until, limit, wanted.number))
    patterns = made.value(asked.patterns)
    columns = f"SELECT {INCIDENT} FROM incidents"
    return list(
        await tx.fetch(
            f"""({columns} JOIN incident_words w ON w.incident_id = id
                 WHERE {search.MATCH.format(query)} AND created_at < {since} {rest} {_NEWEST} {most})
                UNION ({columns} WHERE created_at >= {since} AND {search.YOUNG_MATCH.format(patterns)} {rest} {_NEWEST} {most})
                UNION ({columns} WHERE id = {number} {rest}) {_NEWEST} {most}""",
            *made.values,
        )
    )


async def get(tx: Tx, number: int) -> Row | None:
    row: Row | None = await tx.fetchrow(f"SELECT {INCIDENT} FROM incidents WHERE id = $1", number)
    return row


async def exists(tx: Tx, number: int) -> bool:
    return bool(await tx.fetchval("SELECT true FROM incidents WHERE id = $1", number))


async def timeline(tx: Tx, number: int, after: int, limit: int, without: Collection[str] = ()) -> list[Row]:
    """Entries of one incident with an id above `after`, oldest first. (In one incident ids rise with the sequence.)

    `without`: kinds to leave out.
    """
    return list(
        await tx.fetch(
            f"SELECT {ENTRY} FROM timeline"
            " WHERE incident_id = $1 AND id > $2 AND kind <> ALL($4::text[]) ORDER BY seq LIMIT $3",
            number, after, limit, list(without),
        )
    )  # fmt: skip


async def timeline_of_kinds(tx: Tx, number: int, kinds: Sequence[str]) -> list[Row]:
    """Every entry of these kinds, oldest first."""
    return list(
        await tx.fetch(
            f"SELECT {ENTRY} FROM timeline WHERE incident_id = $1 AND kind = ANY($2::text[]) ORDER BY seq",
            number, list(kinds),
        )
    )  # fmt: skip


async def last_entry(tx: Tx, number: int, kind: str, actor: str) -> Row | None:
    """The latest entry of a kind by one actor."""
    row: Row | None = await tx.fetchrow(
        f"SELECT {ENTRY} FROM timeline WHERE incident_id = $1 AND kind = $2 AND actor = $3 ORDER BY seq DESC LIMIT 1",
        number, kind, actor,
    )  # fmt: skip
    return row


async def chain(tx: Tx, number: int) -> list[Row]:
    """The whole timeline with its hashes, in order, with the incident's own idea of its end.

    One statement, so that an entry appended meanwhile is in both or in neither. An incident without entries gives one
    row without `seq`; an unknown one gives none.
    """
    return list(
        await tx.fetch(
            "SELECT i.timeline_seq, i.timeline_head, t.seq, t.at, t.kind, t.actor, t.details, t.data, t.hash"
            " FROM incidents i LEFT JOIN timeline t ON t.incident_id = i.id WHERE i.id = $1 ORDER BY t.seq",
            number,
        )
    )


async def pages(tx: Tx, number: int, after: tuple[datetime, int] | None, limit: int | None) -> list[Row]:
    """Pages of one incident, oldest first, from the one after (created_at, id). `limit` None: all."""
    at, id = after or (None, None)
    return list(
        await tx.fetch(
            "SELECT id, escalation_id, user_id, cycle, round, step, tier, via, reason, clock, note, urgency, state, created_at,"
            " deadline_at, delivered_at, ended_at FROM pages"
            " WHERE incident_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3::bigint))"
            " ORDER BY created_at, id LIMIT $4",
            number, at, id, limit,
        )
    )  # fmt: skip


async def notifications(tx: Tx, pages: Sequence[int]) -> list[Row]:
    """Every notification of these pages, in their order."""
    return list(
        await tx.fetch(
            "SELECT id, page_id, method, channel, position, scheduled_at, due_at, state, attempts, started_at,"
            " ended_at, receipt, error, held, held_until, arrived_at, message,"
            " COALESCE((SELECT r.text FROM provider_reports r WHERE r.receipt = n.receipt), '') AS report"
            " FROM notifications n WHERE page_id = ANY($1::bigint[])"
            " ORDER BY page_id, position, id",
            list(pages),
        )
    )


async def escalations(tx: Tx, number: int) -> list[Row]:
    """Every climb for one incident, oldest first."""
    return list(
        await tx.fetch(
            "SELECT id, policy, cycle, round, step, round_started_at, next_at, state, ended_at, ended_reason"
            " FROM escalations WHERE incident_id = $1 ORDER BY id",
            number,
        )
    )


async def unanswered_pages(tx: Tx, limit: int) -> list[Row]:
    """Pages that nobody has answered yet, oldest first, with their incident's columns as `incident_*`."""
    return list(
        await tx.fetch(
            "SELECT p.id, p.user_id, p.step, p.tier, p.via, p.state, p.created_at, i.id AS incident_id,"
            " i.title AS incident_title, i.severity AS incident_severity, i.created_at AS incident_created_at"
            " FROM incidents i JOIN pages p ON p.incident_id = i.id"
            " WHERE i.status NOT IN ('resolved', 'closed') AND i.acknowledged_cycle < p.cycle"
            " AND p.state IN ('pending', 'delivered') AND p.ended_at IS NULL ORDER BY p.created_at, p.id LIMIT $1",
            limit,
        )
    )


async def paging(tx: Tx, without: Collection[int]) -> int:
    """How many incidents, `without` these, page somebody now, or will unless they are answered."""
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM incidents WHERE status = 'detected' AND acknowledged_cycle < cycle AND urgency <> 'none'"
            " AND no_page_reason IS NULL AND snoozed_until IS NULL AND id <> ALL($1::bigint[])",
            list(without),
        )
    )


async def open_counts(tx: Tx, hidden: Sequence[int] = ()) -> list[Row]:
    """How many incidents are open, by service and severity, without the `hidden`."""
    return list(
        await tx.fetch(
            "SELECT service, severity, count(*) AS incidents FROM incidents"
            " WHERE status NOT IN ('resolved', 'closed') AND id <> ALL($1::bigint[]) GROUP BY service, severity",
            list(hidden),
        )
    )


async def several(tx: Tx, numbers: Sequence[int]) -> list[Row]:
    """These incidents, by number."""
    return list(
        await tx.fetch(f"SELECT {INCIDENT} FROM incidents WHERE id = ANY($1::bigint[]) ORDER BY id", list(numbers))
    )
