"""A browser becomes a contact method once a push reached it, and is struck off when its push service forgets it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tocsin.core.errors import NotFound
from tocsin.core.permission import Principal
from tocsin.manage import configuration, contacts, objects, people
from tocsin.manage.configuration import ITSELF
from tocsin.manage.files import File
from tocsin.plugins.channels.email import EmailChannel
from tocsin.plugins.channels.webpush import WebPushChannel
from tocsin.plugins.channels.webpush_library import WebPushLibrary
from tocsin.store.database import Database

from ..fakes.browser import Browser, vapid_claims
from ..fakes.mail import MailServer
from ..fakes.sink import Received, Sink, status
from ..story.world import ORGANISATION
from .visitor import ROLES, Site, Visitor, open_site, text_of

LIBRARY = WebPushLibrary("7" * 64, "mailto:tocsin@example.com")


def configured() -> str:
    """The organisation as a file (JSON is YAML): devices are kept beside what is configured."""
    users = [{**user, "role": ROLES.get(user["id"], "responder")} for user in ORGANISATION["users"]]
    users += [{"id": user, "name": user.title(), "role": ROLES[user]} for user in ("ada", "olga", "charlie")]
    return json.dumps({**ORGANISATION, "version": "1", "users": users, "default_escalation_policy": "payments"})


@dataclass
class House:
    """A site whose configuration is in its database, and the push service of everybody's browser."""

    site: Site
    push: Sink

    async def pushes(self, count: int) -> list[Received]:
        return await self.push.wait(count)

    async def subscribe(self, visitor: Visitor, browser: Browser, name: str = "Alice's phone") -> str:
        """The words of the part that a script draws anew."""
        form = {"name": name, "endpoint": browser.endpoint, **browser.keys}
        answer = await visitor.send("/account/devices", form, page="/account", hx_request="true")
        return text_of(answer.text)

    async def answer(self, browser: Browser, visitor: Visitor | None = None) -> int:
        """As the service worker does with the push that it got last."""
        note = browser.read(self.push.requests[-1])
        where = visitor or self.site.stranger()
        return (await where.http.post(urlsplit(note["answer"]).path)).status_code

    def methods(self, user: str = "alice") -> list[str]:
        return [method.id for method in self.site.world.ctx.directory.users[user].contact_methods]


@asynccontextmanager
async def open_house(db: Database) -> AsyncIterator[House]:
    async with open_site(db) as site, Sink() as push:
        channel = WebPushChannel(lambda: LIBRARY, allow_private=True)
        await channel.open()
        for ctx in site.world.nodes:
            ctx.channels = {**ctx.channels, "webpush": channel}
        await configuration.apply(site.world.ctx, ITSELF, [File("organisation.yaml", configured())])
        yield House(site, push)
        await channel.close()


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with open_house(db) as made:
        yield made


async def test_a_device_is_paged_only_after_a_push_reached_it(house: House) -> None:
    alice, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
    assert "Waiting for a push to arrive" in await house.subscribe(alice, phone)
    (first,) = await house.pushes(1)
    note = phone.read(first)
    assert note["kind"] == "check"
    vapid_claims(first, LIBRARY.public_key())
    assert house.methods() == ["phone"]
    await house.site.world.fire(key="before")
    assert len(house.push.requests) == 1
    assert await house.answer(phone) == 204
    assert house.methods() == ["phone", "webpush:1"]
    assert "Is paged. A push arrived" in text_of(await alice.get("/account"))
    await house.site.world.fire(key="after", title="Checkout is failing")
    page = phone.read((await house.pushes(2))[1])
    assert page["title"] == "SEV1 Checkout is failing"
    answer = await house.site.stranger().http.post(urlsplit(page["acknowledge_url"]).path)
    assert answer.status_code == 200
    incident = await house.site.world.incident()
    assert (incident["status"], incident["acknowledged_by"]) == ("acknowledged", "user:alice")


