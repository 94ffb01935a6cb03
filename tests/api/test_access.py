"""Who may do what over HTTP: every route asks for a token, and for the role that the one table names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tocsin.core.permission import ROLES, Permission, allowed
from tocsin.manage import access
from tocsin.store.access import add_session

from .desk import Desk, problem

OPEN = "/api/v1/openapi.json"
"""The path of the API that anybody may read."""


def routes(desk: Desk) -> Iterator[tuple[str, str, Permission | None]]:
    """Every (method, path with example ids, permission that its guard asks for) below /api/v1."""
    for route in desk.app.routes:
        for handler in getattr(route, "route_handlers", []):
            if not route.path.startswith("/api/v1") or route.path.startswith(OPEN):
                continue
            path = re.sub(r"\{[^}]*\}", "1", route.path)
            guards = [g for g in handler.resolve_guards() if hasattr(g, "permission")]
            for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                yield method, path.removeprefix("/api/v1"), guards[0].permission if guards else None


async def test_every_route_names_a_permission(desk: Desk) -> None:
    found = list(routes(desk))
    assert len(found) > 25
    assert [route for route in found if route[2] is None] == []


async def test_every_route_without_a_token_is_401(desk: Desk) -> None:
    for method, path, _ in routes(desk):
        answer = await desk.call(method, path, role=None)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer"), (method, path)
        problem(answer)


async def test_every_route_refuses_each_role_that_the_table_refuses(desk: Desk) -> None:
    for method, path, permission in routes(desk):
        assert permission is not None
        for role in ROLES:
            if not allowed(role, permission):
                answer = await desk.call(method, path, role=role)
                assert answer.status_code == 403, (method, path, role)
                assert role in problem(answer)["detail"]


async def test_every_role_that_the_table_allows_gets_past_the_door(desk: Desk) -> None:
    for method, path, permission in routes(desk):
        if path == "/stream":
            continue
        for role in ROLES:
            if permission and allowed(role, permission):
                answer = await desk.call(method, path, role=role)
                assert answer.status_code not in (401, 403, 500), (method, path, role, answer.text)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer nonsense", "Bearer tocsin_unknown", "tocsin_admin", "Bearer \xff\xfe"]
)  # fmt: skip
async def test_a_wrong_token_is_401(desk: Desk, header: str) -> None:
    answer = await desk.http.get("/api/v1/incidents", headers={"Authorization": header.encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == 401
    problem(answer)


async def test_the_scheme_may_be_spelled_in_any_case(desk: Desk) -> None:
    answer = await desk.http.get("/api/v1/incidents", headers={"Authorization": "bearer tocsin_observer"})
    assert answer.status_code == 200


async def test_a_revoked_token_opens_nothing(desk: Desk) -> None:
    made = await desk.post("/tokens", {"name": "deploy", "role": "responder"}, 201, role="admin")
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await desk.http.get("/api/v1/incidents", headers=headers)).status_code == 200
    answer = await desk.call("DELETE", "/tokens/deploy", role="admin")
    assert answer.json()["revoked_at"]
    assert (await desk.http.get("/api/v1/incidents", headers=headers)).status_code == 401


async def test_a_token_is_shown_once(desk: Desk) -> None:
    made = await desk.post("/tokens", {"name": "deploy", "role": "observer"}, 201, role="admin")
    assert made["token"].startswith("tocsin_")
    listed = (await desk.get("/tokens", role="admin"))["items"]
    (deploy,) = [token for token in listed if token["name"] == "deploy"]
    assert "token" not in deploy
    assert made["token"] not in str(listed)
    assert (deploy["role"], deploy["created_by"]) == ("observer", "token:admin")


async def test_bad_tokens_are_refused_by_field(desk: Desk) -> None:
    for body, pointer in (
        ({"name": "", "role": "admin"}, "/name"), ({"name": "x", "role": "king"}, "/role"), ({"role": "admin"}, "/name"),
        ({"name": "x", "rule": "admin"}, "/rule"),
    ):  # fmt: skip
        found = await desk.refused("POST", "/tokens", 422, body, role="admin")
        assert [e["pointer"] for e in found["errors"]] == [pointer]
    await desk.post("/tokens", {"name": "x"}, 201, role="admin")
    await desk.refused("POST", "/tokens", 409, {"name": "x"}, role="admin")
    await desk.refused("DELETE", "/tokens/nobody", 404, role="admin")


async def _sign_in(desk: Desk, user: str) -> dict[str, str]:
    now = desk.world.clock.now()
    async with desk.world.db.transaction() as tx:
        await add_session(tx, access.digest(f"cookie-{user}"), user, "password", now, now + access.SESSION_LIFE, "")
    return {"Cookie": f"tocsin_session=cookie-{user}"}


async def test_a_session_may_read_but_never_write(desk: Desk) -> None:
    cookie = await _sign_in(desk, "alice")
    number = (await desk.world.fire()).incident
    assert (await desk.call("GET", f"/incidents/{number}", role=None, headers=cookie)).status_code == 200
    answer = await desk.call("POST", f"/incidents/{number}/acknowledge", {}, role=None, headers=cookie)
    assert answer.status_code == 401
    assert (await desk.world.incident(number))["status"] == "detected"


async def test_a_bad_token_is_not_saved_by_a_good_session(desk: Desk) -> None:
    cookie = await _sign_in(desk, "alice")
    answer = await desk.call("GET", "/incidents", role=None, headers={**cookie, "Authorization": "Bearer nonsense"})
    assert answer.status_code == 401


async def test_a_session_that_is_over_reads_nothing(desk: Desk) -> None:
    cookie = await _sign_in(desk, "alice")
    desk.world.clock.advance(access.SESSION_LIFE)
    assert (await desk.call("GET", "/incidents", role=None, headers=cookie)).status_code == 401


async def test_keys_are_for_those_who_configure(desk: Desk) -> None:
    def keys(service: dict[str, Any]) -> list[str | None]:
        return [i.get("key") for i in service["integrations"]]

    assert keys(await desk.get("/services/api", role="manager")) == ["k" * 32]
    assert keys(await desk.get("/services/api", role="responder")) == [None]
    assert "k" * 32 not in str(await desk.get("/services", role="observer"))
