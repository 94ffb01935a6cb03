"""Rows come out of the database as they went in, whatever they hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.store.database import prepare
from tocsin.store.rows import Json, Rows, Words, texts


class Row(msgspec.Struct, kw_only=True):
    id: int
    name: str
    nickname: str | None
    size: int | None
    at: datetime
    until: datetime | None
    good: bool
    owner: UUID | None
    head: bytes
    body: Json
    words: Words
    hint: int


ROWS = Rows(Row, "things", without=("hint",))
TABLE = """CREATE TEMPORARY TABLE things (id bigint, name text NOT NULL, nickname text, size smallint, at timestamptz, until
  timestamptz, good boolean, owner uuid, head bytea, body jsonb, words text[], twice bigint)"""

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "\x1f", "\x1e", "\x1f\x1e\x1d\x1c", "=", "NULL", "{}", '"', "\\", ","]
)
TIME = st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1 < at.year < 9999)
ROW = st.builds(
    Row,
    id=st.integers(1, 10**12), name=TEXT, nickname=st.none() | TEXT, size=st.none() | st.integers(-9, 9), at=TIME,
    until=st.none() | TIME, good=st.booleans(), owner=st.none() | st.uuids(), head=st.binary(max_size=8),
    body=st.dictionaries(TEXT, TEXT, max_size=3).map(lambda d: Json(msgspec.json.encode(d).decode())),
    words=st.lists(st.sampled_from(["a", "b c", "ü"]), min_size=1, max_size=3).map(lambda w: Words("\x1f".join(w))),
    hint=st.integers(0, 5),
)  # fmt: skip


@pytest.fixture
async def tx(database_url: str) -> Any:
    connection = await asyncpg.connect(database_url)
    await prepare(connection)
    await connection.execute(TABLE)
    yield connection
    await connection.close()


async def test_rows_come_out_as_they_went_in(tx: Any) -> None:
    def sql(rows: int) -> str:
        return ROWS.insert(1, where="r.hint < 5", more=(("twice", "r.hint * 2"),), rows=rows)

    async def there_and_back(rows: list[Row], one_by_one: bool) -> None:
        await tx.execute("TRUNCATE things")
        if one_by_one:
            await tx.execute(sql(len(rows)), *ROWS.values(rows))
        else:
            await tx.execute(sql(0), *ROWS.pack(rows))
        stored = await tx.fetch("SELECT * FROM things")
        assert [tuple(row) for row in stored] == [
            (
                r.id, r.name, r.nickname, r.size, r.at, r.until, r.good, r.owner, r.head, msgspec.json.decode(r.body),
                r.words.split("\x1f"), r.hint * 2,
            )
            for r in rows if r.hint < 5
        ]  # fmt: skip

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(ROW, max_size=4))
    def given_rows(rows: list[Row]) -> None:
        seen.append(rows)

    seen: list[list[Row]] = [[]]
    given_rows()
    for rows in seen:
        await there_and_back(rows, one_by_one=False)
        if rows:
            await there_and_back(rows, one_by_one=True)


def test_the_mark_is_in_none_of_the_texts() -> None:
    assert texts([]) == ""
    assert texts([""]) == "\x1f\x1f"
    assert texts(["a\x1fb", "\x1e"])[0] not in "a\x1fb\x1e"
