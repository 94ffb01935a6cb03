"""A person's own browsers as contact methods: subscribed on the spot, verified by a push that arrives, removed."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from datetime import timedelta
from typing import Any

from tocsin.core.configuration import User
from tocsin.core.device import TYPE
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from tocsin.core.permission import Principal
from tocsin.flow.context import Context
from tocsin.manage import configuration
from tocsin.manage.access import user_of
from tocsin.manage.lists import time_text
from tocsin.plugins.channels.base import DeliveryError
from tocsin.plugins.channels.webpush import Note, WebPushChannel
from tocsin.store import access, devices
from tocsin.store.database import Tx
from tocsin.store.devices import Row

MOST = 20
"""Devices of one person."""
LONGEST_NAME = 60
CHECK_LIFE = timedelta(days=1)
"""How long the answer to a push counts."""
CHECK_PAUSE = timedelta(seconds=5)
CHECK_SECONDS = 300
"""How long a push service may keep the push that a device has to answer."""


def _channel(ctx: Context) -> WebPushChannel:
    channel = ctx.channels.get("webpush")
    if not isinstance(channel, WebPushChannel):
        raise Conflict("This installation sends no web push.")
    return channel


def _person(ctx: Context, principal: Principal) -> User:
    person = user_of(ctx, principal)
    if person is None:
        raise Forbidden("Only a configured person can be paged: sign in as one to use this device.")
    return person


async def view(ctx: Context, principal: Principal) -> dict[str, Any]:
    """`{"key", "items"}`: what browsers subscribe to (empty: no web push here), and this person's devices."""
    channel = ctx.channels.get("webpush")
    if user_of(ctx, principal) is None or not isinstance(channel, WebPushChannel):
        return {"key": "", "items": []}
    key = await asyncio.to_thread(lambda: channel.public_key)
    async with ctx.db.reading() as tx:
        rows = await devices.of_user(tx, principal.user or "")
    return {"key": key, "items": [device_view(row) for row in rows]}


def device_view(row: Row) -> dict[str, Any]:
    """One device. `state`: `waiting` for a push to arrive, `verified`, or `gone` (its push service knows it no more)."""
    state = "gone" if row["gone_at"] else "verified" if row["verified_at"] else "waiting"
    since = row["gone_at"] or row["verified_at"] or row["asked_at"]
    return {
        "id": row["id"], "name": row["name"], "state": state, "since": time_text(since),
        "created_at": time_text(row["created_at"]), "method": f"webpush:{row['id']}", "endpoint": row["endpoint"],
    }  # fmt: skip


async def subscribe(
    ctx: Context, principal: Principal, name: str, endpoint: str, p256dh: str, auth: str
) -> dict[str, Any]:
    """Take this browser among the person's devices and send it a push to answer.

    Subscribing again renews it. Raises Invalid (a field, an address that is not public, a push service that refuses), Forbidden.
    """
    channel, person = _channel(ctx), _person(ctx, principal)
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:LONGEST_NAME] or "Browser"
    settings = {"device": name, "endpoint": endpoint, "p256dh": p256dh, "auth": auth, "subscribed": "yes"}
    if (problem := channel.problem(settings)) is not None:
        field, _, text = problem.partition(": ")
        raise Invalid(f"This is not a subscription that can be used: {text}", f"/{field}")
    code, now = secrets.token_urlsafe(24), ctx.clock.now()
    async with ctx.db.transaction() as tx:
        known = await devices.of_user(tx, person.id)
        if len(known) >= MOST and endpoint not in {row["endpoint"] for row in known}:
            raise Invalid(f"You have {MOST} devices already: remove one first")
        device = await devices.subscribe(tx, person.id, name, endpoint, p256dh, auth, code, now)
        await devices.changed(tx)  # it may have been somebody else's
        await access.audit(
            tx, now, principal.id, "device.subscribe", f"user:{person.id}", {"device": device, "name": name}
        )
    await configuration.refresh(ctx)
    await _check(ctx, channel, device, code, settings)
    return await _shown(ctx, person, device)


async def check(ctx: Context, principal: Principal, device: int) -> dict[str, Any]:
    """Send a push to one's own device, which it has to answer. Raises NotFound, TooMany, Invalid, Forbidden."""
    channel, person = _channel(ctx), _person(ctx, principal)
    code = secrets.token_urlsafe(24)
    async with ctx.db.transaction() as tx:
        row = await _own(tx, person, device)
        now = ctx.clock.now()
        if now - row["asked_at"] < CHECK_PAUSE:
            raise TooMany(
                "A push is on its way to this device: give it a few seconds.", int(CHECK_PAUSE.total_seconds())
            )
        await devices.ask_again(tx, device, code, now)
        settings = {name: row[name] for name in ("endpoint", "p256dh", "auth")}
    await _check(ctx, channel, device, code, {"device": row["name"], **settings, "subscribed": "yes"})
    return await _shown(ctx, person, device)


