"""Updates as people write and read them: one view for page, API and command line; who may publish to whom; promises counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin.core.audience import AUDIENCES, Audience, read_audience
from tocsin.core.briefing import retimed
from tocsin.core.errors import Forbidden, Invalid, NotFound
from tocsin.core.incident import display_name, public_id
from tocsin.core.language.mending import mended
from tocsin.core.matrix import Rules, update_by
from tocsin.core.permission import Principal, allowed, require, roles_with
from tocsin.core.role import holders
from tocsin.core.severity import Severity
from tocsin.core.update import Said, promises, read_next, too_long, unlike
from tocsin.core.update_template import Moment, read_moment
from tocsin.flow import closing, composing, drafting, updates, wording
from tocsin.flow.acts import Result
from tocsin.flow.composing import Brief, Composed
from tocsin.flow.context import Context
from tocsin.flow.reminding import joined
from tocsin.flow.rules import rules_for
from tocsin.flow.telling import channels_of
from tocsin.manage import privacy
from tocsin.manage.lists import read_time, time_text
from tocsin.store import incidents as store
from tocsin.store import updates as stored
from tocsin.store.incidents import Incident
from tocsin.store.updates import Update

SPEAKERS = ("incident_commander", "comms_lead", "deputy")
"""Whoever leads an incident may speak of it in public."""
MONTH = timedelta(days=30)
START = datetime(2, 1, 1, tzinfo=UTC)
"""Before it there is nothing, in any zone."""


def view(one: Update, receipts: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """An update as JSON. `kept`: whether it came by the time that its audience was promised before (null: none was promised).

    `receipts`: what became of each delivery, `{to, method, channel, state, receipt, error, at}`; the public reads the status page.
    """
    return {
        "id": one.id,
        "incident": public_id(one.incident),
        "audience": one.audience,
        "message": one.message,
        "status": one.incident_status,
        "components": one.components,
        "actor": one.actor,
        "state": one.state,
        "moment": one.moment,
        "created_at": time_text(one.created_at),
        "published_at": time_text(one.published_at),
        "next_update_at": time_text(one.next_update_at),
        "kept": one.kept,
        "digest": one.digest,
        "receipts": [receipt_view(row) for row in receipts],
    }


def receipt_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """`to` is `user:alice` or `channel:support`."""
    recipient = row["user_id"]
    return {
        "to": recipient if recipient.startswith("channel:") else f"user:{recipient}",
        "method": row["method"],
        "channel": row["channel"],
        "state": row["state"],
        "attempts": row["attempts"],
        "receipt": row["receipt"],
        "error": row["error"],
        "at": time_text(row["ended_at"]),
    }


async def list_updates(ctx: Context, principal: Principal, number: int) -> dict[str, Any]:
    """`{"items", "next": null, "audiences", "promises"}`, newest first. Drafts are for those who may publish. Raises NotFound."""
    states = ("draft", "published") if allowed(principal.role, "publish") else ("published",)
    async with ctx.db.reading() as tx:
        incident = await store.known(tx, number)
        found = await stored.of_incident(tx, number, states)
        receipts = await stored.receipts(tx, updates=[one.id for one in found])
        rules = await rules_for(ctx, tx, incident)
    now = ctx.clock.now()
    by_update: dict[int, list[Any]] = {}
    for row in receipts if allowed(principal.role, "publish") else ():
        by_update.setdefault(row["update_id"], []).append(row)
    return {
        "items": [view(one, by_update.get(one.id, ())) for one in found],
        "next": None,
        "audiences": _audiences(ctx, incident, rules, found, now),
        "promises": promises_view([_said(one, incident) for one in found if one.state == "published"], now),
    }


async def room_part(ctx: Context, principal: Principal, number: int) -> dict[str, Any]:
    """What the room shows of updates, in two questions to the database: `{audiences, drafts, latest, told}`. Raises NotFound."""
    async with ctx.db.reading() as tx:
        incident = await store.known(tx, number)
        found = await stored.of_incident(tx, number)
        rules = await rules_for(ctx, tx, incident)
    insider = allowed(principal.role, "publish")
    published = [one for one in found if one.state == "published"]
    return {
        "audiences": _audiences(ctx, incident, rules, found, ctx.clock.now()),
        "drafts": [view(one) for one in found if one.state == "draft"] if insider else [],
        "latest": [view(one) for one in published[:2]],
        "told": len(published),
    }


def _audiences(
    ctx: Context, incident: Incident, rules: Rules, found: Sequence[Update], now: datetime
) -> list[dict[str, Any]]:
    """Where each audience stands (S0-6): who is to be told, by which channels, what they heard last, when they are to hear more."""
    policy = rules.rows[Severity(incident.severity)]
    first, required = (
        update_by(policy, rules.hours, incident.clocks_since or incident.created_at),
        policy.audiences.names,
    )
    shown = []
    for name in AUDIENCES:
        last = next((one for one in found if one.audience == name and one.state == "published"), None)
        promised = incident.promised.get(name)
        due = datetime.fromisoformat(promised) if promised else None
        if due is None and last is None and name in required and incident.open:
            due = first
        shown.append(
            {
                "audience": name,
                "required": name in required,
                "told_at": time_text(last.published_at) if last else None,
                "due_at": time_text(due) if incident.open else None,
                "overdue": incident.open and due is not None and due < now,
                "draft": next((one.id for one in found if one.audience == name and one.state == "draft"), None),
                "channels": [one.label for one in channels_of(ctx, incident, name)],
            }
        )
    return shown


def _said(one: Update, incident: Incident) -> Said:
    assert one.published_at is not None
    return Said(one.incident, one.audience, one.published_at, one.next_update_at, incident.resolved_at)


def promises_view(said: Sequence[Said], now: datetime) -> dict[str, Any]:
    """`{kept, broken, ahead, void, share, late_seconds}`: `share` of kept ones among those that are decided, null without any."""
    found = promises(said, now)
    return {
        "kept": found.kept, "broken": found.broken, "ahead": found.ahead, "void": found.void, "share": found.share,
        "late_seconds": found.latest,
    }  # fmt: skip


async def promises_kept(ctx: Context, from_: str | None = None, to: str | None = None) -> dict[str, Any]:
    """Over a period (the last 30 days when left out): the figures, and those of each incident, the most broken first.

    Raises Invalid for a bad time.
    """
    now = ctx.clock.now()
    end = read_time(to, "to") or now
    start = read_time(from_, "from") or end - min(MONTH, end - START)
    async with ctx.db.reading() as tx:
        said = await stored.said(tx, start, end, await privacy.hidden(tx))
        titles = await stored.titles(tx, {one.incident for one in said})
    by_incident: dict[int, list[Said]] = {}
    for one in said:
        by_incident.setdefault(one.incident, []).append(one)
    items = [
        {
            "incident": public_id(number),
            "name": display_name(number, titles[number][1]),
            "title": titles[number][0],
            **promises_view(own, now),
        }
        for number, own in by_incident.items()
    ]
    items.sort(key=lambda one: (-one["broken"], one["name"]))
    return {"from": time_text(start), "to": time_text(end), **promises_view(said, now), "items": items}


# --- publishing -------------------------------------------------------------------------------------------------------


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody sends to publish. `draft`: the id of the draft that becomes it; its text counts when there is no other.

    `written_for`: the next time that the text names, as it was composed. It is promised when no other is given; else the text is
    made to name the other. `overrule`: why it is published although the policy of wording stops it.
    """

    audience: str
    message: str = ""
    status: str | None = None
    next_update_in: str | None = None
    next_update_at: str | None = None
    components: dict[str, str] | None = None
    cause: str | None = None
    draft: int | None = None
    written_for: str | None = None
    overrule: str | None = None


