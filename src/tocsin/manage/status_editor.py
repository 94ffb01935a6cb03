"""The status page written in the browser: a form and back, with the checks of a file."""

from __future__ import annotations

import re
from typing import Any

from tocsin.core.directory import Origin
from tocsin.core.permission import Principal
from tocsin.core.status_page import StatusPage
from tocsin.flow.context import Context
from tocsin.manage import objects

DEFAULT_ID = "public"


def form(ctx: Context) -> dict[str, Any]:
    """The page as the form shows it; an empty one while there is none."""
    page = ctx.directory.status_page or StatusPage(id=DEFAULT_ID)
    return {
        "name": page.name, "description": page.description, "time_zone": page.time_zone, "public": page.public,
        "silence_alarm": str(page.silence_alarm),
        "components": [
            {"id": one.id, "name": one.label, "group": one.group or "", "description": one.description, "services": list(one.services)}
            for one in page.components
        ],
    }  # fmt: skip


def origin(ctx: Context) -> Origin | None:
    """The place in a file where the page is written, which is then where it is changed; None when people keep it here."""
    page = ctx.directory.status_page
    return ctx.directory.origins.get(("status_pages", page.id)) if page else None


async def save(ctx: Context, principal: Principal, given: dict[str, Any]) -> None:
    """Write the page as the form says. A line without a name is left out; a new line gets its id from its name.

    Raises Invalid with JSON pointers, Conflict when the page is written in a file, Forbidden.
    """
    page = ctx.directory.status_page
    body = {
        "id": page.id if page else DEFAULT_ID,
        **{name: given[name] for name in ("name", "description", "time_zone", "silence_alarm") if given.get(name)},
        "public": "true" if given.get("public") else "false",
        "components": _components(given.get("components", [])),
    }
    if page is None:
        await objects.create(ctx, principal, "status_pages", body)
    else:
        await objects.replace(ctx, principal, "status_pages", page.id, body)


def _components(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the order of their places, as far as those are numbers."""
    named = [line for line in lines if line.get("name") or line.get("id")]
    named = [line for line in named if line.get("name")]
    taken = {line["id"] for line in named if line.get("id")}
    found = []
    for position, line in enumerate(named):
        id = line.get("id") or _slug(line["name"], taken)
        taken.add(id)
        place = line.get("place", "")
        order = int(place) if place.isascii() and place.isdigit() and len(place) < 6 else position + 1
        body = {"id": id, "name": line["name"], "services": line.get("services", [])}
        body |= {name: line[name] for name in ("group", "description") if line.get(name)}
        found.append((order, position, body))
    return [body for _, _, body in sorted(found, key=lambda one: one[:2])]


def _slug(name: str, taken: set[str]) -> str:
    """An id from the words of a name, made unique."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48].strip("-") or "component"
    return next(id for n in range(1, 1000) if (id := words if n == 1 else f"{words}-{n}") not in taken)
