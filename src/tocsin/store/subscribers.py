"""E-mail addresses that want to hear of the status page: who they are, what they are told, and what became of each letter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.store.database import Tx

TIMER = "mailing"
"""Kind of the timer that runs until the last letter of a mailing is settled; its subject is `mailings.id`."""

SubscriberState = Literal["asked", "active", "suspended"]


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """`components`: told of these only (none: of all). `wanted`: the components asked for since, until that is confirmed.
    `added_by`: who added the address by hand ('' itself)."""

    id: int
    address: str
    components: tuple[str, ...]
    state: SubscriberState
    wanted: tuple[str, ...] | None
    asked_at: datetime
    added_by: str
    confirmed_at: datetime | None
    bounces: int
    bounced_at: datetime | None
    bounce: str


_FIELDS = ", ".join(field.name for field in msgspec.structs.fields(Subscriber))


def _subscriber(row: Any) -> Subscriber:
    return msgspec.convert(dict(row), Subscriber)


async def find(tx: Tx, id: int, lock: bool = False) -> Subscriber | None:
    row = await tx.fetchrow(f"SELECT {_FIELDS} FROM subscribers WHERE id = $1" + (" FOR UPDATE" if lock else ""), id)
    return _subscriber(row) if row else None


async def by_address(tx: Tx, address: str) -> Subscriber | None:
    """Locked until the transaction ends; letters' case is no difference."""
    row = await tx.fetchrow(f"SELECT {_FIELDS} FROM subscribers WHERE lower(address) = lower($1) FOR UPDATE", address)
    return _subscriber(row) if row else None


async def add(
    tx: Tx, address: str, components: Sequence[str], state: SubscriberState, added_by: str, now: datetime
) -> Subscriber | None:
    """A new one; None when the address is there already."""
    row = await tx.fetchrow(
        f"""INSERT INTO subscribers (address, components, state, asked_at, added_by, confirmed_at)
            VALUES ($1, $2, $3, $5, $4, CASE WHEN $3::text = 'active' THEN $5::timestamptz END)
            ON CONFLICT DO NOTHING RETURNING {_FIELDS}""",
        address, list(components), state, added_by, now,
    )  # fmt: skip
    return _subscriber(row) if row else None


async def want(tx: Tx, id: int, components: Sequence[str], now: datetime) -> None:
    """It asked again: what it wants now waits for its confirmation."""
    await tx.execute("UPDATE subscribers SET wanted = $2, asked_at = $3 WHERE id = $1", id, list(components), now)


async def confirm(tx: Tx, id: int, now: datetime) -> None:
    """It is told from now on; what it wanted since holds."""
    await tx.execute(
        """UPDATE subscribers SET state = 'active', confirmed_at = $2, components = COALESCE(wanted, components), wanted = NULL,
                  bounces = 0, bounce = '', bounced_at = NULL WHERE id = $1""",
        id, now,
    )  # fmt: skip


async def remove(tx: Tx, id: int) -> bool:
    """Forget it, with the letters that it was sent. False when it was gone already."""
    await tx.execute("DELETE FROM letters WHERE subscriber = $1", id)
    return await tx.fetchval("DELETE FROM subscribers WHERE id = $1 RETURNING true", id) or False


async def bounced(tx: Tx, id: int, said: str, limit: int, now: datetime) -> bool:
    """Its server refused a letter for good; at `limit` of them in a row it is suspended. True when that happened now."""
    state = await tx.fetchval(
        """UPDATE subscribers SET bounces = bounces + 1, bounced_at = $4, bounce = $2,
                  state = CASE WHEN state = 'active' AND bounces + 1 >= $3 THEN 'suspended' ELSE state END
           WHERE id = $1 RETURNING state = 'suspended' AND bounces = $3""",
        id, said[:300], limit, now,
    )  # fmt: skip
    return bool(state)


async def arrived(tx: Tx, ids: Sequence[int]) -> None:
    """Their servers took a letter: earlier refusals do not count any more."""
    await tx.execute("UPDATE subscribers SET bounces = 0 WHERE id = ANY($1::bigint[]) AND bounces > 0", list(ids))


async def counts(tx: Tx) -> dict[str, int]:
    """How many there are, by state."""
    rows = await tx.fetch("SELECT state, count(*) FROM subscribers GROUP BY state")
    return {"active": 0, "asked": 0, "suspended": 0, **{row[0]: row[1] for row in rows}}


