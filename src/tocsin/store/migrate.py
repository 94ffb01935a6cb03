"""Brings a database to this release's schema: the numbered files of `migrations/`, each once, in order, each in a transaction.

A release must run beside the one before it on the same database. So a database that is ahead of this program is welcome, unless
one of the migrations it has says that this program's release cannot live with it: a first line `-- incompatible` .
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import asyncpg
import structlog

from tocsin.core.errors import TocsinError
from tocsin.store.database import translated

log = structlog.get_logger("tocsin.migrate")

OLDEST = 15
"""The oldest PostgreSQL that this program's SQL runs on."""

_LOCK = 0x746F6373696E  # "tocsin"
_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_INCOMPATIBLE = "-- incompatible"


class MigrationError(TocsinError):
    """The database cannot be brought to this release's schema; the message says why. Nothing was changed by the failing step."""

    title = "The database does not fit this release"


@dataclass(frozen=True)
class Migration:
    """One file of `migrations/`. `compatible`: the release before this one can go on working on the changed schema."""

    version: int
    name: str
    sql: str

    @property
    def label(self) -> str:
        return f"{self.version:04d}_{self.name}"

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def compatible(self) -> bool:
        return not self.sql.startswith(_INCOMPATIBLE)


def migrations() -> list[Migration]:
    """The migrations that this release brings, in order."""
    found = []
    for entry in files("tocsin.store").joinpath("migrations").iterdir():
        if (match := _NAME.fullmatch(entry.name)) is not None:
            found.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


async def migrate(url: str) -> list[str]:
    """Apply what is missing in the database at `url`; the labels of what was applied (`0001_main`).

    Several nodes may do so at once: one works, the others wait and find it done. Raises Unavailable when the database cannot be
    reached, MigrationError when it does not fit.
    """
    connection = await _connect(url)
    try:
        _check_server(connection)
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        return await _migrate(connection, migrations())
    finally:
        await connection.close()


async def pending(tx: Any) -> list[str]:
    """The labels of this release's migrations that the database does not have yet."""
    try:
        applied = {row["version"] for row in await tx.fetch("SELECT version FROM schema_migrations")}
    except asyncpg.UndefinedTableError:
        applied = set()
    return [migration.label for migration in migrations() if migration.version not in applied]


async def _connect(url: str) -> Any:
    session = {"application_name": "tocsin migrate", "timezone": "UTC"}
    try:
        with translated():
            try:
                return await asyncpg.connect(url, timeout=5, server_settings=session)
            except ValueError:
                # Not quoted: what cannot be read may be a part of the password.
                raise MigrationError(
                    "TOCSIN_DATABASE_URL cannot be read. It looks like postgresql://user:password@host:5432/database; "
                    "special characters in the password must be percent-encoded."
                ) from None
    except asyncpg.PostgresError as error:
        # Answered, and refused: a wrong password, no such database. Waiting would not mend it.
        raise MigrationError(f"The database refuses us: {error}") from error


def _check_server(connection: Any) -> None:
    version = connection.get_server_version()
    if version.major < OLDEST:
        raise MigrationError(
            f"The database is PostgreSQL {version.major}.{version.minor}; Tocsin needs {OLDEST} or later. Upgrade it, or point "
            "TOCSIN_DATABASE_URL to a newer one."
        )


async def _migrate(connection: Any, ours: list[Migration]) -> list[str]:
    await connection.execute("""
        CREATE TABLE IF NOT EXISTS schema_migrations (
          version integer PRIMARY KEY,
          name text NOT NULL,
          checksum text NOT NULL,
          compatible boolean NOT NULL,
          applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )""")
    applied = {row["version"]: row for row in await connection.fetch("SELECT * FROM schema_migrations")}
    _check_applied(applied, ours)
    done = []
    for migration in ours:
        if migration.version not in applied:
            await _apply(connection, migration)
            done.append(migration.label)
    await connection.execute(
        "INSERT INTO configuration (secret) VALUES ($1) ON CONFLICT DO NOTHING", secrets.token_hex(32)
    )
    return done


def _check_applied(applied: dict[int, Any], ours: list[Migration]) -> None:
    known = {migration.version: migration for migration in ours}
    for version, row in sorted(applied.items()):
        if version not in known and not row["compatible"]:
            raise MigrationError(
                f"The database was changed by a newer Tocsin (migration {version:04d}_{row['name']}) in a way that this release "
                "cannot work with. Start the newer release."
            )
        if version in known and known[version].checksum != row["checksum"]:
            raise MigrationError(
                f"Migration {known[version].label} was changed after it had been applied to this database. Migrations never "
                "change once released: restore the file, or start with a new database."
            )


async def _apply(connection: Any, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum, compatible) VALUES ($1, $2, $3, $4)",
                migration.version, migration.name, migration.checksum, migration.compatible,
            )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise MigrationError(f"Migration {migration.label} failed, nothing of it was kept: {error}") from error
    log.info("migrated", migration=migration.label)
