"""How one person is reached, as they see and change it themselves: contact methods, rules, quiet hours, limits, what rang and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tocsin.core.configuration import ContactMethod, NotificationRule, NotificationRules, QuietHours, User
from tocsin.core.device import is_own, name_of, nameable
from tocsin.core.directory import Origin
from tocsin.core.errors import Forbidden, Invalid, NotFound
from tocsin.core.escalation import PageReason
from tocsin.core.incident import display_name, public_id
from tocsin.core.notification import is_calm, limit_of, plan, quiet_until
from tocsin.core.permission import Principal, allowed
from tocsin.core.severity import Severity, Urgency
from tocsin.core.shape import short
from tocsin.core.spelling import Duration, plain
from tocsin.flow.context import Context
from tocsin.manage import devices, objects, privacy
from tocsin.manage.lists import DEFAULT, Moment, RowId, check_limit, listing, read_cursor, time_text, write_cursor
from tocsin.manage.plans import SECRET
from tocsin.store import contacts
from tocsin.store import objects as stored_objects
from tocsin.store.contacts import Verification

OWN = ("notification_rules", "quiet_hours", "bundling", "limits", "updates", "time_zone")
"""What people say of themselves, besides their contact methods."""


def person_named(ctx: Context, principal: Principal, user: str | None = None) -> User:
    """The person that a page or a command is about: `user`, or who asks. Raises NotFound, Forbidden."""
    name = principal.user if user is None else user
    if name is None:
        raise NotFound(
            f"{principal.name} belongs to no person: name one, or use a token that does (`tocsin token create NAME --user alice`)."
        )
    known = ctx.directory.users.get(name)
    if known is None:
        raise NotFound(
            f"There is no user {short(name)} in the configuration, so there is nobody to be paged: an administrator can add one."
        )
    if principal.user != name and not allowed(principal.role, "configure"):
        raise Forbidden(f"{principal.name} may only see and change how they themselves are reached.")
    return known


async def show(ctx: Context, principal: Principal, user: str | None = None) -> dict[str, Any]:
    """Everything about how one person is reached. Raises NotFound, Forbidden.

    `{user, name, time_zone, origin, contact_methods: [{id, type, ..., verified, source: file|typed|device, code_expires_at, updates}],
    notification_rules (as written), plan: {high, low: [{after, method, type, name}]}, quiet_hours, quiet_until, bundling, updates,
    limits: [{type, count, within, own}]}`. `origin` is the file and line, when a file says it: then it is read-only here.
    """
    person = person_named(ctx, principal, user)
    async with ctx.db.reading() as tx:
        written = await stored_objects.one(tx, "users", person.id) or person
        codes = await contacts.of_user(tx, person.id)
    origin = ctx.directory.origins.get(("users", person.id), Origin())
    quiet = quiet_until(person, ctx.clock.now())
    return {
        "user": person.id,
        "name": person.label,
        "email": person.email,
        "time_zone": person.time_zone,
        "origin": {"file": origin.file, "line": origin.line} if origin.file else None,
        "contact_methods": [_method(ctx, person, method, codes.get(method.id)) for method in _methods(person, written)],
        "notification_rules": plain(written.notification_rules),
        "plan": {urgency: _plan(person, urgency) for urgency in ("high", "low")},
        "quiet_hours": _quiet(written.quiet_hours),
        "quiet_until": time_text(quiet),
        "bundling": {"within": str(written.bundling.within), "email": written.bundling.email},
        "updates": list(written.updates),
        "limits": _limits(ctx, person),
    }


def _quiet(hours: QuietHours | None) -> dict[str, Any] | None:
    """With their days, also when these are all seven."""
    return {**plain(hours), "days": list(hours.days)} if hours else None


def _methods(person: User, written: User) -> list[ContactMethod]:
    """Those written, as this node knows them, and the devices beside them."""
    known = {method.id: method for method in person.contact_methods}
    return [*(known.get(m.id, m) for m in written.contact_methods), *(m for m in person.contact_methods if is_own(m))]


def _method(ctx: Context, person: User, method: ContactMethod, code: Verification | None) -> dict[str, Any]:
    now, device = ctx.clock.now(), is_own(method)
    waits = bool(code and code.code_hash and code.expires_at and code.expires_at > now and not method.verified)
    channel = ctx.channels.get(method.type)
    secret = {field.name for field in channel.fields if field.kind == "secret"} if channel else set()
    shown = {name: SECRET if name in secret else text for name, text in method.settings.items()}
    return {
        "id": method.id,
        "type": method.type,
        "label": channel.label if channel else method.type,
        "settings": {"device": shown.get("device", "")} if device else shown,
        "verified": method.verified,
        "source": "device" if device else "typed" if method.typed else "file",
        "code_expires_at": time_text(code.expires_at) if waits and code else None,
        "updates": method.id in person.updates,
        "calm": is_calm(person, method.type, bool(channel and channel.rings)),
    }


def _plan(person: User, urgency: Urgency) -> list[dict[str, Any]]:
    return [
        {"after": str(after), "seconds": int(after), "method": m.id, "type": m.type, "name": name_of(m)}
        for after, m in plan(person, urgency)
    ]


def _limits(ctx: Context, person: User) -> list[dict[str, Any]]:
    """One for each type that the person has and limits hold for."""
    types = dict.fromkeys(method.type for method in person.contact_methods)
    own = {limit.type for limit in person.limits}
    return [
        {"type": type, "count": limit.count, "within": str(limit.within), "own": type in own}
        for type in types
        if (channel := ctx.channels.get(type)) and is_calm(person, type, channel.rings)
        for limit in (limit_of(person, type),)
    ]


# --- changes ----------------------------------------------------------------------------------------------------------

Raw = dict[str, Any]


async def _amend(ctx: Context, principal: Principal, user: str | None, decide: Callable[[Raw], Raw]) -> dict[str, Any]:
    person = person_named(ctx, principal, user)
    await objects.amend(ctx, principal, "users", person.id, decide, "reach_self")
    return await show(ctx, principal, person.id)


async def change(ctx: Context, principal: Principal, body: Any, user: str | None = None) -> dict[str, Any]:
    """Replace some of `OWN` (null: back to the default). Raises Invalid, NotFound, Forbidden, Conflict when a file says it."""
    if not isinstance(body, dict) or not body:
        raise Invalid(f"Write the fields to change as a JSON object: {', '.join(OWN)}")
    for name in body:
        if name not in OWN:
            raise Invalid(f"{short(name)} is not changed here: fields are {', '.join(OWN)}", f"/{name}")
    return await _amend(ctx, principal, user, lambda old: {**old, **body})


async def add_method(ctx: Context, principal: Principal, body: Any, user: str | None = None) -> dict[str, Any]:
    """One more contact method; it is used once it is verified. Without `id` it gets its type's name. Raises as `change`."""
    if not isinstance(body, dict):
        raise Invalid("Write a contact method as a JSON object with its type and what that asks for")
    person = person_named(ctx, principal, user)
    taken = {method.id for method in person.contact_methods}
    method = {"id": _free_id(str(body.get("type", "")), taken), **body}
    if method["id"] in taken:
        raise Invalid(f"There already is a contact method {short(method['id'])}: choose another id", "/id")
    await _refuse_private(ctx, method)
    return await _amend(
        ctx, principal, user, lambda old: {**old, "contact_methods": [*old.get("contact_methods", []), method]}
    )


