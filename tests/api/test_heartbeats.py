"""Heartbeats over the API: how they stand, their pings, pausing, and who sees where to ping."""

from __future__ import annotations

from tocsin.flow import heartbeats
from tocsin.store.heartbeats import Received

from ..story.quiet import configure
from .desk import Desk

KEY = "8f6c9b3e-6a35-4d7b-9d9b-0c5b6a1f2e11"
NIGHTLY = {
    "id": "nightly",
    "service": "api",
    "cron": "0 3 * * *",
    "time_zone": "Europe/Berlin",
    "grace": "1h",
    "key": KEY,
}
HOURLY = {"id": "hourly", "service": "api", "period": "1h", "grace": "5m", "key": "hourly-0123456789abcdef"}


async def ping(desk: Desk, id: str = "hourly", kind: str = "success", body: bytes = b"") -> None:
    now = desk.world.clock.now()
    received = Received(
        at=now,
        kind=kind,
        exit_status=None,
        rid=None,
        seconds=None,
        method="POST",
        remote="192.0.2.1",
        agent="curl",
        body=body,
    )  # type: ignore[arg-type]
    await heartbeats.receive(desk.world.ctx, desk.world.ctx.directory.heartbeats[id], received)
    await desk.world.settle()


async def test_the_list_says_how_each_stands(desk: Desk) -> None:
    await configure(desk.world, heartbeats=[NIGHTLY, HOURLY])
    await ping(desk, body=b"copied 42 files \x00\xff")
    found = await desk.get("/heartbeats")
    assert [(b["id"], b["status"], b["expected_at"]) for b in found["items"]] == [
        ("hourly", "up", "2026-03-02T11:00:00Z"), ("nightly", "new", None),
    ]  # fmt: skip
    assert [one["kind"] for one in found["items"][0]["recent"]] == ["success"]
    await desk.world.wait(minutes=61)
    assert [b["id"] for b in (await desk.get("/heartbeats", query={"status": "late"}))["items"]] == ["hourly"]
    await desk.world.wait(minutes=4)
    one = await desk.get("/heartbeats/hourly")
    assert (one["status"], one["pings_count"]) == ("down", 1)
    assert one["pings"][0]["body"] == "copied 42 files \ufffd\ufffd"
    await desk.refused("GET", "/heartbeats/nothing", 404)


async def test_pausing_and_resuming(desk: Desk) -> None:
    await configure(desk.world, heartbeats=[HOURLY])
    await ping(desk, kind="fail")
    assert (await desk.post("/heartbeats/hourly/pause"))["status"] == "paused"
    await desk.world.settle()
    assert (await desk.get("/alerts", query={"status": "open"}))["items"] == []
    assert (await desk.post("/heartbeats/hourly/resume"))["status"] == "up"
    await desk.refused("POST", "/heartbeats/hourly/pause", 403, role="observer")


async def test_keys_are_for_those_who_configure_and_what_is_read_can_be_written_back(desk: Desk) -> None:
    await configure(desk.world, heartbeats=[HOURLY])
    seen = await desk.get("/heartbeats/hourly", role="observer")
    assert (seen["ping_url"], HOURLY["key"] in str(seen)) == (None, False)
    assert (await desk.get("/heartbeats/hourly", role="manager"))[
        "ping_url"
    ] == f"http://tocsin.test/ping/{HOURLY['key']}"
    body = {"id": "made", "service": "api", "period": "5m", "key": "made-by-hand-0123456789"}
    await desk.post("/heartbeats", body, 201, role="manager")
    read = await desk.get("/heartbeats/made", role="manager")
    answer = await desk.call("PUT", "/heartbeats/made", {**read, "period": "10m"}, role="manager")
    assert answer.status_code == 200, answer.text
    assert (await desk.get("/heartbeats/made"))["period"] == "10m"
    same = await desk.refused("POST", "/heartbeats", 422, {**body, "id": "other"}, role="manager")
    assert [error["pointer"] for error in same["errors"]] == ["/key"]
    both = await desk.refused(
        "POST", "/heartbeats", 422, {**body, "id": "other", "key": "x" * 20, "cron": "* * * * *"}, role="manager"
    )
    assert [error["pointer"] for error in both["errors"]] == ["/period"]
