"""Silences and maintenance windows, and the timer that lets go of what each one muted when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.mute import WARN, Matcher, Mute
from tocsin.core.planned import MuteRule
from tocsin.core.shape import known_part
from tocsin.core.spelling import decode
from tocsin.store.database import Tx

UNMUTE = "unmute"
"""Kind of the timer due at a silence's end; its subject is `mutes.id`."""
WARNING = "mute_ends"
"""Kind of the timer due some time before a silence ends; its subject is `mutes.id`."""
LIMIT = 5000
"""Silences held at once."""

_COLUMNS = (
    "id, public_id, service, matchers, starts_at, ends_at, created_by, comment, created_at, updated_at, services, kind, rule,"
    " planned_end, report, announce"
)


def _mute(row: Any) -> Mute:
    return Mute(
        id=row[0],
        public_id=str(row[1]),
        service=row[2],
        matchers=msgspec.convert(row[3], tuple[Matcher, ...]),
        starts_at=row[4],
        ends_at=row[5],
        created_by=row[6],
        comment=row[7],
        created_at=row[8],
        updated_at=row[9],
        services=tuple(row[10]),
        kind=row[11],
        rule=row[12],
        planned_end=row[13],
        report=row[14],
        announce=row[15],
    )


async def standing(tx: Tx, now: datetime) -> list[Mute]:
    """All silences that have not ended at `now`, those that have yet to begin as well; oldest first."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM mutes WHERE ends_at > $1 ORDER BY id LIMIT {LIMIT}", now)
    return [_mute(row) for row in rows]


async def stamp(tx: Tx, now: datetime) -> tuple[int, int]:
    """How many silences have not ended, and the sum of their versions: two equal stamps mean the same silences."""
    row = await tx.fetchrow("SELECT count(*), COALESCE(sum(version), 0)::bigint FROM mutes WHERE ends_at > $1", now)
    return row[0], row[1]


async def hold(tx: Tx, ids: Sequence[int]) -> bool:
    """Keep these silences from letting go until the transaction ends; False when one of them did so already.

    So no alert is muted by a silence that has looked through its alerts for the last time.
    """
    await tx.fetch("SELECT FROM mutes WHERE id = ANY($1::bigint[]) ORDER BY id FOR SHARE", list(ids))
    waiting: int = await tx.fetchval(
        "SELECT count(*) FROM timers WHERE kind = $1 AND subject = ANY($2::bigint[])", UNMUTE, list(ids)
    )
    return waiting == len(ids)


async def by_row(tx: Tx, mute: int) -> Mute | None:
    """The silence of a row; locked against alerts that are being muted by it. None when there is none."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM mutes WHERE id = $1 FOR UPDATE", mute)
    return _mute(row) if row else None


async def seen(tx: Tx, mute: int) -> Mute | None:
    """The silence of a row, to look at."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM mutes WHERE id = $1", mute)
    return _mute(row) if row else None


_TOUCHES = "($1::text IS NULL OR service IS NULL OR service = $1 OR $1 = ANY(services))"


async def ended_after(tx: Tx, service: str | None, since: datetime) -> list[Mute]:
    """The silences that touch `service` (None: all silences) and had not ended at `since`."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM mutes WHERE ends_at > $2 AND {_TOUCHES} ORDER BY id DESC LIMIT {LIMIT}", service, since
    )
    return [_mute(row) for row in rows]


async def find(tx: Tx, service: str | None, public_id: str, lock: bool = False) -> Mute | None:
    """The silence with this UUID, if it touches `service` (None: wherever). `lock`: until the transaction ends."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM mutes WHERE public_id = $2::text::uuid AND {_TOUCHES}" + (" FOR UPDATE" if lock else ""),
        service, public_id,
    )  # fmt: skip
    return _mute(row) if row else None


async def unended(tx: Tx, service: str | None, now: datetime) -> int:
    """How many silences of the service have not ended, those of planned mutes aside."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM mutes WHERE ends_at > $2 AND rule IS NULL AND service IS NOT DISTINCT FROM $1",
        service,
        now,
    )
    return found


async def add(tx: Tx, mute: Mute) -> int:
    """Store a new silence and set its timer. Returns its row."""
    row: int = await tx.fetchval(
        """INSERT INTO mutes (public_id, service, matchers, starts_at, ends_at, created_by, comment, created_at, updated_at,
                              services, kind, rule, planned_end, announce)
           VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id""",
        mute.public_id, mute.service, mute.matchers, mute.starts_at, mute.ends_at, mute.created_by, mute.comment,
        mute.created_at, mute.updated_at, list(mute.services), mute.kind, mute.rule, mute.planned_end, mute.announce,
    )  # fmt: skip
    await _set_timer(tx, row, mute.ends_at)
    await _set_warning(tx, row, mute)
    return row


async def change(tx: Tx, mute: Mute) -> None:
    """Write the times and words of a stored silence, and move its timer to its end."""
    await tx.execute(
        """UPDATE mutes SET starts_at = $2, ends_at = $3, created_by = $4, comment = $5, updated_at = $6, planned_end = $7,
                  announce = $8
           WHERE id = $1""",
        mute.id, mute.starts_at, mute.ends_at, mute.created_by, mute.comment, mute.updated_at, mute.planned_end, mute.announce,
    )  # fmt: skip
    await _set_timer(tx, mute.id, mute.ends_at)
    await _set_warning(tx, mute.id, mute)


