"""A person's own devices: subscribe, check, remove; and the door by which a device says that a push arrived."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.errors import Invalid, TooMany
from tocsin.manage import devices
from tocsin.web.authentication import AnyRequest, agent, context, fields, may, viewer_of
from tocsin.web.pages import go, show

DOOR = {"open_door": True, "no_csrf": True}
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "Mac"),
    ("CrOS", "Chromebook"), ("Linux", "Linux"),
)  # fmt: skip
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))


def device_name(agent: str) -> str:
    """What a browser calls itself, for people: `Firefox on Android`."""
    browser = next((name for sign, name in _BROWSERS if re.search(rf"\b{sign}", agent)), "Browser")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return f"{browser} on {system}" if system else browser


async def devices_data(request: AnyRequest) -> dict[str, Any]:
    """What `account/devices.html` shows."""
    seen = await devices.view(context(request), viewer_of(request).someone)
    return {**seen, "name": device_name(agent(request))}


@get("/account/devices", guards=may(), name="devices", include_in_schema=False)
async def list_devices(request: AnyRequest) -> Response[bytes]:
    return await _part(request)


@post("/account/devices", guards=may(), name="subscribe_device", status_code=200, include_in_schema=False)
async def subscribe(request: AnyRequest) -> Response[Any]:
    given = await fields(request)
    wanted = (given.get(name, "") for name in ("name", "endpoint", "p256dh", "auth"))
    return await _done(request, devices.subscribe(context(request), viewer_of(request).someone, *wanted))


@post("/account/devices/{id:int}/check", guards=may(), name="check_device", status_code=200, include_in_schema=False)
async def check(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    return await _done(
        request, devices.check(context(request), viewer_of(request).someone, id), "A push is on its way."
    )


@post("/account/devices/{id:int}/remove", guards=may(), name="remove_device", status_code=200, include_in_schema=False)
async def remove(request: AnyRequest, id: FromPath[int]) -> Response[Any]:
    return await _done(request, devices.remove(context(request), viewer_of(request).someone, id), "Removed.")


@post("/push/{token:str}", name="push_arrived", opt=DOOR, status_code=204, include_in_schema=False)
async def arrived(request: AnyRequest, token: FromPath[str]) -> None:
    """A device got the push that it was asked to answer. Needs nothing but what that push held."""
    await devices.arrived(context(request), token)


@post("/push", name="push_renewed", opt=DOOR, status_code=204, include_in_schema=False)
async def renewed(request: AnyRequest) -> None:
    """A browser changed its subscription by itself. Whoever knows the old one's secret address may replace it."""
    given = await fields(request)
    wanted = (given.get(name, "") for name in ("old", "endpoint", "p256dh", "auth"))
    await devices.renew(context(request), *wanted)


async def _done(request: AnyRequest, act: Awaitable[Any], said: str = "") -> Response[Any]:
    """The part drawn anew for a script, back to the account for a plain form."""
    try:
        await act
    except (Invalid, TooMany) as error:
        if viewer_of(request).live:
            return await _part(request, str(error))
        return go("/account", str(error), "problem")
    return await _part(request) if viewer_of(request).live else go("/account", said)


async def _part(request: AnyRequest, wrong: str = "") -> Response[bytes]:
    found = await devices_data(request)
    return await show(request, viewer_of(request), "account/devices.html", devices=found, wrong={"device": wrong})
