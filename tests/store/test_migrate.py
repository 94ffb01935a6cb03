from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tocsin.core.errors import Unavailable
from tocsin.store import migrate as subject
from tocsin.store.database import Database
from tocsin.store.migrate import Migration, MigrationError, migrate, migrations, pending


async def test_an_empty_database_gets_every_migration_in_order(empty_database_url: str) -> None:
    done = await migrate(empty_database_url)
    assert done == [migration.label for migration in migrations()]
    assert done[0] == "0001_main"


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    assert await migrate(database_url) == []


async def test_numbers_are_unique_and_without_gaps() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))


async def test_nodes_that_start_together_migrate_once(empty_database_url: str) -> None:
    done = await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    assert sorted(len(labels) for labels in done) == [0, 0, 0, len(migrations())]


async def test_an_installation_gets_one_secret_of_its_own(db: Database) -> None:
    async with db.reading() as tx:
        before = await tx.fetchval("SELECT secret FROM configuration")
    assert len(bytes.fromhex(before)) == 32
    await migrate(db.url)
    async with db.reading() as tx:
        assert await tx.fetchval("SELECT secret FROM configuration") == before


async def test_pending_names_what_is_missing(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await pending(connection) == [migration.label for migration in migrations()]
        await migrate(empty_database_url)
        assert await pending(connection) == []
    finally:
        await connection.close()


async def _pretend_newer(db: Database, compatible: bool) -> None:
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO schema_migrations VALUES (9999, 'later', 'x', $1, now())", compatible)


async def test_a_newer_database_is_welcome(db: Database) -> None:
    await _pretend_newer(db, compatible=True)
    assert await migrate(db.url) == []


async def test_a_newer_database_marked_incompatible_is_refused(db: Database) -> None:
    await _pretend_newer(db, compatible=False)
    with pytest.raises(MigrationError, match=r"9999_later.*newer release"):
        await migrate(db.url)


async def test_a_changed_migration_is_refused(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")
    with pytest.raises(MigrationError, match="0001_main was changed"):
        await migrate(db.url)


async def test_a_failing_migration_keeps_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migration(len(migrations()) + 1, "broken", "CREATE TABLE half (x int); SELECT no_such_function();")
    ours = [*migrations(), broken]
    monkeypatch.setattr(subject, "migrations", lambda: ours)
    with pytest.raises(MigrationError, match=r"broken failed.*no_such_function"):
        await migrate(db.url)
    async with db.reading() as tx:
        assert await tx.fetchval("SELECT to_regclass('half')") is None
        assert await tx.fetchval("SELECT count(*) FROM schema_migrations WHERE name = 'broken'") == 0


async def test_an_old_postgresql_is_refused(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "OLDEST", 99)
    with pytest.raises(MigrationError, match=r"The database is PostgreSQL \d+\.\d+; Tocsin needs 99 or later"):
        await migrate(empty_database_url)


async def test_a_database_that_is_not_there_is_refused_at_once(empty_database_url: str) -> None:
    with pytest.raises(MigrationError, match=r"refuses us.*does not exist"):
        await migrate(empty_database_url.replace("/test_", "/no_such_"))


async def test_nobody_at_the_address_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await migrate("postgresql://tocsin@127.0.0.1:1/tocsin")


async def test_an_address_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(MigrationError, match="TOCSIN_DATABASE_URL cannot be read"):
        await migrate("postgresql://tocsin@host:port/tocsin")
