"""Checklists of newcomers over the API: they tick themselves, people tick the rest, a mentor signs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tocsin.core.permission import Principal
from tocsin.core.severity import Severity
from tocsin.core.spelling import plain
from tocsin.flow import drill
from tocsin.manage import access

from ..story.world import directory
from .desk import Desk

ADMIN = Principal("token:admin", "admin", None, "admin")
SECRETS: dict[str, str] = {}

SHADOWED = {"user": "carol", "from": "2026-02-16T09:00", "to": "2026-03-02T09:00"}


@pytest.fixture
async def new(desk: Desk) -> Desk:
    """Carol shadows the team's schedule, whose weeks Alice and Bob share."""
    layer = {"id": "weekly", "users": ["alice", "bob"], "starts": "2026-01-05T09:00"}
    schedule = {"id": "primary", "team": "payments", "layers": [layer], "shadows": [SHADOWED]}
    users = [plain(user) for user in desk.world.ctx.directory.users.values()]
    desk.world.ctx.directory = directory({"schedules": [schedule], "users": users})
    return desk


async def call(desk: Desk, user: str, method: str, path: str, body: Any = None) -> httpx.Response:
    """As that person, with a token of theirs."""
    known = {one.name for one in await access.list_tokens(desk.world.ctx, ADMIN)}
    if user not in known:
        _, SECRETS[user] = await access.create_token(desk.world.ctx, ADMIN, user, "responder", user)
    headers = {"Authorization": f"Bearer {SECRETS[user]}"}
    return await desk.call(method, path, body, role=None, headers=headers)


async def test_a_checklist_ticks_itself_is_ticked_and_signed_by_somebody_else(new: Desk) -> None:
    (listed,) = (await new.get("/newcomers"))["items"]
    assert (listed["user"], listed["team"], listed["done"], listed["ready"]) == ("carol", "payments", 2, False)
    one = await new.get("/newcomers/carol")
    state = {item["id"]: (item["done"], item["seen"], item["count"]) for item in one["items"]}
    assert state["shadowed"] == (True, 2, 2)
    assert state["reached"] == (True, 1, 1)
    assert state["drill"] == (False, 0, 1)
    assert state["runbooks"] == (False, None, 1)
    early = await call(new, "alice", "POST", "/newcomers/carol/sign", {})
    assert early.status_code == 409
    assert "Answered a drill" in early.json()["detail"]
    for item in ("runbooks", "access", "escalate", "handoff"):
        assert (await call(new, "carol", "POST", "/newcomers/carol/tick", {"item": item})).status_code == 200
    ticked = (await call(new, "alice", "POST", "/newcomers/carol/tick", {"item": "drill"})).json()
    assert (ticked["done"], ticked["of"]) == (7, 7)
    assert [item["by"] for item in ticked["items"] if item["id"] in ("drill", "access")] == ["user:alice", "user:carol"]
    assert (await call(new, "carol", "POST", "/newcomers/carol/sign", {})).status_code == 403, "never the newcomer"
    signed = (await call(new, "alice", "POST", "/newcomers/carol/sign", {"note": "Calm hands."})).json()
    assert (signed["ready"], signed["signed_by"], signed["note"]) == (True, "user:alice", "Calm hands.")
    again = (await call(new, "bob", "POST", "/newcomers/carol/sign", {})).json()
    assert again["signed_by"] == "user:alice"
    assert (
        await call(new, "alice", "POST", "/newcomers/carol/tick", {"item": "drill", "done": False})
    ).status_code == 409
    assert (await new.get("/newcomers", signed=False))["items"] == []
    back = (await call(new, "bob", "DELETE", "/newcomers/carol/sign")).json()
    assert (back["ready"], back["done"]) == (False, 7)


async def test_a_drill_and_a_handoff_tick_their_items(new: Desk) -> None:
    world = new.world
    number = await drill.start(world.ctx, "user:erin", "api", Severity.SEV1)
    await world.acknowledge(number, "carol")
    state = {item["id"]: item["seen"] for item in (await new.get("/newcomers/carol"))["items"]}
    assert state["drill"] == 1
    assert state["handoff"] == 0


async def test_the_check_warns_until_it_is_signed(new: Desk) -> None:
    world = new.world
    (primary,) = (plain(schedule) for schedule in world.ctx.directory.schedules.values())
    primary["overrides"] = [{"user": "carol", "from": "2026-03-09T09:00", "to": "2026-03-16T09:00"}]
    users = [plain(user) for user in world.ctx.directory.users.values()]
    world.ctx.directory = directory({"schedules": [primary], "users": users})

    async def warned() -> list[str]:
        return [item["object"] for item in (await new.get("/check"))["items"] if item["kind"] == "not_ready"]

    assert await warned() == ["user:carol"]
    for item in ("runbooks", "access", "escalate", "handoff", "drill"):
        await call(new, "alice", "POST", "/newcomers/carol/tick", {"item": item})
    assert (await call(new, "alice", "POST", "/newcomers/carol/sign", {})).status_code == 200
    assert await warned() == []


async def test_one_is_opened_for_somebody_who_does_not_shadow(new: Desk) -> None:
    await new.refused("GET", "/newcomers/bob", 404)
    await new.refused("GET", "/newcomers/nobody", 404)
    made = await new.post("/newcomers", {"user": "bob", "mentor": "alice"}, 201)
    assert (made["team"], made["mentor"]) == ("payments", "alice")
    assert {one["user"] for one in (await new.get("/newcomers"))["items"]} == {"bob", "carol"}
    for body, pointer in (
        ({"user": "nobody"}, "/user"), ({"user": "bob", "mentor": "nobody"}, "/mentor"), ({"user": "bob", "mentor": "bob"}, "/mentor"),
        ({"user": "bob", "team": "no"}, "/team"), ({}, "/user"),
    ):  # fmt: skip
        found = await new.refused("POST", "/newcomers", 422, body)
        assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert (await call(new, "bob", "POST", "/newcomers/bob/tick", {"item": "tea"})).status_code == 422
    outsider = await call(new, "carol", "POST", "/newcomers/bob/sign", {})
    assert outsider.status_code == 403, "somebody of another team"
