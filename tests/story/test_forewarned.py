"""Before the night each team hears what would go wrong: what is new, once."""

from __future__ import annotations

import asyncio
from typing import Any

from tocsin.core.directory import Directory
from tocsin.flow import forewarn
from tocsin.flow.forewarn import NO_TEAM, teams_due

from .world import MONDAY, ORGANISATION, World, directory


def organisation(restrictions: Any = (), **more: Any) -> Directory:
    users = [{**user, "updates": ["phone"]} for user in ORGANISATION["users"]]
    layer = {
        "id": "weekly",
        "users": ["alice", "bob"],
        "starts": "2026-01-05T00:00",
        "restrictions": list(restrictions),
    }
    schedule = {"id": "primary", "name": "Primary", "team": "payments", "layers": [layer]}
    return directory({"users": users, "schedules": [schedule], **more})


async def hours(world: World, count: int) -> None:
    for _ in range(count):
        await world.wait(hours=1)
        await asyncio.gather(*world.ctx.chores)
        await world.wait(seconds=0)


def told(world: World) -> dict[str, int]:
    return {name: world.phone(name).times for name in ("alice", "bob", "carol", "erin")}


EVENINGS_OPEN = [{"from": "06:00", "to": "20:00"}]


async def test_the_team_hears_of_a_new_hole_in_the_afternoon_and_never_again(world: World) -> None:
    world.ctx.directory = organisation(EVENINGS_OPEN)
    await forewarn.keep_watch(world.ctx)
    await forewarn.keep_watch(world.ctx)
    await hours(world, 4)
    assert told(world) == {"alice": 0, "bob": 0, "carol": 0, "erin": 0}, "it is two in the afternoon"
    await hours(world, 1)
    assert told(world) == {"alice": 1, "bob": 1, "carol": 0, "erin": 1}
    message = world.phone("erin").last
    assert message.type == "update"
    assert message.news is not None
    assert message.news.heading == "payments: 1 new finding of the check, 1 of them would fail at night"
    assert "Nobody is on call in Primary from Mon 2 Mar 2026 20:00 +00:00" in message.news.text
    assert message.news.url == "http://tocsin.test/check?team=payments"
    await hours(world, 48)
    assert told(world)["erin"] == 1, "the same hole on the next days is no news"


async def test_another_hole_of_the_same_schedule_is_news_and_so_is_one_that_comes_back(world: World) -> None:
    world.ctx.directory = organisation(EVENINGS_OPEN)
    await forewarn.keep_watch(world.ctx)
    await hours(world, 5)
    world.ctx.directory = organisation([{"from": "06:00", "to": "12:00"}, {"from": "13:00", "to": "20:00"}])
    await hours(world, 24)
    assert told(world)["erin"] == 2
    world.ctx.directory = organisation()
    await hours(world, 24)
    assert told(world)["erin"] == 2, "all is well"
    world.ctx.directory = organisation(EVENINGS_OPEN)
    await hours(world, 24)
    assert told(world)["erin"] == 3


async def test_who_chose_no_way_for_updates_hears_by_mail(world: World) -> None:
    """A hole in the night is nothing to be silent about because nobody touched their settings."""
    world.ctx.directory = organisation(EVENINGS_OPEN, users=ORGANISATION["users"])
    await forewarn.keep_watch(world.ctx)
    await hours(world, 6)
    assert sum(told(world).values()) == 0
    rows = await world.rows("SELECT user_id, channel, method FROM notices WHERE kind = 'check' ORDER BY user_id")
    assert [tuple(row) for row in rows] == [(name, "email", "profile") for name in ("alice", "bob", "erin")]


async def test_after_downtime_the_afternoon_is_made_up_for(world: World) -> None:
    world.ctx.directory = organisation(EVENINGS_OPEN)
    await forewarn.keep_watch(world.ctx)
    await world.sleep(hours=9)
    await world.settle()
    await asyncio.gather(*world.ctx.chores)
    await world.settle()
    assert told(world)["erin"] == 1


def test_each_team_has_its_own_afternoon() -> None:
    berlin = {"id": "primary", "time_zone": "Europe/Berlin", "team": "payments", "layers": []}
    known = organisation(schedules=[berlin])
    at = {hour: teams_due(known, MONDAY.replace(hour=hour), MONDAY.replace(hour=hour)) for hour in (13, 14, 15)}
    assert at == {13: [], 14: ["payments"], 15: [NO_TEAM]}
