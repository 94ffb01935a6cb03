"""The status page: its facts, gathered in one go, and what is made of them for the public and for whoever keeps it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.directory import Directory, Origin
from tocsin.core.errors import NotFound
from tocsin.core.public_word import Told, Window
from tocsin.core.status_page import STATE_WORDS, StatusPage
from tocsin.core.status_view import Code, PageView, coder, next_change, view_of
from tocsin.core.uptime import DAYS, percent
from tocsin.flow.context import Context
from tocsin.flow.maintenance import windows_of
from tocsin.flow.silence_alarm import ringing
from tocsin.manage.lists import time_text
from tocsin.store import status, subscribers

PATH = "/status"
REMEMBERED = timedelta(days=DAYS + 2)
"""How far back the page knows incidents and maintenance."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page says, before it is put into words. Two that are equal make the same page until `until`."""

    page: StatusPage
    told: tuple[Told, ...]
    windows: tuple[Window, ...]
    listed: dict[str, datetime]


def page_of(directory: Directory) -> StatusPage:
    """The status page. Raises NotFound while none is configured."""
    page = directory.status_page
    if page is None:
        raise NotFound(
            "There is no status page yet: add one under `status_pages` in the configuration, or in the browser."
        )
    return page


async def gather(ctx: Context, page: StatusPage) -> Facts:
    """The facts as the database has them now. Raises Unavailable."""
    since = ctx.clock.now() - REMEMBERED
    async with ctx.db.reading() as tx:
        told = await status.told(tx, since)
        announced = await status.announced(tx, since)
        listed = await status.listed_since(tx, page.id)
    return Facts(page=page, told=tuple(told), windows=tuple(windows_of(page, announced)), listed=listed)


def code_of(ctx: Context) -> Code:
    return coder(ctx.secret)


def address(ctx: Context) -> str:
    return ctx.settings.external_url + PATH


def view(ctx: Context, facts: Facts, now: datetime) -> PageView:
    """The page as it reads at `now`."""
    return view_of(facts.page, facts.told, facts.windows, facts.listed, code_of(ctx), address(ctx), now)


def frame(ctx: Context) -> PageView:
    """The page without what it tells, for the small pages around it. Raises NotFound."""
    page, now = page_of(ctx.directory), ctx.clock.now()
    return view(ctx, Facts(page=page, told=(), windows=(), listed={}), now)


def takes_mail(ctx: Context) -> bool:
    """Whether there is a mail server, so that people can subscribe."""
    return bool(ctx.settings.smtp_url) and "email" in ctx.channels


def holds_until(facts: Facts, now: datetime) -> datetime:
    """When these facts begin to read differently by themselves."""
    return next_change(facts.windows, now)


# --- for whoever keeps the page -------------------------------------------------------------------------------------------


async def overview(ctx: Context) -> dict[str, Any]:
    """What the page says now with what stands behind it: `{page, url, public, origin, indicator, description, components: [{id, name,
    group, state, services, uptime, because}], incidents, maintenance, silence, subscribers, updated_at}`. `silence`: open SEV1 and
    SEV2 incidents about which the page is silent although the alarm rang. Raises NotFound while there is no page."""
    page, now = page_of(ctx.directory), ctx.clock.now()
    facts = await gather(ctx, page)
    async with ctx.db.reading() as tx:
        silent = await ringing(ctx, tx, now)
        counts = await subscribers.counts(tx)
    shown = view(ctx, facts, now)
    origin = ctx.directory.origins.get(("status_pages", page.id), Origin())
    numbers = {code_of(ctx)(f"incident:{one.number}"): one.number for one in facts.told}
    return {
        "page": page.id,
        "name": shown.name,
        "url": shown.url,
        "public": page.public,
        "origin": {"file": origin.file, "line": origin.line} if origin.file else None,
        "indicator": shown.indicator,
        "description": shown.sentence,
        "components": [
            {
                "id": one.id,
                "name": seen.name,
                "group": seen.group,
                "state": seen.state,
                "state_words": STATE_WORDS[seen.state],
                "services": list(one.services),
                "uptime": percent(seen.history.uptime),
                "because": _because(facts, one.id, now),
            }
            for one, seen in zip(page.components, _in_order(page, shown, code_of(ctx)), strict=True)
        ],
        "incidents": [
            {
                "incident": numbers[one.code], "title": one.title, "status": one.status, "impact": one.impact,
                "updated_at": time_text(one.updated_at), "url": f"{shown.url}/incidents/{one.code}",
            }
            for one in shown.unresolved
        ],
        "maintenance": [
            {
                "title": one.title, "status": one.status, "starts_at": time_text(one.scheduled_for),
                "ends_at": time_text(one.scheduled_until), "url": f"{shown.url}/incidents/{one.code}",
            }
            for one in (*shown.active, *shown.upcoming)
        ],
        "silence": silent,
        "subscribers": counts,
        "updated_at": time_text(shown.updated_at),
    }  # fmt: skip


def _in_order(page: StatusPage, shown: PageView, code: Code) -> list[Any]:
    """The views of the page's components, in the order of the configuration."""
    by_code = {one.code: one for one in shown.components}
    return [by_code[code(f"component:{one.id}")] for one in page.components]


def _because(facts: Facts, component: str, now: datetime) -> list[str]:
    """The titles of what keeps a component from being operational."""
    found = [one.title for one in facts.told if one.states.get(component, "operational") != "operational"]
    return found + [
        one.title for one in facts.windows if component in one.components and one.status(now) == "in_progress"
    ]
