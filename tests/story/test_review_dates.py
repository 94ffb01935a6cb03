"""A review that waits: people are asked to its meeting, whoever writes it is reminded of its day."""

from __future__ import annotations

from datetime import timedelta

from tests.story.test_updates import organisation
from tests.story.world import World

from tocsin.core.due import LAST_REMINDER, REMINDERS, reminder
from tocsin.flow import closing
from tocsin.flow.minding import keep_watch
from tocsin.manage import reviews
from tocsin.plugins.channels.base import News
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
