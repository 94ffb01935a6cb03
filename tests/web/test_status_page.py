"""The status page as visitors meet it: who may read it, how it is kept in memory, how people subscribe and leave."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tocsin.core.errors import Unavailable
from tocsin.core.incident import public_id
from tocsin.flow import closing, updates
from tocsin.flow.context import Wake
from tocsin.flow.silence_alarm import keep_watch
from tocsin.flow.tick import Engine
from tocsin.manage import configuration
from tocsin.manage.files import File, write
from tocsin.serving import behind_proxies
from tocsin.store.database import Database
from tocsin.web.status_door import StatusDoor
from tocsin.web.status_site import StatusSite

from ..served import app_of
from ..story.test_status_page import PAGE, Mail
from ..story.world import ORGANISATION, World, directory
from .visitor import ROLES, Site, text_of


class Stand:
    """A site whose requests pass the door in front, as they do in a node."""

    def __init__(self, world: World, mail: Mail) -> None:
        self.world, self.mail, self.incidents = world, mail, 0
        self.app = app = app_of(world)
        self.site = Site(world, app)
        self.pages: StatusSite = app.state.status_site
        self.door = StatusDoor(world.ctx, self.pages, app)  # type: ignore[arg-type]
        self.site.app = self.door  # type: ignore[assignment]

    async def get(self, path: str = "", status: int = 200, **headers: str) -> httpx.Response:
        answer = await self.site.stranger().http.get(
            f"/status{path}", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        assert answer.status_code == status, (answer.status_code, answer.text[:500])
        return answer

    async def says(self, message: str, status: str | None = None, **components: str) -> int:
        self.incidents += 1
        number = (await self.world.fire(f"disk-{self.incidents}", title="psql-7 disk is full")).incident or 0
        await updates.publish(
            self.world.ctx, number, "user:alice", "public", message, status=status, components=components
        )
        self.pages.changed()  # what NOTIFY does in a node
        return number

    async def rest(self) -> None:
        await self.world.settle()
        while self.world.ctx.chores:
            await asyncio.gather(*self.world.ctx.chores)
            await self.world.settle()

    def open_to(self, public: bool) -> None:
        """The configuration says who may read the page."""
        self.configure({**PAGE, "public": public})

    def configure(self, page: dict[str, Any]) -> None:
        people = [{**one, "role": ROLES.get(one["id"], "responder")} for one in ORGANISATION["users"]]
        self.world.ctx.directory = directory(
            {"users": [*people, {"id": "ada", "role": "admin"}], "status_pages": [page]}
        )


@pytest.fixture
async def stand(db: Database) -> AsyncIterator[Stand]:
    async with World(db) as world:
        mail = Mail()
        world.ctx.channels["email"] = mail  # type: ignore[index]
        world.ctx.settings = replace(world.ctx.settings, smtp_url="smtp://127.0.0.1:25")
        made = Stand(world, mail)
        made.open_to(True)
        try:
            yield made
        finally:
            await made.pages.stop()
            for visitor in made.site.visitors:
                await visitor.http.aclose()


async def fresh(stand: Stand) -> None:
    """What was changed has been rendered."""
    await asyncio.wait_for(stand.pages._begin() or asyncio.sleep(0), 5)


# --- reading ------------------------------------------------------------------------------------------------------------


async def test_without_a_page_there_is_none(db: Database) -> None:
    async with World(db) as world:
        stand = Stand(world, Mail())
        await stand.get("", 404)
        await stand.get("/api/v2/summary.json", 404)


async def test_everybody_reads_a_public_page_in_words_of_the_public(stand: Stand) -> None:
    await stand.says("Cards are <b>refused</b>.\n\nWe are on it.", "investigating", cards="partial_outage")
    html = (await stand.get()).text
    said = text_of(html)
    assert "Partial System Outage" in said
    assert "Investigating" in said
    assert "&lt;b&gt;refused" in html
    assert "no data" in html, "days before the component was listed"
    for secret in ("api", "grouped", "alice", "INC-", "SEV", "payments-primary"):
        assert not re.search(rf"\b{secret}\b", said), f"{secret} is not for the public"


async def test_a_private_page_needs_signing_in(stand: Stand) -> None:
    stand.open_to(False)
    answer = await stand.get("", 303)
    assert answer.headers["location"] == "/sign-in?next=/status"
    for path in ("/api/v2/summary.json", "/history.rss"):
        await stand.get(path, 401)
    alice = await stand.site.someone("alice")
    assert "All Systems Operational" in await alice.get("/status")
    answer = await alice.http.get("/status")
    assert answer.headers["cache-control"] == "private, no-cache"


async def test_the_json_is_what_readers_of_such_pages_know(stand: Stand) -> None:
    number = await stand.says("Refused.", "identified", cards="major_outage")
    summary = (await stand.get("/api/v2/summary.json")).json()
    assert summary["status"] == {"indicator": "critical", "description": "Major Service Outage"}
    group, cards, shop = summary["components"]
    assert (group["group"], group["components"], cards["group_id"]) == (True, [cards["id"]], group["id"])
    assert (cards["name"], cards["status"], shop["status"]) == ("Card payments", "major_outage", "operational")
    [incident] = summary["incidents"]
    assert (incident["status"], incident["impact"], incident["resolved_at"]) == ("identified", "critical", None)
    assert re.fullmatch(r"[a-z0-9]{12}", incident["id"])
    [update] = incident["incident_updates"]
    assert update["affected_components"] == [
        {"code": cards["id"], "name": "Card payments", "old_status": "operational", "new_status": "major_outage"}
    ]
    await closing.resolve(stand.world.ctx, number, "user:alice", "")
    stand.pages.changed()
    await fresh(stand)
    assert (await stand.get("/api/v2/incidents/unresolved.json")).json()["incidents"] == []
    [past] = (await stand.get("/api/v2/incidents.json")).json()["incidents"]
    assert past["status"] == "resolved"
    for name in (
        "status",
        "components",
        "scheduled-maintenances",
        "scheduled-maintenances/upcoming",
        "scheduled-maintenances/active",
    ):
        document = (await stand.get(f"/api/v2/{name}.json")).json()
        assert document["page"]["name"] == "Example Status"


async def test_each_incident_has_a_page_and_nothing_else_does(stand: Stand) -> None:
    await stand.says("Refused.", cards="major_outage")
    [incident] = (await stand.get("/api/v2/summary.json")).json()["incidents"]
    assert "Refused." in (await stand.get(f"/incidents/{incident['id']}")).text
    for path in ("/incidents/1", "/incidents/aaaaaaaaaaaa", "/nothing", "/incidents/%00", "/api/v2/../x.json"):
        await stand.get(path, 404)


async def test_whoever_has_it_already_gets_304_and_small_answers(stand: Stand) -> None:
    first = await stand.get()
    assert first.headers["content-encoding"] == "gzip"
    assert "max-age=1" in first.headers["cache-control"]
    again = await stand.get("", 304, if_none_match=first.headers["etag"])
    assert again.content == b""
    await stand.says("Refused.", cards="major_outage")
    await fresh(stand)
    changed = await stand.get("", 200, if_none_match=first.headers["etag"])
    assert changed.headers["etag"] != first.headers["etag"]
    head = await stand.site.stranger().http.head("/status/history.rss")
    assert (head.status_code, head.content) == (200, b"")


# --- the cache ----------------------------------------------------------------------------------------------------------


async def test_a_stampede_renders_once(stand: Stand) -> None:
    http = stand.site.stranger().http
    answers = await asyncio.gather(*(http.get("/status") for _ in range(500)))
    assert {answer.status_code for answer in answers} == {200}
    assert stand.pages.renders == 1
    await stand.says("Refused.", cards="major_outage")
    await asyncio.gather(*(http.get("/status") for _ in range(500)))
    await fresh(stand)
    assert stand.pages.renders == 2


async def test_what_did_not_change_is_not_rendered_again(stand: Stand) -> None:
    await stand.get()
    for _ in range(3):
        stand.pages.changed()
        await fresh(stand)
    assert stand.pages.renders == 1
    stand.configure({**PAGE, "name": "Renamed"})
    assert "Renamed" in (await stand.get()).text


async def test_a_change_is_on_every_node_within_two_seconds(stand: Stand) -> None:
    """The other node hears of it by the database alone."""
    other = replace(stand.world.ctx, node=uuid4(), wake=Wake(), announced=set())
    pages = StatusSite(other)
    listening = asyncio.create_task(Engine(other)._listen_loop())
    try:
        assert b"All Systems Operational" in (await pages.doc(""))[0].body
        number = (await stand.world.fire("new")).incident or 0
        await asyncio.sleep(0.3)  # it listens
        await updates.publish(
            stand.world.ctx, number, "user:alice", "public", "No.", components={"cards": "major_outage"}
        )
        async with asyncio.timeout(2):
            while b"Major Service Outage" not in (await pages.doc(""))[0].body:
                await asyncio.sleep(0.02)
        renders = pages.renders
        assert renders <= 3
    finally:
        listening.cancel()
        await pages.stop()


async def test_while_the_database_is_away_the_last_page_is_served_and_says_how_old_it_is(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [1000.0]
    stand.pages._seconds = lambda: seconds[0]
    await stand.says("Refused.", cards="major_outage")
    await stand.get()

    async def away(*_: Any) -> Any:
        raise Unavailable("away")

    monkeypatch.setattr("tocsin.manage.status_pages.gather", away)
    seconds[0] += 60
    await stand.get()
    await fresh(stand)
    old = await stand.get()
    assert "may be out of date" in old.text
    assert "Refused." in old.text
    assert old.headers["age"] == "60"
    monkeypatch.undo()
    seconds[0] += 2
    await stand.get()
    await fresh(stand)
    new = await stand.get()
    assert "may be out of date" not in new.text
    assert "age" not in new.headers


# --- subscribing --------------------------------------------------------------------------------------------------------


def link(stand: Stand, kind: str) -> str:
    """The path of the last letter's link."""
    news = stand.mail.sent[-1][1].news
    assert news is not None
    return (news.url if kind == "confirm" else news.unsubscribe).removeprefix("http://tocsin.test")