async def test_only_the_answer_to_its_own_push_verifies_a_device(house: House) -> None:
    alice, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
    await house.subscribe(alice, phone)
    token = urlsplit(phone.read(house.push.requests[0])["answer"]).path
    for wrong in ("/push/1.guess", "/push/1.", "/push/2" + token[7:], "/push/x.y", "/push/9" * 30):
        assert (await alice.http.post(wrong)).status_code == 404, wrong
    assert (await alice.http.get(token)).status_code == 405
    await house.site.world.sleep(days=2)
    assert (await alice.http.post(token)).status_code == 404, "too late"
    alice = await house.site.someone("alice")
    answer = await alice.send("/account/devices/1/check", page="/account", hx_request="true")
    assert answer.status_code == 200
    assert (await alice.http.post(token)).status_code == 404, "the earlier one counts no more"
    assert await house.answer(phone) == 204
    assert await house.answer(phone) == 204, "twice is fine"
    assert house.methods() == ["phone", "webpush:1"]


async def test_a_browser_that_is_gone_is_struck_off_and_its_owner_told(house: House) -> None:
    alice, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
    await house.subscribe(alice, phone)
    await house.answer(phone)
    house.push.always("/a", status(410))
    await house.site.world.fire()
    row = await house.site.world.row("SELECT state, error FROM notifications WHERE channel = 'webpush'")
    assert row["state"] == "failed"
    assert "no longer knows this browser" in row["error"]
    await configuration.refresh(house.site.world.ctx)
    assert house.methods() == ["phone"]
    assert "knows it no more" in text_of(await alice.get("/account"))
    house.push.always("/a", status(201))
    await house.subscribe(alice, phone)
    await house.answer(phone)
    assert house.methods() == ["phone", "webpush:1"], "the same browser, subscribed again"


async def test_the_owner_of_a_lost_device_hears_of_it_by_mail(house: House) -> None:
    raw, world = json.loads(configured()), house.site.world
    raw["users"][0]["contact_methods"] = [{"id": "mail", "type": "email", "address": "alice@example.com"}]
    async with MailServer() as server:
        mail = EmailChannel(server.url, "tocsin@example.com")
        await mail.open()
        for ctx in world.nodes:
            ctx.channels = {**ctx.channels, "email": mail}
        await configuration.apply(world.ctx, ITSELF, [File("organisation.yaml", json.dumps(raw))])
        alice, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
        await house.subscribe(alice, phone)
        await house.answer(phone)
        house.push.always("/a", status(404))
        await world.fire()
        async with asyncio.timeout(5):
            while len(server.messages) < 2:
                await world.settle()
                await asyncio.sleep(0.02)
        await mail.close()
        told = [m for m in server.messages if m.message["Subject"] == "Tocsin cannot reach Alice's phone any more"]
        assert len(told) == 1
        assert told[0].recipients == ("alice@example.com",)
        assert "Page this device" in told[0].text


async def test_devices_belong_to_one_person(house: House) -> None:
    alice, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
    await house.subscribe(alice, phone)
    await house.answer(phone)
    erin = await house.site.someone("erin")
    for act in ("check", "remove"):
        answer = await erin.send(f"/account/devices/1/{act}", page="/account")
        assert answer.status_code == 404
    assert "Alice's phone" not in await erin.get("/account")
    await house.subscribe(erin, phone, "Erin's now")
    assert house.methods() == ["phone"], "the browser changed hands: it must prove itself to its new owner"
    assert await house.answer(phone) == 204
    assert house.methods("erin") == ["phone", "webpush:1"]
    await erin.send("/account/devices/1/remove", page="/account")
    assert house.methods("erin") == ["phone"]


async def test_a_device_stays_when_the_configuration_is_applied_anew_and_is_not_exported(house: House) -> None:
    world = house.site.world
    alice, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
    await house.subscribe(alice, phone)
    await house.answer(phone)
    plan = await configuration.apply(world.ctx, ITSELF, [File("organisation.yaml", configured())])
    assert plan.items == ()
    assert house.methods() == ["phone", "webpush:1"]
    exported = await configuration.export(world.ctx, ITSELF)
    assert "webpush" not in exported
    assert phone.endpoint not in exported


