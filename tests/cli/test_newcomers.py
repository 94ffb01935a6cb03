"""The checklist of a newcomer from a terminal."""

from __future__ import annotations

from tocsin.core.spelling import plain

from ..story.world import directory
from .conftest import Terminal


async def test_a_checklist_from_a_terminal(terminal: Terminal) -> None:
    world = terminal.desk.world
    team = {"id": "payments", "members": ["alice", "bob"], "manager": "erin",
            "readiness": [{"id": "tea", "text": "Knows where the tea is"}]}  # fmt: skip
    users = [plain(user) for user in world.ctx.directory.users.values()]
    world.ctx.directory = directory({"teams": [team], "users": users})
    assert "Nobody is new on call." in (await terminal.ok("newcomer", "list")).err
    assert "Knows where the tea is" in (await terminal.ok("newcomer", "open", "bob", "--mentor", "alice")).out
    early = await terminal.run("newcomer", "sign", "bob", role="manager")
    assert (early.code, "Not yet: Knows where the tea is" in early.err) == (1, True)
    await terminal.ok("newcomer", "tick", "bob", "tea", role="manager")
    await terminal.ok("newcomer", "tick", "bob", "tea", "--undo", role="manager")
    assert "1 of 1" not in (await terminal.ok("newcomer", "list")).out
    await terminal.ok("newcomer", "tick", "bob", "tea", role="manager")
    assert (await terminal.ok("newcomer", "sign", "bob", "--note", "Fine", "--json", role="manager")).json()["ready"]
    assert "signed" in (await terminal.ok("newcomer", "show", "bob", "--team", "payments")).out
    assert not (await terminal.ok("newcomer", "withdraw", "bob", "--json", role="manager")).json()["ready"]
    assert (await terminal.run("newcomer", "tick", "bob", "coffee", role="manager")).code == 2
