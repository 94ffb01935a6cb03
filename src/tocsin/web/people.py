"""One's own page: contact methods, rules as a drawing, quiet hours, limits, and what rang and why. Everything works without JavaScript."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from itertools import groupby
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from tocsin.core.configuration import ContactMethod, User
from tocsin.core.device import nameable
from tocsin.core.errors import Conflict, Invalid, TooMany
from tocsin.core.shape import short
from tocsin.core.spelling import WEEKDAYS, ClockTime, Duration
from tocsin.manage import contacts, people
from tocsin.plugins.channels.base import Channel
from tocsin.web.authentication import AnyRequest, asked, context, fields, may, viewer_of
from tocsin.web.pages import go, show

GUARDS = may("reach_self")
ROWS = 6
"""Rows of the rule editor for each urgency."""
SHOWN = 50


@get("/me", guards=GUARDS, name="me", include_in_schema=False)
async def me(request: AnyRequest) -> Response[bytes]:
    """How the viewer is reached."""
    ctx, viewer = context(request), viewer_of(request)
    mine = await people.show(ctx, viewer.someone)
    person = ctx.directory.users[mine["user"]]
    return await show(
        request, viewer, "people/me.html", me=mine, quiet=week(mine["quiet_hours"]), offered=_offered(person),
        lanes={urgency: rungs(mine["plan"][urgency]) for urgency in ("high", "low")}, kinds=_kinds(ctx.channels),
        rows={urgency: _rows(mine, urgency) for urgency in ("high", "low")}, weekdays=WEEKDAYS,
    )  # fmt: skip


@get("/me/history", guards=GUARDS, name="me_history", include_in_schema=False)
async def history(request: AnyRequest) -> Response[bytes]:
    """What rang the viewer, why, and what became of it."""
    ctx, viewer = context(request), viewer_of(request)
    found = await people.history(ctx, viewer.someone, cursor=asked(request, "cursor") or None, limit=SHOWN)
    days = groupby(found["items"], key=lambda n: (n["page"], n["incident"]["id"]))
    pages = [{**(items := list(group))[0], "sent": items[::-1]} for _, group in days]
    return await show(request, viewer, "people/history.html", pages=pages, next=found["next"])


# --- drawings ---------------------------------------------------------------------------------------------------------


def rungs(plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rules as rungs of a ladder: `{seconds, gap, methods}`, where `gap` is the time since the rung above."""
    found: list[dict[str, Any]] = []
    for seconds, rules in groupby(plan, key=lambda rule: rule["seconds"]):
        gap = seconds - found[-1]["seconds"] if found else 0
        found.append({"seconds": seconds, "gap": gap, "methods": list(rules)})
    return found