async def test_a_browser_renews_its_subscription_by_itself(house: House) -> None:
    alice, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
    await house.subscribe(alice, phone)
    await house.answer(phone)
    fresh, stranger = Browser(house.push.url("/b")), house.site.stranger()
    form = {"old": phone.endpoint, "endpoint": fresh.endpoint, **fresh.keys}
    assert (
        await stranger.http.post("/push", data={**form, "old": "https://push.example.com/guess"})
    ).status_code == 404
    assert (await stranger.http.post("/push", data=form)).status_code == 204
    assert house.methods() == ["phone"], "until it proves itself"
    assert await house.answer(fresh) == 204
    assert house.methods() == ["phone", "webpush:1"]


async def test_wrong_subscriptions_are_told(house: House) -> None:
    alice, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
    assert "endpoint" not in await house.subscribe(alice, phone)
    phone.endpoint = "nonsense"
    assert "must be an address" in await house.subscribe(alice, phone)
    house.push.always("/no", status(403))
    refused = Browser(house.push.url("/no"))
    assert "The push service did not take a message for this device" in await house.subscribe(alice, refused)


async def test_a_stranger_to_the_configuration_cannot_be_paged(house: House) -> None:
    admin = await house.site.someone("admin")
    assert "sign in as one" in text_of(await admin.get("/account"))
    answer = await admin.send("/account/devices", {"endpoint": "x"}, page="/account", hx_request="true")
    assert answer.status_code == 403


async def test_a_device_is_tested_and_removed_like_any_contact_method(house: House) -> None:
    """As the API and the command line do."""
    ctx, alice = house.site.world.ctx, Principal("user:alice", "responder", "alice", "Alice")
    visitor, phone = await house.site.someone("alice"), Browser(house.push.url("/a"))
    await house.subscribe(visitor, phone)
    await house.answer(phone)
    shown = await people.show(ctx, alice)
    assert [(m["id"], m["source"], m["verified"]) for m in shown["contact_methods"]][1:] == [
        ("webpush:1", "device", True)
    ]
    await contacts.send_test(ctx, alice, "webpush:1")
    assert phone.read(house.push.requests[-1])["title"] == "Test from Tocsin"
    with pytest.raises(NotFound):
        await people.remove_method(ctx, Principal("user:bob", "responder", "bob", "Bob"), "webpush:1")
    await people.remove_method(ctx, alice, "webpush:1")
    assert house.methods() == ["phone"]


async def test_the_form_suggests_a_name(house: House) -> None:
    alice = await house.site.someone("alice")
    agent = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
    html = await alice.get("/account", user_agent=agent)
    assert 'value="Chrome on Android"' in html


async def test_rules_can_name_all_devices(house: House) -> None:
    raw = json.loads(configured())
    raw["users"][0]["contact_methods"].append({"id": "push", "type": "webpush", "device": "all"})
    raw["users"][0]["notification_rules"] = {
        "high": [{"after": "0s", "method": "push"}, {"after": "2m", "method": "phone"}]
    }
    world = house.site.world
    await configuration.apply(world.ctx, ITSELF, [File("organisation.yaml", json.dumps(raw))])
    await world.fire(key="none yet")
    row = await world.row("SELECT error FROM notifications WHERE channel = 'webpush'")
    assert "no browser is subscribed" in row["error"]
    assert world.phone("alice").rang(), "the next rule, at once"
    alice = await house.site.someone("alice")
    for path in ("/a", "/b"):
        phone = Browser(house.push.url(path))
        await house.subscribe(alice, phone, path)
        await house.answer(phone)
    before = len(house.push.requests)
    await world.fire(key="both")
    assert sorted(request.path for request in house.push.requests[before:]) == ["/a", "/b"]
    assert not world.phone("alice").rang()


