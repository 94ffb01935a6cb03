"""Who hears of the status page by e-mail: they ask, confirm, leave; managers see, add, resume and remove them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tocsin.core.checking import is_email
from tocsin.core.errors import Conflict, Invalid, NotFound, TooMany
from tocsin.core.network import place
from tocsin.core.permission import Principal, require
from tocsin.core.shape import short, unknown
from tocsin.core.status_page import StatusPage
from tocsin.flow.context import Context
from tocsin.flow.letterbox import Purpose, fits, number_of
from tocsin.manage.lists import DEFAULT, RowId, check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.manage.status_pages import page_of, takes_mail
from tocsin.store import access
from tocsin.store import subscribers as store
from tocsin.store.database import Tx
from tocsin.store.subscribers import NewMailing, Subscriber

STATES = ("active", "asked", "suspended")
CONFIRM_WITHIN = timedelta(hours=48)
"""How long the link in the first letter works."""
WINDOW = timedelta(hours=1)
PER_ADDRESS = 3
"""Letters to one address within a day that ask it to confirm, whoever wishes: nobody is bothered through us."""
DAY = timedelta(days=1)
PER_SOURCE = 10
"""Wishes to subscribe from one place in the network within the window."""
MOST_ADDED = 1000


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a program asks for in the shape of statuspage.io. `component_ids`: codes, as components.json gives them; none: everything."""

    email: str = ""
    component_id: str | None = None
    component_ids: tuple[str, ...] = ()
    incident_id: str | None = None
    phone_number: str | None = None
    endpoint: str | None = None


class _Body(msgspec.Struct, frozen=True):
    subscriber: Wish


def read_wish(body: bytes, content_type: str) -> Wish:
    """From JSON (`{"subscriber": {"email"}}`) or a form (`subscriber[email]=`). Raises Invalid."""
    try:
        if "json" in content_type:
            wish = msgspec.json.decode(body, type=_Body).subscriber
        else:
            found = parse_qs(body.decode(), max_num_fields=200)
            given = {name.removeprefix("subscriber[").removesuffix("]"): values for name, values in found.items()}
            codes = [*given.get("component_ids][", ()), *given.get("component_id", ())]
            named = {
                name: given[name][-1] for name in ("email", "incident_id", "phone_number", "endpoint") if name in given
            }
            wish = Wish(**named, component_ids=tuple(codes))
    except (msgspec.MsgspecError, ValueError) as error:
        raise Invalid(f'send {{"subscriber": {{"email": "alice@example.com"}}}}: {error}') from None
    if wish.phone_number or wish.endpoint or wish.incident_id:
        raise Invalid(
            "this page tells by e-mail only, of all or of some components: give email and, if you like, component_ids"
        )
    return msgspec.structs.replace(
        wish, component_ids=tuple(dict.fromkeys((*wish.component_ids, *filter(None, [wish.component_id]))))
    )


# --- the public ---------------------------------------------------------------------------------------------------------


async def ask(ctx: Context, address: str, components: Sequence[str], source: str) -> None:
    """Somebody wants letters to `address`: it is asked to confirm. What is answered does not tell whether it is known.

    Raises Invalid, TooMany (too many wishes from `source`), NotFound (no page), Conflict (there is no mail server).
    """
    page = page_of(ctx.directory)
    if not takes_mail(ctx):
        raise Conflict("Subscribing by e-mail is not possible here: no mail server is set up.")
    address, wanted = _address(address), _components(page, components)
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        since, place_asking = now - WINDOW, f"from:{place(source)}"
        if await store.attempts(tx, place_asking, since) >= PER_SOURCE:
            raise TooMany("Too many addresses were given from here. Try again in an hour.", int(WINDOW.total_seconds()))
        asked = await store.attempts(tx, f"mail:{address.lower()}", now - DAY)
        await store.add_attempts(tx, [place_asking, f"mail:{address.lower()}"], now, now - DAY)
        if asked >= PER_ADDRESS:
            return  # said nothing of: whoever asks need not know what reaches somebody else
        known = await store.by_address(tx, address) or await store.add(tx, address, wanted, "asked", "", now)
        if known is None:
            return  # the same wish, this very moment, by another request
        await store.want(tx, known.id, wanted, now)
        await store.tell(tx, _asking(page, known, wanted, now), known.id)
    ctx.wake.set("timers")
    ctx.announce("timers")


