"""The checklist of a newcomer in the browser: seen by all, ticked by hand, signed by a mentor."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tocsin.core.spelling import plain
from tocsin.store.database import Database

from ..story.world import directory
from .visitor import Site, open_site, text_of

SHADOWED = {"user": "carol", "from": "2026-02-16T09:00", "to": "2026-03-02T09:00"}


@pytest.fixture
async def new(db: Database) -> AsyncIterator[Site]:
    async with open_site(db) as site:
        layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00"}
        schedule = {"id": "primary", "name": "Primary", "team": "payments", "layers": [layer], "shadows": [SHADOWED]}
        users = [plain(user) for user in site.world.ctx.directory.users.values()]
        site.world.ctx.directory = directory({"schedules": [schedule], "users": users})
        yield site


async def test_a_newcomer_ticks_and_a_mentor_signs(new: Site) -> None:
    carol, alice = await new.someone("carol"), await new.someone("alice")
    assert "Carol shadows Primary" in text_of(await carol.get("/newcomers"))
    page = "/newcomers/carol?team=payments"
    words = text_of(await carol.get(page))
    for part in (
        "2 of 7",
        "seen 2 of 2: ticks itself",
        "Answered a drill",
        "Your mentor, or somebody else of the team, signs it.",
    ):
        assert part in words, part
    assert "Sign: Carol is ready" not in words
    for item in ("drill", "handoff", "runbooks", "access", "escalate"):
        form = {"team": "payments", "item": item, "done": "1"}
        words = await carol.says(await carol.send("/newcomers/carol/tick", form, page=page))
    assert "ticked by Carol" in words
    early = await carol.send("/newcomers/carol/sign", {"team": "payments"})
    assert early.status_code == 422
    assert "never by the newcomer" in text_of(early.text)
    said = await alice.says(
        await alice.send("/newcomers/carol/sign", {"team": "payments", "note": "Calm hands."}, page=page)
    )
    for part in ("Carol is ready to be on call alone.", "Signed by Alice", "Calm hands.", "Take the signature back"):
        assert part in said, part
    said = await alice.says(await alice.send("/newcomers/carol/withdraw", {"team": "payments"}))
    assert "Sign: Carol is ready" in said


async def test_a_checklist_is_opened_by_hand_and_an_unfinished_one_is_not_signed(new: Site) -> None:
    alice, olga = await new.someone("alice"), await new.someone("olga")
    said = await alice.says(await alice.send("/newcomers", {"user": "bob", "mentor": "alice"}, page="/newcomers"))
    assert "mentor: Alice" in said
    refused = await alice.send("/newcomers/bob/sign", {"team": "payments"})
    assert refused.status_code == 422
    assert "Not yet: Shadowed two shifts" in text_of(refused.text)
    assert (await alice.send("/newcomers", {"user": ""}, page="/newcomers")).status_code == 422
    words = text_of(await olga.get("/newcomers/bob?team=payments"))
    assert "Sign:" not in words
    assert "Tick" not in words
    await alice.get("/newcomers/nobody", 404)
    await alice.get("/newcomers/erin", 404)
