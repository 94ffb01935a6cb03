"""Updates: what an audience is told of an incident, with the next time that it is promised. Published ones are on their way at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import get_args

import msgspec

from tocsin.core.audience import APPROVED, SAID, Audience, public_impact
from tocsin.core.business import next_day
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.impact import stored_impact
from tocsin.core.incident import Status
from tocsin.core.lifecycle import parse_status
from tocsin.core.matrix import Rules
from tocsin.core.promise import draft_by_itself
from tocsin.core.severity import Severity
from tocsin.core.shape import unknown
from tocsin.core.status_page import ComponentState
from tocsin.core.update import ahead, next_by, read_cause
from tocsin.core.update_template import Moment
from tocsin.flow import restore, step, wording
from tocsin.flow.acts import Result, checked, locked, tell
from tocsin.flow.context import Context
from tocsin.flow.pager import ACTOR
from tocsin.flow.restore import Check, Settled
from tocsin.flow.rules import rules_for, standing_of, strike
from tocsin.flow.telling import channels_of, tell_audience
from tocsin.store import communications, timers, updates
from tocsin.store import incidents as store
from tocsin.store import reading_incidents as reading
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.updates import DIGEST, DRAFTS, Update
from tocsin.store.writing import Writing, notify, write_paging

STATES: tuple[str, ...] = get_args(ComponentState)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """An update that somebody wants to publish. `draft`: the draft that becomes it. `cause`: the kind of cause that is confirmed.
    `overruled`: {rules, reason} of the policy of wording that it does not keep to."""

    audience: Audience
    message: str
    next_update_at: datetime | None = None
    components: Mapping[str, str] = {}
    cause: str | None = None
    moment: Moment = "update"
    draft: int | None = None
    overruled: Mapping[str, object] = {}


async def publish(
    ctx: Context, number: int, actor: str, audience: Audience, message: str, *, status: str | None = None,
    next_update_at: datetime | None = None, components: Mapping[str, str] | None = None, cause: str | None = None,
    moment: Moment = "update", draft: int | None = None, overrule: str = "",
) -> Update:  # fmt: skip
    """Tell an audience; with `status` the incident moves there first, as far as that is legal.

    Without a next time the severity's cadence promises one, while the incident is open. `overrule`: why it goes out although the policy
    of wording stops it. Raises NotFound; Invalid naming the field (Unfit for the wording); Conflict when it cannot move there, or the
    public is to hear of a private incident, and nothing is published.
    """
    wish = Wish(
        audience=audience, message=checked(message, "/message"), next_update_at=next_update_at, components=components or {},
        cause=cause, moment=moment, draft=draft,
    )  # fmt: skip
    check_components(ctx.directory, wish.components)
    wanted = parse_status(status) if status is not None else None
    wish = await _fit(ctx, number, wish, wanted, checked(overrule, "/overrule", needed=False))
    check = await restore.look(ctx, number) if wanted == "monitoring" else None
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        if audience == "public" and incident.private:  # kept for later, it would come out the moment it is made visible
            raise Conflict("The incident is private, so the public is told nothing: make it visible to all first.")
        moved = await _move(ctx, tx, incident, actor, wanted, check)
        made = None if moved.refusal else await published(ctx, tx, incident, actor, wish, ctx.clock.now())
        await notify(tx, "timeline", "timers")
    ctx.wake.set("timeline", "timers")
    if made is None:
        raise Conflict(moved.refusal)
    return made


async def _fit(ctx: Context, number: int, wish: Wish, wanted: Status | None, overrule: str) -> Wish:
    """The wish as the policy of wording lets it out. Raises NotFound, Unfit."""
    if wish.audience not in ctx.directory.wording:
        return wish
    async with ctx.db.reading() as tx:
        status = wanted or (await store.known(tx, number)).status
    rules = await wording.check(ctx.directory, wish.message, wish.audience, status, True, overrule)
    return msgspec.structs.replace(wish, overruled={"rules": rules, "reason": overrule}) if rules else wish


async def _move(
    ctx: Context, tx: Tx, incident: Incident, actor: str, wanted: Status | None, check: Check | None
) -> Settled:
    """The status that the update speaks of, in the transaction that publishes it: both or neither. Raises Conflict."""
    if wanted is None or incident.status == wanted:
        return Settled(Result(incident.id, False, ""))
    if check is not None:
        return await restore.settle(ctx, tx, incident, actor, check, stepped=True)
    return Settled(await step.to(ctx, tx, incident, wanted, actor))


async def published(ctx: Context, tx: Tx, incident: Incident, actor: str, wish: Wish, now: datetime) -> Update:
    """Publish on a locked incident: told on the timeline, on its way, its next time promised."""
    rules = await rules_for(ctx, tx, incident)
    before = (await updates.latest(tx, incident.id)).get(wish.audience)
    at = _next(rules, incident, wish, before, now)
    if wish.cause is not None:
        await updates.set_cause(tx, incident.id, read_cause(wish.cause, _identified(incident)))
    made = await _write(tx, incident, actor, wish, before, at, now)
    await _promise(tx, incident, rules, wish.audience, at, now)
    await tell(
        tx, incident, now, "update_published", actor, f"{SAID[wish.audience]}: {wish.message}", update=made.id,
        audience=wish.audience, status=made.incident_status, components=made.components,
        next_update_at=at.isoformat() if at else None, **({"overruled": dict(wish.overruled)} if wish.overruled else {}),
    )  # fmt: skip
    if made.digest:
        await timers.ensure(tx, DIGEST, 0, next_day(rules.hours, now))
    else:
        await tell_audience(ctx, tx, incident, made, now)
    if wish.audience == "public":
        await _for_approval(ctx, tx, incident, made, now)
    return made


def _identified(incident: Incident) -> bool:
    return incident.identified_at is not None or incident.restored


def _next(rules: Rules, incident: Incident, wish: Wish, before: Update | None, now: datetime) -> datetime | None:
    if wish.next_update_at is not None:
        return ahead(wish.next_update_at, now)
    if not incident.open:
        return None
    last = None
    if before is not None and before.next_update_at is not None and before.published_at is not None:
        last = before.next_update_at - before.published_at
    return next_by(rules.rows[Severity(incident.severity)], rules.hours, incident.created_at, now, last)


async def _write(
    tx: Tx, incident: Incident, actor: str, wish: Wish, before: Update | None, at: datetime | None, now: datetime
) -> Update:
    """The row: a draft that becomes an update, or a new one; other drafts for this audience are over."""
    kept = None if before is None or before.next_update_at is None else now <= before.next_update_at
    columns = {
        "message": wish.message, "incident_status": incident.status, "components": dict(wish.components), "actor": actor,
        "state": "published", "published_at": now, "next_update_at": at, "kept": kept,
        "moment": wish.moment if incident.open else "resolution",
        "digest": incident.severity == Severity.SEV4 and wish.audience in ("stakeholders", "executives"),
    }  # fmt: skip
    if wish.draft is not None:
        draft = await updates.locked(tx, wish.draft)
        if draft is None or draft.incident != incident.id or draft.audience != wish.audience:
            raise NotFound(f"There is no draft {wish.draft} for this audience of this incident")
        if draft.state != "draft":
            raise Conflict(f"This draft was {draft.state} already")
        return await updates.change(tx, draft.id, **columns)
    await updates.discard_drafts(tx, incident.id, [wish.audience])
    return await updates.add(tx, incident=incident.id, audience=wish.audience, created_at=now, **columns)


async def _promise(tx: Tx, incident: Incident, rules: Rules, audience: str, at: datetime | None, now: datetime) -> None:
    """The promised time becomes what the clock of the incident strikes at; the first of all audiences is the next update."""
    others = {name: time for name, time in incident.promised.items() if name != audience}
    promised = {**others, audience: at.isoformat()} if at is not None and incident.open else others
    times = [datetime.fromisoformat(time) for time in promised.values()]
    first = min(times) if times else at if at is not None or not incident.open else incident.next_update_at
    await store.update(tx, incident, promised=promised, next_update_at=first)
    if incident.open:
        writing = Writing()
        writing.timers += strike(rules, incident, now)
        await write_paging(tx, writing)
        if at is not None:
            await _draft_in_time(tx, incident, rules, at, now)


async def _draft_in_time(tx: Tx, incident: Incident, rules: Rules, promised: datetime, now: datetime) -> None:
    """Set the timer of a draft that the clock has no time for."""
    at = draft_by_itself(rules, standing_of(incident), promised, now)
    if at is None:
        return
    before = await timers.set_for(tx, DRAFTS, incident.id)
    if before is None or at < before:
        await timers.set_timer(tx, DRAFTS, incident.id, incident.id, at)


def check_components(directory: Directory, components: Mapping[str, str]) -> None:
    """Raises Invalid for a component that no status page has, or a state that none can be in."""
    known = {one.id for page in directory.status_pages.values() for one in page.components}
    for id, state in components.items():
        if id not in known:
            raise Invalid(f"{unknown('component of the status page', id, known)}", f"/components/{id[:60]}")
        if state not in STATES:
            raise Invalid(f"{state[:60]!r} is no state of a component: use {', '.join(STATES)}", f"/components/{id}")


async def _for_approval(ctx: Context, tx: Tx, incident: Incident, update: Update, now: datetime) -> None:
    """The public was told: the support desk and social media get a draft, which a person approves (S0-100)."""
    row = await reading.get(tx, incident.id)
    impact = stored_impact(row["impact"] if row else {})
    seen = public_impact(incident.severity, update.components.values(), impact.users, impact.percent)
    for audience in sorted(APPROVED):
        for channel in channels_of(ctx, incident, audience) if audience != "social" or seen else ():
            await communications.discard_drafts(tx, incident.id, channel.id)
            await communications.add(
                tx, incident=incident.id, channel=channel.id, audience=audience, message=update.message, actor=ACTOR,
                state="draft", update_id=update.id, created_at=now, sent_at=None, sent_by=None,
            )  # fmt: skip


# --- drafts -----------------------------------------------------------------------------------------------------------


async def draft(
    tx: Tx, incident: Incident, audience: Audience, message: str, now: datetime, *, actor: str = ACTOR,
    moment: Moment = "update", next_update_at: datetime | None = None, components: Mapping[str, str] | None = None,
) -> Update:  # fmt: skip
    """Keep a draft for an audience of a locked incident. One that a person touched is not replaced by one that nobody wrote."""
    open = {one.audience: one for one in await updates.of_incident(tx, incident.id, ("draft",))}
    columns = {
        "message": message, "incident_status": incident.status, "components": dict(components or {}), "actor": actor,
        "next_update_at": next_update_at, "moment": moment,
    }  # fmt: skip
    there = open.get(audience)
    if there is None:
        return await updates.add(
            tx, incident=incident.id, audience=audience, created_at=now, state="draft", published_at=None, kept=None,
            digest=False, **columns,
        )  # fmt: skip
    if actor == ACTOR and there.actor != ACTOR:
        return there
    return await updates.change(tx, there.id, **columns)


async def keep_draft(
    ctx: Context, number: int, actor: str, audience: Audience, message: str, *,
    next_update_at: datetime | None = None, components: Mapping[str, str] | None = None,
) -> Update:  # fmt: skip
    """A person keeps what they wrote without publishing it. Raises NotFound, Invalid."""
    message = checked(message, "/message")
    check_components(ctx.directory, components or {})
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        now = ctx.clock.now()
        at = ahead(next_update_at, now) if next_update_at is not None else None
        return await draft(tx, incident, audience, message, now, actor=actor, next_update_at=at, components=components)


async def discard(ctx: Context, number: int, id: int) -> Update:
    """Throw a draft away. Raises NotFound; Conflict when it is no draft any more."""
    async with ctx.db.transaction() as tx:
        found = await updates.locked(tx, id)
        if found is None or found.incident != number:
            raise NotFound(f"There is no update {id} of this incident")
        if found.state != "draft":
            raise Conflict(f"It was {found.state} already: only a draft can be thrown away")
        return await updates.change(tx, id, state="discarded")