def _asking(page: StatusPage, one: Subscriber, wanted: Sequence[str], now: Any) -> NewMailing:
    names = [found.label for name in wanted if (found := page.component(name)) is not None]
    text = (
        f"Confirm that you want to hear by e-mail of {', '.join(names) or 'everything'} on {page.label}:"
        " of incidents and of maintenance.\n\nIf you did not ask for this, do nothing: there will be no other letter."
    )
    return NewMailing(
        key=f"confirm:{one.id}:{now.isoformat()}", kind="confirm", heading=f"[{page.label}] Confirm your subscription", text=text,
        path="", created_at=now, deadline_at=now + timedelta(hours=12),
    )  # fmt: skip


async def linked(ctx: Context, purpose: Purpose, token: str) -> Subscriber:
    """The subscriber of a link. Changes nothing. Raises NotFound when it is not one of ours, is too old, or the address left."""
    async with ctx.db.reading() as tx:
        return await _linked(ctx, tx, purpose, token)


async def _linked(ctx: Context, tx: Tx, purpose: Purpose, token: str, lock: bool = False) -> Subscriber:
    found = await store.find(tx, number_of(token), lock)
    if found is None or not fits(ctx, purpose, token, found.id, found.address):
        raise NotFound(
            "This link does not work any more: the address is not subscribed, or it was cut short on its way."
        )
    if purpose == "confirm" and ctx.clock.now() - found.asked_at > CONFIRM_WITHIN:
        raise NotFound("This link is too old. Subscribe again, and you get a new one.")
    return found


async def confirm(ctx: Context, token: str) -> Subscriber:
    """The address is told from now on; twice changes nothing. Raises NotFound."""
    async with ctx.db.transaction() as tx:
        found = await _linked(ctx, tx, "confirm", token, lock=True)
        if found.state != "active" or found.wanted is not None:
            await store.confirm(tx, found.id, ctx.clock.now())
    return found


async def leave(ctx: Context, token: str) -> str:
    """The address of a link is forgotten; what it was, '' when it had left before. Raises NotFound for what is none of ours."""
    async with ctx.db.transaction() as tx:
        found = await store.find(tx, number_of(token), lock=True)
        if found is None:
            return ""
        if not fits(ctx, "unsubscribe", token, found.id, found.address):
            raise NotFound("This link is not one of ours, or was cut short on its way.")
        await store.remove(tx, found.id)
    return found.address


# --- managers -----------------------------------------------------------------------------------------------------------


async def list_subscribers(
    ctx: Context,
    principal: Principal,
    *,
    state: str | None = None,
    q: str | None = None,
    limit: int = DEFAULT,
    cursor: str | None = None,
) -> dict[str, Any]:
    """`{"items", "next"}` in the order in which they came. Raises Invalid, Forbidden."""
    require(principal, "configure")
    check_limit(limit)
    if state and state not in STATES:
        raise Invalid(f"{short(state)} is not a state of a subscriber: use {', '.join(STATES)}", "/state")
    (after,) = read_cursor(cursor, tuple[RowId]) or (0,)
    async with ctx.db.reading() as tx:
        rows = await store.page(tx, after, state or None, (q or "").replace("\0", ""), limit + 1)
    return listing(rows, limit, view, lambda row: write_cursor(row.id))


async def counts(ctx: Context) -> dict[str, int]:
    """How many there are, by state."""
    async with ctx.db.reading() as tx:
        return await store.counts(tx)


