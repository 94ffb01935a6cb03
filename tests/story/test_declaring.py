"""Declaring: answers become a severity, and the first steps of the response are done, each told with what it came to."""

from __future__ import annotations

from typing import Any

import pytest
from tests.story.world import ORGANISATION, World, directory

from tocsin.core.errors import Invalid
from tocsin.core.severity import Severity
from tocsin.flow import declaring as declares
from tocsin.flow import responding, updates
from tocsin.manage import declaring, edits, similar
from tocsin.manage.declaring import Declaration
from tocsin.manage.edits import Edits
from tocsin.store import search
from tocsin.store import updates as stored
from tocsin.store.database import Database

PAGES = [
    {"id": "public", "name": "Status", "public": True, "components": [{"id": "payments", "name": "Payments", "services": ["api"]}]}
]  # fmt: skip


def organisation(**changes: Any) -> Any:
    """Everybody wants updates; the status page has a component for the API."""
    users = [{**user, "updates": ["phone"]} for user in ORGANISATION["users"]]
    return directory({"users": users, "status_pages": PAGES, **changes})


async def subscribe(world: World, user: str) -> None:
    async with world.db.transaction() as tx:
        await stored.subscribe(tx, user, "stakeholders", None, 4, world.clock.now())
    for ctx in world.nodes:
        await responding.refresh(ctx)


async def declare(world: World, title: str = "Checkout is down", **more: Any) -> int:
    number = await declaring.declare(world.ctx, "user:bob", Declaration(title=title, service="api", **more))
    await world.settle()
    return number


async def steps(world: World, number: int) -> dict[str, str]:
    """What each first step came to, in the end."""
    rows = await world.rows(
        "SELECT kind, data FROM timeline WHERE incident_id = $1 AND kind IN ('response_triggered', 'response_step') ORDER BY seq",
        number,
    )
    found = {one["step"]: one["state"] for row in rows if row[0] == "response_triggered" for one in row[1]["steps"]}
    return found | {row[1]["step"]: row[1]["state"] for row in rows if row[0] == "response_step"}


async def test_answers_become_a_severity_and_everything_follows(db: Database) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        number = await declare(
            world,
            impact={"what": "Nobody can pay", "percent": 60, "criteria": ["critical_features_out"]},
            roles={"IC": "bob"},
        )
        incident = await world.incident(number)
        assert incident["severity"] == Severity.SEV1
        assert incident["impact"]["what"] == "Nobody can pay"
        assert (incident["assignee"], incident["roles"]) == ("alice", {"incident_commander": "bob"})
        assert world.phone("alice").rang()
        kinds = await world.kinds(number)
        assert kinds[:2] == ["incident_created", "response_triggered"]
        assert "role_assigned" in kinds
        created = await world.row("SELECT data FROM timeline WHERE incident_id = $1 ORDER BY seq", number)
        assert created[0]["sentence"].startswith("SEV1, because: 60% of users (SEV1 from 50%)")
        assert await steps(world, number) == {
            "page": "sent", "room": "delivered", "escalation": "delivered", "commander": "delivered", "manager": "waiting",
            "stakeholders": "sent", "executives": "skipped", "status_page": "sent",
        }  # fmt: skip
        assert world.phone("carol").rang(), "stakeholders are told within the minute"
        draft = await world.row("SELECT state, components FROM updates WHERE audience = 'public'")
        assert (draft[0], draft[1]) == ("draft", {"payments": "major_outage"})
        await world.wait(minutes=10)
        assert world.phone("erin").rang(), "the manager is informed after ten minutes"


async def test_what_nobody_asked_for_is_no_job(world: World) -> None:
    number = await declares.declare(world.ctx, "user:bob", "Down", "", Severity.SEV1, ["api"])
    assert await world.rows("SELECT FROM timers WHERE kind = 'response'") == []
    found = await steps(world, number)
    assert (found["stakeholders"], found["status_page"]) == ("skipped", "skipped")
    outcome = await world.fire()
    assert await world.rows("SELECT FROM timers WHERE kind = 'response' AND subject = $1", outcome.incident) == []