async def page(tx: Tx, after: int, state: str | None, q: str, limit: int) -> list[Subscriber]:
    """In the order in which they came, after the id `after`; `q`: a part of the address."""
    rows = await tx.fetch(
        f"""SELECT {_FIELDS} FROM subscribers WHERE id > $1 AND ($2::text IS NULL OR state = $2)
              AND ($3 = '' OR strpos(lower(address), lower($3)) > 0) ORDER BY id LIMIT $4""",
        after, state, q, limit,
    )  # fmt: skip
    return [_subscriber(row) for row in rows]


async def forget_unconfirmed(tx: Tx, before: datetime) -> None:
    """Addresses that never confirmed are not kept."""
    await tx.execute("DELETE FROM subscribers WHERE state = 'asked' AND asked_at < $1", before)


# --- the throttle -----------------------------------------------------------------------------------------------------


async def attempts(tx: Tx, subject: str, since: datetime) -> int:
    found: int = await tx.fetchval(
        "SELECT count(*) FROM subscribe_attempts WHERE subject = $1 AND at > $2", subject, since
    )
    return found


async def add_attempts(tx: Tx, subjects: Sequence[str], now: datetime, forget_before: datetime) -> None:
    await tx.execute("DELETE FROM subscribe_attempts WHERE at < $1", forget_before)
    await tx.executemany("INSERT INTO subscribe_attempts (subject, at) VALUES ($1, $2)", [(s, now) for s in subjects])


# --- what they are told -----------------------------------------------------------------------------------------------


class NewMailing(msgspec.Struct, kw_only=True):
    """One piece of news as it is born. Of several with the same `key` the first is kept. `components`: of which it speaks (none: of the
    whole page). `path` leads below our external URL; letters of one `thread` answer each other."""

    key: str
    kind: str
    heading: str
    text: str
    path: str
    thread: str = ""
    components: Sequence[str] = ()
    created_at: datetime
    deadline_at: datetime


class Mailing(msgspec.Struct, kw_only=True):
    id: int
    key: str
    kind: str
    heading: str
    text: str
    path: str
    thread: str
    components: list[str]
    created_at: datetime
    deadline_at: datetime
    addressed_at: datetime | None


class Letter(msgspec.Struct, kw_only=True):
    """A letter that is due, with its subscriber as he is now (`state` None: he left)."""

    id: int
    subscriber: int
    attempts: int
    address: str | None
    state: SubscriberState | None


async def tell(tx: Tx, new: NewMailing, only: int | None = None) -> None:
    """Put news into the outbox, once by its key, with its timer. `only`: for this one subscriber, whatever his state.

    Wake the timers after the commit.
    """
    id = await tx.fetchval(
        """INSERT INTO mailings (key, kind, heading, text, path, thread, components, created_at, deadline_at, addressed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (key) DO NOTHING RETURNING id""",
        new.key, new.kind, new.heading, new.text, new.path, new.thread, list(new.components), new.created_at,
        new.deadline_at, new.created_at if only is not None else None,
    )  # fmt: skip
    if id is None:
        return
    if only is not None:
        await tx.execute(
            "INSERT INTO letters (mailing, subscriber, due_at) VALUES ($1, $2, $3)", id, only, new.created_at
        )
    await tx.execute(
        "INSERT INTO timers (kind, subject, due_at, set_for) VALUES ($1, $2, $3, $3)", TIMER, id, new.created_at
    )


async def mailing(tx: Tx, id: int) -> Mailing | None:
    row = await tx.fetchrow(
        """SELECT id, key, kind, heading, text, path, thread, components, created_at, deadline_at, addressed_at
           FROM mailings WHERE id = $1""",
        id,
    )
    return Mailing(**row) if row else None


async def address(tx: Tx, id: int, now: datetime) -> None:
    """Write a letter to everyone who wants to hear of what the news speaks of, once."""
    await tx.execute(
        """WITH news AS (UPDATE mailings SET addressed_at = $2 WHERE id = $1 AND addressed_at IS NULL RETURNING components)
           INSERT INTO letters (mailing, subscriber, due_at)
           SELECT $1, s.id, $2 FROM news, subscribers s
           WHERE s.state = 'active' AND (s.components = '{}' OR news.components = '{}' OR s.components && news.components)
           ORDER BY s.id ON CONFLICT DO NOTHING""",
        id, now,
    )  # fmt: skip


