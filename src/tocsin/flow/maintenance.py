"""Maintenance as the public hears of it: announced, changed, called off, begun, completed; each once.

One timer of the kind `maintenance` looks at all announced windows together. It is due whenever one of them changed (the database sets it
in the same transaction), and whenever one begins or ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from tocsin.core.calendar import zone
from tocsin.core.planned import Announcement
from tocsin.core.public_word import Window, public_title
from tocsin.core.shape import known_part
from tocsin.core.spelling import decode
from tocsin.core.status_page import StatusPage
from tocsin.core.status_view import coder
from tocsin.flow.context import Context
from tocsin.store import status, subscribers, timers
from tocsin.store.notifications import Held
from tocsin.store.status import Announced
from tocsin.store.subscribers import NewMailing, ToldWindow
from tocsin.store.timers import Timer

TIMER = "maintenance"
PATIENCE = timedelta(hours=12)
"""How long news of maintenance is tried."""
_LATELY = timedelta(days=2)


def windows_of(page: StatusPage, announced: Sequence[Announced]) -> list[Window]:
    """Announced maintenance in the words of the page. Without named components: those that stand for its services."""
    found = []
    for one in announced:
        said = decode(known_part(one.announce, Announcement), Announcement)
        named = [name for name in said.components if page.component(name)]
        found.append(
            Window(
                key=one.mute.public_id, title=public_title(said.title), message=said.message,
                components=tuple(named) if said.components else page.of_services(one.mute.scope),
                starts_at=one.mute.starts_at, ends_at=one.mute.ends_at, announced_at=one.mute.created_at,
                changed_at=one.mute.updated_at,
            )
        )  # fmt: skip
    return found


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What the public is to be told of one maintenance, and what it then was told (None: there is nothing to remember)."""

    key: str
    what: str
    window: Window
    told: ToldWindow | None


async def look(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """Tell what changed since the public was last told, and look again when the next window begins or ends."""
    async with ctx.db.transaction() as tx:
        if not await timers.finish(tx, ctx.node, batch):
            return []
        now, page = ctx.clock.now(), ctx.directory.status_page
        before = await subscribers.told_windows(tx)
        announced = await status.announced(tx, now - _LATELY) if page is not None else []
        windows = windows_of(page, announced) if page is not None else []
        for change in changes(announced, windows, before, now):
            if page is not None and change.what:
                await subscribers.tell(tx, _news(ctx, page, change, now))
            if change.told is None:
                await subscribers.forget_window(tx, change.key)
            else:
                await subscribers.remember_window(tx, change.told)
        ahead = [at for window in windows for at in (window.starts_at, window.ends_at) if at > now]
        if ahead:
            await timers.set_timer(tx, TIMER, 0, None, min(ahead))
    ctx.wake.set("timers", "status")
    ctx.announce("status")
    return []


def changes(
    announced: Sequence[Announced], windows: Sequence[Window], before: Mapping[str, ToldWindow], now: datetime
) -> Iterator[Change]:
    """What to tell, and what to remember. Pure. A window of a plan goes by the plan's name, so that a plan that is changed is changed
    maintenance, not called off and announced anew."""
    by_mute = {one.mute.id: window for one, window in zip(announced, windows, strict=True)}
    standing = {
        f"rule:{one.mute.rule}" if one.mute.rule else one.mute.public_id: (one, window)
        for one, window in zip(announced, windows, strict=True)
        if window.ends_at > now
    }
    for key, told in before.items():
        present = standing.get(key)
        if present is not None and (present[0].mute.id == told.mute or _goes_on(told, present[1], now)):
            continue
        last = by_mute.get(told.mute) or _remembered(told)
        what = "completed" if told.state == "in_progress" or told.ends_at <= now else "cancelled"
        yield Change(key=key, what=what, window=last, told=None)
    for key, (one, window) in standing.items():
        fresh = ToldWindow(
            key=key, mute=one.mute.id, state="scheduled" if now < window.starts_at else "in_progress",
            starts_at=window.starts_at, ends_at=window.ends_at, announce=dict(one.announce),
        )  # fmt: skip
        known = before.get(key)
        same = known is not None and (known.mute == one.mute.id or _goes_on(known, window, now))
        what = _difference(known, fresh) if known is not None and same else fresh.state
        if what or known is None or known.mute != one.mute.id:
            yield Change(key=key, what=what, window=window, told=fresh)


def _goes_on(told: ToldWindow, window: Window, now: datetime) -> bool:
    """The window of a plan was replaced because the plan changed: what was told is not over."""
    if told.state == "in_progress":
        return window.starts_at <= now < told.ends_at
    return now < told.ends_at


def _difference(known: ToldWindow, fresh: ToldWindow) -> str:
    if known.state != fresh.state:
        return fresh.state
    moved = known.ends_at != fresh.ends_at or (fresh.state == "scheduled" and known.starts_at != fresh.starts_at)
    return "changed" if moved or known.announce != fresh.announce else ""


def _remembered(told: ToldWindow) -> Window:
    said = decode(known_part(told.announce, Announcement), Announcement)
    return Window(
        key=told.key, title=public_title(said.title), message=said.message, components=said.components, starts_at=told.starts_at,
        ends_at=told.ends_at, announced_at=told.starts_at, changed_at=told.starts_at,
    )  # fmt: skip


_SAID = {
    "scheduled": "Scheduled maintenance",
    "changed": "Changed: maintenance",
    "cancelled": "Called off: maintenance",
    "in_progress": "Begun: maintenance",
    "completed": "Completed: maintenance",
}


def _news(ctx: Context, page: StatusPage, change: Change, now: datetime) -> NewMailing:
    window, place = change.window, zone(page.time_zone)
    names = [one.label for name in window.components if (one := page.component(name)) is not None]
    parts = [
        f"{_SAID[change.what]} - {window.title}",
        f"{_local(window.starts_at, place)} to {_local(window.ends_at, place)}",
        window.message.strip() if change.what in ("scheduled", "changed", "in_progress") else "",
        f"Components: {', '.join(names)}" if names else "",
    ]
    code = coder(ctx.secret)(f"window:{window.key}")
    return NewMailing(
        key=f"maintenance:{change.key}:{change.what}:{now.isoformat()}", kind="maintenance",
        heading=f"[{page.label}] {window.title}", text="\n\n".join(part for part in parts if part),
        path=f"/status/incidents/{code}" if change.what != "cancelled" else "/status",
        thread=coder(ctx.secret)(f"maintenance:{change.key}"), components=window.components, created_at=now,
        deadline_at=now + PATIENCE,
    )  # fmt: skip


def _local(at: datetime, place: ZoneInfo) -> str:
    """`Tue 1 Dec 2026, 22:00 UTC+01:00`."""
    local = at.astimezone(place)
    offset = f"{local:%z}"
    zone_said = "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:5]}"
    return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M} {zone_said}"