async def test_incidents_opened_by_events_get_the_same_steps(db: Database) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        number = (await world.fire()).incident
        assert number is not None
        assert (await steps_done(world, number)) == {
            "stakeholders": "sent",
            "executives": "skipped",
            "status_page": "sent",
        }
        mild = (await world.fire("cpu", severity="warning")).incident
        assert await world.rows("SELECT FROM response_steps WHERE incident_id = $1", mild) == []


async def steps_done(world: World, number: int) -> dict[str, str]:
    rows = await world.rows("SELECT step, state FROM response_steps WHERE incident_id = $1", number)
    return {row["step"]: row["state"] for row in rows}


async def test_a_step_that_fails_blocks_no_other_and_is_tried_again(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        real = responding.DO["stakeholders"]

        async def broken(*_: Any) -> Any:
            raise RuntimeError("the printer is on fire")

        monkeypatch.setitem(responding.DO, "stakeholders", broken)  # type: ignore[misc]
        number = await declare(world, severity="SEV1")
        assert await steps_done(world, number) == {
            "stakeholders": "waiting",
            "executives": "skipped",
            "status_page": "sent",
        }
        monkeypatch.setitem(responding.DO, "stakeholders", real)  # type: ignore[misc]
        await world.wait(seconds=30)
        assert (await steps_done(world, number))["stakeholders"] == "sent"
        assert world.phone("carol").times == 1

        monkeypatch.setitem(responding.DO, "stakeholders", broken)  # type: ignore[misc]
        again = await declare(world, severity="SEV1")
        await world.wait(minutes=18)
        assert (await steps_done(world, again))["stakeholders"] == "failed"
        told = await world.rows("SELECT details FROM timeline WHERE incident_id = $1 AND kind = 'response_step'", again)
        assert any("the printer is on fire" in row[0] for row in told)


@pytest.mark.parametrize("line", ["before", "after"])
async def test_a_node_that_dies_between_two_steps_repeats_none(
    db: Database, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """The node dies before or after the second step is committed; whoever goes on does what is left, once."""

    class Killed(BaseException):
        """As good as kill -9: nothing handles it."""

    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        real, passed = responding._carry, []

        async def deadly(*given: Any) -> None:
            if len(passed) == 1 and line == "before":
                raise Killed
            await real(*given)
            passed.append(1)
            if len(passed) == 2 and line == "after":
                raise Killed

        monkeypatch.setattr(responding, "_carry", deadly)
        with pytest.raises(Killed):
            await declare(world, severity="SEV1")
        monkeypatch.setattr(responding, "_carry", real)
        await world.wait(seconds=30)  # the lease of the dead runs out
        number = (await world.incident())["id"]
        assert await steps_done(world, number) == {
            "stakeholders": "sent",
            "executives": "skipped",
            "status_page": "sent",
        }
        told = [kind for kind in await world.kinds(number) if kind == "response_step"]
        assert len(told) == 3
        assert world.phone("carol").times == 1
        assert len(await world.rows("SELECT FROM updates WHERE incident = $1", number)) == 2


async def test_who_was_told_already_is_not_told_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        number = await declaring.declare(world.ctx, "user:bob", Declaration(title="Down", service="api", severity=1))
        await updates.publish(world.ctx, number, "user:bob", "stakeholders", "We know, and work on it.")
        await world.settle()
        assert (await steps_done(world, number))["stakeholders"] == "skipped"


async def test_a_policy_publishes_at_once(db: Database) -> None:
    grades = {"sev1": {"at_declare": "publish"}}
    services = [{**one, "severities": grades} for one in ORGANISATION["services"]]
    async with World(db, organisation(services=services)) as world:
        number = await declare(world, severity=1)
        assert (await steps_done(world, number))["status_page"] == "delivered"
        row = await world.row("SELECT state, actor FROM updates WHERE incident = $1 AND audience = 'public'", number)
        assert tuple(row) == ("published", "tocsin")


async def test_a_breach_is_private_and_nobody_outside_is_told(db: Database) -> None:
    async with World(db, organisation()) as world:
        await subscribe(world, "carol")
        number = await declare(world, "Somebody is inside", criteria=["breach"])
        incident = await world.incident(number)
        assert (incident["private"], incident["severity"]) == (True, 1)
        assert "bob" in incident["readers"]
        assert {"stakeholders", "status_page"} & set(await steps_done(world, number)) == set()
        later = await declare(world, "Odd log lines", severity="SEV3")
        await edits.edit(world.ctx, later, "user:alice", Edits(impact={"criteria": ["breach"]}))
        assert (await world.incident(later))["private"]


async def test_severity_may_be_overridden_with_a_reason(world: World) -> None:
    with pytest.raises(Invalid, match="say why SEV3 is enough") as refused:
        await declare(world, severity="SEV3", impact={"percent": 20})
    assert refused.value.pointer == "/severity_reason"
    number = await declare(world, severity="SEV3", impact={"percent": 20}, severity_reason="All of them are robots")
    assert (await world.incident(number))["severity"] == 3
    created = await world.row("SELECT details FROM timeline WHERE incident_id = $1 ORDER BY seq", number)
    assert "The guide says SEV2" in created[0]
    assert "All of them are robots" in created[0]
    worse = await declare(world, severity="SEV1", impact={"percent": 20})
    assert (await world.incident(worse))["severity"] == 1, "worse needs no reason"
    with pytest.raises(Invalid, match="answer a question"):
        await declare(world, impact={"what": "?"})


async def test_tier_1_services_take_fewer_users(db: Database) -> None:
    services = [{**one, "tier": 1} for one in ORGANISATION["services"]]
    async with World(db, directory({"services": services})) as world:
        assert (await world.incident(await declare(world, impact={"percent": 5})))["severity"] == 1


async def test_a_changed_impact_suggests_and_never_changes_the_severity(world: World) -> None:
    number = await declare(world, impact={"percent": 2})
    said = await edits.edit(world.ctx, number, "user:alice", Edits(impact={"percent": 70}))
    assert "The impact says SEV1" in said.sentence
    assert (await world.incident(number))["severity"] == 3
    await edits.edit(world.ctx, number, "user:alice", Edits(impact={"percent": 0.2, "workaround": "Pay by invoice"}))
    row = await world.row(
        "SELECT data FROM timeline WHERE incident_id = $1 AND kind = 'impact_changed' ORDER BY seq DESC", number
    )
    assert row[0]["suggested"] == "sev4_low"
    assert row[0]["after"] == {"percent": 0.2, "workaround": "Pay by invoice"}
    assert (await world.incident(number))["severity"] == 3
    same = await edits.edit(world.ctx, number, "user:alice", Edits(impact={"percent": 0.2}))
    assert not same.changed


async def test_tags_follow_editable_rules_and_people_have_the_last_word(db: Database) -> None:
    rules = [{"id": "money", "words": ["checkout", "invoice"]}, {"id": "api", "words": []}]
    async with World(db, directory({"tags": rules})) as world:
        number = await declare(world, "Checkout api is slow on the db", severity=3)
        assert (await world.incident(number))["tags"] == ["api", "database", "money"], "the service api, and the words"
        await edits.tag(world.ctx, number, "user:alice", add=["Black Friday"], remove=["database"])
        await edits.edit(world.ctx, number, "user:alice", Edits(title="The db and the disk are slow"))
        assert (await world.incident(number))["tags"] == ["api", "black friday", "infrastructure"]


async def test_similar_incidents_are_offered_with_what_helped(world: World) -> None:
    old = await declare(
        world, "Connection pool of the database exhausted", severity=2, impact={"workaround": "Restart the pooler"}
    )
    other = await declare(world, "Certificate of the shop expired", severity=2)
    for young in (True, False):
        found = (await similar.like(world.ctx, "database connection pool is full", ["api"]))["items"]
        assert [one["number"] for one in found] == [old], f"young: {young}"
        assert found[0]["workaround"] == "Restart the pooler"
        world.clock.advance(search.YOUNG * 2)
        async with world.db.transaction() as tx:
            await search.catch_up(tx, world.clock.now())
    rows = await world.rows("SELECT incident_id FROM incident_words ORDER BY 1")
    assert [row[0] for row in rows] == [old, other]
    again = await declare(world, "Pool of database connections is exhausted again", severity=2)
    assert [one["number"] for one in (await similar.to(world.ctx, again))["items"]] == [old]