async def test_a_user_is_shown_and_written_back_as_configured(house: House) -> None:
    """What the API reads of a user can be sent back: devices are not in it, and rules stay as they were."""
    ctx, admin = house.site.world.ctx, Principal("user:ada", "admin", "ada", "Ada")
    body = {
        "id": "zoe", "contact_methods": [{"id": "phone", "type": "phone", "number": "zoe"}],
        "notification_rules": {"high": [{"after": "0s", "method": "webpush"}, {"after": "2m", "method": "phone"}]},
    }  # fmt: skip
    await objects.create(ctx, admin, "users", body)
    zoe, phone = await house.site.someone("zoe"), Browser(house.push.url("/z"))
    await house.subscribe(zoe, phone)
    await house.answer(phone)
    assert house.methods("zoe") == ["phone", "webpush:1"]
    shown = objects.view(ctx, admin, objects.find(ctx, "users", "zoe"))
    assert [m["id"] for m in shown["contact_methods"]] == ["phone"]
    assert shown["notification_rules"] == {"high": [{"method": "webpush"}, {"after": "2m", "method": "phone"}]}
    await objects.replace(ctx, admin, "users", "zoe", shown)
    assert house.methods("zoe") == ["phone", "webpush:1"]
    page = text_of(await zoe.get("/me"))
    assert "webpush (all your devices)" in page
    assert "at once Alice's phone webpush" in page, "a device goes by the name that its owner gave it"
    form = {"after-0": "0s", "method-0": "webpush", "after-1": "5m", "method-1": "phone"}
    answer = await zoe.send("/me/rules/high", form, page="/me")
    assert answer.status_code == 303
    assert objects.view(ctx, admin, objects.find(ctx, "users", "zoe"))["notification_rules"]["high"][1]["after"] == "5m"


# --- the application on a phone ---------------------------------------------------------------------------------------


async def test_the_manifest_and_the_service_worker_are_open_fresh_and_under_the_policy(house: House) -> None:
    stranger = house.site.stranger()
    manifest = await stranger.http.get("/app.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    told = manifest.json()
    assert (told["start_url"], told["display"]) == ("/", "standalone")
    for icon in told["icons"]:
        answer = await stranger.http.get(icon["src"])
        assert answer.headers["content-type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG")
        width = int.from_bytes(answer.content[16:20], "big")
        assert icon["sizes"] == f"{width}x{width}"
    worker = await stranger.http.get("/sw.js")
    assert worker.headers["cache-control"] == "no-cache"
    assert worker.headers["content-type"].startswith("text/javascript")
    assert not re.search(r'"\{[A-Z]+\}"|\{(VERSION|ICON|BADGE)\}', worker.text)
    for path in json.loads(re.search(r"SHELL = (\[.*?\])", worker.text)[1]):  # type: ignore[index]
        assert (await stranger.http.get(path)).status_code == 200, path
    policy = (await stranger.http.get("/offline")).headers["content-security-policy"]
    assert "manifest-src 'self'" in policy
    assert "worker-src 'self'" in policy


async def test_the_state_that_is_kept_shows_no_more_than_its_reader_may_see(house: House) -> None:
    await house.site.world.fire(title="Checkout is failing")
    assert (await house.site.stranger().http.get("/now.json")).status_code == 303
    for user, who in (("alice", "no answer yet from Alice"), ("charlie", "")):
        answer = await (await house.site.someone(user)).http.get("/now.json")
        assert answer.headers["cache-control"] == "private, no-store"
        (item,) = answer.json()["items"]
        assert (item["title"], item["service"], item["who"]) == ("Checkout is failing", "Payments API", who)
        assert answer.json()["open_count"] == 1


async def test_the_offline_page_holds_nothing_of_anybody(house: House) -> None:
    await house.site.world.fire(title="Checkout is failing")
    alice = await house.site.someone("alice")
    html = await alice.get("/offline")
    assert "Checkout" not in html
    assert "Alice" not in html
