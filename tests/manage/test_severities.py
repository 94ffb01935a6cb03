"""The severity matrix changes like the rest of the configuration: planned, audited, exported, and refused where a file says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound
from tocsin.core.matrix import matrix_of
from tocsin.core.severity import Severity
from tocsin.manage import configuration, objects, severities
from tocsin.manage.plans import Plan
from tocsin.store.database import Database

from .test_configuration import ADA, ALICE, ERIN, World

GOOD = (Path(__file__).parents[1] / "golden" / "configuration" / "good" / "severities.yml").read_text()


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


def fields(plan: Plan) -> list[tuple[str, str, Any, Any]]:
    return [(item.kind, field.field, field.old, field.new) for item in plan.items for field in item.fields]


async def test_a_file_with_severities_applies_exports_and_again_does_nothing(world: World) -> None:
    first = await world.apply(GOOD)
    assert ("settings", "sev1_critical.escalation_time", None, "10m") in fields(first)
    assert ("settings", "sev4_low.review", None, "optional") in fields(first)
    assert (await world.apply(GOOD)).items == ()
    text = await configuration.export(world.ctx, ADA)
    again = await world.apply(text, prune=True, name="other.yml")
    assert (again.items, again.moved) == ((), 4)
    assert await configuration.export(world.ctx, ADA) == text
    row = matrix_of(world.ctx.directory, "api")[Severity.SEV1]
    assert (row.response_time, row.escalation_time, row.inform_manager, row.acknowledge_timeout) == (
        120,
        600,
        None,
        1800,
    )
    assert world.ctx.directory.teams["payments"].business_hours is not None


async def test_what_the_files_do_not_speak_of_stays_unless_pruned(world: World) -> None:
    await severities.put(world.ctx, ADA, {"sev1_critical": {"response_time": "3m"}})
    assert (await world.apply("version: 1\nseverities: {}\n")).items == ()
    assert matrix_of(world.ctx.directory, None)[Severity.SEV1].response_time == 180
    pruned = await world.apply("version: 1\n", prune=True)
    assert fields(pruned) == [("settings", "sev1_critical.response_time", "3m", None)]
    assert matrix_of(world.ctx.directory, None)[Severity.SEV1].response_time == 300


async def test_a_change_is_seen_before_it_is_made_and_remembered_afterwards(world: World) -> None:
    await world.apply("version: 1\nservices: [{id: other}]\n")
    await objects.create(world.ctx, ADA, "services", {"id": "api"})
    wanted = {"SEV3": {"page": "never"}}
    dry = await severities.put(world.ctx, ERIN, wanted, dry_run=True)
    assert dry["changes"] == [{"field": "sev3_medium.page", "old": None, "new": "never"}]
    assert matrix_of(world.ctx.directory, None)[Severity.SEV3].page == "business_hours"
    await severities.put(world.ctx, ERIN, wanted)
    await severities.put(world.ctx, ADA, {"sev3": {"page": "now"}}, "api")
    shown = severities.view(world.ctx, "api")
    assert shown["severities"]["sev3_medium"]["page"] == "now"
    assert shown["inherited"]["sev3_medium"]["page"] == "never"
    assert shown["overrides"] == {"sev3_medium": {"page": "now"}}
    [organisation] = await severities.trail(world.ctx)
    assert (organisation["actor"], organisation["changes"][0]["new"]) == ("user:erin", "never")
    [service] = await severities.trail(world.ctx, "api")
    assert service["actor"] == "user:ada"
    assert await severities.trail(world.ctx, "other") == []


async def test_a_change_by_a_file_is_in_the_audit_trail_too(world: World) -> None:
    await world.apply(GOOD)
    [change] = await severities.trail(world.ctx, "api")
    assert {"field": "sev1_critical.response_time", "old": None, "new": "2m"} in change["changes"]


async def test_what_a_file_says_is_changed_in_the_file(world: World) -> None:
    await world.apply(GOOD)
    assert severities.view(world.ctx)["origin"] == {"file": "tocsin.yml", "line": 15}
    with pytest.raises(Conflict, match=r"tocsin.yml:15"):
        await severities.put(world.ctx, ADA, {})
    with pytest.raises(Conflict, match=r"tocsin.yml:"):
        await severities.put(world.ctx, ADA, {}, "api")


async def test_one_field_and_back(world: World) -> None:
    await severities.merge(world.ctx, ADA, Severity.SEV1, {"response_time": "3m", "who": "All"})
    made = await severities.merge(world.ctx, ADA, Severity.SEV1, {"response_time": None})
    assert made["overrides"] == {"sev1_critical": {"who": "All"}}
    assert (await severities.put(world.ctx, ADA, made))["changes"] == [], "what a GET answers may be PUT back"


async def test_who_may_and_what_is_refused(world: World) -> None:
    with pytest.raises(Forbidden):
        await severities.put(world.ctx, ALICE, {"sev1": {"page": "never"}})
    with pytest.raises(Invalid) as wrong:
        await severities.put(world.ctx, ADA, {"sev1": {"page": "loudly"}, "sev9": {}})
    assert {problem.pointer for problem in wrong.value.problems} == {"/sev1/page", "/sev9"}
    with pytest.raises(NotFound):
        await severities.put(world.ctx, ADA, {}, "ghost")
    with pytest.raises(NotFound):
        severities.view(world.ctx, "ghost")


async def test_two_files_may_not_disagree(world: World) -> None:
    one, two = (f"version: 1\nseverities: {{sev1: {{response_time: {n}m}}}}\n" for n in (1, 2))
    with pytest.raises(Invalid, match="one problem") as wrong:
        await world.apply(one, two)
    assert "set twice" in wrong.value.problems[0].message


async def test_other_changes_leave_the_matrix_alone(world: World) -> None:
    await severities.put(world.ctx, ADA, {"sev1": {"response_time": "3m"}})
    await objects.create(world.ctx, ADA, "services", {"id": "api", "severities": {"sev2": {"who": "x"}}})
    await objects.update(world.ctx, ADA, "services", "api", {"name": "API"})
    assert matrix_of(world.ctx.directory, "api")[Severity.SEV1].response_time == 180
    assert matrix_of(world.ctx.directory, "api")[Severity.SEV2].who == "x"
