"""Mutes: what is muted, when and why; making one with a look at what it would mute; ending it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.calendar import instant
from tocsin.core.checking import zones
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.mute import Matcher
from tocsin.manage import alerts, mutes
from tocsin.web import strips
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, number_in, viewer_of
from tocsin.web.pages import go, show

LENGTHS = {
    "30m": "30 minutes",
    "1h": "1 hour",
    "2h": "2 hours",
    "4h": "4 hours",
    "8h": "8 hours",
    "1d": "1 day",
    "7d": "1 week",
}
RULES = {
    "FREQ=DAILY": "every day", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": "Monday to Friday", "FREQ=WEEKLY;BYDAY=SA,SU": "on weekends",
    "FREQ=WEEKLY": "every week", "FREQ=MONTHLY": "every month",
}  # fmt: skip
ODD_LABELS = ("severity",)
"""Labels that do not say which alert it is."""
FORETOLD = 8


@get("/mutes", guards=may("see_alerts"), name="mutes", include_in_schema=False)
async def list_mutes(request: AnyRequest) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    found = (await mutes.list_mutes(ctx, service=asked(request, "service") or None, limit=200))["items"]
    told = [mute for mute in found if not _idle(mute)]
    groups = {status: [mute for mute in told if mute["status"] == status] for status in mutes.STATES}
    scales = {
        status: strips.around(viewer.now) if status == "active" else strips.spanning(group, viewer.now)
        for status, group in groups.items()
    }
    drawn = {mute["id"]: strips.windows(scales[mute["status"]], mute, await _upcoming(request, mute)) for mute in told}
    return await show(
        request, viewer, "mutes/list.html", groups=groups, drawn=drawn, idle=len(found) - len(told),
        days={status: strips.midnights(scale, viewer.zone) for status, scale in scales.items()},
        now_x={status: scale.x(viewer.now) for status, scale in scales.items()}, width=strips.WIDTH,
        inhibitions=sorted(ctx.directory.inhibitions.values(), key=lambda i: i.id),
    )  # fmt: skip


def _idle(mute: dict[str, Any]) -> bool:
    """A window of a plan that is over and held nothing back: counted, and not listed."""
    report = mute["report"]
    return mute["status"] == "expired" and mute["plan"] is not None and report is not None and report["alerts"] == 0


async def _upcoming(request: AnyRequest, mute: dict[str, Any]) -> list[dict[str, Any]]:
    if mute["plan"] is None or mute["status"] == "expired":
        return []
    return await mutes.upcoming(context(request), mute["rule"], FORETOLD)


@get("/mutes/new", guards=may("mute"), name="new_mute", include_in_schema=False)
async def new(request: AnyRequest) -> Response[bytes]:
    """`?alert=` fills in the labels of an alert, `?service=` and `?kind=` what they say."""
    given = {"kind": asked(request, "kind") or "silence", "when": "once", "duration": "2h", "scope": ""}
    if service := asked(request, "service"):
        given["scope"] = f"service:{service}"
    if (alert := number_in(asked(request, "alert"))) is not None:
        found = await alerts.get_alert(context(request), alert)
        given["scope"] = f"service:{found['service']}"
        given["matchers"] = "\n".join(str(Matcher(n, v)) for n, v in found["labels"].items() if n not in ODD_LABELS)
    return await _form(request, given, {})


@post("/mutes/new", guards=may("mute"), name="make_mute", status_code=200, include_in_schema=False)
async def make(request: AnyRequest) -> Response[Any]:
    """Makes it, or only shows what it would mute, as the button says."""
    ctx, given = context(request), await fields(request)
    principal = viewer_of(request).someone
    try:
        body = _body(request, given)
        if given.get("do") != "make":
            return await _form(request, given, {}, seen=await mutes.preview(ctx, principal, body))
        made = await mutes.create(ctx, principal, body)
    except Conflict as error:
        return await _form(request, given, {"reason": str(error)}, status=422)
    except Invalid as error:
        return await _form(request, given, _wrong(error, given), status=422)
    return go(f"/mutes/{quote(made['id'])}", "Muted." if made["status"] == "active" else "Planned.")


def _wrong(error: Invalid, given: dict[str, str]) -> dict[str, str]:
    """Each problem at the field of the form that it is about."""
    found: dict[str, str] = {}
    for problem in error.problems:
        name = problem.pointer.strip("/").split("/")[0] or "reason"
        if name == "duration" and given.get("when") == "recurring":
            name = "length"
        found.setdefault(_FIELDS.get(name, name), problem.message)
    return found


_FIELDS = {
    "services": "scope", "team": "scope", "ends_at": "until", "endsAt": "until", "from": "starts", "starts_at": "until", "rrule": "rrule",
}  # fmt: skip
"""Where on the form a field of the API stands."""


def _body(request: AnyRequest, given: dict[str, str]) -> dict[str, Any]:
    """What the form says, as the API takes it. Times are of the viewer's zone."""
    kind, _, name = given.get("scope", "").partition(":")
    body: dict[str, Any] = {
        "kind": given.get("kind", "silence"),
        "matchers": [line for line in given.get("matchers", "").splitlines() if line.strip()],
        "reason": given.get("reason", ""),
        **({"services": [name]} if kind == "service" else {"team": name} if kind == "team" else {}),
    }
    match given.get("when", "once"):
        case "recurring":
            body |= {
                "rrule": given.get("rule") or given.get("rrule", ""),
                "from": given.get("starts", ""),
                "duration": given.get("length", ""),
            }
            body["time_zone"] = given.get("time_zone", "UTC")
        case "working_hours" | "off_hours" as during:
            body["during"] = during
        case _:
            if given.get("begins"):
                body["starts_at"] = _instant(request, given["begins"])
            if given.get("until"):
                body["ends_at"] = _instant(request, given["until"])
            else:
                body["duration"] = given.get("duration", "")
    if given.get("announce", "").strip():
        body["announce"] = {"title": given["announce"].strip(), "message": given.get("announce_message", "").strip()}
    return body


