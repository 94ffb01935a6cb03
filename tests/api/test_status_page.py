"""The status page over the API: configured, looked at, its subscribers, announced maintenance, and why the public is not told."""

from __future__ import annotations

from datetime import timedelta

from tocsin.store import subscribers

from ..story.quiet import configure
from ..story.world import ORGANISATION, directory
from .desk import Desk

PAGE = {
    "id": "public", "name": "Example Status", "public": True,
    "components": [{"id": "cards", "name": "Card payments", "services": ["api"]}, {"id": "shop"}],
}  # fmt: skip


async def test_the_page_is_an_object_like_every_other(desk: Desk) -> None:
    await configure(desk.world)
    await desk.refused("GET", "/status", 404)
    made = await desk.post("/status_pages", PAGE, 201, role="admin")
    assert (made["silence_alarm"], made["components"][0]["services"]) == ("15m", ["api"])
    second = await desk.refused("POST", "/status_pages", 422, {"id": "other"}, role="admin")
    assert "there is one status page" in second["errors"][0]["detail"]
    gone = await desk.refused(
        "POST", "/status_pages", 422, {**PAGE, "id": "x", "components": [{"id": "a", "services": ["no"]}]}, role="admin"
    )
    assert any("unknown service" in error["detail"] for error in gone["errors"])
    found = await desk.get("/status")
    assert (found["page"], found["indicator"], found["description"]) == ("public", "none", "All Systems Operational")


async def test_it_tells_what_stands_behind_each_component(desk: Desk) -> None:
    await configure(desk.world, status_pages=[PAGE])
    number = (await desk.world.fire()).incident
    body = {"audience": "public", "message": "Refused.", "components": {"cards": "major_outage"}}
    await desk.post(f"/incidents/{number}/updates", body, 201, role="admin")
    cards, shop = (await desk.get("/status"))["components"]
    assert (cards["state"], cards["services"], cards["because"]) == ("major_outage", ["api"], ["disk is broken"])
    assert (shop["state"], shop["because"]) == ("operational", [])


async def test_subscribers(desk: Desk) -> None:
    await configure(desk.world, status_pages=[PAGE])
    made = await desk.post("/subscribers", {"address": "kim@example.com", "components": ["cards"]}, 201, role="admin")
    assert (made["state"], made["components"], made["added_by"]) == ("active", ["cards"], "token:admin")
    await desk.refused("POST", "/subscribers", 409, {"address": "KIM@example.com"}, role="admin")
    await desk.refused("POST", "/subscribers", 422, {"address": "kim"}, role="admin")
    await desk.refused("POST", "/subscribers", 422, {"address": "a@b.c", "components": ["x"]}, role="admin")
    await desk.refused("GET", "/subscribers", 403)
    listed = await desk.get("/subscribers", role="admin", q="KIM", state="active")
    assert [one["address"] for one in listed["items"]] == ["kim@example.com"]
    await desk.refused("GET", "/subscribers", 422, role="admin", query={"state": "asleep"})
    assert (await desk.call("DELETE", f"/subscribers/{made['id']}", role="admin")).json()[
        "address"
    ] == "kim@example.com"
    await desk.refused("DELETE", f"/subscribers/{made['id']}", 404, role="admin")
    await desk.refused("POST", "/subscribers/99999999999999999999/resume", 404, role="admin")


async def test_mail_that_bounces_is_one_list(desk: Desk) -> None:
    mail = {"contact_methods": [{"id": "mail", "type": "email", "address": "alice@gone.example.com"}]}
    users = [{**one, **mail} if one["id"] == "alice" else one for one in ORGANISATION["users"]]
    desk.world.ctx.directory = directory({"users": users, "status_pages": [PAGE]})
    kim = await desk.post("/subscribers", {"address": "kim@example.com"}, 201, role="admin")
    await desk.post("/subscribers", {"address": "well@example.com"}, 201, role="admin")
    now = desk.world.clock.now()
    sent = [("alice", "failed", 1), ("alice", "failed", 2), ("bob", "failed", 2), ("alice", "delivered", 0)]
    async with desk.world.db.transaction() as tx:
        await subscribers.bounced(tx, kim["id"], "550 no such user", 3, now)
        for number, (user, state, minutes) in enumerate(sent):
            await tx.execute(
                """INSERT INTO notices (key, kind, user_id, method, channel, created_at, due_at, deadline_at, state, ended_at, error)
                   VALUES ($1, 'manager', $2, 'mail', 'email', $3, $3, $3, $4, $5, '550 ' || $1)""",
                str(number), user, now, state, now + timedelta(minutes=minutes),
            )  # fmt: skip
    whole = await desk.get("/bounces", role="manager")
    alice, subscriber = whole["items"]
    assert (alice["kind"], alice["user"], alice["method"]) == ("contact_method", "alice", "mail")
    assert (alice["address"], alice["times"], alice["error"]) == ("alice@gone.example.com", 2, "550 1")
    assert (subscriber["subscriber"], subscriber["state"], subscriber["error"]) == (
        kim["id"], "active", "550 no such user",
    )  # fmt: skip
    first = await desk.get("/bounces", role="manager", limit=1)
    second = await desk.get("/bounces", role="manager", limit=1, cursor=first["next"])
    assert [*first["items"], *second["items"], second["next"]] == [*whole["items"], None]
    assert (await desk.get("/bounces", role="manager", kind="subscriber"))["items"] == [subscriber]
    await desk.refused("GET", "/bounces", 403)
    for query in ({"kind": "pigeon"}, {"limit": 0}, {"cursor": "x"}):
        await desk.refused("GET", "/bounces", 422, role="manager", query=query)
    async with desk.world.db.transaction() as tx:
        await tx.execute("UPDATE notices SET state = 'delivered' WHERE key = '1'")
        await subscribers.arrived(tx, [kim["id"]])
    assert (await desk.get("/bounces", role="manager"))["items"] == [], "they take letters again"


async def test_maintenance_is_announced_only_in_the_words_of_the_page(desk: Desk) -> None:
    body = {"kind": "maintenance", "services": ["api"], "reason": "x", "duration": "1h", "announce": {"title": "Pause"}}
    none = await desk.refused("POST", "/mutes", 422, body)
    assert none["errors"][0]["pointer"] == "/announce"
    await configure(desk.world, status_pages=[PAGE])
    for announce, pointer in (
        ({"title": " "}, "/announce/title"),
        ({"title": "x", "components": ["card"]}, "/announce/components/0"),
        ({"titel": "x"}, "/announce/titel"),
        ("x", "/announce"),
    ):
        told = await desk.refused("POST", "/mutes", 422, {**body, "announce": announce})
        assert pointer in {error["pointer"] for error in told["errors"]}
    await desk.refused("POST", "/mutes", 422, {**body, "kind": "silence"})
    made = await desk.post("/mutes", body, 201)
    assert made["announce"] == {"title": "Pause"}
    [shown] = (await desk.get("/status"))["maintenance"]
    assert (shown["title"], shown["status"]) == ("Pause", "in_progress")


async def test_somebody_says_why_the_public_is_not_told(desk: Desk) -> None:
    await configure(desk.world, status_pages=[PAGE])
    number = (await desk.world.fire()).incident
    said = await desk.post(f"/incidents/{number}/silence", {"reason": "Only our CI"}, 200)
    assert said["result"]["changed"] is True
    await desk.refused("POST", f"/incidents/{number}/silence", 422, {"reason": " "})
    assert "silence_explained" in await desk.world.kinds(number or 0)
