"""What the status page is made of: incidents with a published public update, announced maintenance, and since when components are
listed. Private incidents and drills never leave here; what was said of one that went into another was said of that one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.mute import Mute
from tocsin.core.public_word import Said, Told, is_over, public_title
from tocsin.core.status_page import STATES
from tocsin.store.database import Tx

MOST = 500
"""Incidents that a page holds; open ones always."""

_PUBLIC = "i.public_at IS NOT NULL AND NOT i.private AND i.merged_into IS NULL AND NOT i.drill"
_OVER = "i.status IN ('resolved', 'closed')"
_SHOWN = f"""
  (SELECT i.id FROM incidents i WHERE {_PUBLIC} AND NOT {_OVER})
  UNION
  (SELECT i.id FROM incidents i WHERE {_PUBLIC} AND GREATEST(i.public_at, i.resolved_at) > $1 ORDER BY i.public_at DESC LIMIT {MOST})
"""
_THESE = f"""SELECT i.id FROM incidents i WHERE {_PUBLIC}
  AND i.id = ANY($1::bigint[] || ARRAY(SELECT m.merged_into FROM incidents m
                                       WHERE m.id = ANY($1::bigint[]) AND m.merged_into IS NOT NULL))"""
_SAID = """SELECT s.id, NULL::bigint AS merged_into
  UNION ALL SELECT m.id, m.merged_into FROM incidents m WHERE m.merged_into = s.id AND NOT m.private"""
"""An incident, and those that went into it: what was said of them was said of it."""
_TOLD = """
WITH shown AS ({shown})
SELECT i.id AS number, COALESCE(NULLIF(i.public_title, ''), i.title) AS title, i.status AS status_now,
       COALESCE(i.impact_started_at, i.detected_at) AS onset, i.public_at, i.resolved_at, i.closed_at,
       u.id, COALESCE(u.published_at, u.created_at) AS at, u.incident_status, u.message, u.components,
       CASE WHEN m.merged_into IS NOT NULL THEN m.id END AS former
FROM shown s JOIN incidents i ON i.id = s.id CROSS JOIN LATERAL ({said}) AS m JOIN updates u ON u.incident = m.id
WHERE u.audience = 'public' AND u.state = 'published'
ORDER BY i.public_at DESC, i.id DESC, at, u.id
"""


async def told(tx: Tx, since: datetime) -> list[Told]:
    """The incidents of which the public knows: all open ones, and those that ended, or it was first told of, after `since`.

    The newest first.
    """
    return _read(await tx.fetch(_TOLD.format(shown=_SHOWN, said=_SAID), since))


async def told_of(tx: Tx, numbers: Sequence[int]) -> list[Told]:
    """Those of these incidents, or of those that they went into, of which the public knows."""
    return _read(await tx.fetch(_TOLD.format(shown=_THESE, said=_SAID), list(numbers))) if numbers else []


class Parted(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that the public knew and that went into another one. `components`: those that it ever spoke of."""

    number: int
    into: int
    title: str
    at: datetime
    components: tuple[str, ...]


async def merged(tx: Tx, numbers: Sequence[int]) -> list[Parted]:
    """Those of these incidents that were merged, as far as the public may know of them."""
    rows = await tx.fetch(
        """SELECT i.id AS number, i.merged_into AS into, COALESCE(NULLIF(i.public_title, ''), i.title) AS title, i.closed_at AS at,
                  ARRAY(SELECT DISTINCT c.key FROM updates u CROSS JOIN LATERAL jsonb_each_text(u.components) AS c
                        WHERE u.incident = i.id AND u.audience = 'public' AND u.state = 'published' ORDER BY 1) AS components
           FROM incidents i
           WHERE i.id = ANY($1::bigint[]) AND i.merged_into IS NOT NULL AND i.public_at IS NOT NULL AND NOT i.private AND NOT i.drill""",
        list(numbers),
    )
    return [
        Parted(**{**row, "title": public_title(row["title"]), "components": tuple(row["components"])}) for row in rows
    ]


def _read(rows: Sequence[Any]) -> list[Told]:
    found: dict[int, tuple[Any, list[Said]]] = {}
    former: dict[int, dict[int, None]] = {}
    for row in rows:
        found.setdefault(row["number"], (row, []))[1].append(_said(row))
        if row["former"] is not None:
            former.setdefault(row["number"], {})[row["former"]] = None
    return [
        Told(
            number=number, title=public_title(row["title"]), onset=row["onset"], said=tuple(said),
            former=tuple(former.get(number, ())),
            ended_at=(row["resolved_at"] or row["closed_at"] or said[-1].at) if is_over(row["status_now"]) else None,
        )
        for number, (row, said) in found.items()
    ]  # fmt: skip


def _said(row: Any) -> Said:
    known = {name: state for name, state in row["components"].items() if state in STATES}
    return Said(id=row["id"], at=row["at"], status=row["incident_status"], message=row["message"], components=known)


class Announced(msgspec.Struct, frozen=True):
    """A maintenance window that asks to be shown, with the words and components it asks for."""

    mute: Mute
    announce: dict[str, Any]


