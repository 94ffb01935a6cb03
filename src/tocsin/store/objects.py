"""The configured objects: read whole as one Directory, written as one revision with its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import asyncpg
import msgspec

from tocsin.core.configuration import KINDS
from tocsin.core.directory import SEVERITIES, Directory, Origin
from tocsin.core.errors import Unavailable
from tocsin.core.severity_policy import Severities
from tocsin.core.shape import known_part
from tocsin.core.spelling import decode
from tocsin.store.database import Tx

T = TypeVar("T")

_LOCK = 0x746F6373  # the advisory lock of whoever changes the configuration


class Change(NamedTuple):
    """One object as it shall be from now on. `body` is its plain form (None: remove it)."""

    kind: str
    id: str
    body: dict[str, Any] | None
    origin: Origin = Origin()


class Use(NamedTuple):
    """An open incident that still needs the object `id`."""

    id: str
    incident: int
    created_at: datetime


async def lock(tx: Tx) -> None:
    """Be the only one who changes the configuration until this transaction ends.

    Raises Unavailable after 10 s of waiting.
    """
    try:
        await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    except asyncpg.LockNotAvailableError:
        raise Unavailable("Someone else is changing the configuration: try again in a moment") from None


async def revision(tx: Tx) -> int:
    """The configuration's version; 0 when nothing was ever configured."""
    return await tx.fetchval("SELECT revision FROM configuration") or 0


async def load(tx: Tx) -> Directory:
    """Everything configured, in one statement, so that revision and objects are of one moment.

    Fields that only a newer release knows are left out. Raises msgspec.ValidationError when an object cannot be read even so.
    """
    rows = await tx.fetch(
        """
        SELECT c.revision, c.settings ->> 'default_escalation_policy' AS default_policy,
               c.settings -> 'severities' AS severities, c.settings -> 'severities_origin' AS severities_origin,
               o.kind, o.id, o.body, o.origin_file, o.origin_line,
               CASE WHEN o.kind = 'users' AND o.origin_file = '' THEN ARRAY(
                 SELECT v.contact FROM contact_verifications v WHERE v.user_id = o.id AND v.verified_at IS NOT NULL) END AS verified
        FROM configuration c LEFT JOIN objects o ON o.kind = ANY($1)
        ORDER BY o.kind, o.id
        """,
        list(KINDS),
    )
    if not rows:
        return Directory()
    objects: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    origins: dict[tuple[str, str], Origin] = {}
    for row in rows:
        if row["kind"] is not None:
            objects[row["kind"]].append(_marked(_read(row["kind"], row["body"]), row["verified"]))
            if row["origin_file"]:
                origins[row["kind"], row["id"]] = Origin(row["origin_file"], row["origin_line"])
    first = rows[0]
    if first["severities_origin"]:
        origins[SEVERITIES] = Origin(first["severities_origin"]["file"], first["severities_origin"]["line"])
    severities = _decoded(first["severities"] or {}, Severities)
    return Directory.of(objects, first["default_policy"], origins, first["revision"], severities)


def _decoded(body: Any, kind: type[T]) -> T:
    try:
        return decode(body, kind)
    except msgspec.ValidationError:
        return decode(known_part(body, kind), kind)


async def one(tx: Tx, kind: str, name: str) -> Any | None:
    """One object as it is configured, or None."""
    row = await tx.fetchrow("SELECT body FROM objects WHERE kind = $1 AND id = $2", kind, name)
    return _read(kind, row["body"]) if row else None


def _read(kind: str, body: Any) -> Any:
    return _decoded(body, KINDS[kind])


def _marked(one: Any, verified: Sequence[Any] | None) -> Any:
    """Of a user that people entered (`verified` is then not None): which contact methods may be used."""
    if verified is not None:
        for method in one.contact_methods:
            method.typed, method.verified = True, method.plain() in verified
    return one


