"""Mutes and heartbeats from a terminal."""

from __future__ import annotations

from tocsin.flow import heartbeats
from tocsin.store.heartbeats import Received

from ..story.quiet import configure
from .conftest import Terminal

BEAT = {"id": "backup", "service": "api", "cron": "30 2 * * *", "key": "k-0123456789-abcdef"}


async def test_a_mute_from_a_terminal(terminal: Terminal) -> None:
    world = terminal.desk.world
    await world.fire("one", labels={"host": "a"})
    looked = await terminal.ok("mute", "add", 'host="a"', "--for", "2h", "--reason", "new disks", "--preview")
    assert "one is broken" in looked.out
    assert "It is for every service." in looked.err
    assert "Nothing is muted." in (await terminal.ok("mute", "list")).err
    made = (
        await terminal.ok(
            "mute", "add", 'host="a"', "--service", "api", "--for", "2h", "--reason", "new disks", "--json"
        )
    ).json()
    assert (made["services"], made["status"]) == (["api"], "active")
    await world.fire("two", labels={"host": "a"})
    listed = (await terminal.ok("mute", "list")).out
    assert "new disks" in listed
    assert 'host="a" of api' in listed
    short = made["id"][:8]
    assert "two is broken" in (await terminal.ok("mute", "show", short)).out
    assert "What still fires pages now." in (await terminal.ok("mute", "end", short)).out
    await world.settle()
    assert world.phone("alice").times == 2
    assert (
        "It held back 1 alert (1 event); 1 still fired at its end."
        in (await terminal.ok("mute", "show", made["id"])).out
    )
    assert (await terminal.ok("mute", "list", "--json")).json()["items"][0]["status"] == "expired"


async def test_planned_ones_and_what_is_wrong(terminal: Terminal) -> None:
    await configure(terminal.desk.world)
    made = await terminal.ok(
        "mute", "add", "--service", "api", "--maintenance", "--rrule", "FREQ=MONTHLY;BYDAY=1SU", "--from", "2026-03-01T02:00",
        "--for", "4h", "--time-zone", "Europe/Berlin", "--reason", "monthly upgrade", "--json",
    )  # fmt: skip
    assert (made.json()["kind"], made.json()["starts_at"]) == ("maintenance", "2026-04-05T00:00:00Z")
    said = await terminal.run("mute", "add", 'host="a"', "--reason", "x")
    assert (said.code, "/ends_at: say until when" in said.err) == (2, True)
    assert (await terminal.run("mute", "end", "nothing-like-it")).code == 1


async def test_heartbeats_from_a_terminal(terminal: Terminal) -> None:
    world = terminal.desk.world
    await configure(world, heartbeats=[BEAT])
    assert "new" in (await terminal.ok("heartbeat", "list")).out
    now = world.clock.now()
    ping = Received(
        at=now, kind="fail", exit_status=3, rid=None, seconds=None, method="GET", remote="", agent="", body=b"disk full"
    )
    await heartbeats.receive(world.ctx, world.ctx.directory.heartbeats["backup"], ping)
    await world.settle()
    shown = (await terminal.ok("heartbeat", "show", "backup", role="manager")).out
    for words in ("down", "disk full", "30 2 * * *", "http://tocsin.test/ping/k-0123456789-abcdef"):
        assert words in shown
    assert (await terminal.ok("heartbeat", "list", "--status", "down", "--json")).json()["items"][0]["id"] == "backup"
    assert "backup is paused." in (await terminal.ok("heartbeat", "pause", "backup")).out
    assert "backup is up." in (await terminal.ok("heartbeat", "resume", "backup")).out


async def test_a_heartbeat_is_made_and_removed_from_a_terminal(terminal: Terminal) -> None:
    await configure(terminal.desk.world)
    words = (
        "heartbeat",
        "create",
        "reports",
        "--service",
        "api",
        "--cron",
        "30 2 * * *",
        "--time-zone",
        "Europe/Berlin",
    )
    said = (await terminal.ok(*words, role="manager")).out
    assert "reports waits for its first ping at http://tocsin.test/ping/" in said
    again = await terminal.run(*words, role="manager")
    assert (again.code, "already" in again.err) == (1, True)
    assert (await terminal.run("heartbeat", "create", "x", "--service", "api", role="manager")).code == 2
    assert "Removed: reports" in (await terminal.ok("heartbeat", "delete", "reports", role="manager")).out