async def _set_warning(tx: Tx, row: int, mute: Mute) -> None:
    """Its maker is warned before a silence ends that somebody made for longer than a moment."""
    await tx.execute("DELETE FROM timers WHERE kind = $1 AND subject = $2", WARNING, row)
    if mute.rule is None and mute.ends_at - mute.starts_at >= 2 * WARN:
        at = mute.ends_at - WARN
        await tx.execute(
            "INSERT INTO timers (kind, subject, due_at, set_for) VALUES ($1, $2, $3, $3)", WARNING, row, at
        )


async def _set_timer(tx: Tx, mute: int, due: datetime) -> None:
    await tx.execute(
        """INSERT INTO timers (kind, subject, due_at, set_for) VALUES ($1, $2, $3, $3)
           ON CONFLICT (kind, subject) DO UPDATE
           SET due_at = EXCLUDED.due_at, set_for = EXCLUDED.set_for, owner = NULL, attempts = 0, error = ''""",
        UNMUTE, mute, due,
    )  # fmt: skip
    await tx.execute("SELECT pg_notify('tocsin', 'timers')")


# --- windows of planned mutes ----------------------------------------------------------------------------------------


async def windows_of(tx: Tx, rules: Sequence[str], now: datetime) -> list[Mute]:
    """The windows of these planned mutes (their ids) that have not ended, locked; oldest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM mutes WHERE rule = ANY($1::text[]) AND ends_at > $2 ORDER BY id FOR UPDATE",
        list(rules), now,
    )  # fmt: skip
    return [_mute(row) for row in rows]


async def of_rule(tx: Tx, rule: str) -> list[Mute]:
    """The windows of a planned mute, the last ones first."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM mutes WHERE rule = $1 ORDER BY ends_at DESC LIMIT 50", rule)
    return [_mute(row) for row in rows]


async def ended_by_hand(tx: Tx, rules: Sequence[str], now: datetime) -> dict[str, datetime]:
    """For planned mutes whose present window a person ended: where that window would have ended."""
    rows = await tx.fetch(
        """SELECT rule, max(planned_end) FROM mutes
           WHERE rule = ANY($1::text[]) AND ends_at <= $2 AND planned_end > ends_at AND planned_end > $2 GROUP BY rule""",
        list(rules), now,
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


async def rule(tx: Tx, name: str) -> MuteRule | None:
    """The planned mute as it is configured now, kept from changing until the transaction ends; None when it is gone."""
    body = await tx.fetchval("SELECT body FROM objects WHERE kind = 'mutes' AND id = $1 FOR SHARE", name)
    return None if body is None else decode(known_part(body, MuteRule), MuteRule)


async def rules_in_use(tx: Tx, now: datetime) -> set[str]:
    """The planned mutes that have a window which has not ended."""
    rows = await tx.fetch("SELECT DISTINCT rule FROM mutes WHERE rule IS NOT NULL AND ends_at > $1", now)
    return {row[0] for row in rows}


async def forget_windows(tx: Tx, rule: str, before: datetime) -> None:
    """Remove windows of a planned mute that ended long ago."""
    await tx.execute("DELETE FROM mutes WHERE rule = $1 AND ends_at < $2", rule, before)


# --- what they hold back ----------------------------------------------------------------------------------------------


async def held_back(tx: Tx, mute: int, listed: int) -> dict[str, Any]:
    """What a silence held back: `{"alerts", "events", "resolved", "firing", "services": {id: n}, "items": [...]}`, at most `listed`
    items, those still firing first."""
    row = await tx.fetchrow(
        """SELECT count(*), COALESCE(sum(count), 0)::bigint, count(resolved_at) FROM alerts WHERE mute = $1""", mute
    )
    services = await tx.fetch(
        "SELECT service, count(*) FROM alerts WHERE mute = $1 GROUP BY service ORDER BY 2 DESC, 1 LIMIT 50", mute
    )
    items = await tx.fetch(
        """SELECT id, title, service, severity, count, first_at, last_at, resolved_at FROM alerts WHERE mute = $1
           ORDER BY resolved_at IS NOT NULL, severity, first_at, id LIMIT $2""",
        mute, listed,
    )  # fmt: skip
    return {
        "alerts": row[0],
        "events": row[1],
        "resolved": row[2],
        "firing": row[0] - row[2],
        "services": {r[0]: r[1] for r in services},
        "items": [
            {"id": i[0], "title": i[1], "service": i[2], "severity": i[3], "count": i[4], "first_at": i[5],
             "last_at": i[6], "resolved_at": i[7]}
            for i in items
        ],
    }  # fmt: skip


async def write_report(tx: Tx, mute: int, report: dict[str, Any]) -> None:
    await tx.execute("UPDATE mutes SET report = $2 WHERE id = $1", mute, report)


async def counts(tx: Tx, ids: Sequence[int]) -> dict[int, int]:
    """How many open alerts each of these silences holds back right now."""
    rows = await tx.fetch(
        """SELECT mute, count(*) FROM alerts WHERE mute = ANY($1::bigint[]) AND resolved_at IS NULL AND incident_id IS NULL
           GROUP BY mute""",
        list(ids),
    )
    return {row[0]: row[1] for row in rows}