async def change_method(
    ctx: Context, principal: Principal, name: str, body: Any, user: str | None = None
) -> dict[str, Any]:
    """Other settings of a contact method; another address has to be verified again. Raises as `change`."""
    if not isinstance(body, dict):
        raise Invalid("Write the settings to change as a JSON object")
    if body.get("id", name) != name or "type" in body:
        raise Invalid("The id and the type of a contact method stay as they are: remove it, and add another")
    old = _written_method(person_named(ctx, principal, user), name)
    changed = {**old.plain(), **{field: value for field, value in body.items() if value != SECRET}}
    await _refuse_private(ctx, changed)
    return await _amend(
        ctx, principal, user,
        lambda raw: {**raw, "contact_methods": [changed if m["id"] == name else m for m in raw["contact_methods"]]},
    )  # fmt: skip


async def remove_method(ctx: Context, principal: Principal, name: str, user: str | None = None) -> dict[str, Any]:
    """Without it, and without the rules and subscriptions that name it. Raises as `change`."""
    person = person_named(ctx, principal, user)
    if await devices.removed(ctx, principal, person, name):
        return await show(ctx, principal, user)
    _written_method(person, name)

    def without(raw: Raw) -> Raw:
        rules = {
            urgency: [rule for rule in rules if rule["method"] != name] or None
            for urgency, rules in raw.get("notification_rules", {}).items()
        }
        return {
            **raw,
            "contact_methods": [m for m in raw["contact_methods"] if m["id"] != name],
            "notification_rules": {urgency: rules for urgency, rules in rules.items() if rules},
            "updates": [m for m in raw.get("updates", []) if m != name],
        }

    return await _amend(ctx, principal, user, without)