async def save(
    tx: Tx,
    changes: Sequence[Change],
    actor: str,
    now: datetime,
    *,
    settings: Mapping[str, Any] | None = None,
    moved: Sequence[Change] = (),
) -> int:
    """Write one revision: objects, their history, the settings given (None removes one), and the call to every node.

    `moved` are objects that only changed their place in a file: no history. Call under `lock`. Returns the new revision.
    """
    new: int = await tx.fetchval("UPDATE configuration SET revision = revision + 1 RETURNING revision")
    if settings is not None:
        await tx.execute("UPDATE configuration SET settings = jsonb_strip_nulls(settings || $1)", dict(settings))
    written = [
        {"kind": c.kind, "id": c.id, "body": c.body, "file": c.origin.file, "line": c.origin.line} for c in changes
    ]
    await tx.execute(_WRITE, [c for c in written if c["body"] is not None], new, now, actor)
    await tx.execute(_REMOVE, written)
    await tx.execute(_REMEMBER, written, new, now, actor)
    await tx.execute(_MOVE, [{"kind": c.kind, "id": c.id, "file": c.origin.file, "line": c.origin.line} for c in moved])
    await tx.execute("SELECT pg_notify('tocsin', 'configuration')")
    return new


_WRITE = """
INSERT INTO objects (kind, id, body, origin_file, origin_line, revision, updated_at, updated_by)
SELECT c.kind, c.id, c.body, c.file, c.line, $2, $3, $4
FROM jsonb_to_recordset($1) AS c(kind text, id text, body jsonb, file text, line integer)
ON CONFLICT (kind, id) DO UPDATE SET
  body = excluded.body, origin_file = excluded.origin_file, origin_line = excluded.origin_line,
  revision = excluded.revision, updated_at = excluded.updated_at, updated_by = excluded.updated_by
"""

_REMOVE = """
DELETE FROM objects o USING jsonb_to_recordset($1) AS c(kind text, id text, body jsonb)
WHERE c.body IS NULL AND o.kind = c.kind AND o.id = c.id
"""

_REMEMBER = """
INSERT INTO object_history (revision, kind, id, body, at, actor)
SELECT $2, c.kind, c.id, c.body, $3, $4 FROM jsonb_to_recordset($1) AS c(kind text, id text, body jsonb)
"""

_MOVE = """
UPDATE objects o SET origin_file = c.file, origin_line = c.line
FROM jsonb_to_recordset($1) AS c(kind text, id text, file text, line integer)
WHERE o.kind = c.kind AND o.id = c.id
"""


async def in_use(tx: Tx, kind: str, ids: Sequence[str]) -> list[Use]:
    """The open incidents that still need one of these objects, oldest first.

    A service is needed by incidents that affect it, a policy by those climbing it, a user by those whose pages are
    unanswered or who is assigned. Other kinds are only needed by other objects.
    """
    query = _USES.get(kind)
    if query is None or not ids:
        return []
    return [Use(*row) for row in await tx.fetch(query, list(ids))]


_OPEN = "i.status NOT IN ('resolved', 'closed')"
_USES = {
    "services": f"""
        SELECT DISTINCT s.id, i.id, i.created_at FROM incidents i
        JOIN unnest($1::text[]) AS s(id) ON s.id = i.service OR s.id = ANY(i.affected_services)
        WHERE {_OPEN} ORDER BY i.id, s.id""",
    "escalation_policies": f"""
        SELECT DISTINCT e.policy, i.id, i.created_at FROM incidents i JOIN escalations e ON e.incident_id = i.id
        WHERE {_OPEN} AND e.policy = ANY($1) AND e.state IN ('running', 'held', 'progress') ORDER BY i.id, e.policy""",
    "users": f"""
        SELECT u.id, i.id, i.created_at FROM incidents i
        JOIN unnest($1::text[]) AS u(id) ON u.id = i.assignee OR EXISTS (
          SELECT FROM pages p WHERE p.incident_id = i.id AND p.user_id = u.id AND p.state IN ('pending', 'delivered'))
        WHERE {_OPEN} ORDER BY i.id, u.id""",
}
