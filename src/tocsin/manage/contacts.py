"""Is this contact method really that person's? A code goes over that very method, and is entered back. And test messages."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from tocsin.core.configuration import ContactMethod, User
from tocsin.core.device import is_own
from tocsin.core.errors import Conflict, Invalid, NotFound, TooMany
from tocsin.core.permission import Principal
from tocsin.core.severity import Severity
from tocsin.core.shape import short
from tocsin.flow.context import Context
from tocsin.manage import configuration, people
from tocsin.plugins.channels.base import Brief, DeliveryError, Message, News
from tocsin.store import access, contacts, devices
from tocsin.store.database import Tx

CODE_LIFE = timedelta(minutes=15)
MOST_TRIES = 5
BETWEEN = timedelta(minutes=1)
"""Between two messages to one contact method that somebody asked for."""
WINDOW = timedelta(hours=1)
MOST_SENT = 10
"""Messages for the asking in that window, over all contact methods of a person."""


async def send_code(ctx: Context, principal: Principal, name: str, user: str | None = None) -> dict[str, Any]:
    """Send a new code over the contact method `name`: `{sent_to, expires_at, receipt}`. An earlier code is good no more.

    Raises NotFound, Forbidden, TooMany; Conflict when it needs none, or the provider did not take it.
    """
    person, method = _method(ctx, principal, name, user)
    if method.verified:
        raise Conflict(f"The contact method {short(name)} is verified already: pages use it.")
    code, now = f"{secrets.randbelow(10**6):06d}", ctx.clock.now()
    async with ctx.db.transaction() as tx:
        await _count(tx, person.id, name, now)
        await contacts.open_code(
            tx, person.id, method.plain(), _hashed(ctx, person.id, name, code), now, now + CODE_LIFE
        )
        await access.audit(tx, now, principal.id, "contact.code", f"user:{person.id}", {"method": name})
    text = (
        f"Enter it on your page in Tocsin within {int(CODE_LIFE.total_seconds() // 60)} minutes: then pages reach you here."
        " If you did not ask for it, do nothing."
    )
    receipt = await _send(ctx, person, method, f"Your Tocsin code is {code}", text)
    return {"method": name, "type": method.type, "expires_at": (now + CODE_LIFE).isoformat(), "receipt": receipt}


async def verify(ctx: Context, principal: Principal, name: str, code: str, user: str | None = None) -> dict[str, Any]:
    """Enter a code back; from then on pages use the method. Raises Invalid (wrong, used up, too old), Conflict when its address changed
    since the code was sent, NotFound, Forbidden. Again when verified: no change.
    """
    person, method = _method(ctx, principal, name, user)
    if method.verified:
        return await people.show(ctx, principal, person.id)
    given, wrong = "".join(code.split()).replace("-", ""), ""
    async with ctx.db.transaction() as tx:
        now, found = ctx.clock.now(), await contacts.locked(tx, person.id, name)
        if found is None or found.code_hash is None or found.expires_at is None or found.expires_at <= now:
            wrong = "There is no code to enter, or it is too old: have a new one sent"
        elif found.tries >= MOST_TRIES:
            wrong = f"After {MOST_TRIES} wrong codes this one is good no more: have a new one sent"
        elif found.contact != method.plain():
            raise Conflict("The contact method changed since the code was sent: have a new one sent.")
        elif not hmac.compare_digest(found.code_hash, _hashed(ctx, person.id, name, given)):
            await contacts.count_try(tx, person.id, name)
            left = MOST_TRIES - found.tries - 1
            wrong = f"This is not the code that was sent: {left} {'try' if left == 1 else 'tries'} left"
        else:
            await contacts.verified(tx, person.id, name, now, "code")
            await devices.changed(tx)
            await access.audit(tx, now, principal.id, "contact.verified", f"user:{person.id}", {"method": name})
    if wrong:
        raise Invalid(wrong, "/code")
    await configuration.refresh(ctx)
    return await people.show(ctx, principal, person.id)


async def send_test(ctx: Context, principal: Principal, name: str, user: str | None = None) -> dict[str, Any]:
    """A test message over a verified contact method: `{method, type, receipt}`. Raises as `send_code`."""
    person, method = _method(ctx, principal, name, user, devices_too=True)
    if not method.verified:
        raise Conflict(f"The contact method {short(name)} is not verified: enter its code first.")
    async with ctx.db.transaction() as tx:
        await _count(tx, person.id, name, ctx.clock.now())
    text = "This is a test message: nothing is broken. Pages reach you here."
    return {"method": name, "type": method.type, "receipt": await _send(ctx, person, method, "Test from Tocsin", text)}


def _method(
    ctx: Context, principal: Principal, name: str, user: str | None, *, devices_too: bool = False
) -> tuple[User, ContactMethod]:
    person = people.person_named(ctx, principal, user)
    method = ctx.directory.method(person.id, name)
    if method is None or (is_own(method) and not devices_too):
        raise NotFound(f"{person.label} has no contact method {short(name)}.")
    return person, method


def _hashed(ctx: Context, user: str, method: str, code: str) -> bytes:
    """Keyed, because a code has only a million forms."""
    return hmac.digest(ctx.secret, f"contact code\0{user}\0{method}\0{code}".encode("utf-8", "replace"), hashlib.sha256)


async def _count(tx: Tx, user: str, method: str, now: datetime) -> None:
    """Raise TooMany when somebody asks for too much: messages cost money, and may go to someone else's phone."""
    await contacts.lock_sendings(tx, user)
    sent = await contacts.sendings(tx, user, now - WINDOW)
    last = next((at for by, at in sent if by == method), None)
    until = last + BETWEEN if last else now
    if len(sent) >= MOST_SENT:
        until = max(until, sent[MOST_SENT - 1][1] + WINDOW)
    if until > now:
        wait = ceil((until - now).total_seconds())
        raise TooMany(f"A message went out a moment ago: try again in {wait if wait <= 90 else ceil(wait / 60)} "
                      f"{'s' if wait <= 90 else 'min'}.", wait)  # fmt: skip
    await contacts.add_sending(tx, user, method, now, now - WINDOW)


async def _send(ctx: Context, person: User, method: ContactMethod, heading: str, text: str) -> str:
    """The provider's receipt. Raises Conflict when it did not take the message."""
    channel, url, now = ctx.channels[method.type], f"{ctx.settings.external_url}/me", ctx.clock.now()
    brief = Brief(
        id="", number=0, name=heading, title=heading, severity=Severity.SEV4.key, status="", service=None, service_name="",
        url=url, created_at=now, description=text,
    )  # fmt: skip
    message = Message(
        type="update", key=f"{ctx.instance}-c{secrets.token_hex(8)}", page_id="", reason=heading, step=0, user=person.id,
        user_name=person.label, time_zone=person.time_zone, incident=brief, acknowledge_url="", sent_at=now,
        instance=ctx.instance, public_only=method.typed, news=News(heading=heading, text=text, url=url),
    )  # fmt: skip
    try:
        async with asyncio.timeout(channel.timeout + 1):
            return (await channel.send(method.settings, message)).text
    except DeliveryError as error:
        raise Conflict(f"The message did not go out: {error}") from None
    except TimeoutError:
        raise Conflict(f"The message did not go out: no answer within {channel.timeout:g} s") from None
