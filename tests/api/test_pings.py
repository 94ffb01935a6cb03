"""The door of heartbeats: the words and statuses of healthchecks.io, and yes only after the commit."""

from __future__ import annotations

import pytest

from tocsin.core.directory import Directory
from tocsin.core.errors import Unavailable
from tocsin.core.planned import Heartbeat
from tocsin.core.spelling import decode
from tocsin.flow import heartbeats
from tocsin.store.database import Database

from .house import House, build

KEY = "8f6c9b3e-6a35-4d7b-9d9b-0c5b6a1f2e11"
BEAT = {"id": "nightly", "service": "api", "period": "1d", "key": KEY}


@pytest.fixture
def house(db: Database) -> House:
    made = build(db)
    made.ctx.directory = Directory.of({"heartbeats": [decode(BEAT, Heartbeat)]})
    return made


async def kept(house: House) -> list[tuple[object, ...]]:
    async with house.ctx.db.reading() as tx:
        return [
            tuple(r) for r in await tx.fetch("SELECT kind, exit_status, rid::text, method, body FROM pings ORDER BY id")
        ]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_a_ping_is_ok(house: House, method: str) -> None:
    answer = await house.call(method, f"/ping/{KEY}")
    assert (answer.status, answer.body) == (200, b"OK")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"].startswith("text/plain")
    assert [(row[0], row[3]) for row in await kept(house)] == [("success", method)]


@pytest.mark.parametrize(
    ("rest", "kind", "status"),
    [("/start", "start", None), ("/fail", "fail", None), ("/log", "log", None), ("/0", "success", 0), ("/1", "fail", 1),
     ("/255", "fail", 255), ("/", "success", None)],
)  # fmt: skip
async def test_what_stands_behind_the_key_says_what_happened(
    house: House, rest: str, kind: str, status: int | None
) -> None:
    assert (await house.call("GET", f"/ping/{KEY}{rest}")).status == 200
    assert [row[:2] for row in await kept(house)] == [(kind, status)]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [("/ping/unknown-key-0123456789", 404, b"not found"), (f"/ping/{KEY}/stop", 404, b"not found"),
     (f"/ping/{KEY}/start/more", 404, b"not found"), ("/ping/", 404, b"not found"),
     (f"/ping/{KEY}/256", 400, b"invalid url format"), (f"/ping/{KEY}?rid=nonsense", 400, b"invalid uuid format"),
     (f"/ping/{KEY}?rid=", 400, b"invalid uuid format")],
)  # fmt: skip
async def test_what_is_wrong_is_told_and_leaves_nothing(house: House, path: str, status: int, body: bytes) -> None:
    answer = await house.call("GET", path)
    assert (answer.status, answer.body) == (status, body)
    assert await kept(house) == []


async def test_other_methods_are_not_allowed(house: House) -> None:
    answer = await house.call("DELETE", f"/ping/{KEY}")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, POST, HEAD"


async def test_the_body_is_kept_up_to_its_limit_and_a_longer_one_is_no_reason_to_miss_a_ping(house: House) -> None:
    await house.call("POST", f"/ping/{KEY}", b"done: 42 files \xff")
    answer = await house.call("POST", f"/ping/{KEY}", chunks=[b"x" * 60_000] * 20)
    assert answer.status == 200
    assert answer.headers["ping-body-limit"] == "100000"
    assert [row[4] for row in await kept(house)] == [b"done: 42 files \xff", b"x" * 100_000]


async def test_a_run_id_is_kept(house: House) -> None:
    rid = "6d7e5a4c-0000-4000-8000-0123456789ab"
    await house.call("GET", f"/ping/{KEY}/start?rid={rid}")
    assert [row[2] for row in await kept(house)] == [rid]


async def test_without_the_database_the_job_is_asked_to_come_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("gone", 7)

    monkeypatch.setattr(heartbeats, "receive", away)
    answer = await house.call("GET", f"/ping/{KEY}")
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")


def test_keys_are_told_apart_without_asking_the_database() -> None:
    beats = [decode({**BEAT, "id": f"b{n}", "key": f"key-number-{n:08d}"}, Heartbeat) for n in range(3)]
    assert Directory.of({"heartbeats": beats}).heartbeat_keys["key-number-00000002"].id == "b2"
