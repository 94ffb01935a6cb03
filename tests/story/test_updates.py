"""Updates: what each audience is told, who reminds whom, and whether promises are kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.story.world import MONDAY, ORGANISATION, World, directory

from tocsin.core.errors import Conflict, Invalid
from tocsin.flow import closing, communicate, digesting, drafting, step, updates
from tocsin.flow.composing import brief, compose
from tocsin.plugins.channels.base import DeliveryError
from tocsin.store import timers
from tocsin.store import updates as stored
from tocsin.store.database import Database

CHANNELS = [
    {"id": "executive-briefing", "audience": "executives", "type": "email", "address": "board@example.com"},
    {"id": "support", "audience": "support", "type": "email", "address": "support@example.com"},
    {"id": "social", "audience": "social", "type": "email", "address": "social@example.com"},
]
PAGES = [
    {"id": "public", "name": "Status", "public": True, "components": [{"id": "payments", "name": "Payments", "services": ["api"]}]}
]  # fmt: skip


def organisation(**changes: Any) -> Any:
    """Everybody wants updates; channels by mail, which the world carries as a phone would."""
    users = [{**user, "updates": ["phone"]} for user in ORGANISATION["users"]]
    quiet = {f"sev{n}": {"at_declare": "off"} for n in (1, 2, 3, 4)}  # the first words by rule are in test_declaring
    services = [
        {**one, "severities": {name: {**row, **one.get("severities", {}).get(name, {})} for name, row in quiet.items()}}
        for one in changes.pop("services", ORGANISATION["services"])
    ]
    return directory({"users": users, "services": services, "channels": CHANNELS, "status_pages": PAGES, **changes})


class Mail:
    """Carries mail to addresses by the phones of the world."""


async def begun(world: World, severity: str = "critical") -> int:
    """An incident that Alice answered."""
    if "email" not in world.ctx.channels:
        for ctx in world.nodes:
            ctx.channels = {**ctx.channels, "email": _Mail(world)}
    outcome = await world.fire(severity=severity)
    assert outcome.incident is not None
    await world.acknowledge(outcome.incident)
    for phone in world.provider.phones.values():
        phone.rang()
    return outcome.incident


class _Mail:
    """Mail, as far as a story needs it: whatever goes to an address is in `world.phone(address)`."""

    type, timeout = "email", 5.0

    def __init__(self, world: World) -> None:
        self._world = world

    async def send(self, settings: Any, message: Any) -> Any:
        return await self._world.provider.send({"number": settings["address"]}, message)


async def subscribe(
    world: World, user: str, audience: str = "stakeholders", severity: int = 4, service: str | None = None
) -> None:
    async with world.db.transaction() as tx:
        await stored.subscribe(tx, user, audience, service, severity, world.clock.now())


async def publish(
    world: World, number: int, audience: Any = "stakeholders", message: str = "Cards are declined.", **more: Any
) -> Any:
    made = await updates.publish(world.ctx, number, "user:alice", audience, message, **more)
    await world.settle()
    return made


async def drafts(world: World, number: int) -> dict[str, str]:
    rows = await world.rows("SELECT audience, message FROM updates WHERE incident = $1 AND state = 'draft'", number)
    return {row[0]: row[1] for row in rows}


async def due(world: World, number: int) -> list[tuple[float, str]]:
    rows = await world.rows(
        "SELECT at, kind FROM timeline WHERE incident_id = $1 AND kind IN ('update_drafted', 'update_due') ORDER BY seq",
        number,
    )
    return [((row[0] - MONDAY) / timedelta(minutes=1), row[1]) for row in rows]


async def test_whoever_asked_to_be_told_is_told_within_the_minute_with_a_receipt(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await subscribe(world, "carol")
        await subscribe(world, "bob", severity=1, service="grouped")
        made = await publish(world, number)
        assert world.phone("carol").last.news is not None
        assert "Cards are declined." in world.phone("carol").last.news.text
        assert "Next update by 10:15 UTC" in world.phone("carol").last.news.text
        assert world.phone("carol").last.incident.id, "it says which incident it is about"
        assert not world.phone("bob").rang(), "another service"
        async with db.reading() as tx:
            [receipt] = await stored.receipts(tx, updates=[made.id])
        assert (receipt["user_id"], receipt["state"], receipt["receipt"]) == ("carol", "delivered", "rang")
        assert (await world.incident(number))["next_update_at"] == MONDAY + timedelta(minutes=15)


async def test_a_delivery_that_fails_is_tried_again_and_sent_once(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await subscribe(world, "carol")
        world.breaks("carol", DeliveryError("no line", permanent=False), None)
        made = await publish(world, number)
        await world.wait(seconds=30)
        assert world.phone("carol").times == 1
        assert len({key for key in world.provider.keys if "-u" in key}) == 1, "one key for all tries"
        async with db.reading() as tx:
            assert [one["state"] for one in await stored.receipts(tx, updates=[made.id])] == ["delivered"]


async def test_a_draft_is_ready_three_minutes_before_then_reminders_grow_louder(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await publish(world, number, next_update_at=MONDAY + timedelta(minutes=15))
        world.phone("alice").rang()
        await world.wait(minutes=12)
        text = (await drafts(world, number))["stakeholders"]
        assert text.startswith("INCIDENT UPDATE - SEV-1 - disk is broken")
        assert "Time: 10:12 UTC (12 min since detection)" in text
        told = world.phone("alice").last
        assert told.type == "update"
        assert "are ready, due by 10:15 UTC" in told.reason
        await world.wait(minutes=3)
        assert "An update is due: stakeholders were promised one by 10:15 UTC." in world.phone("alice").last.reason
        assert not world.phone("erin").messages or "update" not in world.phone("erin").last.reason
        await world.wait(minutes=15)
        assert "late by 15 minutes" in world.phone("erin").last.reason, "now the manager hears of it, too"
        assert await due(world, number) == [
            (12, "update_drafted"), (15, "update_due"), (20, "update_due"), (30, "update_due"),
        ]  # fmt: skip


async def test_a_promise_too_short_for_three_minutes_has_its_draft_halfway(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await publish(world, number, "public", "Payments fail for some.", next_update_at=MONDAY + timedelta(minutes=2))
        await publish(world, number, next_update_at=MONDAY + timedelta(minutes=5))
        await world.wait(minutes=1)
        assert {"public", "stakeholders"} <= set(await drafts(world, number)), "what is due soon after comes with it"
        await publish(world, number, "public", "Still failing.", next_update_at=MONDAY + timedelta(minutes=30))
        await world.wait(minutes=2)
        await publish(world, number, "executives", next_update_at=MONDAY + timedelta(minutes=9))
        await world.wait(minutes=3)
        assert "executives" in await drafts(world, number), "three minutes before, though others were drafted just now"
        assert [one for one in await due(world, number) if one[1] == "update_drafted"] == [
            (1, "update_drafted"), (6, "update_drafted"),
        ]  # fmt: skip


async def test_four_audiences_that_wait_are_one_reminder_and_one_draft_at_a_time(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        for audience, at in (("responders", 15), ("stakeholders", 16), ("executives", 18), ("public", 25)):
            await publish(world, number, audience, next_update_at=MONDAY + timedelta(minutes=at))
        await world.wait(minutes=70)
        assert await due(world, number) == [
            (12, "update_drafted"), (15, "update_due"), (20, "update_due"), (22, "update_drafted"), (30, "update_due"),
            (45, "update_due"),
        ]  # fmt: skip
        told = await world.rows(
            "SELECT details FROM timeline WHERE kind IN ('update_drafted', 'update_due') ORDER BY seq"
        )
        assert told[0][0] == "Drafts for responders, stakeholders and executives are ready, due by 10:15 UTC"
        assert told[3][0] == "A draft for the public is ready, due by 10:25 UTC", "the others are known"
        assert "responders, stakeholders, executives and the public were promised one" in told[4][0]
        assert len(await drafts(world, number)) == 4


async def test_each_audience_has_its_own_promise(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await publish(world, number, "public", "Payments fail for some.", next_update_at=MONDAY + timedelta(minutes=30))
        await publish(world, number, "stakeholders", next_update_at=MONDAY + timedelta(minutes=10))
        await world.wait(minutes=8)
        await publish(world, number, "stakeholders", "Rolling back.", next_update_at=MONDAY + timedelta(minutes=40))
        assert (await world.incident(number))["next_update_at"] == MONDAY + timedelta(minutes=30), (
            "the public still waits"
        )
        await world.wait(minutes=24)
        [row] = await world.rows("SELECT details FROM timeline WHERE kind = 'update_due' AND incident_id = $1", number)
        assert row[0].startswith("An update is due (the public was promised one by 10:30 UTC)")
        kept = await world.rows("SELECT audience, kept FROM updates WHERE state = 'published' ORDER BY id")
        assert [tuple(row) for row in kept] == [("public", None), ("stakeholders", None), ("stakeholders", True)]


async def test_a_next_time_in_the_past_names_the_field_and_the_fix(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        with pytest.raises(Invalid, match=r"in the past .* promise a time that is still to come") as caught:
            await publish(world, number, next_update_at=MONDAY - timedelta(minutes=1), status="identified")
        assert caught.value.pointer == "/next_update_at"
        assert (await world.incident(number))["status"] == "acknowledged", "nothing moved"
        with pytest.raises(Invalid, match="unknown component") as caught:
            await publish(world, number, components={"paymint": "major_outage"})
        assert caught.value.pointer == "/components/paymint"


async def test_an_update_moves_the_incident_if_that_is_legal(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        made = await publish(world, number, status="identified")
        assert made.incident_status == "identified"
        assert (await world.incident(number))["status"] == "identified"
        await step.change(world.ctx, number, "user:alice", "resolved")
        before = len(await world.rows("SELECT id FROM updates"))
        with pytest.raises(Conflict):
            await publish(world, number, status="monitoring")
        assert len(await world.rows("SELECT id FROM updates")) == before


async def test_the_status_and_the_words_come_together_or_not_at_all(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        made = await publish(world, number)
        with pytest.raises(Conflict, match="published already"):
            await publish(world, number, status="identified", draft=made.id)

        async def dies(*args: Any) -> None:
            raise RuntimeError("the node dies here")

        monkeypatch.setattr(updates, "tell_audience", dies)
        for status in ("identified", "monitoring", "resolved"):
            with pytest.raises(RuntimeError):
                await publish(world, number, status=status)
        assert (await world.incident(number))["status"] == "acknowledged", "nothing moved"
        monkeypatch.undo()
        for status in ("identified", "monitoring", "resolved"):
            assert (await publish(world, number, status=status)).incident_status == status
        assert len(await world.rows("SELECT id FROM updates WHERE state = 'published'")) == 4


async def test_the_numbers_are_the_same_for_everybody_and_the_public_hears_nothing_internal(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        async with db.transaction() as tx:
            await tx.execute(
                "UPDATE incidents SET impact = $2, impact_started_at = $3 WHERE id = $1", number,
                {"what": "pay by card", "users": 1200, "money_per_hour": 15000.0, "currency": "USD"}, MONDAY - timedelta(minutes=2),
            )  # fmt: skip
            await tx.execute(
                "INSERT INTO findings (incident_id, text, certainty, by, at) VALUES ($1, 'Bob deployed a leak', 'hypothesis', 'alice', $2)",
                number, MONDAY,
            )  # fmt: skip
        found = await brief(world.ctx, number)
        said = {name: (await compose(world.ctx, found, name)).text for name in ("stakeholders", "executives", "public")}
        update = (await compose(world.ctx, found, "responders", moment="update")).text
        assert all("1,200" in said[name] for name in ("stakeholders", "executives"))
        assert all("09:58 UTC" in text for text in (said["public"], said["executives"], update))
        assert "$15K/hour" in update
        assert "- hypothesis: Bob deployed a leak" in update
        for internal in ("$", "Bob", "leak", "Payments API", "disk", "INC-", "IC:"):
            assert internal not in said["public"], internal


async def test_the_cause_is_told_once_it_is_identified(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        with pytest.raises(Invalid, match="not identified yet"):
            await publish(world, number, "public", "It is a lack of capacity.", cause="capacity")
        await publish(world, number, "public", "We know the cause.", cause="capacity", status="identified")
        await step.change(world.ctx, number, "user:alice", "resolved")
        await world.settle()
        assert "The cause was a lack of capacity." in (await drafts(world, number))["public"]


async def test_the_end_is_told_to_all_who_were_told_in_one_action(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await subscribe(world, "carol")
        await publish(world, number)
        await publish(world, number, "executives", "SEV1, cards.")
        assert world.phone("board@example.com").rang()
        await world.wait(minutes=5)
        await step.change(world.ctx, number, "user:alice", "resolved", "Restarted the pool")
        told = await drafting.tell_everyone(world.ctx, number, "user:alice")
        await world.settle()
        assert {one.audience for one in told} == {"stakeholders", "executives"}
        text = world.phone("carol").last.news.text  # type: ignore[union-attr]
        assert "Duration: 5 minutes" in text
        assert "Resolution: Restarted the pool" in text
        meeting = (await world.row("SELECT meeting_at FROM reviews"))["meeting_at"]
        assert f"Follow-up: PIR scheduled for {meeting:%a} {meeting.day} {meeting:%b}" in text, "as the review says"
        assert "resolved after 5 minutes" in world.phone("board@example.com").last.news.text  # type: ignore[union-attr]
        assert await drafts(world, number) == {}
        assert await drafting.tell_everyone(world.ctx, number, "user:alice") == [], "twice tells once"
        assert (await world.incident(number))["next_update_at"] is None


async def test_no_draft_of_an_end_that_was_told_while_it_was_composed(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await publish(world, number)

        async def meanwhile(ctx: Any, found: Any, audience: Any) -> Any:
            text = await compose(ctx, found, audience)
            monkeypatch.setattr(drafting, "compose", compose)
            await drafting.tell_everyone(ctx, number, "user:alice")
            return text

        monkeypatch.setattr(drafting, "compose", meanwhile)
        await step.change(world.ctx, number, "user:alice", "resolved", "Restarted the pool")
        await world.settle()
        rows = await world.rows("SELECT state FROM updates WHERE moment = 'resolution'")
        assert [row[0] for row in rows] == ["published"]
        assert await drafts(world, number) == {}


async def test_drafts_for_who_heard_nothing_go_with_the_end_and_an_end_taken_back_is_told(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await publish(world, number)
        await drafting.prepare(world.ctx, number, ["executives"])
        await updates.keep_draft(world.ctx, number, "user:alice", "public", "My own words.")
        await publish(world, number, message="All is well.", status="resolved")
        await world.settle()
        assert set(await drafts(world, number)) == {"public"}, (
            "what a person wrote stays theirs; the end was told already"
        )
        await closing.reopen(world.ctx, number, "user:alice", "It is back")
        await world.settle()
        assert "stakeholders" in await drafts(world, number)


async def test_a_policy_may_publish_the_end_by_itself(db: Database) -> None:
    grades = {"sev1": {"at_resolve": "publish"}}
    services = [{**service, "severities": grades} for service in ORGANISATION["services"]]
    async with World(db, organisation(services=services)) as world:
        number = await begun(world)
        await subscribe(world, "carol")
        await publish(world, number)
        await world.ends()
        assert "INCIDENT RESOLVED" in world.phone("carol").last.news.text  # type: ignore[union-attr]
        [row] = await world.rows("SELECT actor FROM updates WHERE moment = 'resolution'")
        assert row[0] == "tocsin"


async def test_nobody_is_asked_for_anything_while_nobody_was_told(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await step.change(world.ctx, number, "user:alice", "resolved")
        await world.settle()
        assert await drafts(world, number) == {}


async def test_minor_incidents_are_told_in_a_daily_digest(db: Database) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        first, second = await begun(world, "info"), (await world.fire("cpu", "info")).incident
        await publish(world, first, message="A label is wrong.")
        await publish(world, second, message="A chart is slow.")
        assert not world.phone("carol").rang()
        await world.wait(hours=24)
        digest = [
            message for message in world.phone("carol").messages if message.news and "digest" in message.news.heading
        ]
        assert len(digest) == 1
        assert "A label is wrong." in digest[0].news.text
        assert "A chart is slow." in digest[0].news.text


async def test_what_comes_while_the_digest_goes_out_waits_for_the_next_one(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of both sides of the moment: the timer is removed and set anew in one transaction, so `ensure` always finds one, or waits."""
    done, beside = stored.digest_done, list[asyncio.Task[Any]]()

    async def between(tx: Any, ids: Any) -> None:
        """The digest has been put together, its timer is gone, and nothing is committed yet."""
        if not beside:
            beside.append(asyncio.create_task(publish(world, number, message="Came just after.")))
            while not await world.rows("SELECT FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        await done(tx, ids)

    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        number = await begun(world, "info")
        await publish(world, number, message="A label is wrong.")
        other = (await world.fire("cpu", "info")).incident
        await publish(world, other, message="Came just before.")
        await world.rows("UPDATE updates SET digest = false WHERE incident = $1 RETURNING id", other)
        monkeypatch.setattr(stored, "digest_done", between)
        written, over = asyncio.Event(), asyncio.Event()

        async def before() -> None:
            """Published before the digest, and committed after it."""
            async with db.transaction() as tx:
                await tx.execute("UPDATE updates SET digest = true WHERE incident = $1", other)
                await timers.ensure(tx, stored.DIGEST, 0, world.clock.now())
                written.set()
                await over.wait()

        early = asyncio.create_task(before())
        await written.wait()
        await world.wait(hours=24)
        over.set()
        await asyncio.gather(early, *beside)
        texts = [m.news.text for m in world.phone("carol").messages if m.news and "digest" in m.news.heading]
        assert len(texts) == 1
        assert "Came" not in texts[0]
        await world.wait(hours=24)
        texts = [m.news.text for m in world.phone("carol").messages if m.news and "digest" in m.news.heading]
        assert len(texts) == 2
        assert "Came just before." in texts[1]
        assert "Came just after." in texts[1]


async def test_each_team_hears_of_its_own_queue_when_its_working_day_begins(db: Database) -> None:
    people = [{**user, "updates": ["phone"]} for user in ORGANISATION["users"]]
    early = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "07:30", "time_zone": "Europe/Berlin"}
    teams = [
        {"id": "payments", "name": "Payments", "members": ["alice", "bob"], "manager": "erin"},
        {"id": "search", "members": ["carol"], "business_hours": early},
    ]
    services = [ORGANISATION["services"][0], {**ORGANISATION["services"][1], "team": "search"}]
    async with World(db, organisation(users=people, teams=teams, services=services)) as world:
        await digesting.keep_watch(world.ctx)
        taken, _ = await begun(world, "info"), await world.fire("cpu", "info", title="The chart is slow")
        index = await world.fire("index", "info", service="grouped", title="The index is stale")
        await world.fire("down", "critical")  # what pages is in no queue
        assert index.incident is not None
        await subscribe(world, "erin")
        await publish(world, index.incident, message="Results are an hour old.")
        await publish(world, taken, message="A label is wrong.")
        digests = {
            "payments": lambda who: [m for m in world.phone(who).messages if m.news and "wait" in m.news.heading],
            "search": lambda who: [m for m in world.phone(who).messages if m.news and "search: 1" in m.news.heading],
        }
        await world.wait(hours=20, minutes=31)  # 06:31 on Tuesday: the day begins in Berlin
        [search] = digests["search"]("carol")
        assert search.news is not None
        assert search.news.heading == "search: 1 waits in the queue, for too long"
        assert "nobody has it; somebody should have acknowledged by Mon 2 Mar 15:00 CET" in search.news.text
        assert not digests["payments"]("alice")
        told = [m.news.text for m in world.phone("erin").messages if m.news and "digest" in m.news.heading]
        assert len(told) == 1
        assert "Results are an hour old." in told[0]
        await world.wait(hours=3)  # 09:31: now the day of the payments team has begun
        for who in ("alice", "bob", "erin"):
            [payments] = digests["payments"](who)
            assert payments.news is not None
            assert payments.news.heading.startswith("Payments: 2 wait in the queue")
            lines = payments.news.text.splitlines()
            assert "The chart is slow" in lines[0]  # what nobody has comes first
            assert "Alice has it (acknowledged)" in lines[1]
        told = [m.news.text for m in world.phone("erin").messages if m.news and "digest" in m.news.heading]
        assert len(told) == 2
        assert "A label is wrong." in told[1]
        assert len(digests["search"]("carol")) == 1


