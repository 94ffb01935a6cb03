"""Handoffs in the browser: the outgoing writes, the incoming signs, and everybody sees who is kept in the loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tocsin.core.permission import Principal
from tocsin.core.spelling import plain
from tocsin.flow import relieve
from tocsin.manage import handoffs
from tocsin.store.database import Database

from ..story.world import directory
from .visitor import Site, open_site, text_of

LAYER = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-03-02T09:00"}


@pytest.fixture
async def shift(db: Database) -> AsyncIterator[Site]:
    """Alice's week is nearly over; an incident that nobody answered, with a ticket in its title."""
    async with open_site(db) as site:
        world = site.world
        schedules = [{"id": "primary", "name": "Primary", "layers": [LAYER]}]
        users = [plain(user) for user in world.ctx.directory.users.values()]
        world.ctx.directory = directory({"schedules": schedules, "users": users})
        await relieve.keep_watch(world.ctx)
        await world.wait(days=6, hours=20)
        await world.fire(severity="error", title="Queue grows, PAY-1180")
        yield site


async def test_the_outgoing_writes_and_the_incoming_reads_and_signs(shift: Site) -> None:
    alice, bob = await shift.someone("alice"), await shift.someone("bob")
    page = await alice.get("/handoffs/1")
    words = text_of(page)
    for part in ("Draft", "ONGOING ISSUES", "Queue grows, PAY-1180", "nobody has answered", "Add to this line"):
        assert part in words, part
    assert "Sign: the shift is mine" not in words
    form = {
        "ticket.incident:1": "PAY-1180", "remark.incident:1": "the bank answers on Monday", "add.watch": "Sale on Wednesday",
        "notes": "Call me.",
    }  # fmt: skip
    assert "Saved" in await alice.says(await alice.send("/handoffs/1/edit", form))
    ada = await shift.someone("ada")
    assert "Sign for Bob: the shift is theirs" in text_of(await ada.get("/handoffs/1"))
    words = text_of(await bob.get("/handoffs/1"))
    for part in ("the bank answers on Monday", "Sale on Wednesday", "Call me.", "Sign: the shift is mine"):
        assert part in words, part
    assert "Add to this line" not in words
    assert "Signed by Bob" in await bob.says(await bob.send("/handoffs/1/sign"))
    refused = await alice.send("/handoffs/1/edit", {"notes": "too late"})
    assert refused.status_code == 422
    assert "signed" in text_of(refused.text)


async def test_a_line_can_be_left_out_and_brought_back(shift: Site) -> None:
    alice = await shift.someone("alice")
    await alice.get("/handoffs/1")
    await alice.says(await alice.send("/handoffs/1/edit", {"drop.incident:1": "1"}))
    assert "PAY-1180" not in text_of(alice.seen)
    await alice.says(await alice.send("/handoffs/1/edit", {"restore.incident:1": "1"}))
    assert "PAY-1180" in text_of(alice.seen)


async def test_now_and_the_schedule_say_who_stays_in_the_loop(shift: Site) -> None:
    await shift.world.wait(hours=4)
    for user, words in (("olga", "Until Bob signs, Alice gets a copy"), ("bob", "Until you sign, Alice gets a copy")):
        visitor = await shift.someone(user)
        for path in ("/", "/oncall"):
            assert words in text_of(await visitor.get(path)), (user, path)
    charlie = await shift.someone("charlie")
    assert "handoff" not in text_of(await charlie.get("/"))
    await handoffs.sign(shift.world.ctx, 1, Principal("user:bob", "responder", "bob", "Bob"))
    assert "Until Bob signs" not in text_of(await visitor.get("/"))


async def test_nobody_else_may_write_or_sign(shift: Site) -> None:
    carol = await shift.someone("carol")
    await carol.get("/handoffs")
    for path, form in (("/handoffs/1/edit", {"notes": "x"}), ("/handoffs/1/sign", {})):
        answer = await carol.send(path, form)
        assert answer.status_code == 422
        assert "or by a manager" in text_of(answer.text)


async def test_events_are_planned_in_the_viewers_zone_and_wrong_times_are_told(shift: Site) -> None:
    alice = await shift.someone("alice")
    await alice.get("/handoffs")
    bad = await alice.send("/planned-events", {"title": "Sale", "from": "soon"})
    assert bad.status_code == 422
    assert "'soon' is not a time" in text_of(bad.text)
    form = {"title": "Sale", "from": "2026-03-11T08:00", "expected_load": "3x"}
    assert "load 3x" in await alice.says(await alice.send("/planned-events", form))
    assert "Sale" in text_of(await alice.get("/handoffs/1"))
    assert "Removed: Sale" in await alice.says(await alice.send("/planned-events/1/remove", page="/handoffs"))


async def test_the_document_is_markdown_and_a_handoff_that_is_not_there_is_not_found(shift: Site) -> None:
    olga = await shift.someone("olga")
    answer = await olga.http.get("/handoffs/1/handoff.md")
    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.text.startswith("# On-call handoff: Primary, 2–8 March 2026")
    await olga.get("/handoffs/99", 404)


async def test_what_was_answered_is_offered_and_handed_over(shift: Site) -> None:
    await shift.world.acknowledge(1)
    alice = await shift.someone("alice")
    assert "Hand over to Bob : Queue grows, PAY-1180" in text_of(await alice.get("/handoffs/1"))
    (offered,) = (await handoffs.get(shift.world.ctx, 1))["offered"]
    answer = await alice.send(
        f"/incidents/{offered['id']}/handover", {"user": "bob", "reason": "The shift changes hands"}
    )
    assert answer.status_code == 303
    await shift.world.settle()
    assert shift.world.phone("bob").rang()