async def announced(tx: Tx, since: datetime) -> list[Announced]:
    """Announced maintenance that ended after `since`, or has not ended; one that was called off before it began is not in it."""
    rows = await tx.fetch(
        """SELECT id, public_id, service, starts_at, ends_at, created_by, created_at, updated_at, services, rule, planned_end, announce
           FROM mutes WHERE ends_at > $1 AND announce IS NOT NULL AND kind = 'maintenance' AND ends_at > starts_at
           ORDER BY starts_at, id LIMIT 1000""",
        since,
    )
    return [
        Announced(
            Mute(
                id=row["id"], public_id=str(row["public_id"]), service=row["service"], matchers=(), starts_at=row["starts_at"],
                ends_at=row["ends_at"], created_by=row["created_by"], comment="", created_at=row["created_at"],
                updated_at=row["updated_at"], services=tuple(row["services"]), kind="maintenance", rule=row["rule"],
                planned_end=row["planned_end"],
            ),
            row["announce"],
        )
        for row in rows
    ]  # fmt: skip


async def listed_since(tx: Tx, page: str) -> dict[str, datetime]:
    """Since when each component of a page has been configured, by what the history of the configuration remembers."""
    rows = await tx.fetch(
        """SELECT c ->> 'id', min(h.at) FROM object_history h
           CROSS JOIN LATERAL jsonb_array_elements(
             CASE WHEN jsonb_typeof(h.body -> 'components') = 'array' THEN h.body -> 'components' ELSE '[]' END) AS c
           WHERE h.kind = 'status_pages' AND h.id = $1 GROUP BY 1""",
        page,
    )
    return {row[0]: row[1] for row in rows}


# --- the silence alarm ------------------------------------------------------------------------------------------------


class Loud(msgspec.Struct, frozen=True, kw_only=True):
    """An open SEV1 or SEV2, as the silence alarm looks at it. `said_at`: its last public update."""

    number: int
    since: datetime
    services: tuple[str, ...]
    said_at: datetime | None
    states: dict[str, str]
    silence: dict[str, Any]


async def loud(tx: Tx, *, rang: bool) -> list[Loud]:
    """The open SEV1 and SEV2 that may be told to the public: no private ones, drills or imports; those whose alarm rang or was
    answered, or those about which nothing is known yet."""
    rows = await tx.fetch(
        """SELECT i.id, GREATEST(i.created_at, i.clocks_since) AS since, i.affected_services, i.service, i.silence,
                  last.at AS said_at, COALESCE(words.states, '{}') AS states
           FROM incidents i
           LEFT JOIN LATERAL (
             SELECT max(COALESCE(u.published_at, u.created_at)) AS at
             FROM (SELECT i.id AS told UNION ALL SELECT m.id FROM incidents m WHERE m.merged_into = i.id) AS one
             JOIN updates u ON u.incident = one.told
             WHERE u.audience = 'public' AND u.state = 'published') AS last ON true
           LEFT JOIN LATERAL (
             SELECT jsonb_object_agg(c.key, c.value ORDER BY u.published_at, u.id) AS states
             FROM updates u CROSS JOIN LATERAL jsonb_each_text(u.components) AS c
             WHERE u.incident = i.id AND u.audience = 'public' AND u.state = 'published') AS words ON true
           WHERE i.status NOT IN ('resolved', 'closed') AND i.severity <= 2 AND NOT i.private AND NOT i.drill
             AND i.merged_into IS NULL AND i.imported_at IS NULL AND (i.silence <> '{}') = $1
           ORDER BY i.id LIMIT 1000""",
        rang,
    )
    return [
        Loud(
            number=row["id"], since=row["since"], said_at=row["said_at"], states=row["states"], silence=row["silence"],
            services=tuple({*row["affected_services"], *((row["service"],) if row["service"] else ())}),
        )
        for row in rows
    ]  # fmt: skip


async def write_silence(tx: Tx, number: int, silence: dict[str, Any]) -> None:
    await tx.execute("UPDATE incidents SET silence = $2 WHERE id = $1", number, silence)


async def ring(tx: Tx, numbers: Sequence[int], now: datetime) -> set[int]:
    """The alarm of these locked incidents rings, unless somebody was quicker; those where it does."""
    rows = await tx.fetch(
        "UPDATE incidents SET silence = $2 WHERE id = ANY($1::bigint[]) AND silence = '{}' RETURNING id",
        list(numbers), {"at": now.isoformat()},
    )  # fmt: skip
    return {row[0] for row in rows}


async def hush(tx: Tx, numbers: Sequence[int]) -> None:
    """The alarm of these locked incidents is over."""
    await tx.execute("UPDATE incidents SET silence = '{}' WHERE id = ANY($1::bigint[])", list(numbers))


async def ringing(tx: Tx) -> list[Any]:
    """Open SEV1 and SEV2 incidents whose alarm rang, and of which nobody said why."""
    rows: list[Any] = await tx.fetch(
        """SELECT id, title, severity, created_at, silence ->> 'at' AS rang_at FROM incidents
           WHERE status NOT IN ('resolved', 'closed') AND severity <= 2 AND NOT private
             AND silence ? 'at' AND NOT silence ? 'reason'
           ORDER BY silence ->> 'at', id LIMIT 100"""
    )
    return rows


async def silence_of(tx: Tx, number: int) -> Any:
    """What the public knows of an incident, and its alarm; `shown`: it is on the page. None when there is no such incident."""
    return await tx.fetchrow(
        f"SELECT i.public_at, i.silence, i.severity, i.status, i.created_at, {_PUBLIC} AS shown FROM incidents i WHERE i.id = $1",
        number,
    )
