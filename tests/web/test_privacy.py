"""A private incident at every door: whoever is not on it sees nothing of it, and whoever is sees all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from litestar import Litestar

from tocsin.core.incident import public_id
from tocsin.core.permission import Principal
from tocsin.core.severity import Severity
from tocsin.flow import declaring, merge, respond
from tocsin.manage import access, incidents, privacy, updates
from tocsin.manage.stream import Signal, Stream
from tocsin.metrics import exposition
from tocsin.web.app import ROUTES

from ..story.world import World
from .visitor import ADMIN, Site

SECRET = "Xanadu leak"


async def breach(world: World) -> int:
    """A private incident that paged Alice, with an alert, linked with one that everybody sees."""
    number = (await world.fire("breach", title=SECRET, labels={"alertname": SECRET})).incident
    assert number is not None
    await privacy.make_private(world.ctx, number, "user:alice", True, SECRET)
    await respond.note(world.ctx, number, "user:alice", f"{SECRET} in the logs")
    return number


def pages_of_the_application(number: int) -> Iterator[str]:
    """The path of everything that can be looked at, with the incident where a path names one."""
    for handler in ROUTES:
        for path in getattr(handler, "paths", ()):
            if "GET" in handler.http_methods and "stream" not in path:  # type: ignore[union-attr]
                example = public_id(number) if path.startswith("/incidents/") else "api" if "services" in path else "1"
                yield re.sub(r"\{[^}]*\}", example, path)


def reads_of_the_api(app: Litestar, number: int) -> Iterator[str]:
    for route in app.routes:
        path = route.path
        if path.startswith("/api/v1/") and "GET" in getattr(route, "methods", ()) and "stream" not in path:
            example = public_id(number) if "/incidents/" in path else "api" if "services" in path else "1"
            yield re.sub(r"\{[^}]*\}", example, path)


async def test_no_page_shows_it_to_whoever_is_not_on_it(site: Site) -> None:
    number = await breach(site.world)
    place = f"/incidents/{public_id(number)}"
    erin, alice, ada = [await site.someone(user) for user in ("erin", "alice", "ada")]
    for path in [*pages_of_the_application(number), "/incidents?q=Xanadu", "/alerts?q=Xanadu", "/palette?q=Xanadu"]:
        answer = await erin.http.get(path)
        assert answer.status_code < 500, path
        assert SECRET not in answer.text, path
        named = answer.status_code != 404 and public_id(number) in answer.text  # 404: the name that the visitor typed
        assert not named, path
    assert (await erin.http.get(place)).status_code == 404
    for path in ("/", "/incidents", "/alerts", place, "/incidents?q=Xanadu"):
        assert SECRET in await alice.get(path), path
        assert SECRET in await ada.get(path), path


async def test_no_answer_of_the_api_shows_it(site: Site) -> None:
    number = await breach(site.world)
    seen: dict[str, set[str]] = {}
    for user in ("erin", "alice"):
        visitor = await site.someone(user)
        for path in reads_of_the_api(site.app, number):
            answer = await visitor.http.get(path)
            assert answer.status_code < 500, (path, answer.text)
            if SECRET in answer.text:
                seen.setdefault(user, set()).add(path)
    assert "erin" not in seen
    assert {"/api/v1/incidents", "/api/v1/alerts", "/api/v1/events"} <= seen["alice"]
    assert SECRET not in exposition().decode()


async def test_what_others_were_told_of_it_is_not_told(site: Site) -> None:
    """A manager may read how everybody was reached, and whether promises were kept: of this one, nothing."""
    number = await breach(site.world)
    erin, alice = [await site.someone(user) for user in ("erin", "alice")]
    ctx = site.world.ctx
    for audience in ("responders", "stakeholders"):
        await updates.publish(
            ctx, ADMIN, number, updates.Wanted(audience=audience, message=SECRET, next_update_in="10m")
        )
    await site.world.wait(minutes=1)
    for path in ("reach/notifications", "reach/news"):
        answer = (await erin.http.get(f"/api/v1/users/alice/{path}")).text
        assert SECRET not in answer, path
        assert public_id(number) not in answer, path
    assert SECRET in (await alice.http.get("/api/v1/me/notifications")).text
    assert (await erin.http.get("/api/v1/metrics/promises")).json()["items"] == []
    assert SECRET in (await alice.http.get("/api/v1/metrics/promises")).text


async def test_acting_on_it_is_refused_as_if_it_did_not_exist(site: Site) -> None:
    world = site.world
    number = await breach(world)
    other = (await world.fire("other", title="Other")).incident
    assert other is not None
    await merge.relate(world.ctx, other, "user:alice", number)
    erin = await site.someone("erin")
    await erin.get("/account")
    answer = await erin.send(f"/incidents/{public_id(number)}/resolve", {})
    assert answer.status_code == 404
    said = await erin.says(
        await erin.send(
            f"/incidents/{public_id(other)}/merge", {"into": public_id(number)}, page=f"/incidents/{public_id(other)}"
        )
    )
    assert "there is no incident" in said
    assert SECRET not in said
    found = (await erin.http.get(f"/api/v1/incidents/{other}")).json()
    assert found["related"] == [], "not even that it exists"
    assert (await world.incident(number))["status"] == "detected"


async def test_what_others_said_of_it_before_it_was_hidden_names_it_no_more(site: Site) -> None:
    world = site.world
    number, twin, other = [
        await declaring.declare(world.ctx, "user:alice", title, "", severity, ["api"])
        for title, severity in ((SECRET, Severity.SEV4), (SECRET, Severity.SEV3), ("Other", Severity.SEV4))
    ]
    await merge.relate(world.ctx, other, "user:alice", number)
    await merge.merge(world.ctx, twin, "user:alice", other, "the same")
    for hidden in (number, twin):
        await privacy.make_private(world.ctx, hidden, "user:alice", True)
    erin, alice = await site.someone("erin"), await site.someone("alice")
    for path in (
        f"/incidents/{public_id(other)}",
        *(f"/api/v1/incidents/{other}/{one}" for one in ("timeline", "report.md", "report.json")),
    ):
        seen = (await erin.http.get(path)).text
        assert "inked with a private incident" in seen, path
        assert not [name for name in (SECRET, public_id(number), public_id(twin)) if name in seen], path
        assert SECRET in (await alice.http.get(path)).text, path
    assert (await incidents.verify(world.ctx, other))["ok"], "what was written stays as it is"
    stream = Stream(world.ctx)
    for user, role, seen_there in (("erin", "manager", False), ("alice", "responder", True)):
        listening = stream.listen("1", other, who=Principal(f"user:{user}", role, user, user))
        heard = [signal.data.decode() async for signal in _until_alive(listening)]
        assert any('"merged"' in text for text in heard)
        assert any(SECRET in text for text in heard) is seen_there, "what was missed is veiled likewise"
    stream.stop()


async def _until_alive(signals: AsyncIterator[Signal]) -> AsyncIterator[Signal]:
    async for signal in signals:
        if signal.kind == "alive":
            return
        yield signal


async def test_people_are_let_in_and_it_is_shown_again(site: Site) -> None:
    number = await breach(site.world)
    place = f"/incidents/{public_id(number)}"
    olga = await site.someone("olga")
    await olga.get(place, 404)
    alice = await site.someone("alice")
    assert "Olga may see it" in await alice.says(await alice.send(f"{place}/readers", {"user": "olga"}, page=place))
    assert SECRET in await olga.get(place)
    erin = await site.someone("erin")
    await erin.get(place, 404)
    await alice.send(f"{place}/private", {"private": "no"}, page=place)
    assert SECRET in await erin.get(place)


async def test_the_stream_keeps_it_from_those_who_are_not_on_it(site: Site) -> None:
    world = site.world
    number = await breach(world)
    other = (await world.fire("other", title="Other", severity="info")).incident
    assert other is not None
    stream = Stream(world.ctx)
    heard: dict[str, list[str]] = {"erin": [], "alice": []}

    async def listen(user: str, role: Any) -> None:
        async for signal in stream.listen(who=Principal(f"user:{user}", role, user, user)):
            if signal.kind == "entry":
                heard[user].append(signal.data.decode())
                if "the last" in heard[user][-1]:
                    return

    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        group.create_task(listen("erin", "manager"))
        group.create_task(listen("alice", "responder"))
        await asyncio.sleep(0.3)
        await respond.note(world.ctx, number, "user:alice", f"{SECRET} again")
        await respond.note(world.ctx, other, "user:alice", "the last")
        world.ctx.wake.set("timeline")
    stream.stop()
    assert not any(SECRET in text for text in heard["erin"])
    assert any(SECRET in text for text in heard["alice"])


async def test_a_token_sees_what_it_reported_and_an_admin_token_everything(site: Site) -> None:
    number = await breach(site.world)
    for role, expected in (("responder", 404), ("admin", 200)):
        _, secret = await access.create_token(site.world.ctx, ADMIN, f"key-{role}", role)
        answer = await site.stranger().http.get(
            f"/api/v1/incidents/{number}", headers={"authorization": f"Bearer {secret}"}
        )
        assert answer.status_code == expected, role
