"""A review that waits: people are asked to its meeting, whoever writes it is reminded of its day."""

from __future__ import annotations

from datetime import timedelta

from icalendar import Calendar, Event
from tests.fakes.mail import Mail, MailServer
from tests.story.test_updates import organisation
from tests.story.world import ORGANISATION, World, directory

from tocsin.core.due import LAST_REMINDER, REMINDERS, reminder
from tocsin.flow import closing
from tocsin.flow.minding import keep_watch
from tocsin.manage import meetings, reviews
from tocsin.plugins.channels.base import News
from tocsin.plugins.channels.email import EmailChannel
from tocsin.store.database import Database
from tocsin.store.migrate import migrations


def news(world: World, who: str, words: str) -> list[News]:
    return [m.news for m in world.phone(who).messages if m.news is not None and words in m.news.heading]


async def test_people_are_asked_to_the_meeting_and_the_owner_is_reminded(db: Database) -> None:
    async with World(db, organisation()) as world:
        await keep_watch(world.ctx)
        number = (await world.fire(severity="critical")).incident
        assert number is not None
        await world.acknowledge(number)
        await closing.resolve(world.ctx, number, "user:alice", "")
        await world.wait(minutes=20)
        assert not news(world, "alice", "asked to the review"), "it may come back"
        await world.wait(minutes=20)
        [asked] = news(world, "alice", "asked to the review")
        for said in ("METHOD:REQUEST", "SEQUENCE:0", "ORGANIZER", f"UID:review-{number}@"):
            assert said in asked.calendar, said
        called = f"INC-2026-{number:03d}"
        assert called in asked.heading
        assert f"Review of {called}" in asked.calendar
        review = await world.row("SELECT * FROM reviews")
        await reviews.plan(
            world.ctx, number, "user:alice", owner="bob", meeting_at=review["meeting_at"] + timedelta(hours=1)
        )
        await world.wait(minutes=6)
        [again] = news(world, "alice", "meets at another time")
        assert "SEQUENCE:1" in again.calendar
        assert len(news(world, "bob", "meets at another time")) == 1
        await world.wait(hours=(review["publish_by"] - world.ctx.clock.now()).total_seconds() / 3600 + 48)
        assert [one.heading.split(" is ")[1].split(" ")[0] for one in news(world, "bob", " is ")] == [
            "due",
            "overdue",
        ]
        await world.wait(hours=24 * 14)
        assert len(news(world, "bob", f"The review of {called}")) == LAST_REMINDER + 1, (
            "and then no more (one was the meeting)"
        )
        [item] = (await reviews.list_reviews(world.ctx, state="open"))["items"]
        assert item["overdue"]
        await reviews.waive(world.ctx, number, "user:bob", "Nothing to learn")


