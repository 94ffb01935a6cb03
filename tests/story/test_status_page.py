"""The status page: what the public reads, when, and who is written to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tocsin.core.permission import Principal
from tocsin.core.status_view import PageView
from tocsin.flow import closing, merge, updates
from tocsin.flow.silence_alarm import explain, keep_watch, ringing
from tocsin.manage import mutes, status_pages, status_subscribers
from tocsin.plugins.channels.base import Bounced, DeliveryError, Message, Receipt
from tocsin.store.database import Database, in_transaction

from .world import World, directory

PAGE = {
    "id": "public", "name": "Example Status", "public": True,
    "components": [
        {"id": "cards", "name": "Card payments", "group": "Payments", "services": ["api"]},
        {"id": "shop", "name": "Shop", "services": ["grouped"]},
    ],
}  # fmt: skip
ALICE = Principal("user:alice", "manager", "alice", "Alice")


class Mail:
    """A mail server in memory. `refuses[address]` is raised instead of delivering."""

    type, label, fields, bundles, rings = "email", "E-mail", (), True, False
    concurrency = lane_limit = 4
    timeout = 5.0

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.refuses: dict[str, DeliveryError] = {}

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return None

    def lane(self, settings: Mapping[str, str]) -> str:
        return "mail"

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, settings: Mapping[str, str], message: Message) -> Receipt:
        assert not in_transaction.get(), "no network inside a transaction"
        if (error := self.refuses.get(settings["address"])) is not None:
            raise error
        self.sent.append((settings["address"], message))
        return Receipt("250 OK")

    def to(self, address: str) -> list[str]:
        """The first lines of what an address got."""
        return [m.news.text.split("\n")[0] for to, m in self.sent if to == address and m.news is not None]


class Story:
    def __init__(self, world: World, mail: Mail) -> None:
        self.world, self.mail, self.ctx = world, mail, world.ctx

    async def page(self) -> PageView:
        facts = await status_pages.gather(self.ctx, status_pages.page_of(self.ctx.directory))
        return status_pages.view(self.ctx, facts, self.ctx.clock.now())

    async def says(self, number: int, message: str, status: str | None = None, **components: str) -> None:
        await updates.publish(self.ctx, number, "user:alice", "public", message, status=status, components=components)
        await self.rest()

    async def rest(self) -> None:
        """All that is due has happened, letters included."""
        while True:
            await self.world.settle()
            if not self.ctx.chores:
                return
            await asyncio.gather(*self.ctx.chores)

    async def wait(self, **delta: float) -> None:
        await self.world.wait(**delta)
        await self.rest()

    async def subscribed(self, address: str, *components: str) -> None:
        await status_subscribers.add(self.ctx, ALICE, address, list(components))

    async def state(self, name: str) -> str:
        return next(one.state for one in (await self.page()).components if one.name == name)


@pytest.fixture
async def story(db: Database) -> Any:
    mail = Mail()
    world = World(db, directory({"status_pages": [PAGE]}))
    world.ctx.channels["email"] = mail  # type: ignore[index]
    async with world:
        yield Story(world, mail)


async def test_the_public_sees_an_incident_only_once_it_was_told(story: Story) -> None:
    number = (await story.world.fire()).incident
    assert number is not None
    assert (await story.page()).incidents == ()
    await story.says(number, "Cards are refused.", "investigating", cards="major_outage")
    page = await story.page()
    assert (page.indicator, page.sentence) == ("critical", "Major Service Outage")
    assert await story.state("Card payments") == "major_outage"
    [incident] = page.unresolved
    assert (incident.title, incident.status, incident.impact) == ("disk is broken", "investigating", "critical")


async def test_resolving_releases_the_components_and_says_so(story: Story) -> None:
    number = (await story.world.fire()).incident or 0
    await story.says(number, "Cards are refused.", "investigating", cards="partial_outage")
    await closing.resolve(story.ctx, number, "user:alice", "")
    page = await story.page()
    assert (page.indicator, page.unresolved) == ("none", ())
    assert [update.status for update in page.incidents[0].updates] == ["resolved", "investigating"]
    assert page.incidents[0].updates[0].affected[0].new == "operational"


async def test_private_and_merged_incidents_are_never_shown(story: Story) -> None:
    number = (await story.world.fire()).incident or 0
    await story.says(number, "Cards are refused.", cards="major_outage")
    for column in ("private = true", "private = false, merged_into = 1"):
        async with story.world.db.transaction() as tx:
            await tx.execute(f"UPDATE incidents SET {column} WHERE id = $1", number)
        page = await story.page()
        assert (page.incidents, page.indicator) == ((), "none")


async def test_what_went_into_another_incident_is_told_of_that_one(story: Story) -> None:
    """Also where the other was never told in public: the page stays red, and the letters lead on."""
    await story.subscribed("all@example.com")
    await story.subscribed("cards@example.com", "cards")
    await story.subscribed("shop@example.com", "shop")
    one, other = [
        (await story.world.fire(key, title=title)).incident or 0 for key, title in (("a", "Cards"), ("b", "psql-7 OOM"))
    ]
    promised = story.ctx.clock.now() + timedelta(minutes=10)
    await updates.publish(
        story.ctx,
        one,
        "user:alice",
        "public",
        "Refused.",
        next_update_at=promised,
        components={"cards": "major_outage"},
    )
    await story.rest()
    was = (await story.page()).incidents[0].code
    await merge.merge(story.ctx, one, "user:alice", other)
    await story.wait(minutes=2)
    page = await story.page()
    [shown] = page.incidents
    assert (shown.title, page.entry(was)) == ("Cards", shown)
    assert shown.code != was
    assert await story.state("Card payments") == "major_outage"
    assert (await story.world.incident(other))["next_update_at"] == promised, (
        "what was promised is promised by the other now"
    )
    await story.says(other, "Found it.", "identified", shop="degraded_performance")
    await closing.resolve(story.ctx, other, "user:alice", "")
    await story.wait(minutes=2)
    later = ["Joined - Cards", "Identified - Cards", "Resolved - Cards"]
    for address in ("all@example.com", "cards@example.com"):
        assert story.mail.to(address) == ["Investigating - Cards", *later]
    assert story.mail.to("shop@example.com") == later[1:]
    assert all("psql" not in str(m.news) for _, m in story.mail.sent)
    assert await story.state("Card payments") == "operational"


async def test_the_public_title_stands_for_the_title(story: Story) -> None:
    number = (await story.world.fire(title="psql-7 OOM \u202eevil")).incident or 0
    await story.says(number, "We look into it.")
    assert (await story.page()).incidents[0].title == "psql-7 OOM evil"
    async with story.world.db.transaction() as tx:
        await tx.execute("UPDATE incidents SET public_title = 'Payments are slow' WHERE id = $1", number)
    assert (await story.page()).incidents[0].title == "Payments are slow"


# --- subscribers --------------------------------------------------------------------------------------------------------


async def test_subscribers_hear_of_their_components_and_of_the_end_once(story: Story) -> None:
    await story.subscribed("all@example.com")
    await story.subscribed("cards@example.com", "cards")
    await story.subscribed("shop@example.com", "shop")
    number = (await story.world.fire(title="Cards")).incident or 0
    await story.says(number, "Refused.", "investigating", cards="major_outage")
    await story.says(number, "Found it.", "identified")
    await closing.resolve(story.ctx, number, "user:alice", "")
    await story.wait(minutes=5)
    for address in ("all@example.com", "cards@example.com"):
        assert story.mail.to(address) == ["Investigating - Cards", "Identified - Cards", "Resolved - Cards"]
    assert story.mail.to("shop@example.com") == []
    news = story.mail.sent[-1][1].news
    assert news is not None
    assert news.url.startswith("http://tocsin.test/status/incidents/")
    assert news.unsubscribe.startswith("http://tocsin.test/status/unsubscribe/")


async def test_an_end_that_the_public_was_told_is_not_told_again(story: Story) -> None:
    await story.subscribed("all@example.com")
    number = (await story.world.fire(title="Cards")).incident or 0
    await story.says(number, "Refused.", "investigating", cards="major_outage")
    await story.says(number, "All is well.", "resolved")
    await story.wait(minutes=5)
    assert story.mail.to("all@example.com") == ["Investigating - Cards", "Resolved - Cards"]


async def test_an_address_that_bounces_is_suspended(story: Story) -> None:
    await story.subscribed("gone@example.com")
    story.mail.refuses["gone@example.com"] = Bounced("550 no such user")
    number = (await story.world.fire()).incident or 0
    for word in ("one", "two", "three"):
        await story.says(number, word)
    [shown] = (await status_subscribers.list_subscribers(story.ctx, ALICE))["items"]
    assert (shown["state"], shown["bounces"], shown["bounce"]) == ("suspended", 3, "550 no such user")
    del story.mail.refuses["gone@example.com"]
    await story.says(number, "four")
    assert story.mail.sent == []
    await status_subscribers.resume(story.ctx, ALICE, shown["id"])
    await story.says(number, "five")
    assert len(story.mail.to("gone@example.com")) == 1


async def test_a_mail_server_that_is_away_loses_no_letter(story: Story) -> None:
    await story.subscribed("all@example.com")
    story.mail.refuses["all@example.com"] = DeliveryError("not now", permanent=False)
    number = (await story.world.fire()).incident or 0
    await story.says(number, "Refused.")
    await story.wait(minutes=2)
    story.mail.refuses.clear()
    await story.wait(minutes=10)
    assert len(story.mail.to("all@example.com")) == 1


# --- maintenance --------------------------------------------------------------------------------------------------------


async def test_maintenance_is_announced_changed_begun_and_completed(story: Story) -> None:
    await story.subscribed("all@example.com")
    now = story.ctx.clock.now()
    body = {
        "kind": "maintenance", "services": ["api"], "reason": "psql-7 gets a new disk",
        "starts_at": (now + timedelta(hours=2)).isoformat(), "ends_at": (now + timedelta(hours=3)).isoformat(),
        "announce": {"title": "Card payments pause", "message": "For some minutes."},
    }  # fmt: skip
    made = await mutes.create(story.ctx, ALICE, body)
    await story.rest()
    page = await story.page()
    assert [one.title for one in page.upcoming] == ["Card payments pause"]
    assert page.indicator == "none"
    await mutes.change(story.ctx, ALICE, made["id"], {"ends_at": (now + timedelta(hours=4)).isoformat()})
    await story.wait(hours=2, minutes=5)
    assert await story.state("Card payments") == "under_maintenance"
    assert (await story.page()).indicator == "maintenance"
    await story.wait(hours=3)
    assert await story.state("Card payments") == "operational"
    assert story.mail.to("all@example.com") == [
        "Scheduled maintenance - Card payments pause",
        "Changed: maintenance - Card payments pause",
        "Begun: maintenance - Card payments pause",
        "Completed: maintenance - Card payments pause",
    ]


async def test_maintenance_that_is_called_off_is_told_and_gone(story: Story) -> None:
    await story.subscribed("all@example.com")
    now = story.ctx.clock.now()
    body = {
        "kind": "maintenance", "services": ["api"], "reason": "disk", "starts_at": (now + timedelta(hours=2)).isoformat(),
        "ends_at": (now + timedelta(hours=3)).isoformat(), "announce": {"title": "Pause"},
    }  # fmt: skip
    made = await mutes.create(story.ctx, ALICE, body)
    await story.rest()
    await mutes.end(story.ctx, ALICE, made["id"])
    await story.wait(hours=4)
    assert story.mail.to("all@example.com") == ["Scheduled maintenance - Pause", "Called off: maintenance - Pause"]
    assert (await story.page()).maintenance == ()


async def test_maintenance_that_does_not_ask_is_not_shown(story: Story) -> None:
    body = {"kind": "maintenance", "services": ["api"], "reason": "disk", "duration": "1h"}
    await mutes.create(story.ctx, ALICE, body)
    page = await story.page()
    assert (page.maintenance, page.indicator) == ((), "none")


# --- the silence alarm --------------------------------------------------------------------------------------------------


async def test_a_green_page_during_a_sev1_rings_after_fifteen_minutes(story: Story) -> None:
    await keep_watch(story.ctx)
    number = (await story.world.fire()).incident or 0
    await story.world.acknowledge(number)
    await story.wait(minutes=14)
    assert "silence_alarm" not in await story.world.kinds(number)
    await story.wait(minutes=1, seconds=1)
    assert "silence_alarm" in await story.world.kinds(number)
    assert any(to == "alice@example.com" and "status page is green" in m.reason for to, m in story.mail.sent)
    async with story.world.db.reading() as tx:
        [loud] = await ringing(story.ctx, tx, story.ctx.clock.now())
    assert loud["incident"] == number
    await story.says(number, "Refused.", cards="major_outage")
    async with story.world.db.reading() as tx:
        assert await ringing(story.ctx, tx, story.ctx.clock.now()) == []
    assert "silence_ended" in await story.world.kinds(number)


async def test_somebody_says_why_the_public_is_not_told(story: Story) -> None:
    await keep_watch(story.ctx)
    number = (await story.world.fire()).incident or 0
    await story.world.acknowledge(number)
    await explain(story.ctx, number, "user:alice", "Only our own CI is down")
    await story.wait(minutes=40)
    kinds = await story.world.kinds(number)
    assert "silence_explained" in kinds
    assert "silence_alarm" not in kinds


async def test_what_is_none_of_the_pages_business_does_not_ring(db: Database) -> None:
    page = {**PAGE, "components": [{"id": "shop", "services": ["grouped"]}]}
    async with World(db, directory({"status_pages": [page]})) as world:
        await keep_watch(world.ctx)
        number = (await world.fire()).incident or 0
        await world.acknowledge(number)
        await world.wait(minutes=40)
        assert "silence_alarm" not in await world.kinds(number)


async def test_a_slow_mail_server_brings_each_letter_once(story: Story) -> None:
    """The letters of a batch take longer than its lease; other nodes look meanwhile."""
    number = (await story.world.fire()).incident or 0
    for n in range(60):
        await story.subscribed(f"reader{n}@example.com")
    await story.rest()
    story.mail.sent.clear()
    carry = story.mail.send

    async def slow(settings: Mapping[str, str], message: Message) -> Receipt:
        story.world.clock.advance(timedelta(seconds=8))
        await story.world.engine.turn()
        return await carry(settings, message)

    story.mail.send = slow  # type: ignore[method-assign]
    await updates.publish(story.ctx, number, "user:alice", "public", "Cards are refused.")
    await story.rest()
    to = [address for address, _ in story.mail.sent if address.startswith("reader")]
    assert len(to) == len(set(to)) == 60