def week(quiet: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Quiet hours as bars: for each day the stretches [from, to) in minutes. A window that crosses midnight shows on both days."""
    bars: dict[str, list[tuple[int, int]]] = {day: [] for day in WEEKDAYS}
    if quiet:
        start, end = ClockTime.parse(quiet["from"]).minutes, ClockTime.parse(quiet["to"]).minutes
        for position, day in enumerate(WEEKDAYS):
            if day in quiet.get("days", WEEKDAYS):
                bars[day].append((start, end if end > start else 1440))
                if end <= start and end:
                    bars[WEEKDAYS[(position + 1) % 7]].append((0, end))
    return [{"day": day, "bars": sorted(bars[day])} for day in WEEKDAYS]


def _offered(person: User) -> list[dict[str, Any]]:
    methods = {method.id: method for method in nameable(person.contact_methods)}
    return [
        {**one, "rungs": rungs([_as_planned(rule, methods) for rule in one["rules"]])} for one in people.offered(person)
    ]


def _as_planned(rule: Mapping[str, str], methods: Mapping[str, ContactMethod]) -> dict[str, Any]:
    after = rule.get("after", "0s")
    seconds = int(Duration.parse(after))
    return {"after": after, "seconds": seconds, "method": rule["method"], "type": methods[rule["method"]].type}


def _kinds(channels: Mapping[str, Channel]) -> list[dict[str, Any]]:
    """The types that one can type a contact method of. Browsers subscribe on their own (web push)."""
    return [
        {"type": type, "label": channel.label, "fields": channel.fields}
        for type, channel in channels.items()
        if type != "webpush"
    ]


def _rows(mine: Mapping[str, Any], urgency: str) -> list[dict[str, str]]:
    """What the editor shows: the rules as written, else as they are by default, and room for more."""
    written = mine["notification_rules"].get(urgency)
    rules = mine["plan"][urgency] if written is None else written
    named = ({"after": rule.get("after", "0s"), "method": rule["method"].partition(":")[0]} for rule in rules)
    filled = [dict(pair) for pair in dict.fromkeys(tuple(rule.items()) for rule in named)]  # devices are named together
    return [*filled, *({"after": "", "method": ""} for _ in range(max(2, ROWS - len(filled))))]


# --- what people do ---------------------------------------------------------------------------------------------------


async def _done(act: Awaitable[Any], said: str, place: str = "/me") -> Response[Any]:
    """Do it, and back to the page with one sentence."""
    try:
        await act
    except Invalid as error:
        return go(
            place, " ".join(_named(problem.pointer, problem.message) for problem in error.problems[:3]), "problem"
        )
    except (Conflict, TooMany) as error:
        return go(place, str(error), "problem")
    return go(place, said)


def _named(pointer: str, message: str) -> str:
    """A problem with the field it is about, as people know it."""
    field = pointer.strip("/").split("/")[-1]
    return f"{field}: {message}" if field.isalpha() and not message.startswith(field) else message


@post("/me/methods", guards=GUARDS, name="me_add_method", status_code=200, include_in_schema=False)
async def add(request: AnyRequest) -> Response[Any]:
    """A new contact method; its code is sent at once."""
    ctx, someone, given = context(request), viewer_of(request).someone, await fields(request)
    body = {
        name.removeprefix("f-"): text.strip() for name, text in given.items() if name.startswith("f-") and text.strip()
    }

    async def act() -> None:
        before = {m.id for m in people.person_named(ctx, someone).contact_methods}
        made = await people.add_method(ctx, someone, {"type": given.get("type", ""), **body})
        (name,) = [m["id"] for m in made["contact_methods"] if m["id"] not in before]
        await contacts.send_code(ctx, someone, name)

    return await _done(
        act(), "A code is on its way. Enter it below: from then on pages reach you there.", "/me#methods"
    )


@post(
    "/me/methods/{method:str}/change", guards=GUARDS, name="me_change_method", status_code=200, include_in_schema=False
)
async def change(request: AnyRequest, method: FromPath[str]) -> Response[Any]:
    ctx, someone, given = context(request), viewer_of(request).someone, await fields(request)
    body = {name.removeprefix("f-"): text.strip() for name, text in given.items() if name.startswith("f-")}
    act = people.change_method(ctx, someone, method, {name: text for name, text in body.items() if text})
    return await _done(act, "Saved. Another address has to be verified: send it a code.", "/me#methods")


@post(
    "/me/methods/{method:str}/remove", guards=GUARDS, name="me_remove_method", status_code=200, include_in_schema=False
)
async def remove(request: AnyRequest, method: FromPath[str]) -> Response[Any]:
    act = people.remove_method(context(request), viewer_of(request).someone, method)
    return await _done(act, f"{method} is removed, with the rules that named it.", "/me#methods")


@post("/me/methods/{method:str}/code", guards=GUARDS, name="me_send_code", status_code=200, include_in_schema=False)
async def send_code(request: AnyRequest, method: FromPath[str]) -> Response[Any]:
    act = contacts.send_code(context(request), viewer_of(request).someone, method)
    return await _done(act, "A code is on its way. It is good for 15 minutes.", "/me#methods")


@post("/me/methods/{method:str}/verify", guards=GUARDS, name="me_verify", status_code=200, include_in_schema=False)
async def verify(request: AnyRequest, method: FromPath[str]) -> Response[Any]:
    given = await fields(request)
    act = contacts.verify(context(request), viewer_of(request).someone, method, given.get("code", ""))
    return await _done(act, f"{method} is verified: pages reach you there.", "/me#methods")


@post("/me/methods/{method:str}/test", guards=GUARDS, name="me_test", status_code=200, include_in_schema=False)
async def send_test(request: AnyRequest, method: FromPath[str]) -> Response[Any]:
    act = contacts.send_test(context(request), viewer_of(request).someone, method)
    return await _done(act, f"A test message went out over {method}.", "/me#methods")


@post("/me/rules/{urgency:str}", guards=GUARDS, name="me_rules", status_code=200, include_in_schema=False)
async def rules(request: AnyRequest, urgency: FromPath[str]) -> Response[Any]:
    """The rules of one urgency, from the editor; `default`: as if nothing were written."""
    ctx, someone, given = context(request), viewer_of(request).someone, await fields(request)

    async def act() -> None:
        if urgency not in ("high", "low"):
            raise Invalid(f"{short(urgency)} is not an urgency")
        written = dict((await people.show(ctx, someone))["notification_rules"])
        wanted = None if "default" in given else _given_rules(given)
        await people.change(ctx, someone, {"notification_rules": _without_none({**written, urgency: wanted})})

    return await _done(act(), "Saved.", "/me#rules")


def _given_rules(given: Mapping[str, str]) -> list[dict[str, str]]:
    found = []
    for row in range(50):
        method, after = given.get(f"method-{row}", ""), given.get(f"after-{row}", "").strip()
        if method:
            found.append({"after": f"{after}m" if after.isdigit() else after or "0s", "method": method})
    return found


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


@post("/me/ladder", guards=GUARDS, name="me_ladder", status_code=200, include_in_schema=False)
async def use_ladder(request: AnyRequest) -> Response[Any]:
    """The rules of a template, for high urgency."""
    ctx, someone, given = context(request), viewer_of(request).someone, await fields(request)

    async def act() -> None:
        chosen = next(
            (one for one in people.offered(people.person_named(ctx, someone)) if one["name"] == given.get("name")), None
        )
        if chosen is None:
            raise Invalid("There is no such template")
        written = (await people.show(ctx, someone))["notification_rules"]
        await people.change(ctx, someone, {"notification_rules": {**written, "high": chosen["rules"]}})

    return await _done(act(), "Saved: these are your rules for high urgency now.", "/me#rules")


@post("/me/quiet", guards=GUARDS, name="me_quiet", status_code=200, include_in_schema=False)
async def quiet_hours(request: AnyRequest) -> Response[Any]:
    given = await fields(request)
    days = [day for day in WEEKDAYS if f"day-{day}" in given]
    hours: Any = None if "off" in given else {"from": given.get("from", ""), "to": given.get("to", ""), "days": days}
    act = people.change(context(request), viewer_of(request).someone, {"quiet_hours": hours})
    return await _done(
        act, "Quiet hours are off." if hours is None else "Saved: low urgency waits until they end.", "/me#quiet"
    )


@post("/me/limits", guards=GUARDS, name="me_limits", status_code=200, include_in_schema=False)
async def limits(request: AnyRequest) -> Response[Any]:
    """Bundling, limits per type, and which methods get updates."""
    ctx, someone, given = context(request), viewer_of(request).someone, await fields(request)

    async def act() -> None:
        mine = await people.show(ctx, someone)
        own = [
            {"type": one["type"], "count": count, "within": within}
            for one in mine["limits"]
            if (count := given.get(f"count-{one['type']}", "").strip())
            and (within := _minutes(given.get(f"within-{one['type']}", "")))
            and (one["own"] or (count, within) != (str(one["count"]), one["within"]))
        ]
        wanted = {
            "bundling": {"within": _minutes(given.get("within", "")) or "0s", "email": "email" in given},
            "limits": own or None,
            "updates": [m["id"] for m in mine["contact_methods"] if f"updates-{m['id']}" in given and m["source"] != "device"] or None,
        }  # fmt: skip
        await people.change(ctx, someone, wanted)

    return await _done(act(), "Saved.", "/me#limits")


def _minutes(text: str) -> str:
    """A bare number means minutes."""
    text = text.strip()
    return f"{text}m" if text.isdigit() else text
