"""The web application on a world, and visitors who follow its links and send its forms as a browser does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx
from litestar import Litestar

from tocsin.core.incident import public_id
from tocsin.core.permission import Principal
from tocsin.manage import access
from tocsin.store.database import Database

from ..served import app_of
from ..story.world import ORGANISATION, World, directory

ADMIN = Principal("user:ada", "admin", "ada", "Ada King")
ROLES = {"ada": "admin", "erin": "manager", "alice": "responder", "olga": "observer", "charlie": "stakeholder"}
"""Who has which role."""


@dataclass
class Visitor:
    """One browser. `user` is None for somebody who is not signed in."""

    http: httpx.AsyncClient
    user: str | None = None
    seen: str = ""

    async def get(self, path: str, status: int = 200, **headers: str) -> str:
        """The HTML of a page that must answer with this status."""
        answer = await self.http.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        assert answer.status_code == status, (path, answer.status_code, text_of(answer.text))
        self.seen = answer.text
        return answer.text

    async def send(
        self, action: str, form: dict[str, str] | None = None, page: str | None = None, **headers: str
    ) -> httpx.Response:
        """Send a form with the token of the page it stands on (default: the page seen last)."""
        if page is not None:
            await self.get(page)
        token = re.search(r'name="_csrf" value="([^"]+)"', self.seen)
        assert token, "the page has no form"
        given = {"_csrf": token[1], **(form or {})}
        return await self.http.post(action, data=given, headers={k.replace("_", "-"): v for k, v in headers.items()})

    async def says(self, answer: httpx.Response) -> str:
        """The words of the page that a form leads to, or comes back on when it is refused."""
        if answer.status_code in (403, 409, 422):
            self.seen = answer.text
            return text_of(answer.text)
        assert answer.status_code == 303, (answer.status_code, text_of(answer.text))
        return text_of(await self.get(answer.headers["location"]))


def text_of(html: str) -> str:
    """The words of a page, in order."""
    without = re.sub(r"<(script|style|svg|template)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without))).strip()


@dataclass
class Site:
    """The application and everybody who visits it."""

    world: World
    app: Litestar
    visitors: list[Visitor] = field(default_factory=list)

    def stranger(self) -> Visitor:
        """A fresh browser."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False, client=("192.0.2.7", 1234))  # type: ignore[arg-type]
        made = Visitor(httpx.AsyncClient(transport=transport, base_url=self.world.ctx.settings.external_url))
        self.visitors.append(made)
        return made

    async def someone(self, user: str) -> Visitor:
        """Somebody who came by a sign-in link."""
        visitor = self.stranger()
        link = await access.create_link(self.world.ctx, ADMIN, user)
        answer = await visitor.send(link, page=link)
        assert answer.status_code == 303, answer.text
        visitor.user = user
        return visitor

    async def room(self, **event: Any) -> str:
        """An incident that pages Alice; the path of its room."""
        outcome = await self.world.fire(**event)
        row = await self.world.incident(outcome.incident)
        return f"/incidents/{public_id(row['id'])}"


@asynccontextmanager
async def open_site(db: Database) -> AsyncIterator[Site]:
    people = [*ORGANISATION["users"], *({"id": user, "name": user.title()} for user in ("ada", "olga", "charlie"))]
    users = [{**person, "role": ROLES.get(person["id"], "responder")} for person in people]
    async with World(db, directory({"users": users})) as world:
        site = Site(world, app_of(world))
        try:
            yield site
        finally:
            for visitor in site.visitors:
                await visitor.http.aclose()