def _free_id(type: str, taken: set[str]) -> str:
    return next(name for n in range(1, len(taken) + 3) if (name := type if n == 1 else f"{type}-{n}") not in taken)


def _written_method(person: User, name: str) -> ContactMethod:
    found = next((m for m in person.contact_methods if m.id == name and not is_own(m)), None)
    if found is None:
        raise NotFound(f"{person.label} has no contact method {short(name)} that can be changed here.")
    return found


async def _refuse_private(ctx: Context, method: Mapping[str, Any]) -> None:
    settings = {k: v for k, v in method.items() if k not in ("id", "type") and isinstance(v, str)}
    one = User(id="x", contact_methods=(ContactMethod(str(method["id"]), str(method.get("type", "")), settings),))
    await objects.refuse_private(ctx, "users", one)


# --- stronger means ---------------------------------------------------------------------------------------------------

STRENGTH = ("webhook", "email", "apprise", "webpush", "sms", "voice")
"""Contact methods from the gentlest to the one that is hardest to sleep through."""

LADDERS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "gentle": ("Gently at first: each stronger means a little later", (0, 60, 180, 300)),
    "insistent": ("Hard to sleep through: again each minute, by stronger means", (0, 60, 120, 180, 240, 300)),
    "at_once": ("Everything at once", ()),
}
"""Templates of notification rules: name -> (what it says, seconds of the rungs)."""


def ladder(name: str, methods: Sequence[ContactMethod]) -> NotificationRules:
    """The rules of a template for high urgency, made of what the person has; low urgency stays as it is by default."""
    known = sorted(methods, key=lambda m: STRENGTH.index(m.type) if m.type in STRENGTH else 2)
    _, seconds = LADDERS[name]
    if name == "insistent" and known:  # once up the ladder, and then the strongest again
        known = [*known, *[known[-1]] * (len(seconds) - len(known))]
    rules = [
        NotificationRule(after=Duration(seconds[min(n, len(seconds) - 1)] if seconds else 0), method=method.id)
        for n, method in enumerate(known[: len(seconds) or None])
    ]
    return NotificationRules(high=tuple(rules))


def offered(person: User) -> list[dict[str, Any]]:
    """The templates as they would be for this person: `{name, says, rules}`. Empty without contact methods."""
    methods = [m for m in nameable(person.contact_methods) if m.verified]
    if not methods:
        return []
    return [
        {"name": name, "says": says, "rules": plain(ladder(name, methods)).get("high", [])}
        for name, (says, _) in LADDERS.items()
    ]


# --- what rang me, and why --------------------------------------------------------------------------------------------


async def history(
    ctx: Context, principal: Principal, user: str | None = None, cursor: str | None = None, limit: int = DEFAULT
) -> dict[str, Any]:
    """`{"items", "next"}`: each notification with its incident, why it came, why it waited, and its receipt; newest page first.

    Of incidents that whoever asks may not see there is none.
    """
    check_limit(limit)
    person = person_named(ctx, principal, user)
    async with ctx.db.reading() as tx:
        hidden = await privacy.hidden(tx)
        rows = await contacts.history(tx, person.id, hidden, read_cursor(cursor, tuple[Moment, RowId]), limit + 1)
    return listing(rows, limit, _rang, lambda row: write_cursor(row["created_at"], row["id"]))


def _rang(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "page": row["page_id"],
        "incident": {
            "id": public_id(row["incident_id"]), "name": display_name(row["incident_id"], row["began"]), "title": row["title"],
            "severity": Severity(row["severity"]).key, "service": row["service"],
        },
        "method": row["method"],
        "type": row["channel"],
        "reason": row["reason"],
        "why": PageReason(row["reason"]).sentence,
        "via": row["via"],
        "step": row["step"],
        "tier": row["tier"],
        "urgency": row["urgency"],
        "page_state": row["page_state"],
        "scheduled_at": time_text(row["scheduled_at"]),
        "message": row["message"],
        **receipt(row),
    }  # fmt: skip


def receipt(row: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a notification: `{state, held, held_until, attempts, sent_at, answered_at, arrived_at, receipt, report,
    error}`; `report` is what the provider said later."""
    return {
        "state": row["state"],
        "held": row["held"] or None,
        "held_until": time_text(row["held_until"]),
        "attempts": row["attempts"],
        "sent_at": time_text(row["started_at"]),
        "answered_at": time_text(row["ended_at"]),
        "arrived_at": time_text(row["arrived_at"]),
        "receipt": row["receipt"],
        "report": row["report"],
        "error": row["error"],
    }
