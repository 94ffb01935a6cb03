"""The room from a terminal."""

from __future__ import annotations

from .conftest import Terminal


async def opened(terminal: Terminal) -> str:
    return str((await terminal.desk.world.fire()).incident)


async def test_roles_from_a_terminal(terminal: Terminal) -> None:
    number = await opened(terminal)
    assert "alice (acting)" in (await terminal.ok("incident", "role", number)).out
    assert "Alice is incident commander." in (await terminal.ok("incident", "role", number, "commander", "alice")).out
    refused = await terminal.run("incident", "role", number, "ic", "bob")
    assert (refused.code, "Alice is incident commander already" in refused.err) == (1, True)
    told = await terminal.ok("incident", "role", number, "ic", "bob", "--take")
    assert "Bob is incident commander." in told.out
    told = await terminal.ok("incident", "role", number, "ic", "alice", "--hand-over", "We roll back.")
    assert "Alice is asked to take over as incident commander." in told.out
    told = await terminal.ok("incident", "role", number, "ic", "--read-back", "You roll back.")
    assert "Alice is incident commander now." in told.out
    told = await terminal.ok("incident", "role", number, "comms", "--schedule", "primary")
    assert "Alice is comms lead and was paged." in told.out
    found = (await terminal.ok("incident", "role", number, "comms", "--release", "--json")).json()
    assert found["roles"] == {"incident_commander": "alice"}
    roles = (await terminal.ok("incident", "role", number, "--json")).json()
    assert (roles["acting_commander"], roles["no_commander"]) == (None, False)
    for words in (("ic",), ("ic", "--hand-over", "x"), ("king", "bob"), ("ic", "bob", "--schedule", "primary")):
        assert (await terminal.run("incident", "role", number, *words)).code == 2, words


async def test_what_we_know_and_who_does_what(terminal: Terminal) -> None:
    number = await opened(terminal)
    said = (await terminal.ok("incident", "chat", number, "db-1 is full", "--json")).json()
    assert "db-1 is full" in (await terminal.ok("incident", "chat", number)).out
    told = await terminal.ok("incident", "finding", number, "--pin", str(said["id"]))
    assert "Fact 1: db-1 is full" in told.out
    assert "Hypothesis 2: a leak" in (await terminal.ok("incident", "finding", number, "a leak")).out
    assert "Refuted 2" in (await terminal.ok("incident", "finding", number, "--refute", "2", "--why", "no")).out
    assert len((await terminal.ok("incident", "finding", number, "--json")).json()["items"]) == 2
    told = await terminal.ok(
        "incident", "task", number, "free it", "--owner", "bob", "--check-in", "15m", "--stream", "Disks"
    )
    assert "Task 1 (open): free it" in told.out
    assert "Disks" in (await terminal.ok("incident", "task", number)).out
    told = await terminal.ok("incident", "task", number, "--id", "1", "--done", "--note", "freed")
    assert "Task 1 (done): free it" in told.out
    told = await terminal.ok("incident", "decide", number, "buy disks", "--why", "full", "--instead-of", "rotating")
    assert "Decision 1 is written down." in told.out
    assert "rotating" in (await terminal.ok("incident", "decide", number)).out
    assert "Corrected." in (await terminal.ok("incident", "correct", number, str(said["id"]), "db-2")).out
    assert "Look at what changed" in (await terminal.ok("incident", "checklist", number, "changes")).out
    found = (await terminal.ok("incident", "checklist", number, "changes", "--undo", "--json")).json()
    assert not next(one for one in found["items"] if one["id"] == "changes")["done"]
    assert "disk is broken" in (await terminal.ok("incident", "onset", number)).out
    assert (await terminal.ok("incident", "onset", number, "--json")).json()["changes"] == []
    refused = await terminal.run("incident", "task", number, "x", "--check-in", "soon")
    assert (refused.code, "/next_check_in" in refused.err) == (2, True)
