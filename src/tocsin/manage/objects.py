"""Single configured objects, written through the API: the same checks as a file's, and what a file owns stays the file's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tocsin.core.calendar import zone
from tocsin.core.configuration import KINDS, LABELS, EscalationPolicy, Object
from tocsin.core.directory import Directory, Origin
from tocsin.core.errors import Conflict, Invalid, NotFound, Problem
from tocsin.core.finding import ends
from tocsin.core.matrix import matrix_of
from tocsin.core.permission import Permission, Principal, allowed
from tocsin.core.preset import expanded
from tocsin.core.shape import faults, short
from tocsin.core.spelling import decode, plain
from tocsin.core.successor import on_call_now
from tocsin.core.validation import Finding, World, check
from tocsin.flow.context import Context
from tocsin.manage.configuration import change, without_old_faults, world
from tocsin.manage.drafts import Place, complain
from tocsin.manage.lists import check_limit, listing, read_cursor, write_cursor
from tocsin.manage.plans import masked
from tocsin.plugins.channels.public import leads_inside

PRIVATE = (
    "this address leads into a private network. Only a configuration file may name such a one: use a public address, or have an"
    " administrator write it in the file"
)


@dataclass(frozen=True)
class Stored:
    """An object with the place it comes from."""

    kind: str
    object: Any
    origin: Origin


def find(ctx: Context, kind: str, name: str) -> Stored:
    """Raises NotFound."""
    found = ctx.directory.kind(kind).get(name)
    if found is None:
        raise NotFound(f"There is no {LABELS[kind]} {short(name)}.")
    if kind == "users":
        found = ctx.directory.written.get(name, found)
    return Stored(kind, found, ctx.directory.origins.get((kind, name), Origin()))


def view(ctx: Context, principal: Principal, stored: Stored) -> dict[str, Any]:
    """An object as JSON: every field, and `origin` ({file, line}, or null when it was made by hand). An escalation policy with a preset
    has `expanded`, too: its steps by severity.

    Who may not configure sees no integration keys and no addresses but e-mail, except of their own contact methods.
    """
    one = stored.object
    compact = plain(one)
    if not allowed(principal.role, "configure") and not (stored.kind == "users" and principal.user == one.id):
        compact = masked(compact, ctx.channels)
    body = {f.encode_name: compact.get(f.encode_name, plain(getattr(one, f.name))) for f in msgspec.structs.fields(one)}
    if isinstance(one, EscalationPolicy) and one.preset is not None:
        body["expanded"] = {
            severity.key: plain(expanded(one, row.escalation_time, row.top).steps)
            for severity, row in matrix_of(ctx.directory, None).items()
            if row.page != "never"
        }
    origin = stored.origin
    return {**body, "origin": {"file": origin.file, "line": origin.line} if origin.file else None}


def list_objects(
    ctx: Context, principal: Principal, kind: str, limit: int, cursor: str | None = None
) -> dict[str, Any]:
    """`{"items", "next"}`: the objects of one kind by id. Raises Invalid for a bad limit or cursor."""
    check_limit(limit)
    (after,) = read_cursor(cursor, tuple[str]) or ("",)
    names = sorted(name for name in ctx.directory.kind(kind) if name > after)[: limit + 1]
    return listing(
        names, limit, lambda name: view(ctx, principal, find(ctx, kind, name)), lambda name: write_cursor(name)
    )


async def create(ctx: Context, principal: Principal, kind: str, body: Any, needs: Permission = "configure") -> Stored:
    """A new object. Raises Invalid with JSON pointers, Conflict when the id is taken, Forbidden."""
    one = _read(kind, body)
    await refuse_private(ctx, kind, one)

    def decide(old: Directory) -> Directory:
        if one.id in old.kind(kind):
            raise Conflict(f"There already is a {LABELS[kind]} {short(one.id)}: change it, or choose another id.")
        return _with(old, kind, one.id, one)

    await _change(ctx, principal, kind, one.id, decide, needs)
    return find(ctx, kind, one.id)


async def replace(ctx: Context, principal: Principal, kind: str, name: str, body: Any) -> Stored:
    """The object `name` as `body` says, whole. Raises NotFound, Invalid, Conflict when it belongs to a file, Forbidden."""
    one = _read(kind, _named(body, name))
    await refuse_private(ctx, kind, one)

    def decide(old: Directory) -> Directory:
        _refuse_of_file(old, kind, name)
        return _with(old, kind, name, one)

    await _change(ctx, principal, kind, name, decide)
    return find(ctx, kind, name)


async def update(ctx: Context, principal: Principal, kind: str, name: str, body: Any) -> Stored:
    """The object `name` with the top-level fields in `body` replaced (null: back to the default). Raises as `replace`."""
    if not isinstance(body, dict):
        raise Invalid("Write the fields to change as a JSON object")
    changes = _without_additions(_named(body, name))
    if kind == "users" and changes.get("contact_methods"):
        await refuse_private(ctx, kind, _read(kind, {"id": name, "contact_methods": changes["contact_methods"]}))
    if kind == "services" and changes.get("probes"):
        await refuse_private(ctx, kind, _read(kind, {"id": name, "probes": changes["probes"]}))
    if kind in ("channels", "rooms") and changes.get("url"):
        old = plain(find(ctx, kind, name).object)
        await refuse_private(ctx, kind, _read(kind, {**old, "url": changes["url"]}))
    return await amend(ctx, principal, kind, name, lambda old: {**old, **changes})


async def amend(
    ctx: Context,
    principal: Principal,
    kind: str,
    name: str,
    decide: Callable[[dict[str, Any]], dict[str, Any]],
    needs: Permission = "configure",
) -> Stored:
    """The object `name` with its plain form as `decide` makes it (None: back to the default). Raises as `replace`.

    `needs` is less than `configure` where the caller saw to it that `decide` changes only what this person may.
    """

    def decided(old: Directory) -> Directory:
        _refuse_of_file(old, kind, name)
        merged = decide(plain(old.kind(kind)[name]))
        return _with(old, kind, name, _read(kind, {k: v for k, v in merged.items() if v is not None}))

    await _change(ctx, principal, kind, name, decided, needs)
    return find(ctx, kind, name)


async def refuse_private(ctx: Context, kind: str, one: Any) -> None:
    """Addresses that people type lead to public places only: else they could make us call what stands beside us. Raises Invalid."""
    if kind in ("channels", "rooms") and one.url and await leads_inside(one.url, named=one.type == "webhook"):
        raise Invalid(f"url: {PRIVATE}", "/url")
    for position, probe in enumerate(one.probes if kind == "services" else ()):
        for name, place in probe.settings.items():
            url = place if name == "url" else f"tcp://[{place}]" if ":" in place else f"tcp://{place}"
            if name in ("url", "host") and await leads_inside(url):
                raise Invalid(f"{name}: {PRIVATE}", f"/probes/{position}/{name}")
    if kind != "users":
        return
    for position, method in enumerate(one.contact_methods):
        channel = ctx.channels.get(method.type)
        for field in channel.fields if channel else ():
            url = method.settings.get(field.name, "")
            if "://" in url and await leads_inside(url, named=field.kind == "url"):
                raise Invalid(f"{field.name}: {PRIVATE}", f"/contact_methods/{position}/{field.name}")


async def remove(ctx: Context, principal: Principal, kind: str, name: str, needs: Permission = "configure") -> Stored:
    """What was removed. Raises NotFound, Conflict (it belongs to a file, or something still needs it), Forbidden."""
    removed: list[Stored] = []

    def decide(old: Directory) -> Directory:
        _refuse_of_file(old, kind, name)
        removed.append(Stored(kind, old.kind(kind)[name], Origin()))
        return _with(old, kind, name, None)

    try:
        await _change(ctx, principal, kind, name, decide, needs)
    except Conflict as error:
        raise Conflict(f"{_on_duty(ctx, kind, name)}{error}") from None
    return removed[0]


def _on_duty(ctx: Context, kind: str, name: str) -> str:
    """Where a user who shall be removed is on call at this moment, as a sentence; '' when nowhere."""
    now = ctx.clock.now()
    found = on_call_now(ctx.directory, name, now) if kind == "users" else ()
    told = [f"{schedule.name or schedule.id} {ends(end, now, zone(schedule.time_zone))}" for schedule, end in found]
    return f"{short(name)} is on call now in {', '.join(told[:20])}. Hand their work over, or: " if told else ""


def merged(old: Directory, kind: str, name: str, body: Any) -> Any:
    """The object as it would be with the top-level fields in `body` replaced. Raises Invalid."""
    if not isinstance(body, dict):
        raise Invalid("Write the fields to change as a JSON object")
    present = plain(old.kind(kind)[name]) if name in old.kind(kind) else {}
    whole = {**present, **_without_additions(_named(body, name))}
    return _read(kind, {k: v for k, v in whole.items() if v is not None})


def with_object(ctx: Context, old: Directory, kind: str, name: str, one: Object | None) -> Directory:
    """The directory with one object written (as made by hand) or removed, checked. Raises Invalid, Conflict."""
    new = _with(old, kind, name, one)
    _check_object(old, new, kind, name, world(ctx))
    return new


def refuse_of_file(old: Directory, kind: str, name: str) -> None:
    """Raise NotFound when there is no such object, Conflict when it belongs to a file."""
    _refuse_of_file(old, kind, name)


async def _change(
    ctx: Context,
    principal: Principal,
    kind: str,
    name: str,
    decide: Callable[[Directory], Directory],
    needs: Permission = "configure",
) -> None:
    def checked(old: Directory) -> Directory:
        new = decide(old)
        _check_object(old, new, kind, name, world(ctx))
        return new

    await change(ctx, principal, checked, needs=needs)


def _read(kind: str, body: Any) -> Any:
    """The object in a JSON body; what only views add is not held against it. Raises Invalid."""
    raw = _without_additions(body)
    wrong = [Place("", Origin()).problem(*fault) for fault in faults(raw, KINDS[kind])]
    complain(wrong, f"The {LABELS[kind]}")
    return decode(raw, KINDS[kind])


def parsed(kind: str, body: Any) -> Any:
    """The object in a JSON body, by itself: what it refers to is not looked at. Raises Invalid."""
    return _read(kind, body)


def read(kind: str, body: Any, ctx: Context) -> Any:
    """The object in a JSON body, checked as if it were written now. Raises Invalid."""
    one = _read(kind, body)
    with_object(ctx, ctx.directory, kind, one.id, one)
    return one


_ADDED = frozenset(
    {"origin", "expanded", "open_incidents", "knocks", "status", "last_ping_at", "started_at", "expected_at", "down_at",
     "pings_count", "ping_url", "recent", "pings", "outages"}
)  # fmt: skip
"""What the views of objects add to what is configured."""


def _without_additions(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    raw = {name: value for name, value in body.items() if name not in _ADDED}
    if isinstance(integrations := raw.get("integrations"), list):
        raw["integrations"] = [
            {k: v for k, v in one.items() if k != "last_alert_at"} if isinstance(one, dict) else one
            for one in integrations
        ]
    return raw


def _named(body: Any, name: str) -> Any:
    if not isinstance(body, dict):
        return body
    if body.get("id", name) != name:
        raise Invalid(f"The id in the body differs from {short(name)} in the path: ids cannot be changed", "/id")
    return {**body, "id": name}


def _refuse_of_file(old: Directory, kind: str, name: str) -> None:
    if name not in old.kind(kind):
        raise NotFound(f"There is no {LABELS[kind]} {short(name)}.")
    origin = old.origins.get((kind, name))
    if origin is not None:
        raise Conflict(
            f"The {LABELS[kind]} {short(name)} is written in {origin.file}:{origin.line}:"
            " change it there and apply the file again."
        )


def _with(old: Directory, kind: str, name: str, one: Object | None) -> Directory:
    """The directory with one object written or removed. It stands last, so that collisions are found at it."""
    objects = {each: [o for o in old.kind(each).values() if (each, o.id) != (kind, name)] for each in KINDS}
    if one is not None:
        objects[kind].append(one)
    origins = {at: origin for at, origin in old.origins.items() if at != (kind, name)}
    return Directory.of(objects, old.default_escalation_policy, origins, old.revision, old.severities)


def _check_object(old: Directory, new: Directory, kind: str, name: str, world: World) -> None:
    """Raise Invalid when the object is wrong, Conflict when others cannot do without it."""
    objects = {each: list(new.kind(each).values()) for each in KINDS}
    found = check(objects, world, default_escalation_policy=new.default_escalation_policy)
    own = {(kind, place) for place, one in enumerate(objects[kind]) if one.id == name}
    mine = [finding for finding in found if (finding.kind, finding.place) in own]
    complain([_problem(finding, objects) for finding in mine], f"The {LABELS[kind]} {short(name)}")
    if name not in new.kind(kind):
        _refuse_named(objects, found, old, kind, name, world)


def _problem(finding: Finding, objects: Mapping[str, Sequence[Any]]) -> Problem:
    problem = Place("", Origin()).problem(finding.path, finding.message)
    if finding.first:
        kind, place = finding.first
        problem.message += f" (it is the {LABELS[kind]} {short(objects[kind][place].id)})"
    return problem


def _refuse_named(
    objects: Mapping[str, Sequence[Any]], found: Iterable[Finding], old: Directory, kind: str, name: str, world: World
) -> None:
    """Raise Conflict when removing the object left others naming nothing."""
    kept = {each: len(objects[each]) for each in KINDS}
    fresh = without_old_faults(list(found), objects, kept, old, world)
    needing = [
        f"the {LABELS[f.kind]} {short(objects[f.kind][f.place].id)} ({'.'.join(map(str, f.path))})"
        if f.place >= 0
        else f"the setting {f.kind}"
        for f in fresh
    ]
    if needing:
        raise Conflict(
            f"The {LABELS[kind]} {short(name)} is still named by {', '.join(needing[:20])}: change these first."
        )
