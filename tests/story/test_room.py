"""Stories of the room: who commands, what we know, who does what, and what is told when nobody speaks up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.flow import chat, findings, respond, roles, tasks
from tocsin.flow.tasks import Change
from tocsin.manage import checklists, incidents, onsets, room
from tocsin.manage.facts import facts
from tocsin.store.database import Database

from .world import ORGANISATION, World, directory

ALICE, BOB = "user:alice", "user:bob"


def updates(user: dict[str, Any]) -> dict[str, Any]:
    return {**user, "updates": ["phone"]}


SUBSCRIBED = {"users": [updates(user) for user in ORGANISATION["users"]]}


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with World(db, directory(SUBSCRIBED)) as made:
        yield made


async def entries(world: World, number: int, kind: str) -> list[Any]:
    return await world.rows("SELECT * FROM timeline WHERE incident_id = $1 AND kind = $2 ORDER BY seq", number, kind)


# --- command ----------------------------------------------------------------------------------------------------------


async def test_of_two_who_take_command_at_once_one_has_it_and_the_other_hears_who(world: World) -> None:
    number = (await world.fire()).incident
    both = await asyncio.gather(
        roles.assign(world.ctx, number, ALICE, "ic", "alice"),
        roles.assign(world.ctx, number, BOB, "commander", "bob"),
        return_exceptions=True,
    )
    (refused,) = [one for one in both if isinstance(one, Conflict)]
    holder = (await world.incident(number))["roles"]["incident_commander"]
    assert f"{holder.title()} is incident commander already" in str(refused)
    other = "bob" if holder == "alice" else "alice"
    await roles.assign(world.ctx, number, f"user:{other}", "ic", other, take=True)
    assert (await world.incident(number))["roles"]["incident_commander"] == other
    told = await entries(world, number, "role_assigned")
    assert told[-1]["data"]["from"] == holder
    assert f"took over as incident commander from {holder.title()}" in told[-1]["details"]


async def test_a_handover_of_command_needs_a_read_back(world: World) -> None:
    number = (await world.fire()).incident
    await roles.assign(world.ctx, number, ALICE, "ic", "alice")
    await roles.offer(world.ctx, number, ALICE, "ic", "bob", "Rolling back; next update 12:30.")
    await world.settle()
    assert "take over as incident commander: Rolling back" in world.phone("bob").last.reason
    assert (await world.incident(number))["roles"]["incident_commander"] == "alice"
    with pytest.raises(Conflict, match="Bob is asked"):
        await roles.accept(world.ctx, number, "user:carol", "ic")
    await roles.accept(world.ctx, number, BOB, "ic", "You roll back, I tell them at 12:30.")
    assert (await world.incident(number))["roles"]["incident_commander"] == "bob"
    (told,) = await entries(world, number, "role_handed_over")
    assert told["details"] == (
        "Bob took over as incident commander from Alice. Read back: You roll back, I tell them at 12:30."
    )
    with pytest.raises(Conflict, match="Nobody has offered"):
        await roles.accept(world.ctx, number, BOB, "ic")


async def test_an_offer_may_be_declined_and_the_role_stays(world: World) -> None:
    number = (await world.fire()).incident
    with pytest.raises(Conflict, match="Nobody is scribe"):
        await roles.offer(world.ctx, number, ALICE, "scribe", "bob", "Please.")
    await roles.assign(world.ctx, number, ALICE, "scribe", "alice")
    await roles.offer(world.ctx, number, ALICE, "scribe", "bob", "Please.")
    await roles.withdraw(world.ctx, number, BOB, "scribe")
    assert (await world.incident(number))["roles"] == {"scribe": "alice"}
    assert (await entries(world, number, "role_offer_ended"))[0]["details"] == "Bob declined to take over as scribe"


async def test_nobody_commands_a_sev1_for_five_minutes_and_those_who_can_help_are_told(world: World) -> None:
    number = (await world.fire()).incident
    await world.acknowledge(number)
    before = world.phone("erin").times
    await world.wait(minutes=4, seconds=59)
    assert await entries(world, number, "no_commander") == []
    await world.wait(seconds=1)
    (told,) = await entries(world, number, "no_commander")
    assert told["details"] == "Nobody has taken command within 5 minutes; Alice is acting commander"
    assert told["data"]["informed"] == ["alice", "erin"]
    assert world.phone("erin").times == before + 1
    assert (world.phone("erin").last.type, world.phone("alice").last.type) == ("update", "update")
    shown = (await room.room(world.ctx, number))["roles"]
    assert (shown["acting_commander"], shown["no_commander"]) == ("alice", True)
    await roles.assign(world.ctx, number, ALICE, "ic", "alice")
    shown = (await room.room(world.ctx, number))["roles"]
    assert (shown["acting_commander"], shown["no_commander"], shown["commander_due"]) == (None, False, None)
    await world.wait(hours=2)
    assert len(await entries(world, number, "no_commander")) == 1


async def test_who_lets_go_of_command_starts_the_five_minutes_anew(world: World) -> None:
    number = (await world.fire()).incident
    await roles.assign(world.ctx, number, ALICE, "ic", "alice")
    await world.wait(minutes=20)
    assert await entries(world, number, "no_commander") == []
    await roles.release(world.ctx, number, ALICE, "ic")
    await world.wait(minutes=4)
    assert await entries(world, number, "no_commander") == []
    await world.wait(minutes=1)
    assert len(await entries(world, number, "no_commander")) == 1


async def test_a_sev3_needs_no_commander(world: World) -> None:
    number = (await world.fire(severity="warning")).incident
    await world.wait(hours=1)
    assert await entries(world, number, "no_commander") == []


async def test_a_sev3_that_becomes_a_sev1_needs_one_from_then_on(world: World) -> None:
    number = (await world.fire(severity="warning")).incident
    await world.wait(hours=1)
    await world.fire(key="other", severity="critical", service="api")
    await world.fire(severity="critical")  # the same alert, worse
    await world.wait(minutes=6)
    assert len(await entries(world, number, "no_commander")) == 1


async def test_several_experts_and_whoever_is_on_call_in_a_schedule(world: World) -> None:
    number = (await world.fire()).incident
    for user in ("bob", "carol", "bob"):
        await roles.assign(world.ctx, number, ALICE, "sme", user)
    assert (await world.incident(number))["roles"] == {"sme": ["bob", "carol"]}
    await roles.release(world.ctx, number, ALICE, "sme", "bob")
    with pytest.raises(Conflict, match="Bob is not"):
        await roles.release(world.ctx, number, ALICE, "sme", "bob")
    rang = world.phone("alice").times
    result = await roles.assign_on_call(world.ctx, number, BOB, "comms", "primary", reason="We need words.")
    await world.settle()
    assert result.sentence == "Alice is comms lead and was paged"
    assert world.phone("alice").times == rang + 1
    with pytest.raises(Invalid, match="no schedule"):
        await roles.assign_on_call(world.ctx, number, BOB, "comms", "nights")


async def test_roles_of_an_incident_that_is_over_stay_as_they_were(world: World) -> None:
    number = (await world.fire()).incident
    await roles.assign(world.ctx, number, ALICE, "ic", "alice")
    await world.ends()
    for act in (
        roles.assign(world.ctx, number, BOB, "ic", "bob", take=True),
        roles.release(world.ctx, number, BOB, "ic"),
    ):
        with pytest.raises(Conflict):
            await act
    assert (await world.incident(number))["roles"] == {"incident_commander": "alice"}


# --- engagement -------------------------------------------------------------------------------------------------------


async def test_answering_is_not_yet_working_and_the_first_act_of_work_counts(world: World) -> None:
    number = (await world.fire()).incident
    await world.acknowledge(number)
    assert (await world.incident(number))["engaged_at"] is None
    await world.wait(minutes=3)
    await chat.post(world.ctx, number, ALICE, "Looking at the disks.")
    engaged = (await world.incident(number))["engaged_at"]
    assert engaged == world.clock.now()
    await world.wait(minutes=3)
    await respond.note(world.ctx, number, BOB, "Me too.")
    assert (await world.incident(number))["engaged_at"] == engaged


# --- what we know -----------------------------------------------------------------------------------------------------


async def test_a_message_is_pinned_and_a_hypothesis_becomes_a_fact_or_falls(world: World) -> None:
    number = (await world.fire()).incident
    await chat.post(world.ctx, number, ALICE, "The disk of db-1 is full.")
    (said,) = await entries(world, number, "message_posted")
    pinned = await findings.pin(world.ctx, number, BOB, said["id"])
    assert (pinned.text, pinned.certainty, pinned.entry) == ("The disk of db-1 is full.", "fact", said["id"])
    with pytest.raises(Conflict, match="pinned already"):
        await findings.pin(world.ctx, number, ALICE, said["id"])
    guess = await findings.add(world.ctx, number, BOB, "The log rotation stopped.")
    wrong = await findings.add(world.ctx, number, BOB, "A cosmic ray.")
    await findings.settle(world.ctx, number, ALICE, guess.id, "fact", "logrotate is not in the crontab")
    await findings.settle(world.ctx, number, ALICE, wrong.id, "refuted")
    async with world.db.reading() as tx:
        known = await facts(world.ctx, tx, number)
    assert [(one.text, one.certainty) for one in known.known] == [
        ("The disk of db-1 is full.", "fact"), ("The log rotation stopped.", "fact"),
    ]  # fmt: skip
    settled = await entries(world, number, "finding_settled")
    assert settled[0]["details"] == (
        "Fact, no longer hypothesis: The log rotation stopped. (logrotate is not in the crontab)"
    )


async def test_a_decision_keeps_what_was_known_when_it_was_taken(world: World) -> None:
    number = (await world.fire()).incident
    await findings.add(world.ctx, number, ALICE, "The release is bad.")
    await tasks.add(world.ctx, number, ALICE, "Look at the release", owner="bob")
    made = await findings.decide(world.ctx, number, ALICE, "Roll back", "fastest", "fix forward")
    await findings.add(world.ctx, number, ALICE, "It was the database.", "fact")
    async with world.db.reading() as tx:
        (kept,) = (await facts(world.ctx, tx, number)).decisions
    assert kept == made
    assert kept.known == {
        "severity": "sev1_critical", "status": "detected",
        "findings": [{"text": "The release is bad.", "certainty": "hypothesis"}],
        "tasks": [{"text": "Look at the release", "owner": "bob"}],
    }  # fmt: skip
    assert (await entries(world, number, "decision_made"))[0]["details"] == (
        "Roll back. Because: fastest. Instead of: fix forward"
    )


async def test_an_entry_is_never_edited_only_corrected_and_the_chain_holds(world: World) -> None:
    number = (await world.fire()).incident
    await chat.post(world.ctx, number, ALICE, "db-1 is down")
    (said,) = await entries(world, number, "message_posted")
    await chat.correct(world.ctx, number, ALICE, said["id"], "db-2 is down")
    (again,) = await entries(world, number, "message_posted")
    assert again == said
    (fix,) = await entries(world, number, "corrected")
    assert fix["data"]["corrects"] == {"entry": said["id"], "seq": said["seq"], "kind": "message_posted"}
    with pytest.raises(Conflict, match="is a correction"):
        await chat.correct(world.ctx, number, BOB, fix["id"], "db-3")
    with pytest.raises(NotFound):
        await chat.correct(world.ctx, number, BOB, 999_999, "nothing")
    assert (await incidents.verify(world.ctx, number))["ok"]


# --- who does what ----------------------------------------------------------------------------------------------------


async def test_a_check_in_that_passes_is_a_reminder_and_a_word_settles_it(world: World) -> None:
    number = (await world.fire()).incident
    await world.acknowledge(number)
    made = await tasks.add(world.ctx, number, ALICE, "Free the disk", owner="bob", workstream="Storage", check_in="15m")
    rang = world.phone("bob").times
    await world.wait(minutes=15)
    (told,) = await entries(world, number, "check_in_due")
    assert told["details"] == "Check-in due: Free the disk (Bob)"
    assert world.phone("bob").times == rang + 1
    assert "How is it going? Free the disk" in world.phone("bob").last.reason
    (shown,) = (await room.room(world.ctx, number))["tasks"]
    assert shown["reminded_at"] is not None
    after = await tasks.change(world.ctx, number, BOB, made.id, Change(note="Half of it is free.", check_in="10m"))
    assert (after.reminded_at, after.state) == (None, "open")
    await world.wait(minutes=5)
    done = await tasks.change(world.ctx, number, BOB, made.id, Change(state="done", outcome="40 % free"))
    assert (done.next_check_in, done.outcome) == (None, "40 % free")
    await world.wait(hours=1)
    assert len(await entries(world, number, "check_in_due")) == 1
    said = [entry["details"] for entry in await entries(world, number, "task_changed")]
    assert said == ["Free the disk. Half of it is free.", "Done: Free the disk. 40 % free"]


async def test_nothing_is_reminded_once_the_incident_is_over(world: World) -> None:
    number = (await world.fire()).incident
    await tasks.add(world.ctx, number, ALICE, "Free the disk", owner="bob", check_in="15m")
    await world.ends()
    await world.wait(hours=1)
    assert await entries(world, number, "check_in_due") == []


async def test_a_check_in_is_to_come_and_tasks_name_people_that_exist(world: World) -> None:
    number = (await world.fire()).incident
    for wrong in ({"check_in": world.clock.now()}, {"check_in": "8d"}, {"check_in": "soon"}, {"owner": "nobody"}):
        with pytest.raises(Invalid):
            await tasks.add(world.ctx, number, ALICE, "x", **wrong)  # type: ignore[arg-type]
    made = await tasks.add(world.ctx, number, ALICE, "x")
    with pytest.raises(Invalid, match="not a state"):
        await tasks.change(world.ctx, number, ALICE, made.id, Change(state="finished"))
    with pytest.raises(NotFound):
        await tasks.change(world.ctx, number, ALICE, 999_999, Change(state="done"))
    with pytest.raises(Conflict, match="over"):
        await tasks.change(world.ctx, number, ALICE, made.id, Change(state="done", check_in="15m"))


# --- checklists and the onset -----------------------------------------------------------------------------------------


async def test_the_checklist_ticks_itself_and_by_hand(world: World) -> None:
    number = (await world.fire()).incident

    async def done() -> set[str]:
        return {one["id"] for one in (await checklists.checklist(world.ctx, number))["items"] if one["done"]}

    assert await done() == {"declared", "severity", "channel", "affected"}
    await world.acknowledge(number)
    await roles.assign(world.ctx, number, ALICE, "ic", "alice")
    await checklists.tick(world.ctx, number, ALICE, "changes")
    assert await done() == {"declared", "severity", "channel", "affected", "acknowledged", "commander", "changes"}
    assert not (await checklists.tick(world.ctx, number, BOB, "changes")).changed
    await checklists.tick(world.ctx, number, ALICE, "changes", done=False)
    assert "changes" not in await done()
    with pytest.raises(NotFound, match="no step"):
        await checklists.tick(world.ctx, number, ALICE, "dance")
    assert [entry["details"] for entry in await entries(world, number, "step_ticked")] == [
        "Look at what changed around the onset", "Not done after all: Look at what changed around the onset",
    ]  # fmt: skip


async def test_changes_around_the_onset_come_with_the_likeliest_first(db: Database) -> None:
    services = [
        {**ORGANISATION["services"][0], "depends_on": ["grouped"]},
        ORGANISATION["services"][1],
        {
            "id": "far",
            "escalation_policy": "payments",
            "integrations": [{"id": "e", "type": "pagerduty", "key": "f" * 32}],
        },
    ]
    async with World(db, directory({"services": services})) as world:
        await world.send(world.event("change", "1", None, title="Too old"))
        await world.wait(hours=30)
        await world.send(world.event("change", "2", None, title="Database upgraded"), service="grouped")
        await world.send(world.event("change", "3", None, title="Elsewhere"), service="far")
        await world.wait(minutes=30)
        await world.send(world.event("change", "4", None, title="Release 41"))
        await world.wait(minutes=5)
        number = (await world.fire()).incident
        await world.wait(minutes=5)
        await world.send(world.event("change", "5", None, title="Rolled back"))
        found = await onsets.onset(world.ctx, number)
    assert [(one["title"], one["distance"], one["seconds_before"]) for one in found["changes"]] == [
        ("Release 41", 0, 300), ("Database upgraded", 1, 2100), ("Rolled back", 0, -300),
    ]  # fmt: skip
    assert [alert["title"] for alert in found["alerts"]] == ["disk is broken"]


# --- what people type -------------------------------------------------------------------------------------------------


async def test_nothing_that_people_type_is_too_strange(world: World) -> None:
    number = (await world.fire()).incident
    odd = "a\x00b <script>alert(1)</script> \u202egnp.exe \u200b\U0001f525"
    await chat.post(world.ctx, number, ALICE, odd)
    await findings.add(world.ctx, number, ALICE, odd)
    await tasks.add(world.ctx, number, ALICE, odd, workstream=odd)
    await findings.decide(world.ctx, number, ALICE, odd, odd, odd)
    for empty in ("", "  \n", "x" * 10_001):
        for act in (
            chat.post(world.ctx, number, ALICE, empty), findings.add(world.ctx, number, ALICE, empty),
            tasks.add(world.ctx, number, ALICE, empty), findings.decide(world.ctx, number, ALICE, empty),
        ):  # fmt: skip
            with pytest.raises(Invalid):
                await act
    assert (await incidents.verify(world.ctx, number))["ok"]
