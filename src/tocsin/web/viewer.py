"""Who looks at a page, and how they want to see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from tocsin.core.configuration import Role
from tocsin.core.permission import Permission, Principal, allowed

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")


@dataclass(frozen=True, kw_only=True)
class Flash:
    """One sentence shown once, after a form was sent. `kind`: done or problem."""

    kind: Literal["done", "problem"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """`principal` is None before signing in. `csrf` goes into every form; `now` is the server's time of this answer."""

    principal: Principal | None
    zone: ZoneInfo
    theme: Theme
    csrf: str
    now: datetime
    path: str
    flash: Flash | None = None
    live: bool = False
    """True when htmx asks for a part of a page."""

    def may(self, permission: Permission) -> bool:
        return self.principal is not None and allowed(self.principal.role, permission)

    @property
    def user(self) -> str | None:
        return self.principal.user if self.principal else None

    @property
    def role(self) -> Role | None:
        return self.principal.role if self.principal else None

    @property
    def someone(self) -> Principal:
        """The principal of a page that only opens after signing in."""
        if self.principal is None:
            raise LookupError("this page is open to everyone: it has no principal")
        return self.principal


def zone_named(*names: str | None) -> ZoneInfo:
    """The first of these zones that exists, else UTC."""
    for name in names:
        if name and name in available_timezones():
            return ZoneInfo(name)
    return ZoneInfo("UTC")


def theme_named(name: str | None) -> Theme:
    return next((theme for theme in THEMES if theme == name), "auto")