async def publish(ctx: Context, principal: Principal, number: int, wanted: Wanted) -> dict[str, Any]:
    """Publish an update; the update with its receipts (deliveries are on their way) and `hints`. Raises Forbidden, NotFound, Invalid
    naming the field, Conflict."""
    audience = read_audience(wanted.audience)
    await _may_publish(ctx, principal, number, audience)
    now = ctx.clock.now()
    at = read_next(wanted.next_update_in, wanted.next_update_at, now)
    moment: Moment = "update"
    message, written = wanted.message, read_time(wanted.written_for, "written_for")
    if wanted.draft is not None:
        kept = await _draft(ctx, number, wanted.draft)
        moment, message, written = kept.moment, message or kept.message, written or kept.next_update_at
    at, message = agreed(message, written, at, now)
    made = await updates.publish(
        ctx, number, principal.id, audience, message, status=wanted.status, next_update_at=at, components=wanted.components,
        cause=wanted.cause or None, draft=wanted.draft, moment=moment, overrule=wanted.overrule or "",
    )  # fmt: skip
    return await shown(ctx, made)


def agreed(
    message: str, written: datetime | None, wanted: datetime | None, now: datetime
) -> tuple[datetime | None, str]:
    """The next time of a text that was written for the one at `written`: that one holds when nobody wants another, and is still to come;
    else the text is made to say the other."""
    if written is None or wanted == written:
        return wanted, message
    if wanted is None:
        return (written if written > now else None), message
    return wanted, retimed(message, written, wanted, now)


