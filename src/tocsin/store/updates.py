"""Updates to audiences: drafts, what was published, who was told and whether promises were kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.update import Said
from tocsin.core.update_template import Moment
from tocsin.store.database import Tx

DRAFTS = "update_drafts"
"""The timer (by incident) at which drafts of the next updates are composed."""
DIGEST = "update_digest"
"""The timer at which the daily digest goes out."""


class Update(msgspec.Struct, kw_only=True):
    """A row of `updates`."""

    id: int
    incident: int
    audience: str
    message: str
    incident_status: str
    components: dict[str, str]
    actor: str
    state: str
    created_at: datetime
    published_at: datetime | None
    next_update_at: datetime | None
    kept: bool | None
    moment: Moment
    digest: bool


_FIELDS = ", ".join(f.name for f in msgspec.structs.fields(Update))


async def of_incident(tx: Tx, incident: int, states: Sequence[str] = ("draft", "published")) -> list[Update]:
    """Newest first."""
    rows = await tx.fetch(
        f"SELECT {_FIELDS} FROM updates WHERE incident = $1 AND state = ANY($2::text[]) ORDER BY id DESC",
        incident, list(states),
    )  # fmt: skip
    return [Update(**row) for row in rows]


async def latest(tx: Tx, incident: int) -> dict[str, Update]:
    """The update that each audience was told last, also of what went into this incident."""
    rows = await tx.fetch(
        f"""SELECT DISTINCT ON (audience) {_FIELDS} FROM updates
            WHERE incident = ANY($1::bigint || ARRAY(SELECT id FROM incidents WHERE merged_into = $1)) AND state = 'published'
            ORDER BY audience, published_at DESC, id DESC""",
        incident,
    )
    return {row["audience"]: Update(**row) for row in rows}


async def get(tx: Tx, id: int) -> Update | None:
    """None also for a number that no row can have."""
    row = await tx.fetchrow(f"SELECT {_FIELDS} FROM updates WHERE id = $1", id) if 0 < id < 2**63 else None
    return Update(**row) if row else None


async def locked(tx: Tx, id: int) -> Update | None:
    row = await tx.fetchrow(f"SELECT {_FIELDS} FROM updates WHERE id = $1 FOR UPDATE", id) if 0 < id < 2**63 else None
    return Update(**row) if row else None


async def add(tx: Tx, **columns: Any) -> Update:
    """A row as it is born (every column but `id`)."""
    names = sorted(columns)
    slots = ", ".join(f"${at}" for at in range(1, len(names) + 1))
    row = await tx.fetchrow(
        f"INSERT INTO updates ({', '.join(names)}) VALUES ({slots}) RETURNING {_FIELDS}", *(columns[n] for n in names)
    )
    return Update(**row)


_CHANGED = frozenset(
    ("message", "incident_status", "components", "actor", "state", "published_at", "next_update_at", "kept", "moment", "digest")
)  # fmt: skip


async def change(tx: Tx, id: int, **columns: Any) -> Update:
    """Set columns of one."""
    names = sorted(columns)
    if not set(names) <= _CHANGED:
        raise ValueError(f"not columns of an update: {set(names) - _CHANGED}")
    assignments = ", ".join(f"{name} = ${at}" for at, name in enumerate(names, 2))
    row = await tx.fetchrow(
        f"UPDATE updates SET {assignments} WHERE id = $1 RETURNING {_FIELDS}", id, *(columns[n] for n in names)
    )
    return Update(**row)


async def discard_drafts(tx: Tx, incident: int, audiences: Collection[str]) -> None:
    """Open drafts for these audiences are not needed any more."""
    await tx.execute(
        "UPDATE updates SET state = 'discarded' WHERE incident = $1 AND state = 'draft' AND audience = ANY($2::text[])",
        incident, list(audiences),
    )  # fmt: skip


async def withdraw_unheard(tx: Tx, incidents: Sequence[int], by: str) -> None:
    """These are over: drafts that `by` made for audiences that were told nothing are not needed any more."""
    await tx.execute(
        """UPDATE updates d SET state = 'discarded' WHERE d.incident = ANY($1::bigint[]) AND d.state = 'draft' AND d.actor = $2
             AND NOT EXISTS (SELECT 1 FROM updates u
                             WHERE u.incident = d.incident AND u.audience = d.audience AND u.state = 'published')""",
        list(incidents), by,
    )  # fmt: skip


async def told(tx: Tx, incidents: Collection[int]) -> dict[int, list[str]]:
    """Which audiences were told anything, of those incidents of which any was."""
    rows = await tx.fetch(
        """SELECT incident, array_agg(DISTINCT audience) FROM updates WHERE incident = ANY($1::bigint[]) AND state = 'published'
           GROUP BY incident""",
        list(incidents),
    )
    return {row[0]: row[1] for row in rows}


async def said(tx: Tx, start: datetime, end: datetime, hidden: Sequence[int] = ()) -> list[Said]:
    """Updates published in the period, with when their incident was resolved; none of the `hidden` incidents."""
    rows = await tx.fetch(
        """SELECT u.incident, u.audience, u.published_at, u.next_update_at, i.resolved_at AS over_at
           FROM updates u JOIN incidents i ON i.id = u.incident
           WHERE u.state = 'published' AND u.published_at >= $1 AND u.published_at < $2 AND NOT i.drill
             AND u.incident <> ALL($3::bigint[])
           ORDER BY u.published_at, u.id""",
        start, end, list(hidden),
    )  # fmt: skip
    return [Said(**row) for row in rows]


async def titles(tx: Tx, incidents: Collection[int]) -> dict[int, tuple[str, datetime]]:
    """(title, created_at) of incidents."""
    rows = await tx.fetch("SELECT id, title, created_at FROM incidents WHERE id = ANY($1::bigint[])", list(incidents))
    return {row[0]: (row[1], row[2]) for row in rows}


async def digested(tx: Tx) -> list[Update]:
    """Those that wait for the digest, locked, oldest first."""
    rows = await tx.fetch(f"SELECT {_FIELDS} FROM updates WHERE digest AND state = 'published' ORDER BY id FOR UPDATE")
    return [Update(**row) for row in rows]


async def digest_done(tx: Tx, ids: Sequence[int]) -> None:
    await tx.execute("UPDATE updates SET digest = false WHERE id = ANY($1::bigint[])", list(ids))


async def ask_for_drafts(tx: Tx, incidents: Sequence[int], at: datetime) -> None:
    """Let drafts of these incidents be composed at this time."""
    await tx.execute(
        """INSERT INTO timers (kind, subject, incident_id, due_at, set_for)
           SELECT $1, i, i, $3, $3 FROM unnest($2::bigint[]) AS i
           ON CONFLICT (kind, subject) DO UPDATE SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL""",
        DRAFTS, list(incidents), at,
    )  # fmt: skip


async def forget_promises(tx: Tx, incidents: Sequence[int]) -> None:
    """These are over: nothing is awaited any more."""
    await tx.execute(
        "UPDATE incidents SET promised = '{}', next_update_at = NULL WHERE id = ANY($1::bigint[])", list(incidents)
    )


async def set_cause(tx: Tx, incident: int, cause: str) -> None:
    """What kind of cause is confirmed."""
    await tx.execute("UPDATE incidents SET cause_class = $2 WHERE id = $1", incident, cause)


async def cause(tx: Tx, incident: int) -> str | None:
    found: str | None = await tx.fetchval("SELECT cause_class FROM incidents WHERE id = $1", incident)
    return found


# --- receipts ---------------------------------------------------------------------------------------------------------


async def expect(
    tx: Tx, keys: Iterable[str], *, updates: Collection[int] = (), communication: int | None = None
) -> None:
    """Notices with these keys carry the updates, or the communication: their outcome is the receipt."""
    found = list(keys)
    if not found:
        return
    if communication is not None:
        await tx.execute(
            "INSERT INTO receipts (notice_key, communication_id) SELECT k, $2 FROM unnest($1::text[]) AS k",
            found, communication,
        )  # fmt: skip
    if updates:
        await tx.execute(
            "INSERT INTO receipts (notice_key, update_id) SELECT k, u FROM unnest($1::text[]) AS k, unnest($2::bigint[]) AS u",
            found, list(updates),
        )  # fmt: skip


async def receipts(tx: Tx, *, updates: Collection[int] = (), communications: Collection[int] = ()) -> list[Any]:
    """What became of each delivery of these: {update_id, communication_id, user_id, method, channel, state, receipt, error, at}."""
    return list(
        await tx.fetch(
            """SELECT r.update_id, r.communication_id, n.user_id, n.method, n.channel, n.state, n.receipt, n.error, n.attempts,
                      n.created_at, n.ended_at
               FROM receipts r JOIN notices n ON n.key = r.notice_key
               WHERE r.update_id = ANY($1::bigint[]) OR r.communication_id = ANY($2::bigint[]) ORDER BY r.id""",
            list(updates), list(communications),
        )
    )  # fmt: skip


# --- who asked to be told ---------------------------------------------------------------------------------------------


class Subscription(msgspec.Struct, kw_only=True):
    """A row of `subscriptions`."""

    id: int
    user_id: str
    audience: str
    service: str | None
    severity: int
    created_at: datetime


_SUBSCRIPTION = ", ".join(f.name for f in msgspec.structs.fields(Subscription))


async def subscriptions(tx: Tx, user: str | None = None) -> list[Subscription]:
    """Of one person (None: of everybody), in the order in which they were made."""
    rows = await tx.fetch(
        f"SELECT {_SUBSCRIPTION} FROM subscriptions WHERE $1::text IS NULL OR user_id = $1 ORDER BY id", user
    )
    return [Subscription(**row) for row in rows]


async def subscribe(
    tx: Tx, user: str, audience: str, service: str | None, severity: int, now: datetime
) -> Subscription:
    """Of two for the same service and audience the later one holds."""
    row = await tx.fetchrow(
        f"""INSERT INTO subscriptions (user_id, audience, service, severity, created_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (user_id, audience, (COALESCE(service, ''))) DO UPDATE SET severity = EXCLUDED.severity
            RETURNING {_SUBSCRIPTION}""",
        user, audience, service, severity, now,
    )  # fmt: skip
    return Subscription(**row)


async def unsubscribe(tx: Tx, id: int, user: str | None) -> bool:
    """False when there is none (of that person)."""
    gone = await tx.fetchval(
        "DELETE FROM subscriptions WHERE id = $1 AND ($2::text IS NULL OR user_id = $2) RETURNING id", id, user
    )
    return gone is not None


async def subscribers(tx: Tx, audience: str, severity: int, services: Sequence[str]) -> list[str]:
    """Who asked for updates of this audience about incidents like this one."""
    rows = await tx.fetch(
        """SELECT DISTINCT user_id FROM subscriptions
           WHERE audience = $1 AND severity >= $2 AND (service IS NULL OR service = ANY($3::text[])) ORDER BY user_id""",
        audience, severity, list(services),
    )  # fmt: skip
    return [row[0] for row in rows]
