"""The status page as it is served: rendered once for each change, kept in memory, and given to whoever asks.

A change (heard by NOTIFY, or made here) is rendered at once, by one task however many wait; until it is done the page before it is
served. While the database is away the last page is served, and says how old it is.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from tocsin.core.errors import NotFound, Unavailable
from tocsin.core.status_page import StatusPage
from tocsin.core.status_view import PageView
from tocsin.flow.context import Context
from tocsin.manage import status_feeds, status_formats, status_pages
from tocsin.manage.status_pages import Facts
from tocsin.web.status_html import SUBPAGES, incident_page, render_page

log = structlog.get_logger(__name__)

FRESH = 5.0
"""Seconds after which the facts are looked at again when somebody asks, should a wake-up have been lost."""
STALE = 15.0
"""Seconds without an answer of the database after which the page says that it may be out of date."""
RETRY = 1.0
"""Seconds between two looks while the database is away."""
SMALL = 600
"""Bytes below which packing is not worth it."""
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
PUBLIC = "public, max-age=1, stale-while-revalidate=1, stale-if-error=86400"
"""A copy in between may be two seconds behind, and stands in when we are away."""
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class Doc:
    """One answer, with everything about it that can be worked out beforehand."""

    __slots__ = ("body", "etag", "headers", "packed")

    def __init__(self, body: bytes, content_type: str, public: bool) -> None:
        self.body = body
        self.packed = gzip.compress(body, 6, mtime=0) if len(body) > SMALL else b""
        self.etag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
        self.headers = {
            "Content-Type": content_type, "ETag": self.etag, "Vary": "Accept-Encoding",
            "Cache-Control": PUBLIC if public else "private, no-cache", "X-Content-Type-Options": "nosniff",
            **(PAGE_HEADERS if content_type.startswith("text/html") else {"Access-Control-Allow-Origin": "*"} if public else {}),
        }  # fmt: skip


@dataclass
class Shown:
    """A page that is served. `until`: when it begins to read differently by itself. `checked`: when (monotonic) the database last
    said that it is right; `stale_since`: it tells that it was last right then."""

    page: StatusPage
    facts: Facts
    view: PageView
    docs: dict[str, Doc]
    until: datetime
    at: datetime
    checked: float
    stale_since: datetime | None = None
    making: dict[str, asyncio.Task[Doc | None]] = field(default_factory=dict)


class StatusSite:
    """The pages of one node. `renders` counts how often they were made."""

    def __init__(self, ctx: Context, seconds: Callable[[], float] = time.monotonic) -> None:
        self._ctx, self._seconds = ctx, seconds
        self._shown: Shown | None = None
        self._work: asyncio.Task[None] | None = None
        self._dirty = False
        self._tried = -RETRY
        self.renders = 0
        ctx.wake.on("status", self.changed)
        ctx.wake.on("configuration", self.changed)

    async def stop(self) -> None:
        """Let go of what is being rendered."""
        for topic in ("status", "configuration"):
            self._ctx.wake.off(topic, self.changed)
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def changed(self) -> None:
        """Something may read differently now. Whoever never asked for the page need not have it rendered."""
        self._dirty = True
        if self._shown is not None:
            self._begin()

    def ready(self, path: str) -> tuple[Doc, float] | None:
        """The document at a path (below `/status`) and its age in seconds, if it can be served without waiting."""
        shown, page = self._shown, self._ctx.directory.status_page
        if shown is None or page is None or shown.page is not page:
            return None
        now = self._seconds()
        if self._dirty or now - shown.checked > FRESH or self._ctx.clock.now() >= shown.until:
            self._begin()
        doc = shown.docs.get(path)
        return None if doc is None else (doc, max(0.0, now - shown.checked))

    async def doc(self, path: str) -> tuple[Doc, float]:
        """The same, waiting for it to be made. Raises NotFound, Unavailable (never rendered, and the database is away)."""
        page = status_pages.page_of(self._ctx.directory)
        if self._shown is None or self._shown.page != page:
            await self._waited()
        elif self._shown.page is not page:
            self._shown.page = page  # the configuration was read anew, and says the same of this page
        found = self.ready(path)
        if found is None and self._shown is not None:
            doc = await self._made(self._shown, path)
            found = None if doc is None else (doc, max(0.0, self._seconds() - self._shown.checked))
        if found is None:
            raise NotFound("There is no such page here.")
        return found

    async def _waited(self) -> None:
        """Until the page has been made. Raises Unavailable."""
        self._dirty = True
        work = self._begin()
        if work is not None:
            await asyncio.shield(work)
        if self._shown is None:
            raise Unavailable("The status page cannot be made while the database is away")

    def _begin(self) -> asyncio.Task[None] | None:
        """Look anew, in one task for everybody; None while it is too early to try again."""
        if self._work is None or self._work.done():
            if self._seconds() - self._tried < RETRY and self._shown is not None and not self._dirty:
                return None
            self._work = asyncio.create_task(self._refresh(), name="status page")
        return self._work

    async def _refresh(self) -> None:
        while True:
            self._tried, self._dirty = self._seconds(), False
            try:
                await self._look()
            except Unavailable:
                await self._aged()
                return
            except NotFound:
                self._shown = None
                return
            except Exception:  # whoever asks next tries again; the last page stays
                log.exception("the status page could not be rendered")
                return
            if not self._dirty:
                return

    async def _look(self) -> None:
        """Gather the facts; render when they, or the time, make another page of it."""
        ctx, page = self._ctx, status_pages.page_of(self._ctx.directory)
        asked = self._seconds()
        facts = await status_pages.gather(ctx, page)
        now, shown = ctx.clock.now(), self._shown
        if shown is not None and shown.facts == facts and now < shown.until and shown.stale_since is None:
            shown.checked, shown.page = asked, page
            return
        view = await asyncio.to_thread(status_pages.view, ctx, facts, now)
        docs = await asyncio.to_thread(_documents, view, now, None, status_pages.takes_mail(ctx))
        self.renders += 1
        self._shown = Shown(page, facts, view, docs, status_pages.holds_until(facts, now), now, asked)

    async def _aged(self) -> None:
        """The database is away: after a while the page says how old it is."""
        shown = self._shown
        if shown is None or shown.stale_since is not None or self._seconds() - shown.checked < STALE:
            return
        shown.stale_since = self._ctx.clock.now()
        takes = status_pages.takes_mail(self._ctx)
        since = datetime.fromtimestamp(
            shown.stale_since.timestamp() - (self._seconds() - shown.checked), shown.stale_since.tzinfo
        )
        shown.docs |= await asyncio.to_thread(_documents, shown.view, shown.at, since, takes)
        self.renders += 1

    async def _made(self, shown: Shown, path: str) -> Doc | None:
        """The page of one incident: made when first asked for, once."""
        code = path.removeprefix("/incidents/")
        if not path.startswith("/incidents/") or shown.view.entry(code) is None:
            return None
        if path not in shown.making:
            shown.making[path] = asyncio.create_task(self._make(shown, path))
        return await asyncio.shield(shown.making[path])

    async def _make(self, shown: Shown, path: str) -> Doc | None:
        code = path.removeprefix("/incidents/")
        doc = Doc(await asyncio.to_thread(incident_page, shown.view, code), HTML, shown.page.public)
        shown.docs[path] = doc
        return doc


def _documents(view: PageView, now: datetime, stale_since: datetime | None, takes_mail: bool) -> dict[str, Doc]:
    """Everything that is made of a page beforehand, by its path below `/status`."""
    html = {
        path: Doc(render_page(view, template, now, stale_since, takes_mail), HTML, view.public)
        for path, template in SUBPAGES.items()
    }
    data = {f"/api/v2/{name}": Doc(body, JSON, view.public) for name, body in status_formats.documents(view).items()}
    return {
        **html,
        **data,
        "/history.rss": Doc(status_feeds.rss(view), "application/rss+xml; charset=utf-8", view.public),
        "/history.atom": Doc(status_feeds.atom(view), "application/atom+xml; charset=utf-8", view.public),
        "/maintenance.ics": Doc(
            status_feeds.calendar(view, view.maintenance), "text/calendar; charset=utf-8", view.public
        ),
    }