async def _check(ctx: Context, channel: WebPushChannel, device: int, code: str, settings: dict[str, str]) -> None:
    """Raises Invalid when the push service does not take it."""
    note = Note(
        kind="check", title="This device is paged from now on", body="Tocsin can reach it. Nothing else to do.",
        tag=f"check-{device}", url=f"{ctx.settings.external_url}/account",
        answer=f"{ctx.settings.external_url}/push/{device}.{code}", at=ctx.clock.now().isoformat(),
    )  # fmt: skip
    try:
        await channel.push(settings, note, ctx.clock.now(), CHECK_SECONDS, "high")
    except DeliveryError as error:
        if error.gone:
            async with ctx.db.transaction() as tx:
                await devices.gone(tx, device, ctx.clock.now())
                await devices.changed(tx)
            await configuration.refresh(ctx)
        raise Invalid(f"The push service did not take a message for this device: {error}") from error


async def arrived(ctx: Context, token: str) -> bool:
    """A device answers a push: from now on it is a contact method of its owner. False when it was before.

    Raises NotFound when the token is none of ours, or too old.
    """
    number, _, code = token.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and code.isascii()):
        raise NotFound("This answer is not to a push of ours.")
    async with ctx.db.transaction() as tx:
        row = await devices.lock(tx, int(number))
        now = ctx.clock.now()
        if row is None or not hmac.compare_digest(row["code"], code) or now - row["asked_at"] > CHECK_LIFE:
            raise NotFound("This answer is not to a push of ours, or it comes too late.")
        if row["verified_at"] is not None and row["gone_at"] is None:
            return False
        await devices.verify(tx, row["id"], now)
        await devices.changed(tx)
        await access.audit(
            tx, now, f"user:{row['user_id']}", "device.verify", f"user:{row['user_id']}", {"device": row["id"]}
        )
    await configuration.refresh(ctx)
    return True


async def renew(ctx: Context, old: str, endpoint: str, p256dh: str, auth: str) -> None:
    """A browser changed its subscription by itself; who knows the old endpoint, which is a secret, may do so.

    Raises NotFound when no device has it, Invalid as `subscribe`.
    """
    channel = _channel(ctx)
    settings = {"device": "Browser", "endpoint": endpoint, "p256dh": p256dh, "auth": auth, "subscribed": "yes"}
    if (problem := channel.problem(settings)) is not None:
        raise Invalid(f"This is not a subscription that can be used: {problem.partition(': ')[2]}", "/endpoint")
    code = secrets.token_urlsafe(24)
    async with ctx.db.transaction() as tx:
        now = ctx.clock.now()
        row = await devices.renew(tx, old, endpoint, p256dh, auth, code, now)
        if row is None:
            raise NotFound("No device has this subscription.")
        await devices.changed(tx)
        await access.audit(
            tx, now, f"user:{row['user_id']}", "device.renew", f"user:{row['user_id']}", {"device": row["id"]}
        )
    await configuration.refresh(ctx)
    await _check(ctx, channel, row["id"], code, settings)


async def remove(ctx: Context, principal: Principal, device: int) -> None:
    """Page this device of one's own no more. Raises NotFound, Forbidden."""
    await _remove(ctx, principal, _person(ctx, principal), device)


async def removed(ctx: Context, principal: Principal, person: User, method: str) -> bool:
    """Remove the device that this contact method is; False when it is none. The caller knows that `principal` may. Raises NotFound."""
    kind, _, number = method.partition(":")
    if kind != TYPE or not (number.isascii() and number.isdigit()):
        return False
    await _remove(ctx, principal, person, int(number))
    return True


async def _remove(ctx: Context, principal: Principal, person: User, device: int) -> None:
    async with ctx.db.transaction() as tx:
        await _own(tx, person, device)
        await devices.remove(tx, device)
        await devices.changed(tx)
        await access.audit(tx, ctx.clock.now(), principal.id, "device.remove", f"user:{person.id}", {"device": device})
    await configuration.refresh(ctx)


async def _own(tx: Tx, person: User, device: int) -> Row:
    row = await devices.lock(tx, device) if 0 < device < 2**63 else None
    if row is None or row["user_id"] != person.id:
        raise NotFound(f"{person.label} has no such device.")
    return row


async def _shown(ctx: Context, person: User, device: int) -> dict[str, Any]:
    async with ctx.db.reading() as tx:
        rows = await devices.of_user(tx, person.id)
    found = next((row for row in rows if row["id"] == device), None)
    if found is None:
        raise NotFound("You have no such device.")
    return device_view(found)