def view(one: Subscriber) -> dict[str, Any]:
    """One subscriber as JSON. `components` empty: all."""
    return {
        "id": one.id, "address": one.address, "components": list(one.components), "state": one.state,
        "asked_at": time_text(one.asked_at), "confirmed_at": time_text(one.confirmed_at), "added_by": one.added_by or None,
        "bounces": one.bounces, "bounced_at": time_text(one.bounced_at), "bounce": one.bounce or None,
    }  # fmt: skip


async def add(ctx: Context, principal: Principal, address: str, components: Sequence[str] = ()) -> dict[str, Any]:
    """Add an address by hand: it is told from now on, without being asked. Raises Invalid, Conflict (it is there), Forbidden."""
    require(principal, "configure")
    page, address = page_of(ctx.directory), _address(address)
    wanted, now = _components(page, components), ctx.clock.now()
    async with ctx.db.transaction() as tx:
        made = await store.add(tx, address, wanted, "active", principal.id, now)
        if made is None:
            raise Conflict(f"{address} is there already.")
        await access.audit(tx, now, principal.id, "subscriber.add", f"subscriber:{made.id}", {"components": wanted})
    return view(made)


async def remove(ctx: Context, principal: Principal, id: int) -> dict[str, Any]:
    """Forget a subscriber; what it was. Raises NotFound, Forbidden."""
    require(principal, "configure")
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        found = await _find(tx, id)
        await store.remove(tx, id)
        await access.audit(tx, now, principal.id, "subscriber.remove", f"subscriber:{id}", {})
    return view(found)


async def resume(ctx: Context, principal: Principal, id: int) -> dict[str, Any]:
    """A suspended address is told again, from now on. Raises NotFound, Conflict (it never confirmed), Forbidden."""
    require(principal, "configure")
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        found = await _find(tx, id)
        if found.state == "asked":
            raise Conflict("This address was asked and has not confirmed: only its owner can.")
        await store.confirm(tx, id, now)
        await access.audit(tx, now, principal.id, "subscriber.resume", f"subscriber:{id}", {})
        after = await _find(tx, id)
    return view(after)


async def _find(tx: Tx, id: int) -> Subscriber:
    found = await store.find(tx, id, lock=True) if 0 < id < 2**63 else None
    if found is None:
        raise NotFound(f"There is no subscriber {id}.")
    return found


async def as_csv(ctx: Context, principal: Principal) -> str:
    """All of them as CSV. Raises Forbidden."""
    require(principal, "configure")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["address", "state", "components", "asked_at", "confirmed_at", "added_by", "bounces", "bounce"])
    after = 0
    async with ctx.db.reading() as tx:
        while rows := await store.page(tx, after, None, "", 1000):
            after = rows[-1].id
            for one in rows:
                shown = view(one)
                writer.writerow(
                    [_plain(one.address), one.state, " ".join(one.components), shown["asked_at"], shown["confirmed_at"] or "",
                     one.added_by, one.bounces, _plain(one.bounce)]
                )  # fmt: skip
    return out.getvalue()


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


async def receipts(ctx: Context, limit: int = 20) -> list[dict[str, Any]]:
    """The latest news, with how many letters of each arrived, failed or wait."""
    async with ctx.db.reading() as tx:
        rows = await store.receipts(tx, limit)
    return [{**dict(row), "created_at": time_text(row["created_at"])} for row in rows]


def _address(text: str) -> str:
    address = text.strip() if isinstance(text, str) else ""
    if not is_email(address) or not address.isascii() or not address.isprintable():
        raise Invalid(f"{short(address)} is not an e-mail address: write it like alice@example.com", "/address")
    return address


def _components(page: StatusPage, given: Sequence[str]) -> list[str]:
    known = {one.id for one in page.components}
    for position, name in enumerate(given):
        if name not in known:
            raise Invalid(unknown("component of the status page", name, known), f"/components/{position}")
    return sorted(set(given))
