"""Reviews in the browser: the draft is read, written into, published or waived; reports; a place to try out a text."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tocsin.core.incident import public_id
from tocsin.flow import closing, respond
from tocsin.store.database import Database

from .visitor import Site, open_site, text_of

HOME = f"/incidents/{public_id(1)}"
REVIEW = f"{HOME}/review"


@pytest.fixture
async def over(db: Database) -> AsyncIterator[Site]:
    """A SEV1 that Alice answered after 2 minutes and resolved after 20."""
    async with open_site(db) as site:
        await site.world.fire(severity="critical", title="Queue <b>grows</b>")
        await site.world.wait(minutes=2)
        await respond.acknowledge(site.world.ctx, 1, "user:alice")
        await site.world.wait(minutes=18)
        await closing.resolve(site.world.ctx, 1, "user:alice", "Pool made larger")
        yield site


async def test_a_draft_is_written_and_published(over: Site) -> None:
    alice = await over.someone("alice")
    room = text_of(await alice.get(HOME))
    assert "The review is drafted; Alice writes it." in room
    words = text_of(await alice.get(REVIEW))
    for part in (
        "Draft",
        "Timeline of Events",
        "somebody answered in 2 min; target 5 min: met",
        "Not written yet: Root Cause",
        "Pool made larger",
    ):
        assert part in words, part
    assert "<b>grows" not in alice.seen
    form = {"section": "root_cause", "text": "Bob pushed bad code.\n\n<script>x</script>", "version": "0"}
    words = await alice.says(await alice.send(f"{REVIEW}/section", form))
    assert "The system allowed bad code to be pushed" in words
    assert "<script>x" not in alice.seen
    refused = await alice.send(f"{REVIEW}/section", {**form, "text": "Mine was lost?"})
    assert refused.status_code == 422
    assert "wrote here since" in text_of(refused.text)
    assert "Mine was lost?" in refused.text, "nobody's words are lost"
    await alice.says(
        await alice.send(f"{REVIEW}/section", {"section": "lessons_learned", "text": "Watch the age", "version": "0"})
    )
    await alice.says(await alice.send(f"{REVIEW}/factor", {"kind": "process", "text": "No limit", "evidence": "graph"}))
    words = await alice.says(
        await alice.send(f"{REVIEW}/action", {"action": "Limit it", "owner": "bob", "due_on": "2026-03-20"})
    )
    assert "Not written yet" not in words
    assert "Limit it" in words
    await alice.says(await alice.send(f"{REVIEW}/follow-up", {"task": "timeline", "done": "1"}))
    assert "Review published." in await alice.says(await alice.send(f"{REVIEW}/settle", {"act": "publish"}))
    words = text_of(await alice.get(REVIEW))
    assert "it can be closed now" in words
    assert "No limit (evidence: graph)" in words
    assert "Queue" in text_of(await alice.get("/reviews?state=published"))


async def test_a_review_is_waived_in_the_browser(over: Site) -> None:
    alice = await over.someone("alice")
    await alice.get(REVIEW)
    refused = await alice.send(f"{REVIEW}/settle", {"act": "waive", "reason": " "})
    assert refused.status_code == 422
    assert (
        "waived"
        in (await alice.says(await alice.send(f"{REVIEW}/settle", {"act": "waive", "reason": "Known"}))).lower()
    )
    assert "No review is written: Known" in text_of(await alice.get(HOME))
    assert "a draft again" in await alice.says(await alice.send(f"{REVIEW}/settle", {"act": "take_up"}))


async def test_a_review_that_is_too_early_says_so(db: Database) -> None:
    async with open_site(db) as site:
        await site.world.fire(severity="critical")
        alice = await site.someone("alice")
        words = text_of(await alice.get(REVIEW, 409))
        assert "Incident must be closed before generating PIR" in words
        assert "Ongoing" in text_of(await alice.get(f"{HOME}/report"))


async def test_observers_read_and_stakeholders_do_not(over: Site) -> None:
    olga = await over.someone("olga")
    words = text_of(await olga.get(REVIEW))
    assert "Root Cause" in words
    assert "Publish the review" not in words
    await olga.get("/language")
    assert (await olga.send(f"{REVIEW}/settle", {"act": "publish"})).status_code == 403


async def test_a_text_can_be_tried(over: Site) -> None:
    alice = await over.someone("alice")
    await alice.get("/language")
    answer = await alice.send("/language", {"text": "Bob broke the k8s <i>cluster</i>.", "kind": "update"})
    words = text_of(answer.text)
    for part in ("Words of the trade", "Blame", "No next time", "hint"):
        assert part in words, part
    assert "<i>cluster" not in answer.text
    assert (await alice.send("/language", {"text": "x", "kind": "poem"})).status_code == 422
