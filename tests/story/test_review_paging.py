"""Paths on which a page could be lost, or rung after nobody wants it any more."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tocsin.flow import summon
from tocsin.store.database import Database

from .test_people import Night


@pytest.fixture
async def night(db: Database) -> AsyncIterator[Night]:
    async with Night(db) as made:
        yield made


async def test_who_is_asked_by_a_text_message_is_asked_also_after_somebody_else_answered(night: Night) -> None:
    """What people ask of others goes on after an acknowledgement, whatever the channel."""
    incident = (await night.fire("a", "critical")).incident
    await night.acknowledge(incident, "bob")
    await night.wait(seconds=70)
    before = len(night.texts)
    await summon.page(night.ctx, incident, "user:bob", user="alice", reason="the replica is behind")
    await night.wait(seconds=70)
    assert len(night.texts) == before + 1
    said = night.sms.to("+49301")[-1]
    assert "the replica is behind" in repr(said)
    page = await night.row("SELECT state FROM pages WHERE clock = 'person'")
    assert page["state"] == "delivered"
