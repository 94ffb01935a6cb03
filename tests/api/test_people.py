"""`/me` and `/users/{id}/reach`: how one is reached, over HTTP."""

from __future__ import annotations

import re
from typing import Any

from tocsin.core.permission import Principal
from tocsin.manage import access, objects

from ..fakes.phones import Sms
from .desk import Desk

ADMIN = Principal("token:admin", "admin", None, "The token admin")


async def furnish(desk: Desk) -> tuple[Sms, str]:
    """Alice as somebody made by hand, and the header of a token of hers."""
    world, sms = desk.world, Sms()
    world.ctx.channels = {**world.ctx.channels, "sms": sms}  # type: ignore[dict-item]
    world.ctx.directory = type(world.ctx.directory)()
    await objects.create(world.ctx, ADMIN, "users", {"id": "alice", "name": "Alice"})
    _, secret = await access.create_token(world.ctx, ADMIN, "alice-laptop", "admin", "alice")
    return sms, secret


async def ask(
    desk: Desk, secret: str, method: str, path: str, body: Any = None, status: int = 200, **query: Any
) -> Any:
    answer = await desk.call(method, path, body, role=None, headers={"Authorization": f"Bearer {secret}"}, query=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_personal_token_is_the_person_with_no_more_than_their_role(desk: Desk) -> None:
    _, secret = await furnish(desk)
    assert (await ask(desk, secret, "GET", "/me"))["user"] == "alice"
    await ask(desk, secret, "GET", "/tokens", status=403)
    (token,) = [t for t in (await desk.get("/tokens", role="admin"))["items"] if t["name"] == "alice-laptop"]
    assert token["user"] == "alice"


async def test_a_token_of_nobody_has_no_page_of_its_own(desk: Desk) -> None:
    await furnish(desk)
    found = await desk.refused("GET", "/me", 404)
    assert "belongs to no person" in found["detail"]
    assert (await desk.get("/users/alice/reach", role="manager"))["user"] == "alice"
    await desk.refused("GET", "/users/alice/reach", 403)
    await desk.refused("GET", "/users/nobody/reach", 404, role="admin")


async def test_a_method_from_its_address_to_its_first_test_message(desk: Desk) -> None:
    sms, secret = await furnish(desk)
    made = await ask(desk, secret, "POST", "/me/methods", {"type": "sms", "number": "+49301"}, 201)
    assert made["contact_methods"][0]["verified"] is False
    await ask(desk, secret, "POST", "/me/methods/sms/test", status=409)
    sent = await ask(desk, secret, "POST", "/me/methods/sms/code")
    assert sent["receipt"] == "SM1"
    refused = await ask(desk, secret, "POST", "/me/methods/sms/verify", {"code": "nonsense"}, 422)
    assert refused["errors"][0]["pointer"] == "/code"
    (code,) = re.findall(r"\d{6}", sms.to("+49301")[0].news.heading)  # type: ignore[union-attr]
    me = await ask(desk, secret, "POST", "/me/methods/sms/verify", {"code": code})
    assert me["plan"]["high"] == [{"after": "0s", "seconds": 0, "method": "sms", "type": "sms", "name": "sms"}]
    answer = await desk.call("POST", "/me/methods/sms/test", role=None, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == 60
    await desk.world.wait(minutes=1)
    await ask(desk, secret, "POST", "/me/methods/sms/test")
    me = await ask(desk, secret, "PATCH", "/me", {"quiet_hours": {"from": "22:00", "to": "07:00"}})
    assert me["quiet_hours"] == {
        "from": "22:00", "to": "07:00", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    }  # fmt: skip
    me = await ask(desk, secret, "PATCH", "/me/methods/sms", {"number": "+49302"})
    assert me["contact_methods"][0]["verified"] is False
    me = await ask(desk, secret, "DELETE", "/me/methods/sms")
    assert me["contact_methods"] == []


async def test_users_made_over_the_api_are_reached_by_nothing_private_or_unverified(desk: Desk) -> None:
    await furnish(desk)
    method = {"id": "hook", "type": "sms", "number": "+49305"}
    await desk.post("/users", {"id": "eve", "contact_methods": [method]}, 201, role="manager")
    assert (await desk.get("/users/eve/reach", role="manager"))["plan"] == {"high": [], "low": []}


async def test_what_rang_is_told_with_its_receipt_and_why(desk: Desk) -> None:
    _, secret = await furnish(desk)
    world = desk.world
    async with world.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO incidents (id, title, severity, urgency, reporter, created_at, detected_at)"
            " VALUES (7, 'disk', 1, 'high', 'x', $1, $1)", world.clock.now())  # fmt: skip
        for page in (1, 2, 3):
            await tx.execute(
                "INSERT INTO pages (id, incident_id, user_id, cycle, round, step, tier, via, reason, urgency, created_at, deadline_at)"
                " VALUES ($1, 7, 'alice', 1, 0, 1, 'on_call', 'user:alice', 'named_in_policy', 'high', $2, $2)",
                page, world.clock.now())  # fmt: skip
            await tx.execute(
                "INSERT INTO notifications (id, page_id, incident_id, user_id, method, channel, position, scheduled_at, due_at, state,"
                " receipt, held) VALUES ($1, $1, 7, 'alice', 'sms', 'sms', 0, $2, $2, 'delivered', 'SM1', 'bundle')",
                page, world.clock.now())  # fmt: skip
    first = await ask(desk, secret, "GET", "/me/notifications", limit=2)
    assert [n["id"] for n in first["items"]] == [3, 2]
    assert (first["items"][0]["receipt"], first["items"][0]["held"]) == ("SM1", "bundle")
    assert first["items"][0]["why"] == "The escalation policy names you."
    rest = await ask(desk, secret, "GET", "/me/notifications", cursor=first["next"])
    assert [n["id"] for n in rest["items"]] == [1]
