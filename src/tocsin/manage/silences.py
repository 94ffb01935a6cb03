"""Silences: make, change, end, list. Whoever acts for one service (its integration) touches only that service's silences."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec

from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound
from tocsin.core.mute import Matcher, Mute, check_matchers, check_times, may_change, order
from tocsin.flow.context import Context
from tocsin.store import access, mutes
from tocsin.store.database import Tx

KEPT = timedelta(days=5)
"""How long an ended silence is still listed."""
MOST = 1000
"""Silences of one service that have not ended."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A silence as somebody wants it. `public_id` names one to change; empty makes a new one. `services`: for
    whoever acts for all of Tocsin, those that it is for (none: all); `scoped`: it may be for all alerts of these. `announce`: what
    the status page says of it."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    public_id: str = ""
    services: tuple[str, ...] = ()
    kind: Literal["silence", "maintenance"] = "silence"
    scoped: bool = False
    announce: dict[str, Any] | None = None


async def list_silences(ctx: Context, service: str | None) -> list[Mute]:
    """The silences that touch `service` (None: all), as Alertmanager orders them; ended ones for five days."""
    now = ctx.clock.now()
    async with ctx.db.reading() as tx:
        return order(await mutes.ended_after(tx, service, now - KEPT), now)


async def get(ctx: Context, service: str | None, public_id: str) -> Mute:
    """Raise NotFound when there is no such silence that touches `service`."""
    async with ctx.db.reading() as tx:
        return await _find(tx, service, public_id)


async def create(ctx: Context, service: str | None, draft: Draft, actor: str) -> str:
    """Make a silence on `service` (None: on all), or change the one that the draft names. Returns its UUID.

    A change that would rewrite what was muted so far ends the old silence and makes a new one, which has another UUID.
    Raises Invalid, NotFound (the one to change), Forbidden (it is for every service).
    """
    now = ctx.clock.now()
    check_times(draft.starts_at, draft.ends_at, now)
    check_matchers(draft.matchers, draft.scoped)
    async with ctx.db.transaction() as tx:
        old = await _find(tx, service, draft.public_id, lock=True) if draft.public_id else None
        if old is not None:
            _check_owner(old, service)
            if old.rule is not None:
                raise Conflict(f"This is a window of the planned mute {old.rule}: change the plan, or end this window.")
            if may_change(old, draft.matchers, draft.starts_at, draft.ends_at, now):
                public_id = await _change(tx, old, draft, now)
            else:
                await _end(tx, old, now)
                public_id = await _add(tx, service, draft, now)
        else:
            public_id = await _add(tx, service, draft, now)
        words = {"matchers": [str(m) for m in draft.matchers], "until": draft.ends_at, "by": draft.created_by}
        await access.audit(
            tx,
            now,
            actor,
            "silence.change" if old else "silence.create",
            f"silence:{public_id}",
            {**words, "service": service},
        )
    ctx.wake.set("timers")
    return public_id


async def expire(ctx: Context, service: str | None, public_id: str, actor: str) -> None:
    """End a silence now; ending it twice changes nothing. Raises NotFound, Forbidden."""
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        old = await _find(tx, service, public_id, lock=True)
        _check_owner(old, service)
        if old.state(now) == "expired":
            return
        await _end(tx, old, now)
        await access.audit(tx, now, actor, "silence.expire", f"silence:{public_id}", {"service": service})
    ctx.wake.set("timers")


async def _find(tx: Tx, service: str | None, public_id: str, lock: bool = False) -> Mute:
    try:
        known = str(UUID(public_id))
    except ValueError:
        raise NotFound("silence not found") from None
    found = await mutes.find(tx, service, known, lock)
    if found is None:
        raise NotFound("silence not found")
    return found


def _check_owner(mute: Mute, service: str | None) -> None:
    if service is not None and (mute.service != service or mute.services or mute.rule is not None):
        raise Forbidden("This silence is for every service: change it in Tocsin")


async def _add(tx: Tx, owner: str | None, draft: Draft, now: datetime) -> str:
    service = owner or (draft.services[0] if draft.services else None)
    if await mutes.unended(tx, service, now) >= MOST:
        raise Invalid(f"Failed to create silence: there are {MOST} silences already, end some first")
    mute = Mute(
        public_id=str(uuid4()),
        service=service,
        matchers=draft.matchers,
        starts_at=max(draft.starts_at, now),
        ends_at=draft.ends_at,
        created_by=draft.created_by,
        comment=draft.comment,
        services=draft.services if len(draft.services) > 1 else (),
        kind=draft.kind,
        announce=draft.announce,
        created_at=now,
        updated_at=now,
    )
    await mutes.add(tx, mute)
    return mute.public_id


async def _change(tx: Tx, old: Mute, draft: Draft, now: datetime) -> str:
    starts = old.starts_at if old.state(now) == "active" else draft.starts_at
    changed: dict[str, Any] = {
        "starts_at": starts,
        "ends_at": draft.ends_at,
        "created_by": draft.created_by,
        "comment": draft.comment,
    }
    changed["announce"] = draft.announce if draft.kind == "maintenance" else old.announce
    await mutes.change(tx, msgspec.structs.replace(old, **changed, updated_at=now))
    return old.public_id


async def _end(tx: Tx, old: Mute, now: datetime) -> None:
    match old.state(now):
        case "active":
            await mutes.change(tx, msgspec.structs.replace(old, ends_at=now, updated_at=now))
        case "pending":
            await mutes.change(tx, msgspec.structs.replace(old, starts_at=now, ends_at=now, updated_at=now))
        case "expired":
            pass
