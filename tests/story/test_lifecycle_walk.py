"""Any sequence of acts on an incident: what the lifecycle allows happens, and anything else is one error that changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.core.errors import Conflict
from tocsin.core.incident import STATUSES, Status
from tocsin.core.lifecycle import legal
from tocsin.flow import closing, restore, step
from tocsin.store.database import Database

from ..conftest import Databases
from .world import World

ACTS = (*STATUSES, "restore", "resolve", "close", "reopen")
LEADS: dict[str, Status] = {
    "restore": "monitoring",
    "resolve": "resolved",
    "close": "closed",
    "reopen": "investigating",
}


async def act(world: World, number: int, name: str) -> bool:
    """Do it as Alice; whether anything changed."""
    by_name = {"restore": restore.restore, "resolve": closing.resolve, "close": closing.close, "reopen": closing.reopen}
    if name in by_name:
        return (await by_name[name](world.ctx, number, "user:alice")).changed
    return (await step.change(world.ctx, number, "user:alice", name)).changed


def expected(status: Status, name: str) -> Status | None:
    """Where it leads; None when it is refused."""
    wanted = LEADS.get(name, name)
    if name == "reopen" and status not in ("resolved", "closed"):
        return None
    if wanted == status:
        return status
    return wanted if legal(status, wanted) else None  # type: ignore[arg-type, return-value]


async def walk(world: World, names: Sequence[str]) -> None:
    number = (await world.fire("walk", severity="warning")).incident
    assert number is not None
    status: Status = "detected"
    for name in names:
        before, told = dict(await world.incident(number)), await world.kinds(number)
        leads = expected(status, name)
        if leads is None:
            with pytest.raises(Conflict):
                await act(world, number, name)
            assert dict(await world.incident(number)) == before
            assert await world.kinds(number) == told
            continue
        assert (await act(world, number, name)) is (leads != status), (status, name)
        status = leads
        _holds(await world.incident(number), status)
    await closing.resolve(world.ctx, number, "user:alice") if status not in ("resolved", "closed") else None


def _holds(row: Any, status: Status) -> None:
    """What is true of an incident in each state."""
    assert row["status"] == status
    assert (row["restored_at"] is not None) is (status in ("monitoring", "resolved", "closed"))
    assert (row["resolved_at"] is not None) is (status in ("resolved", "closed"))
    assert (row["closed_at"] is not None) is (status == "closed")
    assert status == "detected" or row["acknowledged_at"] is not None
    assert set(row["moments"]) <= {"restored"}
    assert ("restored" in row["moments"]) is (row["restored_at"] is not None)


def test_any_walk_through_the_lifecycle(databases: Databases) -> None:
    async def open_world() -> tuple[str, Database, World]:
        url = await databases.create()
        db = Database(url)
        await db.open()
        world = World(db)
        await world.__aenter__()
        return url, db, world

    with asyncio.Runner() as runner:
        url, db, world = runner.run(open_world())

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(st.lists(st.sampled_from(ACTS), min_size=4, max_size=14))
        def any_walk(names: list[str]) -> None:
            runner.run(walk(world, names))

        try:
            any_walk()
        finally:
            runner.run(world.__aexit__())
            runner.run(db.close())
            runner.run(databases.drop(url))
