"""Updates, communications, subscriptions and promises from a terminal."""

from __future__ import annotations

from ..story.test_updates import organisation
from .conftest import Terminal


async def test_an_update_from_a_terminal(terminal: Terminal) -> None:
    world = terminal.desk.world
    world.ctx.directory = organisation()
    await world.fire()
    await world.acknowledge(1)
    shown = await terminal.ok("incident", "update", "1", "--compose", "-a", "public", role="manager")
    assert "Some users may experience problems with Payments." in shown.out
    out = (
        await terminal.ok("incident", "update", "1", "Cards are declined.", "--next", "15m", "--status", "identified")
    ).out
    assert "Published for stakeholders, to 0 addresses. Next update by" in out
    assert (await terminal.ok("incident", "show", "1", "--json")).json()["status"] == "identified"
    composed = (
        "incident",
        "update",
        "1",
        "-a",
        "public",
        "--component",
        "payments=major_outage",
        "--cause",
        "capacity",
    )
    assert "Published for public, to the status page." in (await terminal.ok(*composed, role="manager")).out
    assert (
        "Draft 3 for executives is kept."
        in (await terminal.ok("incident", "update", "1", "Short.", "-a", "executives", "--keep")).out
    )
    assert "Published for executives" in (await terminal.ok("incident", "update", "1", "--draft", "3")).out
    listed = await terminal.ok("incident", "updates", "1")
    assert "Cards are declined." in listed.out
    assert len((await terminal.ok("incident", "updates", "1", "--json")).json()["items"]) == 3
    late = await terminal.run("incident", "update", "1", "Hello", "--next-at", "2020-01-01T00:00:00Z")
    assert late.code == 2
    assert "in the past" in late.err
    assert (await terminal.run("incident", "update", "1", "Hello", "-a", "public")).code == 1
    assert "told: stakeholders and executives" in (await terminal.ok("incident", "resolve", "1", "--tell")).out
    assert "Told: public." in (await terminal.ok("incident", "update", "1", "--everyone", role="manager")).out


async def test_communications_subscriptions_and_promises_from_a_terminal(terminal: Terminal) -> None:
    world = terminal.desk.world
    world.ctx.directory = organisation()
    await world.fire()
    said = await terminal.ok("incident", "communicate", "1", "Called the bank", "--channel", "phone")
    assert "no channel phone is configured" in said.out
    assert "Called the bank" in (await terminal.ok("incident", "communicate", "1")).out
    assert (
        "carol is told of api from sev1_critical on."
        in (
            await terminal.ok(
                "subscription", "add", "--user", "carol", "--service", "api", "-s", "SEV1", role="manager"
            )
        ).out
    )
    assert "carol" in (await terminal.ok("subscription", "list", "--user", "*", role="manager")).out
    assert "It is ended." in (await terminal.ok("subscription", "remove", "1", role="manager")).out
    await terminal.ok("incident", "update", "1", "Hello", "--next", "5m")
    await world.wait(minutes=6)
    assert "0% kept (0 kept, 1 broken" in (await terminal.ok("promises")).out
    assert (await terminal.ok("promises", "--json")).json()["broken"] == 1
