"""Tocsin as an application of a phone: manifest, service worker, the page without a network, and what that page shows."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

import msgspec
from litestar import Response, get

from tocsin.manage import desk
from tocsin.manage.lists import time_text
from tocsin.web.assets import assets
from tocsin.web.authentication import AnyRequest, context, may, viewer_of
from tocsin.web.pages import View, show, templates

OPEN = {"open_door": True}
FRESH = {"Cache-Control": "no-cache"}
GROUND = "#1b2230"
_ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("maskable-512.png", "512x512", "maskable"),
)


@get("/app.webmanifest", name="manifest", opt=OPEN, include_in_schema=False)
async def manifest() -> Response[bytes]:
    """What a phone needs to know to install Tocsin."""
    icons = [
        {"src": assets().url(f"icons/{name}"), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for name, sizes, purpose in _ICONS
    ]
    shortcuts = [{"name": name, "url": path} for name, path in (("Incidents", "/incidents"), ("On call", "/oncall"))]
    body = {
        "id": "/", "name": "Tocsin", "short_name": "Tocsin", "description": "Incidents, and who is on call",
        "start_url": "/", "scope": "/", "display": "standalone", "background_color": GROUND, "theme_color": GROUND,
        "icons": icons, "shortcuts": shortcuts, "categories": ["productivity", "utilities"],
    }  # fmt: skip
    return Response(msgspec.json.encode(body), media_type="application/manifest+json", headers=FRESH)


@get("/sw.js", name="service_worker", opt=OPEN, include_in_schema=False)
async def service_worker() -> Response[bytes]:
    """The service worker. It is asked for each time, so that a new release takes over at once."""
    return Response(_worker(), media_type="text/javascript", headers={**FRESH, "Service-Worker-Allowed": "/"})


@cache
def _worker() -> bytes:
    kept = assets()
    shell = ["/offline", *(kept.url(name) for name in ("tocsin.css", "offline.js", "bell.svg"))]
    text = kept.body("sw.js").decode()
    values = {
        '"{SHELL}"': json.dumps(shell), "{VERSION}": _version(text, *shell), "{ICON}": kept.url("icons/icon-192.png"),
        "{BADGE}": kept.url("icons/badge-96.png"),
    }  # fmt: skip
    for name, value in values.items():
        text = text.replace(name, value)
    return text.encode()


def _version(*parts: str) -> str:
    """Changes with whatever the page without a network is made of."""
    loader = templates().loader
    assert loader is not None
    made_of = ("app/offline.html", "bare.html", "components/pieces.html", "components/icons.html")
    sources = [loader.get_source(templates(), name)[0] for name in made_of]
    return hashlib.sha256("\n".join((*parts, *sources)).encode()).hexdigest()[:12]


@get("/offline", name="offline", opt=OPEN, include_in_schema=False)
async def offline(request: AnyRequest) -> Response[bytes]:
    """What the service worker shows without a network."""
    return await show(request, viewer_of(request), "app/offline.html", headers=FRESH)


@get("/now.json", guards=may("see_incidents"), name="now_state", include_in_schema=False)
async def now_state(request: AnyRequest) -> Response[bytes]:
    """What is open, as the service worker keeps it for the page without a network: `{at, open_count, items}`."""
    ctx, viewer = context(request), viewer_of(request)
    seen, view = await desk.overview(ctx, viewer.someone.role), View(ctx, viewer)
    body = {
        "at": time_text(viewer.now),
        "open_count": seen["open_count"],
        "items": [_item(incident, view, viewer.may("see_pages")) for incident in seen["open"]],
    }
    return Response(
        msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "private, no-store"}
    )


def _item(incident: dict[str, Any], view: View, sees_pages: bool) -> dict[str, Any]:
    taken = incident["assignee"] if incident["status"] != "detected" else None
    waiting = ", ".join(page["name"] for page in incident["waiting"])
    who = (
        f"{view.person(taken)} was on it"
        if taken
        else f"no answer yet from {waiting}"
        if waiting
        else "nobody was on it"
    )
    kept = ("id", "name", "title", "severity", "status", "created_at", "url")
    return {
        **{name: incident[name] for name in kept},
        "service": view.service(incident["service"]),
        "who": who if sees_pages else "",
    }