async def test_a_meeting_in_calendars_moves_and_is_called_off(db: Database) -> None:
    """By real mail, read as calendars read it: one UID, a higher SEQUENCE each time, to each who was asked."""
    users = [
        {**user, "contact_methods": [{"id": "mail", "type": "email", "address": user["email"]}]}
        for user in ORGANISATION["users"]
    ]
    async with MailServer() as mail, World(db, directory({"users": users})) as world:
        post = EmailChannel(mail.url, "Tocsin <tocsin@example.com>")
        await post.open()
        for ctx in world.nodes:
            ctx.channels = {**ctx.channels, "email": post}
        await keep_watch(world.ctx)
        number = (await world.fire(severity="critical")).incident or 0
        await world.acknowledge(number)
        await closing.resolve(world.ctx, number, "user:alice", "")
        await reviews.plan(world.ctx, number, "user:alice", owner="bob")

        async def sent() -> dict[str, tuple[str, Event]]:
            """By whom it went to since the last look: (METHOD, the meeting)."""
            await world.wait(minutes=6)
            await world.settle()
            found = {one.recipients[0]: appointment(one) for one in mail.messages}
            mail.messages.clear()
            return {who: one for who, one in found.items() if one is not None}

        await world.wait(minutes=35)
        asked = await sent()
        assert {method for method, _ in asked.values()} == {"REQUEST"}
        assert {"alice@example.com", "bob@example.com", "erin@example.com"} == set(asked)
        _, first = asked["bob@example.com"]
        later = first["dtstart"].dt + timedelta(hours=2)
        await reviews.plan(world.ctx, number, "user:alice", owner="carol", meeting_at=later)
        moved = await sent()
        assert {who: method for who, (method, _) in moved.items()} == {
            "alice@example.com": "REQUEST", "carol@example.com": "REQUEST", "erin@example.com": "REQUEST", "bob@example.com": "CANCEL",
        }  # fmt: skip
        _, second = moved["alice@example.com"]
        assert (second["uid"], second["sequence"], second["dtstart"].dt) == (first["uid"], 1, later)
        assert "bob@example.com" not in str(second["attendee"])
        await reviews.waive(world.ctx, number, "user:carol", "The same as last week")
        off = await sent()
        assert {who: method for who, (method, _) in off.items()} == dict.fromkeys(
            ("alice@example.com", "carol@example.com", "erin@example.com"), "CANCEL"
        )
        for _, event in off.values():
            assert (event["uid"], event["dtstart"].dt, event["status"]) == (first["uid"], later, "CANCELLED")
            assert event["sequence"] > second["sequence"]
            assert event["organizer"] == first["organizer"]
        assert await sent() == {}, "once"
        assert b"STATUS:CANCELLED" in await meetings.meeting_of(world.ctx, number)
        await reviews.take_up(world.ctx, number, "user:carol")
        again = await sent()
        assert set(again) == set(off)
        for method, event in again.values():
            assert (method, event["uid"]) == ("REQUEST", first["uid"])
            assert event["sequence"] > off["carol@example.com"][1]["sequence"]
        await closing.reopen(world.ctx, number, "user:alice", "It is back")
        back = await sent()
        assert {method for method, _ in back.values()} == {"CANCEL"}
        assert back["carol@example.com"][1]["sequence"] > again["carol@example.com"][1]["sequence"]
        await post.close()


def appointment(mail: Mail) -> tuple[str, Event] | None:
    """The METHOD and the meeting of a mail's attachment; the mail itself says the same METHOD."""
    for part in mail.message.iter_attachments():
        found = Calendar.from_ical(part.get_content())
        assert part.get_content_type() == "text/calendar"
        assert part.get_param("method") == found["method"]
        (event,) = found.walk("VEVENT")
        return str(found["method"]), event
    return None


async def test_reminders_count_up(db: Database) -> None:
    async with World(db, organisation()) as world:
        now = world.ctx.clock.now()
        assert [reminder(now - after, now) for after in REMINDERS] == [1, 2, 3, 4]
        assert reminder(now + timedelta(days=2), now) == 0


async def test_times_that_no_calendar_can_show_are_put_right(db: Database) -> None:
    """They were written before it was forbidden; the migration is what repairs them."""
    [migration] = [one for one in migrations() if one.name == "review_dates"]
    repair = migration.sql[migration.sql.index("UPDATE incidents SET") :]
    async with World(db, organisation()) as world:
        number = (await world.fire()).incident
        for bad in ("-infinity", "0001-01-01 00:00:00+14", "1960-01-01Z", "infinity"):
            async with db.transaction() as tx:
                await tx.execute(
                    f"UPDATE incidents SET impact_started_at = '{bad}', restored_at = '{bad}' WHERE id = $1", number
                )
                await tx.execute(repair)
            row = await world.row(
                "SELECT impact_started_at, restored_at, detected_at = created_at AS same FROM incidents"
            )
            assert row["impact_started_at"] is None
            assert 1970 <= row["restored_at"].year <= 2200
            assert row["same"], "what is right stays"
