"""Shadows: copies for who learns, as updates, and never in the place of somebody who answers."""

from __future__ import annotations

from typing import Any

from tocsin.plugins.channels.base import DeliveryError
from tocsin.store.database import Database

from .world import ORGANISATION, World, directory


def shadowed(**more: Any) -> dict[str, Any]:
    """Frank shadows the primary schedule all March; Carol only from the evening on."""
    frank = {
        "id": "frank", "name": "Frank",
        "contact_methods": [{"id": "phone", "type": "phone", "number": "frank"}],
        **more,
    }  # fmt: skip
    primary = {
        **ORGANISATION["schedules"][0],
        "shadows": [
            {"user": "frank", "from": "2026-03-01T00:00", "to": "2026-04-01T00:00"},
            {"user": "carol", "from": "2026-03-02T18:00", "to": "2026-03-03T00:00"},
        ],
    }
    return {"users": [*ORGANISATION["users"], frank], "schedules": [primary]}


async def test_a_shadow_gets_a_copy_that_nobody_can_answer(db: Database) -> None:
    async with World(db, directory(shadowed())) as world:
        outcome = await world.fire()
        page, copy = world.phone("alice").last, world.phone("frank").last
        assert (page.type, copy.type) == ("page", "update")
        assert copy.incident == page.incident
        assert (copy.page_id, copy.step, copy.user) == (page.page_id, page.step, "frank")
        assert copy.acknowledge_url == ""
        assert copy.reason == "A copy for you, nothing to answer: you shadow Alice (primary)."
        assert not world.phone("carol").rang(), "her shadow shift begins in the evening"
        assert outcome.incident is not None
        assert (await world.kinds(outcome.incident)).count("copied") == 1
        assert [r["user_id"] for r in await world.rows("SELECT user_id FROM pages")] == ["alice"]
        await world.wait(minutes=12)
        assert world.phone("frank").times == 1, "the next step does not page his schedule"


async def test_a_shadow_is_never_the_only_responder(db: Database) -> None:
    """Nobody on call, or nobody who can be reached: the next rung fires, whoever watches."""
    async with World(db, directory(shadowed())) as world:
        world.breaks("alice", DeliveryError("gone", permanent=True))
        await world.fire()
        assert world.phone("bob").rang(), "the rung that only a shadow heard of came forward"
        assert world.phone("frank").times == 1
        assert (await world.incident())["alarm"] == "undelivered"


async def test_where_nobody_is_on_call_no_copy_goes_out(db: Database) -> None:
    changes = shadowed()
    changes["schedules"][0]["layers"] = [
        {**ORGANISATION["schedules"][0]["layers"][0], "restrictions": [{"from": "18:00", "to": "20:00"}]}
    ]
    async with World(db, directory(changes)) as world:
        await world.fire()
        assert not world.phone("frank").rang()
        assert world.phone("bob").rang()


async def test_who_is_paged_anyway_gets_no_copy_besides(db: Database) -> None:
    changes = shadowed()
    both = {"after": "0s", "targets": [{"schedule": "primary"}, {"user": "frank"}]}
    changes["escalation_policies"] = [{"id": "payments", "steps": [both]}]
    async with World(db, directory(changes)) as world:
        await world.fire()
        assert [message.type for message in world.phone("frank").messages] == ["page"]


async def test_later_rules_of_a_shadow_rest_once_somebody_answered(db: Database) -> None:
    rules = {"high": [{"after": "0s", "method": "phone"}, {"after": "3m", "method": "phone"}]}
    async with World(db, directory(shadowed(notification_rules=rules))) as world:
        outcome = await world.fire()
        assert world.phone("frank").times == 1
        await world.wait(minutes=1)
        assert outcome.incident is not None
        await world.acknowledge(outcome.incident)
        await world.wait(minutes=5)
        assert world.phone("frank").times == 1
        states = await world.rows("SELECT state FROM notices ORDER BY id")
        assert [row["state"] for row in states] == ["delivered", "superseded"]


async def test_a_copy_is_tried_again_and_given_up_after_half_an_hour(db: Database) -> None:
    async with World(db, directory(shadowed())) as world:
        world.breaks("frank", DeliveryError("busy", permanent=False), DeliveryError("busy", permanent=False), None)
        await world.fire()
        assert not world.phone("frank").rang()
        await world.wait(seconds=2)
        assert not world.phone("frank").rang()
        await world.wait(seconds=4)
        assert world.phone("frank").times == 1
        world.breaks("frank", DeliveryError("busy", permanent=False))
        await world.fire("other")
        await world.wait(hours=1)
        assert (await world.row("SELECT state, error FROM notices ORDER BY id DESC"))["state"] == "failed"
        assert await world.row("SELECT 1 FROM timers WHERE kind = 'notice'") is None


async def test_a_copy_that_was_on_its_way_when_the_node_died_is_sent_again_with_its_key(db: Database) -> None:
    async with World(db, directory(shadowed())) as world:
        world.engine.notices._ctx.carry = lambda timer, notice: None  # leased, and never sent
        await world.fire()
        assert not world.phone("frank").rang()
        world.engine.notices.__init__(world.ctx)  # type: ignore[misc]  # the next life of the node
        await world.wait(minutes=3)
        assert world.phone("frank").times == 1
        assert world.phone("frank").last.key.startswith("tocsin-test-u")
