"""Accounts, sessions, sign-in links, guesses, API tokens, the audit trail. Secrets arrive as SHA-256, never as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from tocsin.store.database import Tx


class Session(msgspec.Struct, frozen=True):
    """A browser that is signed in. `via`: `password` or `link`."""

    user_id: str
    via: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Token(msgspec.Struct, frozen=True):
    """An API token as people see it; the token itself is not kept."""

    id: int
    name: str
    role: str
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    user_id: str | None = None
    """Whose it is: it acts as this person. None: it acts as itself."""


_TOKEN = "id, name, role, created_by, created_at, last_used_at, revoked_at, user_id"


# --- accounts ---------------------------------------------------------------------------------------------------------


async def password_hash(tx: Tx, user: str) -> str | None:
    """The stored argon2 hash, or None when this user has no password."""
    found: str | None = await tx.fetchval("SELECT password_hash FROM accounts WHERE user_id = $1", user)
    return found


async def set_password_hash(tx: Tx, user: str, hashed: str) -> None:
    await tx.execute(
        "INSERT INTO accounts (user_id, password_hash) VALUES ($1, $2)"
        " ON CONFLICT (user_id) DO UPDATE SET password_hash = EXCLUDED.password_hash",
        user, hashed,
    )  # fmt: skip


async def signed_in(tx: Tx, user: str, now: datetime) -> None:
    """Remember that `user` signed in now."""
    await tx.execute(
        "INSERT INTO accounts (user_id, last_sign_in_at) VALUES ($1, $2)"
        " ON CONFLICT (user_id) DO UPDATE SET last_sign_in_at = EXCLUDED.last_sign_in_at",
        user, now,
    )  # fmt: skip


async def users_with_password(tx: Tx) -> set[str]:
    rows = await tx.fetch("SELECT user_id FROM accounts WHERE password_hash IS NOT NULL")
    return {row["user_id"] for row in rows}


# --- sessions ---------------------------------------------------------------------------------------------------------


async def add_session(
    tx: Tx, token_hash: bytes, user: str, via: str, now: datetime, expires: datetime, agent: str
) -> None:
    """Also sweeps out sessions that are over, so that the table stays as small as the number of browsers."""
    await tx.execute("DELETE FROM sessions WHERE expires_at < $1", now)
    await tx.execute(
        "INSERT INTO sessions (token_hash, user_id, via, created_at, seen_at, expires_at, user_agent)"
        " VALUES ($1, $2, $3, $4, $4, $5, $6)",
        token_hash, user, via, now, expires, agent,
    )  # fmt: skip


async def session(tx: Tx, token_hash: bytes, seen_since: datetime, now: datetime) -> Session | None:
    """The session, unless it is over or was last seen before `seen_since`."""
    row = await tx.fetchrow(
        "SELECT user_id, via, created_at, seen_at, expires_at FROM sessions"
        " WHERE token_hash = $1 AND seen_at >= $2 AND expires_at > $3",
        token_hash, seen_since, now,
    )  # fmt: skip
    return Session(*row) if row else None


async def touch_session(tx: Tx, token_hash: bytes, now: datetime) -> None:
    await tx.execute("UPDATE sessions SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2", token_hash, now)


async def session_has_password(tx: Tx, token_hash: bytes) -> None:
    """The session that began with a link is from now on like any other."""
    await tx.execute("UPDATE sessions SET via = 'password' WHERE token_hash = $1", token_hash)


async def end_session(tx: Tx, token_hash: bytes) -> None:
    await tx.execute("DELETE FROM sessions WHERE token_hash = $1", token_hash)


async def end_sessions(tx: Tx, user: str, but: bytes = b"") -> int:
    """End all sessions of `user` except the one with the hash `but`; how many."""
    ended = await tx.fetch("DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2 RETURNING 1", user, but)
    return len(ended)


# --- sign-in links ----------------------------------------------------------------------------------------------------


async def add_link(tx: Tx, token_hash: bytes, user: str, now: datetime, expires: datetime) -> None:
    await tx.execute("DELETE FROM sign_in_links WHERE expires_at < $1", now)
    await tx.execute(
        "INSERT INTO sign_in_links (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        token_hash, user, now, expires,
    )  # fmt: skip


async def link_user(tx: Tx, token_hash: bytes, now: datetime) -> str | None:
    """Whose link this is, when it can still be used. Changes nothing."""
    found: str | None = await tx.fetchval(
        "SELECT user_id FROM sign_in_links WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2",
        token_hash, now,
    )  # fmt: skip
    return found


async def use_link(tx: Tx, token_hash: bytes, now: datetime) -> str | None:
    """Spend the link: its user for exactly one caller, None for every other."""
    found: str | None = await tx.fetchval(
        "UPDATE sign_in_links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2"
        " RETURNING user_id",
        token_hash, now,
    )  # fmt: skip
    return found


async def drop_links(tx: Tx, user: str) -> None:
    await tx.execute("DELETE FROM sign_in_links WHERE user_id = $1", user)


# --- guesses ----------------------------------------------------------------------------------------------------------


async def lock_guesses(tx: Tx, subjects: list[str]) -> None:
    """Let only one guess per subject be counted at a time (in one order, so that two cannot wait for each other)."""
    for subject in sorted(subjects):
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('sign-in ' || $1, 0))", subject)


async def guesses(tx: Tx, subjects: list[str], since: datetime) -> dict[str, tuple[int, datetime]]:
    """Per subject that has any since then: how many guesses, and the oldest of them."""
    rows = await tx.fetch(
        "SELECT subject, count(*) AS n, min(at) AS oldest FROM sign_in_attempts"
        " WHERE subject = ANY($1::text[]) AND at >= $2 GROUP BY subject",
        subjects, since,
    )  # fmt: skip
    return {row["subject"]: (row["n"], row["oldest"]) for row in rows}


async def add_guess(tx: Tx, subjects: list[str], now: datetime, forget_before: datetime) -> None:
    await tx.execute("DELETE FROM sign_in_attempts WHERE at < $1", forget_before)
    await tx.executemany("INSERT INTO sign_in_attempts (subject, at) VALUES ($1, $2)", [(s, now) for s in subjects])


async def forget_guess(tx: Tx, subjects: list[str], at: datetime) -> None:
    """Take back the guess counted at `at`: it was right."""
    await tx.execute("DELETE FROM sign_in_attempts WHERE subject = ANY($1::text[]) AND at = $2", subjects, at)


async def forget_guesses(tx: Tx, subject: str) -> None:
    await tx.execute("DELETE FROM sign_in_attempts WHERE subject = $1", subject)


# --- API tokens -------------------------------------------------------------------------------------------------------


async def add_token(
    tx: Tx, name: str, token_hash: bytes, role: str, actor: str, now: datetime, user: str | None = None
) -> Token | None:
    """None when the name is taken."""
    row = await tx.fetchrow(
        "INSERT INTO tokens (name, token_hash, role, created_by, created_at, user_id) VALUES ($1, $2, $3, $4, $5, $6)"
        f" ON CONFLICT DO NOTHING RETURNING {_TOKEN}",
        name, token_hash, role, actor, now, user,
    )  # fmt: skip
    return Token(*row) if row else None


async def token(tx: Tx, token_hash: bytes) -> Token | None:
    """The token with this hash, unless it was revoked."""
    row = await tx.fetchrow(f"SELECT {_TOKEN} FROM tokens WHERE token_hash = $1 AND revoked_at IS NULL", token_hash)
    return Token(*row) if row else None


async def touch_token(tx: Tx, id: int, now: datetime) -> None:
    await tx.execute("UPDATE tokens SET last_used_at = $2 WHERE id = $1", id, now)


async def tokens(tx: Tx) -> list[Token]:
    """All of them, newest first, revoked ones too."""
    return [Token(*row) for row in await tx.fetch(f"SELECT {_TOKEN} FROM tokens ORDER BY id DESC")]


async def revoke_token(tx: Tx, name: str, now: datetime) -> Token | None:
    """Revoke by name; revoking twice keeps the first time. None when there is no such token."""
    row = await tx.fetchrow(
        f"UPDATE tokens SET revoked_at = coalesce(revoked_at, $2) WHERE name = $1 RETURNING {_TOKEN}", name, now
    )
    return Token(*row) if row else None


# --- audit ------------------------------------------------------------------------------------------------------------


async def audit(
    tx: Tx, at: datetime, actor: str, action: str, subject: str, data: dict[str, Any] | None = None
) -> None:
    """One line of who did what with access. `data` never holds a secret."""
    await tx.execute(
        "INSERT INTO audit (at, actor, action, subject, data) VALUES ($1, $2, $3, $4, $5)",
        at, actor, action, subject, data or {},
    )  # fmt: skip


async def audited(tx: Tx, action: str, subject: str, limit: int) -> list[Mapping[str, Any]]:
    """Lines of the audit trail about one subject (`at`, `actor`, `data`), newest first."""
    return list(
        await tx.fetch(
            "SELECT at, actor, data FROM audit WHERE action = $1 AND subject = $2 ORDER BY id DESC LIMIT $3",
            action, subject, limit,
        )
    )  # fmt: skip
