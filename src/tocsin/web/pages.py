"""Turns a template and what it shows into an answer: rendered in a thread, small on the wire, with its headers."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie
from litestar.response import Redirect
from markupsafe import Markup

from tocsin.core.device import name_of
from tocsin.flow.context import Context
from tocsin.web import board_words, words
from tocsin.web.assets import assets
from tocsin.web.authentication import VISITOR, AnyRequest, choice_cookie, context, is_https, visitor_cookie
from tocsin.web.flashes import flash_cookie, spent_cookie
from tocsin.web.local_times import in_zone
from tocsin.web.viewer import Viewer

HTML = "text/html"
POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
        "font-src 'self'", "manifest-src 'self'", "worker-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}

SMALL = 1000
"""Bytes below which packing an answer is not worth it."""


@cache
def templates() -> Environment:
    """The templates: everything is escaped, and a name that is missing is an error, not an empty place."""
    made = Environment(
        loader=PackageLoader("tocsin.web", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.globals.update(asset=assets().url, words=words, board=board_words)
    made.filters.update(duration=words.duration, highlighted=words.highlighted, offset=words.offset)
    return made


class View:
    """What a template can ask for besides its own data: times as this viewer reads them, and people's names."""

    def __init__(self, ctx: Context, viewer: Viewer) -> None:
        self._ctx, self._viewer = ctx, viewer
        self._names = {user.id: user.label for user in ctx.directory.users.values()}

    def time(self, value: Any, seconds: bool = False) -> Markup:
        return words.time_tag(value, self._viewer.zone, self._viewer.now, seconds)

    def since(self, value: Any) -> Markup:
        return words.since(value, self._viewer.now)

    def until(self, value: Any) -> Markup:
        return words.until(value, self._viewer.now)

    def told(self, text: str, at: Any) -> str:
        """What Tocsin wrote at that time, with its times of day in the viewer's zone."""
        return in_zone(text, at, self._viewer.zone)

    def is_past(self, value: Any) -> bool:
        at = words.moment(value)
        return at is not None and at <= self._viewer.now

    def person(self, user: str) -> str:
        return self._names.get(user, "Administrator" if user == "admin" else user)

    def method(self, user: str, method: str) -> str:
        """A contact method's name: its id, or what its owner calls a device."""
        known = self._ctx.directory.method(user, method)
        return name_of(known) if known else method

    def actor(self, text: str) -> str:
        return words.actor(text, self._names)

    def service(self, service: str | None) -> str:
        known = self._ctx.directory.services.get(service) if service else None
        return known.label if known else (service or "No service")

    def schedule(self, schedule: str) -> str:
        known = self._ctx.directory.schedules.get(schedule)
        return (known.name if known else None) or schedule

    def team(self, team: str) -> str:
        known = self._ctx.directory.teams.get(team)
        return (known.name if known else None) or team

    def component(self, id: str) -> str:
        """What the public calls a component of the status page."""
        known = (page.component(id) for page in self._ctx.directory.status_pages.values())
        return next((one.label for one in known if one is not None), id)

    def target(self, target: str) -> str:
        """Whom a step pages: `user:bo` -> `Bo Orr`, `schedule:night` -> `Night shift`, `team:ops` -> `team Operations`."""
        kind, _, id = target.partition(":")
        return self.person(id) if kind == "user" else self.via(target)

    def via(self, target: str) -> str:
        """By what a step found somebody: `schedule:night` -> `Night shift`, `team:ops` -> `team Operations`, `user:bo` -> `by name`."""
        kind, _, id = target.partition(":")
        if kind == "schedule":
            return self.schedule(id)
        team = self._ctx.directory.teams.get(id) if kind == "team" else None
        return f"team {team.name or id}" if team else "by name" if kind == "user" else target.replace(":", " ")


def render(ctx: Context, viewer: Viewer, template: str, data: Mapping[str, Any]) -> str:
    view = View(ctx, viewer)
    return (
        templates()
        .get_template(template)
        .render(viewer=viewer, view=view, time=view.time, since=view.since, until=view.until, **data)
    )


async def show(
    request: AnyRequest,
    viewer: Viewer,
    template: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    cookies: tuple[Cookie, ...] = (),
    **data: Any,
) -> Response[bytes]:
    """A page (or a part of one, when the template is a part). `headers` beside the usual ones."""
    text = await asyncio.to_thread(render, context(request), viewer, template, data)
    return respond(request, viewer, text, status, headers, cookies)


def respond(
    request: AnyRequest,
    viewer: Viewer,
    text: str,
    status: int,
    headers: Mapping[str, str] | None = None,
    cookies: tuple[Cookie, ...] = (),
) -> Response[bytes]:
    body = text.encode()
    extra = {**HEADERS, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Cookie, HX-Request"}
    if is_https(context(request)):
        extra |= HTTPS_ONLY
    if len(body) > SMALL and "gzip" in request.headers.get("accept-encoding", ""):
        body, extra["Content-Encoding"] = gzip.compress(body, 5), "gzip"
    made = list(cookies)
    if viewer.flash and not viewer.live:
        made.append(spent_cookie())
    if visitor := visitor_cookie(request):
        made.append(choice_cookie(context(request), VISITOR, visitor))
    return Response(body, status_code=status, media_type=HTML, headers={**extra, **(headers or {})}, cookies=made)


def go(path: str, said: str = "", kind: str = "done", cookies: tuple[Cookie, ...] = ()) -> Redirect:
    """To another page after a form, with one sentence about what became of it."""
    every = (*cookies, flash_cookie(said, kind)) if said else cookies
    return Redirect(path, status_code=303, cookies=every)