async def publish_draft(
    ctx: Context, principal: Principal, number: int, id: int, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Publish a draft; what is given in `changes` (fields of `Wanted`) replaces what it says. Raises as `publish`."""
    async with ctx.db.reading() as tx:
        kept = await stored.get(tx, id)
    if kept is None or kept.incident != number:
        raise NotFound(f"There is no draft {id} of this incident")
    given = {name: value for name, value in changes.items() if value is not None}
    text = {"message": kept.message, "components": kept.components, **given}
    return await publish(ctx, principal, number, Wanted(audience=kept.audience, draft=id, **text))


async def shown(ctx: Context, made: Update) -> dict[str, Any]:
    """An update that was just written, with its receipts and hints; `on_page`: a status page shows it."""
    async with ctx.db.reading() as tx:
        incident = await store.known(tx, made.incident)
        receipts = await stored.receipts(tx, updates=[made.id])
        rules = await rules_for(ctx, tx, incident)
    hints = []
    if made.next_update_at is not None and made.published_at is not None and made.next_update_at > made.published_at:
        row = rules.rows[Severity(incident.severity)]
        hints = [too_long(row, rules.hours, incident.created_at, made.published_at, made.next_update_at)]
        hints.append(unlike(made.message, made.published_at, made.next_update_at))
    on_page = made.audience == "public" and ctx.directory.status_page is not None
    return {**view(made, receipts), "hints": [hint for hint in hints if hint], "on_page": on_page}


async def keep(ctx: Context, principal: Principal, number: int, wanted: Wanted) -> dict[str, Any]:
    """Keep what somebody wrote as the draft of its audience. Raises as `publish`."""
    audience = read_audience(wanted.audience)
    require(principal, "publish")
    now = ctx.clock.now()
    at = read_next(wanted.next_update_in, wanted.next_update_at, now)
    at, message = agreed(wanted.message, read_time(wanted.written_for, "written_for"), at, now)
    made = await updates.keep_draft(
        ctx, number, principal.id, audience, message, next_update_at=at, components=wanted.components
    )
    return view(made)


async def discard(ctx: Context, principal: Principal, number: int, id: int) -> dict[str, Any]:
    """Throw a draft away. Raises Forbidden, NotFound, Conflict."""
    require(principal, "publish")
    return view(await updates.discard(ctx, number, id))


async def tell_everyone(ctx: Context, principal: Principal, number: int) -> list[dict[str, Any]]:
    """The end is told to all who were told, in one action. To the public only by those who may: else its draft waits.

    Raises Forbidden, NotFound.
    """
    require(principal, "publish")
    async with ctx.db.reading() as tx:
        roles = (await store.known(tx, number)).roles
    audiences = [name for name in AUDIENCES if name != "public" or speaks(principal, roles)]
    return [await shown(ctx, one) for one in await drafting.tell_everyone(ctx, number, principal.id, audiences)]


async def resolve(ctx: Context, principal: Principal, number: int, notes: str, *, tell: bool) -> Result:
    """Resolve; with `tell` everybody who was told anything of it hears the end in the same action (S0-97, S0-106). Raises as both."""
    if tell:
        require(principal, "publish")
    result = await closing.resolve(ctx, number, principal.id, notes)
    if not tell:
        return result
    told = joined([one["audience"] for one in await tell_everyone(ctx, principal, number)] or ["nobody"])
    return Result(number, result.changed, f"{result.sentence}; told: {told}")


def speaks(principal: Principal, roles: Mapping[str, Any]) -> bool:
    """Whether somebody may tell the public of an incident with these roles."""
    leads = principal.user is not None and any(principal.user in holders(roles, role) for role in SPEAKERS)  # type: ignore[arg-type]
    return allowed(principal.role, "publish_public") or (leads and allowed(principal.role, "publish"))


async def _may_publish(ctx: Context, principal: Principal, number: int, audience: Audience) -> None:
    require(principal, "publish")
    async with ctx.db.reading() as tx:
        incident = await store.known(tx, number)
    if incident.drill and audience != "responders":
        raise Invalid("this is a drill: only responders are told of it", "/audience")
    if audience == "public" and not speaks(principal, incident.roles):
        raise Forbidden(
            f"{principal.name} has the role {principal.role} and may not tell the public: take the role of comms lead or incident"
            f" commander of this incident first, or ask somebody with the role {roles_with('publish_public')[-1]}."
        )


async def _draft(ctx: Context, number: int, id: int) -> Update:
    async with ctx.db.reading() as tx:
        found = await stored.get(tx, id)
    if found is None or found.incident != number:
        raise NotFound(f"There is no draft {id} of this incident")
    return found


# --- composing --------------------------------------------------------------------------------------------------------


async def compose(
    ctx: Context, principal: Principal, number: int, audience: str, *, moment: str | None = None,
    next_update_in: str | None = None, next_update_at: str | None = None, cause: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What an update would say now, from the facts; nothing is kept.

    `{audience, moment, message, status, next_update_at, template, problem, findings}`. Raises Forbidden, NotFound, Invalid.
    """
    require(principal, "publish")
    name = read_audience(audience)
    at = read_next(next_update_in, next_update_at, ctx.clock.now())
    found = await composing.brief(ctx, number)
    chosen = read_moment(moment) if moment else None
    return composed_view(
        ctx, found, await composing.compose(ctx, found, name, moment=chosen, next_update_at=at, cause=cause)
    )


def composed_view(ctx: Context, found: Brief, made: Composed) -> dict[str, Any]:
    """A composed text as JSON, with what the language check says of it."""
    return {
        "audience": made.audience,
        "moment": made.moment,
        "message": made.text,
        "status": found.incident.status,
        "next_update_at": time_text(made.next_update_at),
        "template": made.template,
        "problem": made.problem,
        "findings": findings(ctx, made.text, made.audience, found.incident.status, made.next_update_at is not None),
    }


def findings(ctx: Context, text: str, audience: str, status: str | None, has_next: bool) -> list[dict[str, Any]]:
    """What the language check says of a text: `{level, line, rule, message, suggestion, excerpt, instead, stops}`. It advises; `stops`:
    the policy of wording does not let it out like that."""
    rule = ctx.directory.wording.get(audience)
    return [
        {**msgspec.to_builtins(one), "stops": rule is not None and rule.stops(one.rule, one.level)}
        for one in wording.findings(ctx.directory, text, audience, status, has_next)
    ]


def is_strict(ctx: Context, audience: str) -> bool:
    """Whether what the policy of wording stops for this audience cannot be published with a reason either."""
    rule = ctx.directory.wording.get(audience)
    return rule is not None and rule.strict


def mend(ctx: Context, text: str, audience: str, status: str | None, place: int) -> str:
    """The text with the words that its finding number `place` (from 0) proposes; unchanged when there is no such finding."""
    found = wording.findings(ctx.directory, text, audience, status, has_next=True)
    return mended(text, found[place]) if 0 <= place < len(found) else text
