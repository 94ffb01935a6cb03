"""Tocsin on a phone, in a real browser: installable, an honest page without a network, pushes acknowledged from the notification."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Page, Worker

from tocsin.store.database import Database

from ..fakes.browser import Browser
from ..fakes.sink import status
from ..web.test_devices import House, open_house
from .conftest import CHROMIUM, DESK, PHONE, Stage, open_stage
from .test_pages import OVERFLOWING, violations

SUBSCRIPTION = """subscription => {
  const bytes = text => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0)).buffer;
  let mine = null;
  PushManager.prototype.getSubscription = async () => mine;
  PushManager.prototype.subscribe = async options => mine = {
    endpoint: subscription.endpoint, options, toJSON: () => subscription, unsubscribe: async () => { mine = null; return true; }};
  Notification.requestPermission = async () => 'granted';
}"""
"""A browser on a machine without the internet cannot reach its push service: what that would answer is put in its place."""


@dataclass
class Phone:
    """A house, a browser in front of it, and the push service of that browser."""

    stage: Stage
    house: House
    keys: Browser

    async def someone(self, user: str, **options: Any) -> Page:
        window = await self.stage.someone(user, **options)
        await window.evaluate("navigator.serviceWorker.ready.then(() => true)")
        return window

    async def worker(self, window: Page) -> Worker:
        workers = window.context.service_workers
        return workers[0] if workers else await window.context.wait_for_event("serviceworker")

    async def deliver(self, window: Page, number: int) -> None:
        """What the push service got last comes out of it at the browser, decrypted."""
        got = (await self.house.pushes(number))[number - 1]
        session = await window.context.new_cdp_session(window)
        versions: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def seen(event: Any) -> None:
            if event["registrations"] and not versions.done():
                versions.set_result(event["registrations"][0]["registrationId"])

        session.on("ServiceWorker.workerRegistrationUpdated", seen)
        await session.send("ServiceWorker.enable")
        registration = await asyncio.wait_for(versions, 5)
        data = {"origin": self.stage.url, "registrationId": registration, "data": json.dumps(self.keys.read(got))}
        await session.send("ServiceWorker.deliverPushMessage", data)


@pytest.fixture
async def phone(db: Database) -> AsyncIterator[Phone]:
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    async with open_house(db) as house, open_stage(house.site) as stage:
        yield Phone(stage, house, Browser(house.push.url("/push")))
        assert stage.complaints == []


async def notifications(worker: Worker) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await worker.evaluate(
        "async () => (await self.registration.getNotifications()).map(n =>"
        " ({title: n.title, body: n.body, actions: n.actions.map(a => a.action), sticky: n.requireInteraction}))"
    )
    return found


async def press(worker: Worker, action: str) -> None:
    """Somebody presses a button of the first notification."""
    await worker.evaluate(
        "async action => { const [notification] = await self.registration.getNotifications();"
        " self.dispatchEvent(new NotificationEvent('notificationclick', {notification, action})); }",
        action,
    )


async def until(what: Any, wanted: Any) -> None:
    for _ in range(100):
        if await what() == wanted:
            return
        await asyncio.sleep(0.05)
    assert await what() == wanted


async def test_it_can_be_installed(phone: Phone) -> None:
    alice = await phone.someone("alice")
    await alice.goto("/")
    session = await alice.context.new_cdp_session(alice)
    found = await session.send("Page.getAppManifest")
    assert found["errors"] == []
    told = json.loads(found["data"])
    assert told["name"] == "Tocsin"
    errors = (await session.send("Page.getInstallabilityErrors"))["installabilityErrors"]
    assert [e["errorId"] for e in errors if e["errorId"] != "in-incognito"] == []


async def test_without_a_network_the_last_known_state_is_shown_as_old(phone: Phone) -> None:
    world = phone.house.site.world
    await world.fire(title="Checkout is failing")
    alice = await phone.someone("alice")
    await alice.goto("/")
    await until(lambda: alice.evaluate("caches.match('/now.json').then(found => Boolean(found))"), True)
    await phone.stage.server.stop()
    for path in ("/", "/incidents"):
        await alice.goto(path)
        await alice.get_by_text("No connection to Tocsin.").wait_for()
        await alice.get_by_text("Checkout is failing").wait_for()
        await alice.get_by_text("One incident was open").wait_for()
        await alice.get_by_text("less than a minute ago").wait_for()
        await alice.get_by_text("no answer yet from Alice").wait_for()
        assert await alice.get_by_role("button", name="Acknowledge").count() == 0
        assert await violations(alice) == []
        assert await alice.evaluate(OVERFLOWING) == []
    await phone.stage.server.start()
    await world.acknowledge((await world.incident())["id"], "bob")
    await alice.get_by_role("button", name="Try again").click()
    await alice.get_by_text("Bob").first.wait_for()
    assert await alice.get_by_text("No connection to Tocsin.").count() == 0


async def test_pages_are_never_stale_while_there_is_a_network(phone: Phone) -> None:
    alice = await phone.someone("alice")
    await alice.goto("/")
    await alice.get_by_text("All quiet").wait_for()
    await phone.house.site.world.fire(title="Checkout is failing")
    await alice.goto("/incidents")
    await alice.get_by_text("Checkout is failing").first.wait_for()
    await alice.goto("/")
    await alice.get_by_text("Checkout is failing").first.wait_for()
    kept = await alice.evaluate(
        "async () => (await Promise.all((await caches.keys()).map(async name =>"
        " (await (await caches.open(name)).keys()).map(r => new URL(r.url).pathname)))).flat()"
    )
    assert {path for path in kept if not path.startswith("/static/")} <= {"/offline", "/now.json"}


async def test_who_signs_out_leaves_nothing_behind(phone: Phone) -> None:
    await phone.house.site.world.fire(title="Checkout is failing")
    alice = await phone.someone("alice")
    await alice.goto("/")
    await until(lambda: alice.evaluate("caches.match('/now.json').then(found => Boolean(found))"), True)
    await alice.goto("/account")
    await alice.get_by_role("button", name="Sign out", exact=True).click()
    await alice.get_by_text("You are signed out.").wait_for()
    await until(lambda: alice.evaluate("caches.match('/now.json').then(found => Boolean(found))"), False)
    await phone.stage.server.stop()
    await alice.goto("/")
    await alice.get_by_text("Nothing was kept on this device").wait_for()
    assert await alice.get_by_text("Checkout is failing").count() == 0
    await phone.stage.server.start()


async def test_this_device_is_subscribed_verified_paged_and_answers(phone: Phone) -> None:
    world = phone.house.site.world
    alice = await phone.someone("alice", permissions=["notifications"])
    subscription = {"endpoint": phone.keys.endpoint, "keys": phone.keys.keys}
    await alice.add_init_script(f"({SUBSCRIPTION})({json.dumps(subscription)})")
    await alice.goto("/account")
    await alice.get_by_label("Name of this device").fill("Alice's phone")
    await alice.get_by_role("button", name="Page this device").click()
    await alice.get_by_text("Waiting for a push to arrive").wait_for()
    await alice.get_by_text("this device", exact=True).wait_for()
    await phone.deliver(alice, 1)
    await alice.get_by_text("Is paged. A push arrived").wait_for()
    worker = await phone.worker(alice)
    assert (await notifications(worker))[0]["title"] == "This device is paged from now on"
    await world.fire(title="Checkout is failing")
    await phone.deliver(alice, 2)
    await until(lambda: _titles(worker), ["SEV1 Checkout is failing", "This device is paged from now on"])
    page = next(n for n in await notifications(worker) if n["title"].startswith("SEV1"))
    assert page["body"].startswith("Payments API, INC-")
    assert page["actions"] == ["acknowledge", "open"]
    assert page["sticky"]
    await worker.evaluate(
        "async () => (await self.registration.getNotifications({tag: 'check-1'})).forEach(n => n.close())"
    )
    await press(worker, "acknowledge")
    await until(lambda: _titles(worker), ["You have it"])
    incident = await world.incident()
    assert (incident["status"], incident["acknowledged_by"]) == ("acknowledged", "user:alice")


async def test_an_acknowledgement_that_does_not_get_through_says_so(phone: Phone) -> None:
    world = phone.house.site.world
    alice = await phone.someone("alice", permissions=["notifications"])
    await phone.house.subscribe(await phone.house.site.someone("alice"), phone.keys)
    await phone.deliver(alice, 1)
    await until(lambda: _verified(phone), True)
    await world.fire(title="Checkout is failing")
    await phone.deliver(alice, 2)
    worker = await phone.worker(alice)
    await until(lambda: _titles(worker), ["SEV1 Checkout is failing", "This device is paged from now on"])
    await worker.evaluate(
        "async () => (await self.registration.getNotifications({tag: 'check-1'})).forEach(n => n.close())"
    )
    await phone.stage.server.stop()
    await press(worker, "acknowledge")
    await until(lambda: _titles(worker), ["Not acknowledged: SEV1 Checkout is failing"])
    assert (await notifications(worker))[0]["actions"] == ["acknowledge", "open"]
    await phone.stage.server.start()
    await press(worker, "acknowledge")
    await until(lambda: _titles(worker), ["You have it"])
    assert (await world.incident())["status"] == "acknowledged"


async def _titles(worker: Worker) -> list[str]:
    return sorted(n["title"] for n in await notifications(worker))


async def _verified(phone: Phone) -> bool:
    return "webpush:1" in phone.house.methods()


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_the_list_of_devices_is_accessible(phone: Phone, size: dict[str, int], theme: str) -> None:
    visitor = await phone.house.site.someone("alice")
    for path, answers in (("/a", True), ("/b", False), ("/c", True)):
        keys = Browser(phone.house.push.url(path))
        await phone.house.subscribe(visitor, keys, f"Firefox on Android {path}")
        if answers:
            await phone.house.answer(keys)
    phone.house.push.always("/c", status(410))
    await visitor.http.post("/account/devices/3/check")
    await phone.house.site.world.fire()
    await phone.house.site.world.settle()
    alice = await phone.someone("alice", viewport=size, color_scheme=theme)
    await alice.goto("/account")
    await alice.get_by_text("knows it no more").wait_for()
    assert await violations(alice) == []
    assert await alice.evaluate(OVERFLOWING) == []
