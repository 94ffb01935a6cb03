"""A shift that changes is told to both sides, once, and survives whatever happens to the node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tocsin.core.directory import Origin
from tocsin.core.errors import Conflict
from tocsin.core.permission import Principal
from tocsin.manage import configuration, objects, overrides, versions
from tocsin.manage.files import File
from tocsin.plugins.channels.base import DeliveryError, Message
from tocsin.store.database import Database

from .world import ORGANISATION, PhoneChannel, World, directory

ERIN = Principal("user:erin", "manager", "erin", "Erin")


class Mail(PhoneChannel):
    """Mail that arrives in memory."""

    type = "email"

    def lane(self, settings: Any) -> str:
        return "mail"

    async def send(self, settings: Any, message: Message) -> Any:
        return await super().send({"number": settings["address"]}, message)


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """Alice and Bob take weeks; Alice has a method for mail, Bob only an address, Carol wants news on her phone."""
    alice, bob, carol, erin = ORGANISATION["users"]
    users = [
        {**alice, "time_zone": "Europe/Berlin",
         "contact_methods": [*alice["contact_methods"], {"id": "mail", "type": "email", "address": "alice@mail"}]},
        bob, {**carol, "updates": ["phone"]}, erin,
    ]  # fmt: skip
    layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00"}
    schedule = {"id": "primary", "name": "Payments primary", "layers": [layer]}
    async with World(db, directory({"users": users, "schedules": [schedule]})) as made:
        made.mail = Mail()  # type: ignore[attr-defined]
        made.ctx.channels = {**made.ctx.channels, "email": made.mail}  # type: ignore[attr-defined]
        of_a_file = {
            ("users", user["id"]): Origin("people.yaml", 1) for user in users
        }  # so their methods count as verified
        wanted = replace(made.ctx.directory, origins=of_a_file)
        await configuration.change(made.ctx, configuration.ITSELF, lambda _: wanted)
        await made.settle()
        yield made


def mails(world: World, address: str) -> list[Message]:
    found = world.mail.phones.get(address)  # type: ignore[attr-defined]
    return found.messages if found else []


async def takes(world: World, user: str, start: str, end: str) -> dict[str, Any]:
    made = await overrides.add(
        world.ctx, ERIN, "primary", "overrides", overrides.Wanted(user=user, start=start, end=end)
    )
    await world.settle()
    return made


async def test_who_loses_and_who_gains_a_shift_are_told_in_their_own_time(world: World) -> None:
    assert mails(world, "alice@mail") == [], "a new schedule is no change of anybody's shift"
    await takes(world, "carol", "2026-03-04T18:00", "2026-03-05T08:00")
    [lost] = mails(world, "alice@mail")
    assert lost.type == "update"
    assert lost.news is not None
    assert lost.news.heading == "Your shifts changed: Payments primary"
    assert lost.news.url == "http://tocsin.test/schedules/primary"
    assert lost.news.text == (
        "These shifts are not yours any more:\n"
        "- Wed 4 Mar 2026 19:00 to Thu 5 Mar 2026 09:00 (UTC+01:00): Carol is on call\n\n"
        "Changed by Erin."
    )
    gained = world.phone("carol").last
    assert gained.type == "update"
    assert gained.news is not None
    assert gained.news.text == (
        "These shifts are yours now:\n"
        "- Wed 4 Mar 2026 18:00 to Thu 5 Mar 2026 08:00 (UTC+00:00): instead of Alice\n\n"
        "Changed by Erin."
    )
    assert mails(world, "bob@example.com") == [], "his shifts are what they were"
    assert not world.phone("alice").rang()


async def test_the_same_once(world: World) -> None:
    for _ in range(3):
        await takes(world, "bob", "2026-03-04T18:00", "2026-03-05T08:00")
    assert len(mails(world, "alice@mail")) == 1
    assert len(mails(world, "bob@example.com")) == 1, "by the address of his profile"
    await world.wait(hours=30)
    assert len(mails(world, "alice@mail")) == 1


async def test_an_edit_that_leaves_everybody_where_they_were_is_no_news(world: World) -> None:
    await objects.update(world.ctx, ERIN, "schedules", "primary", {"name": "Payments"})
    layer = {"id": "renamed", "users": ["alice", "bob"], "starts": "2025-12-22T09:00"}
    await objects.update(world.ctx, ERIN, "schedules", "primary", {"layers": [layer]})
    await world.settle()
    assert mails(world, "alice@mail") == []


async def test_a_file_that_is_applied_and_a_way_back_are_told_too(world: World) -> None:
    text = (
        "version: 1\nschedules:\n  - {id: primary, layers: [{id: weekly, users: [carol], starts: 2026-01-05T09:00}]}\n"
    )
    await configuration.apply(world.ctx, ERIN, [File("x.yaml", text)])
    await world.settle()
    news = world.phone("carol").last.news
    assert news is not None
    assert news.text.count("instead of") == 9
    assert "- Mon 27 Apr 2026 09:00 to Mon 4 May 2026 09:00 (UTC+00:00): instead of Alice" in news.text
    assert len(mails(world, "bob@example.com")) == 1
    revision = (await versions.list_versions(world.ctx, "primary"))["items"][1]["revision"]
    with pytest.raises(Conflict, match=r"x.yaml:3"):
        await versions.revert(world.ctx, ERIN, "primary", revision, confirm=True)


async def test_a_removed_schedule_is_news_for_everybody_in_it(world: World) -> None:
    await objects.update(
        world.ctx, ERIN, "escalation_policies", "payments", {"steps": [{"targets": [{"user": "bob"}]}]}
    )
    await objects.remove(world.ctx, ERIN, "schedules", "primary")
    await world.settle()
    [told] = mails(world, "alice@mail")
    assert told.news is not None
    assert "nobody is on call" in told.news.text


async def test_a_mail_server_that_is_away_delays_news_and_nothing_else(world: World) -> None:
    world.mail.broken["alice@mail"] = [DeliveryError("away", permanent=False)]  # type: ignore[attr-defined]
    await takes(world, "carol", "2026-03-04T18:00", "2026-03-05T08:00")
    await world.fire()
    assert world.phone("alice").rang(), "pages go their own way"
    await world.wait(minutes=30)
    assert mails(world, "alice@mail") == []
    world.mail.broken.clear()  # type: ignore[attr-defined]
    await world.wait(minutes=11)
    assert len(mails(world, "alice@mail")) == 1
    keys = [key for key in world.mail.keys if key.startswith("tocsin-test-u")]  # type: ignore[attr-defined]
    assert len(set(keys)) == 1, "the key is the same on every retry"


async def test_news_that_nobody_takes_is_given_up_after_a_day(world: World) -> None:
    world.mail.broken["alice@mail"] = [DeliveryError("away", permanent=False)]  # type: ignore[attr-defined]
    await takes(world, "carol", "2026-03-04T18:00", "2026-03-05T08:00")
    await world.wait(hours=26)
    row = await world.row("SELECT state, error FROM notices WHERE user_id = 'alice'")
    assert (row["state"], row["error"]) == ("failed", "away")


async def test_much_news_at_once_leaves_room_for_pages(world: World) -> None:
    """More than may be on their way at once: the others wait their turn, and all arrive."""
    for day in range(1, 25):
        await overrides.add(
            world.ctx, ERIN, "primary", "overrides",
            overrides.Wanted(user="carol", start=f"2026-03-{day + 2:02d}T12:00", end=f"2026-03-{day + 2:02d}T13:00"),
        )  # fmt: skip
    await world.wait(minutes=2)
    assert world.phone("carol").times == 24
    assert await world.row("SELECT 1 FROM timers WHERE kind = 'notice'") is None
    assert timedelta(0) <= world.clock.now() - world.phone("carol").last.sent_at < timedelta(minutes=2)


async def test_who_shadows_a_shift_hears_of_it(world: World) -> None:
    wanted = overrides.Wanted(user="carol", start="2026-03-04T09:00", end="2026-03-06T18:00")
    made = await overrides.add(world.ctx, ERIN, "primary", "shadows", wanted)
    await world.settle()
    news = world.phone("carol").last.news
    assert news is not None
    assert news.text == (
        "You shadow:\n"
        "- Wed 4 Mar 2026 09:00 to Fri 6 Mar 2026 18:00 (UTC+00:00): copies of the pages, nothing to answer\n\n"
        "Changed by Erin."
    )
    assert mails(world, "alice@mail") == [], "her shifts are what they were"
    await overrides.remove(world.ctx, ERIN, "primary", "shadows", made["id"])
    await world.settle()
    news = world.phone("carol").last.news
    assert news is not None
    assert news.text.startswith("You do not shadow any more:")