def _instant(request: AnyRequest, text: str) -> str:
    try:
        return instant(datetime.fromisoformat(text).replace(tzinfo=None), viewer_of(request).zone).isoformat()
    except ValueError:
        raise Invalid(f"{text!r} is not a time", "/ends_at") from None


async def _form(
    request: AnyRequest,
    given: dict[str, str],
    wrong: dict[str, str],
    *,
    status: int = 200,
    seen: dict[str, Any] | None = None,
) -> Response[bytes]:
    directory, viewer = context(request).directory, viewer_of(request)
    return await show(
        request, viewer, "mutes/new.html", status, given=given, wrong=wrong, seen=seen, lengths=LENGTHS, rules=RULES,
        services=sorted(directory.services.values(), key=lambda s: s.label.lower()),
        teams=sorted(directory.teams.values(), key=lambda t: t.id),
        time_zone=given.get("time_zone") or str(viewer.zone), zones=sorted(zones()), page=directory.status_page,
    )  # fmt: skip


@get("/mutes/{id:str}", guards=may("see_alerts"), name="mute", include_in_schema=False)
async def mute(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    ctx, viewer = context(request), viewer_of(request)
    found = await mutes.get(ctx, id)
    upcoming = await _upcoming(request, found)
    scale = strips.around(viewer.now) if found["status"] == "active" else strips.spanning([found], viewer.now)
    return await show(
        request, viewer, "mutes/mute.html", mute=found, upcoming=upcoming, lengths=LENGTHS, bars=strips.windows(scale, found, upcoming),
        days=strips.midnights(scale, viewer.zone), now_x=scale.x(viewer.now), width=strips.WIDTH, editable=_editable(found),
    )  # fmt: skip


def _editable(found: dict[str, Any]) -> bool:
    return found["rule"] is None and found["status"] != "expired"


@post("/mutes/{id:str}/end", guards=may("mute"), name="end_mute", status_code=200, include_in_schema=False)
async def end(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    ended = await _try(request, id, lambda: mutes.end(context(request), viewer_of(request).someone, id))
    if ended is not None:
        return ended
    return go("/mutes", "Ended. What still fires pages now.")


@post("/mutes/{id:str}/change", guards=may("mute"), name="change_mute", status_code=200, include_in_schema=False)
async def change(request: AnyRequest, id: FromPath[str]) -> Response[Any]:
    """A new end, counted from now."""
    given = await fields(request)
    body = {"duration": given.get("duration", "")}
    failed = await _try(request, id, lambda: mutes.change(context(request), viewer_of(request).someone, id, body))
    return failed or go(f"/mutes/{quote(id)}", f"It ends {LENGTHS.get(body['duration'], body['duration'])} from now.")


async def _try(request: AnyRequest, id: str, act: Any) -> Response[Any] | None:
    """None when it was done, else back to the page with what was wrong."""
    try:
        await act()
    except (Invalid, Conflict) as error:
        return go(f"/mutes/{quote(id)}", str(error), kind="problem")
    except NotFound:
        return go("/mutes", "This mute is gone.", kind="problem")
    return None


ROUTES: Sequence[Any] = (list_mutes, new, make, mute, end, change)