async def ask(stand: Stand, address: str = "kim@example.com", status: int = 200, **more: Any) -> str:
    answer = await stand.site.stranger().http.post("/status/subscribe", data={"address": address, **more})
    assert answer.status_code == status, text_of(answer.text)
    await stand.rest()
    return text_of(answer.text)


async def test_an_address_confirms_before_it_is_told_anything_and_looking_at_links_does_nothing(stand: Stand) -> None:
    form = (await stand.get()).text
    code = re.search(r'name="component" value="([a-z0-9]{12})"> Card payments', form)
    assert code
    await ask(stand, component=code[1])
    assert [to for to, _ in stand.mail.sent] == ["kim@example.com"]
    path = link(stand, "confirm")
    http = stand.site.stranger().http
    assert "Confirm" in (await http.get(path)).text
    await stand.says("Refused.", cards="major_outage")
    await stand.rest()
    assert len(stand.mail.sent) == 1, "a GET, as mail scanners send it, confirms nothing"
    assert "subscribed" in (await http.post(path)).text
    await stand.says("Slow.", shop="degraded_performance")
    await stand.rest()
    assert len(stand.mail.sent) == 1, "told of cards only"
    await stand.says("Refused.", cards="major_outage")
    await stand.rest()
    assert len(stand.mail.sent) == 2
    leave = link(stand, "unsubscribe")
    assert (await http.get(leave)).status_code == 200
    clicked = await http.post(
        leave, content="List-Unsubscribe=One-Click", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert clicked.status_code == 200
    assert await stand.world.rows("SELECT 1 FROM subscribers") == []
    assert (await http.post(leave)).status_code == 200, "twice is fine"
    await stand.says("Refused.", cards="major_outage")
    await stand.rest()
    assert len(stand.mail.sent) == 2


async def test_links_cannot_be_guessed_or_used_for_another_purpose(stand: Stand) -> None:
    await ask(stand)
    http, token = stand.site.stranger().http, link(stand, "confirm").rpartition("/")[2]
    for path in (
        f"confirm/{token[:-1]}",
        "confirm/1-x",
        f"unsubscribe/{token}",
        "confirm/999-" + token[2:],
        "confirm/\u0661-x",
    ):
        assert (await http.get(f"/status/{path}")).status_code == 404, path
        assert (await http.post(f"/status/{path}")).status_code in (200, 404)
    assert (await stand.world.row("SELECT state FROM subscribers"))["state"] == "asked"


async def test_too_many_wishes_are_refused_and_nobody_is_flooded(stand: Stand) -> None:
    for _ in range(5):
        stand.world.clock.advance(timedelta(seconds=1))
        await ask(stand)
    assert len(stand.mail.sent) == 3, "one address is asked three times a day"
    for n in range(5):
        await ask(stand, f"kim{n}@example.com")
    assert "Too many" in await ask(stand, "one-more@example.com", 429)
    told = len(stand.mail.sent)
    for hours, letters in ((2, 0), (23, 1)):
        await stand.world.wait(hours=hours)
        await ask(stand)
        assert len(stand.mail.sent) == told + letters


async def test_programs_subscribe_as_on_such_pages(stand: Stand) -> None:
    http, door = stand.site.stranger().http, "/status/api/v2/subscribers.json"
    [cards, _] = [
        one["id"] for one in (await stand.get("/api/v2/components.json")).json()["components"] if not one["group"]
    ]
    for n, body in enumerate((
        {"json": {"subscriber": {"email": "k0@example.com", "component_id": cards}}},
        {"data": {"subscriber[email]": "k1@example.com", "subscriber[component_ids][]": cards}},
    )):  # fmt: skip
        answer = await http.post(door, **body)  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert (answer.json()["email"], answer.json()["mode"]) == (f"k{n}@example.com", "email")
        assert answer.json()["page"]["name"] == "Example Status"
    await stand.rest()
    assert [to for to, _ in stand.mail.sent] == ["k0@example.com", "k1@example.com"], "asked to confirm, as anybody"
    assert await stand.world.rows("SELECT 1 FROM subscribers WHERE wanted = '{cards}'")
    for bad in ({"email": "kim"}, {"email": "k@example.com", "component_id": "x"}, {"endpoint": "https://x.test"}, 1):
        refused = await http.post(door, json={"subscriber": bad})
        assert refused.status_code == 422
        assert refused.json()["error"]


async def test_visitors_behind_a_proxy_of_ours_are_counted_apart(stand: Stand) -> None:
    """And nobody else is believed about where he comes from."""
    stand.world.ctx.settings = replace(stand.world.ctx.settings, trusted_proxies=("10.0.0.0/24",))
    app = behind_proxies(stand.world.ctx, stand.app)

    async def wish(peer: str, visitor: str) -> int:
        transport = httpx.ASGITransport(app, client=(peer, 4000))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as http:
            data = {"address": f"{uuid4().hex}@example.com"}
            return (await http.post("/status/subscribe", data=data, headers={"x-forwarded-for": visitor})).status_code

    for n in range(10):
        assert await wish("10.0.0.7", f"2001:db8::{n}") == 200
        assert await wish("192.0.2.1", f"198.51.100.{n}") == 200
    assert await wish("10.0.0.7", "2001:db8::ffff") == 429, "one holder of IPv6 has a whole /64"
    assert await wish("192.0.2.1", "198.51.100.77") == 429, "not one of our proxies"
    assert await wish("10.0.0.7", "203.0.113.9") == 200


async def test_what_is_no_address_is_refused(stand: Stand) -> None:
    for address in ("", "kim", "kim@", "a@b\r\nBcc: x@y.z", "k\x00im@example.com", "kim@example.com,a@b.c"):
        assert "not an e-mail address" in await ask(stand, address, 422)
    assert stand.mail.sent == []


# --- keeping the page ---------------------------------------------------------------------------------------------------


async def test_a_manager_makes_the_page_in_the_browser(db: Database) -> None:
    async with World(db) as world:
        stand = Stand(world, Mail())
        people = [{**one, "role": ROLES.get(one["id"], "responder")} for one in ORGANISATION["users"]]
        written = File("tocsin.yml", write(directory({"users": people})))
        await configuration.apply(world.ctx, configuration.ITSELF, [written])
        await configuration.refresh(world.ctx)
        erin = await stand.site.someone("erin")
        assert "No status page yet" in await erin.get("/status-page")
        form = {
            "lines": "3", "name": "Our Status", "public": "yes", "time_zone": "Europe/Berlin", "name-0": "Card payments",
            "services-0": "api", "group-0": "Payments", "name-1": "Shop", "place-1": "0", "name-2": "",
        }  # fmt: skip
        bad = await erin.send("/status-page/edit", {**form, "time_zone": "Mars"}, page="/status-page/edit")
        assert (bad.status_code, "Time zone: 'Mars' is not a time zone" in text_of(bad.text)) == (422, True)
        assert 'value="Card payments"' in bad.text, "what was written is kept"
        assert "Our Status" in await erin.says(await erin.send("/status-page/edit", form, page="/status-page/edit"))
        page = world.ctx.directory.status_page
        assert page is not None
        assert [(one.id, one.services) for one in page.components] == [("shop", ()), ("card-payments", ("api",))]
        assert "Our Status" in (await stand.get()).text
        form = {"lines": "1", "name": "Our Status", "id-0": "shop", "name-0": "The shop"}
        assert "The shop" in await erin.says(await erin.send("/status-page/edit", form, page="/status-page/edit"))
        await stand.get("", 303)


async def test_subscribers_are_seen_added_and_removed_by_managers_only(stand: Stand) -> None:
    erin, alice = await stand.site.someone("erin"), await stand.site.someone("alice")
    await alice.get("/status-page/subscribers", 403)
    answer = await erin.send(
        "/status-page/subscribers", {"address": "=kim@example.com"}, page="/status-page/subscribers"
    )
    assert "=kim@example.com is told from now on." in await erin.says(answer)
    text = (await erin.http.get("/status-page/subscribers.csv")).text
    assert text.splitlines()[1].startswith("'=kim@example.com,active,")
    [row] = await stand.world.rows("SELECT id FROM subscribers")
    answer = await erin.send(f"/status-page/subscribers/{row['id']}/remove", page="/status-page/subscribers")
    assert "is forgotten" in await erin.says(answer)


async def test_the_overview_says_what_stands_behind_each_component(stand: Stand) -> None:
    await stand.says("Refused.", cards="major_outage")
    alice = await stand.site.someone("alice")
    said = text_of(await alice.get("/status-page"))
    assert "Major outage" in said
    assert "Payments API" in said
    assert json.loads((await stand.get("/api/v2/status.json")).text)["status"]["indicator"] == "critical"


async def test_the_silence_alarm_shows_on_now_and_in_the_room_until_somebody_says_why(stand: Stand) -> None:
    await keep_watch(stand.world.ctx)
    path = await stand.site.room()
    await stand.world.acknowledge(1)
    await stand.world.wait(minutes=16)
    alice = await stand.site.someone("alice")
    assert "the status page shows nothing of this SEV1" in text_of(await alice.get("/"))
    assert "The status page is green, and nobody said why" in text_of(await alice.get(path))
    said = await alice.says(await alice.send(f"{path}/silence", {"reason": "Only our own CI is down"}, page=path))
    assert "Not on the status page, says" in said
    assert "Only our own CI is down" in said
    assert "the status page shows nothing" not in text_of(await alice.get("/"))


async def test_the_room_says_since_when_the_public_knows(stand: Stand) -> None:
    number = await stand.says("Refused.", cards="major_outage")
    alice = await stand.site.someone("alice")
    assert "within a minute of the beginning" in text_of(await alice.get(f"/incidents/{public_id(number)}"))