async def test_a_message_reaches_its_channel_and_the_room_once(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        made = await communicate.communicate(
            world.ctx, number, "user:alice", "The pool is at 100 %", "#executive-briefing"
        )
        await world.settle()
        assert (made.state, made.channel, made.audience) == ("sent", "executive-briefing", "executives")
        assert world.phone("board@example.com").times == 1
        [entry] = await world.rows("SELECT details, data FROM timeline WHERE kind = 'communication_added'")
        assert entry["details"] == "The pool is at 100 %"
        assert entry["data"]["to"] == "executive-briefing (Executives)"
        async with db.reading() as tx:
            assert [one["state"] for one in await stored.receipts(tx, communications=[made.id])] == ["delivered"]
        kept = await communicate.communicate(world.ctx, number, "user:alice", "Called the bank", "phone")
        assert kept.state == "recorded"


async def test_support_and_social_media_get_drafts_that_a_person_approves(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        await publish(world, number, "public", "Some payments fail.", components={"payments": "degraded_performance"})
        waiting = await world.rows("SELECT id, channel FROM communications WHERE state = 'draft'")
        assert [row["channel"] for row in waiting] == ["support"], (
            "no outage that the world sees: nothing for social media"
        )
        await publish(world, number, "public", "No payment works.", components={"payments": "major_outage"})
        waiting = await world.rows("SELECT id, channel FROM communications WHERE state = 'draft' ORDER BY channel")
        assert [row["channel"] for row in waiting] == ["social", "support"]
        assert not world.phone("support@example.com").rang()
        assert not world.phone("social@example.com").rang()
        await communicate.approve(
            world.ctx, number, waiting[1]["id"], "user:alice", "Payments fail; tell people to wait."
        )
        await world.settle()
        assert world.phone("support@example.com").times == 1
        with pytest.raises(Conflict):
            await communicate.approve(world.ctx, number, waiting[1]["id"], "user:alice")


async def test_a_crowd_of_drafts_and_a_template_without_an_end_hold_up_nothing(db: Database) -> None:
    loop = "{{ impact }}{{ next_update }}{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"
    templates = [{"id": "endless", "audience": "executives", "moment": "initial", "body": loop}]
    async with World(db, organisation(update_templates=templates, channels=[])) as world:
        numbers = [(await world.fire(f"disk {place}")).incident for place in range(6)]
        for number in numbers:
            assert number is not None
            await world.acknowledge(number)
        await world.wait(minutes=13)
        rows = await world.rows(
            "SELECT incident FROM updates WHERE state = 'draft' AND audience = 'executives' ORDER BY incident"
        )
        assert [row[0] for row in rows] == sorted(number or 0 for number in numbers)
        found = await brief(world.ctx, numbers[0] or 0)
        composed = await compose(world.ctx, found, "executives")
        assert composed.problem.startswith("The template endless cannot be used: it takes longer than 2 s")


async def test_the_public_is_told_nothing_of_a_private_incident(db: Database) -> None:
    async with World(db, organisation()) as world:
        number = await begun(world)
        draft = await communicate.communicate(world.ctx, number, "user:alice", "Tell people to wait.", "support")
        async with world.db.transaction() as tx:
            await tx.execute("UPDATE incidents SET private = true WHERE id = $1", number)
        with pytest.raises(Conflict, match="make it visible"):
            await publish(world, number, "public", "Payments fail for some.", status="identified")
        assert (await world.incident(number))["status"] == "acknowledged", "nothing is half done"
        assert await world.rows("SELECT FROM updates WHERE state = 'published'") == []
        with pytest.raises(Conflict, match="make it visible"):
            await communicate.communicate(world.ctx, number, "user:alice", "Data leaks.", "#executive-briefing")
        with pytest.raises(Conflict, match="make it visible"):
            await communicate.approve(world.ctx, number, draft.id, "user:alice")
        await communicate.communicate(world.ctx, number, "user:alice", "Data leaks.", "room")
        await world.settle()
        assert not world.phone("board@example.com").rang()
        assert not world.phone("support@example.com").rang()