async def due(tx: Tx, mailing: int, now: datetime, limit: int) -> list[Letter]:
    """Letters of a mailing that may go now, with their subscribers."""
    rows = await tx.fetch(
        """SELECT l.id, l.subscriber, l.attempts, s.address, s.state FROM letters l LEFT JOIN subscribers s ON s.id = l.subscriber
           WHERE l.mailing = $1 AND l.state = 'pending' AND l.due_at <= $2 ORDER BY l.due_at, l.id LIMIT $3""",
        mailing, now, limit,
    )  # fmt: skip
    return [Letter(**row) for row in rows]


async def settle(tx: Tx, letter: int, state: str, now: datetime, *, receipt: str = "", error: str = "") -> None:
    """What became of one: `delivered`, `failed` or `superseded`."""
    await tx.execute(
        """UPDATE letters SET state = $2, ended_at = $3, receipt = $4, error = $5, attempts = attempts + 1
           WHERE id = $1 AND state = 'pending'""",
        letter, state, now, receipt[:500], error[:500],
    )  # fmt: skip


async def put_off(tx: Tx, letter: int, until: datetime, error: str) -> None:
    """Not taken, but worth another try."""
    await tx.execute(
        "UPDATE letters SET due_at = $2, attempts = attempts + 1, error = $3 WHERE id = $1", letter, until, error[:500]
    )


async def next_due(tx: Tx, mailing: int) -> datetime | None:
    """When the next letter of a mailing may go; None when all are settled."""
    at: datetime | None = await tx.fetchval(
        "SELECT min(due_at) FROM letters WHERE mailing = $1 AND state = 'pending'", mailing
    )
    return at


async def receipts(tx: Tx, limit: int) -> list[Any]:
    """The latest news with what became of its letters, the newest first."""
    rows: list[Any] = await tx.fetch(
        """SELECT m.id, m.kind, m.heading, m.created_at, count(l.id) AS letters,
                  count(l.id) FILTER (WHERE l.state = 'delivered') AS delivered,
                  count(l.id) FILTER (WHERE l.state = 'failed') AS failed,
                  count(l.id) FILTER (WHERE l.state = 'pending') AS waiting
           FROM (SELECT * FROM mailings WHERE kind <> 'confirm' ORDER BY id DESC LIMIT $1) m LEFT JOIN letters l ON l.mailing = m.id
           GROUP BY m.id, m.kind, m.heading, m.created_at ORDER BY m.id DESC""",
        limit,
    )
    return rows


async def forget_mailings(tx: Tx, before: datetime) -> None:
    """Old news with its letters."""
    await tx.execute("DELETE FROM letters l USING mailings m WHERE m.id = l.mailing AND m.created_at < $1", before)
    await tx.execute("DELETE FROM mailings WHERE created_at < $1", before)


# --- what was announced of maintenance ---------------------------------------------------------------------------------


class ToldWindow(msgspec.Struct, kw_only=True):
    """What subscribers were last told of a maintenance window."""

    key: str
    mute: int
    state: Literal["scheduled", "in_progress"]
    starts_at: datetime
    ends_at: datetime
    announce: dict[str, Any]


async def told_windows(tx: Tx) -> dict[str, ToldWindow]:
    rows = await tx.fetch("SELECT key, mute, state, starts_at, ends_at, announce FROM told_maintenance FOR UPDATE")
    return {row["key"]: ToldWindow(**row) for row in rows}


async def remember_window(tx: Tx, told: ToldWindow) -> None:
    await tx.execute(
        """INSERT INTO told_maintenance (key, mute, state, starts_at, ends_at, announce) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (key) DO UPDATE SET mute = EXCLUDED.mute, state = EXCLUDED.state, starts_at = EXCLUDED.starts_at,
             ends_at = EXCLUDED.ends_at, announce = EXCLUDED.announce""",
        told.key, told.mute, told.state, told.starts_at, told.ends_at, told.announce,
    )  # fmt: skip


async def forget_window(tx: Tx, key: str) -> None:
    await tx.execute("DELETE FROM told_maintenance WHERE key = $1", key)
