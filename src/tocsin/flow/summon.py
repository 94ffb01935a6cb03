"""People ask for people: page a person or a team, add and remove responders, all hands. No clock sends these pages, and somebody
else's acknowledgement does not stop them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Invalid
from tocsin.core.escalation import LAST_PATIENCE, PageIntent, PageReason, Rung
from tocsin.core.preset import steps_of
from tocsin.core.schedule import who
from tocsin.core.severity import Severity
from tocsin.flow.acts import Result, checked, known, label, locked_open, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.pager import Climbed, Pager, Subject, planned, subject_of
from tocsin.store import incidents, stopping
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.notifications import Held
from tocsin.store.writing import notify, write_paging, write_story

BESIDE_THE_LADDER = -1
"""The step of a page that no rung sent: people see it as step 0."""


async def call(
    ctx: Context, tx: Tx, incident: Incident, now: datetime, asked: Iterable[PageIntent], note: str
) -> list[Held]:
    """Page these people about a locked incident, loudly and at once. Returns notifications leased to this node."""
    subject, intents = replace(subject_of(incident), urgency="high"), tuple(asked)
    pager, climbed = await planned(ctx, tx, now, lambda pager: calling(pager, subject, intents, note), len(intents))
    link = pager.writing.tell(incident.id, incident.link, climbed.entries)
    incident.timeline_seq, incident.timeline_head = link.seq, link.head
    await write_paging(tx, pager.writing)
    await write_story(tx, pager.writing)
    return pager.held


def calling(pager: Pager, subject: Subject, asked: Iterable[PageIntent], note: str) -> Climbed:
    """Plan these pages."""
    intents, climbed = tuple(asked), Climbed(None, "")
    rung = Rung(0, BESIDE_THE_LADDER, "on_call", intents)
    for intent in intents:
        pager.page(subject, rung, intent, None, pager.now + LAST_PATIENCE, climbed, "person", note)
    return climbed


def sent(ctx: Context, held: list[Held]) -> None:
    """After the commit: let the deliveries and the readers know."""
    ctx.hand_over(held)
    ctx.wake.set("timeline", "timers")


# --- page a person or a team ------------------------------------------------------------------------------------------


def people(directory: Directory, user: str | None, team: str | None, below: str = "") -> list[PageIntent]:
    """Whom a direct page is for: exactly one of `user` and `team`. Raises Invalid when that is nobody."""
    if (user is None) == (team is None):
        raise Invalid("name one user or one team to page", f"{below}/user")
    if user is not None:
        return [PageIntent(known(directory, user, f"{below}/user"), f"user:{user}", PageReason.ASKED)]
    if team is None or team not in directory.teams:
        raise Invalid(f"there is no team {team!r}", f"{below}/team")
    members = [member for member in directory.teams[team].members if member in directory.users]
    if not members:
        raise Invalid(f"the team {team!r} has no members to page", f"{below}/team")
    return [PageIntent(member, f"team:{team}", PageReason.ASKED) for member in members]


async def page(
    ctx: Context, number: int, actor: str, *, user: str | None = None, team: str | None = None, reason: str
) -> Result:
    """Page a person, or every member of a team, now. Raises NotFound; Invalid; Conflict when the incident is over."""
    reason = checked(reason, "/reason")
    asked = people(ctx.directory, user, team)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        held = await call(ctx, tx, incident, ctx.clock.now(), asked, said(ctx.directory, actor, reason))
        await notify(tx, "timeline")
    sent(ctx, held)
    names = ", ".join(label(ctx.directory, one.user) for one in asked)
    return Result(number, True, f"Paged {names}")


def said(directory: Directory, actor: str, reason: str) -> str:
    """What the page quotes: `Alice Ng: the replica is behind`; nothing when they said nothing."""
    kind, _, name = actor.partition(":")
    return f"{label(directory, name) if kind == 'user' else name or kind}: {reason.strip()}" if reason.strip() else ""


# --- responders -------------------------------------------------------------------------------------------------------


async def add_responder(
    ctx: Context, number: int, actor: str, user: str, *, page: bool = False, reason: str = ""
) -> Result:
    """Put somebody on the incident's list of responders; with `page` they are paged, too. Twice: no change.

    Raises NotFound; Invalid; Conflict when the incident is over.
    """
    reason = checked(reason, "/reason", needed=False)
    known(ctx.directory, user)
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        now = ctx.clock.now()
        changed = await _add(tx, incident, actor, user, label(ctx.directory, user), now, paged=page)
        if page:
            note = said(ctx.directory, actor, reason)
            intent = PageIntent(user, f"user:{user}", PageReason.RESPONDER)
            held = await call(ctx, tx, incident, now, [intent], note)
        await notify(tx, "timeline")
    sent(ctx, held)
    name = label(ctx.directory, user)
    return Result(number, changed or page, f"{name} is a responder" + (" and was paged" if page else ""))


async def _add(
    tx: Tx, incident: Incident, actor: str, user: str, name: str, now: datetime, paged: bool = False
) -> bool:
    if user in incident.responders:
        return False
    await incidents.update(tx, incident, responders=[*incident.responders, user])
    text = f"{name} joined" if user_of(actor) == user else f"{name} was added"
    await tell(tx, incident, now, "responder_added", actor, text, user=user, page=paged)
    return True


async def remove_responder(ctx: Context, number: int, actor: str, user: str) -> Result:
    """Take somebody off the list; a page that still rings for them as a responder stops. Raises NotFound; Conflict when they are
    not on it."""
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        if user not in incident.responders:
            raise Conflict(f"{label(ctx.directory, user)} is not a responder of this incident.")
        now = ctx.clock.now()
        await incidents.update(tx, incident, responders=[one for one in incident.responders if one != user])
        await stopping.stop_asked(tx, number, user, [PageReason.RESPONDER, PageReason.ASKED], now)
        text = f"{label(ctx.directory, user)} was removed"
        await tell(tx, incident, now, "responder_removed", actor, text, user=user)
        await notify(tx, "timeline")
    sent(ctx, [])
    return Result(number, True, f"{label(ctx.directory, user)} is no responder any more")


async def join(ctx: Context, tx: Tx, incident: Incident, user: str, now: datetime) -> bool:
    """Somebody answers a page that a person or the progress clock sent them: it stops ringing, and they are a responder.

    False when there was none.
    """
    if not await stopping.stop_own(tx, incident.id, user, now):
        return False
    if user != incident.assignee:
        await _add(tx, incident, f"user:{user}", user, label(ctx.directory, user), now)
    return True


# --- all hands --------------------------------------------------------------------------------------------------------


def hands(directory: Directory, services: Iterable[str], now: datetime) -> list[PageIntent]:
    """Everyone on call now in every schedule of the services' teams, and in those that their policies name; each once."""
    asked: dict[str, PageIntent] = {}
    for schedule in _schedules(directory, services):
        found = who(directory.schedules[schedule], now)
        if found is not None and found[0] in directory.users:
            asked.setdefault(found[0], PageIntent(found[0], f"schedule:{schedule}", PageReason.ALL_HANDS))
    return list(asked.values())


def _schedules(directory: Directory, services: Iterable[str]) -> list[str]:
    chosen: dict[str, None] = {}
    for service in services:
        team, policy = directory.team_of(service), directory.policy_of(service)
        chosen |= {one.id: None for one in directory.schedules.values() if team is not None and one.team == team.id}
        if policy is not None:
            targets = [target for step in steps_of(policy) for target in step.targets]
            chosen |= {
                t.schedule: None for t in targets if t.schedule in directory.schedules and t.schedule is not None
            }
    return list(chosen)


async def all_hands(ctx: Context, number: int, actor: str, reason: str = "") -> Result:
    """On a SEV1: page everyone on call now for the affected services, but those who are on it already.

    Raises NotFound; Conflict when it is not a SEV1, is over, or nobody else is on call.
    """
    reason = checked(reason, "/reason", needed=False)
    async with ctx.db.transaction() as tx:
        incident = await locked_open(tx, number)
        if incident.severity != Severity.SEV1:
            raise Conflict(
                f"All hands is for SEV1, and this is {Severity(incident.severity).name}: page a person or a team instead."
            )
        now = ctx.clock.now()
        on_it = {user_of(actor), incident.assignee if incident.answered else None, *incident.responders}
        asked = [one for one in hands(ctx.directory, incident.affected_services, now) if one.user not in on_it]
        if not asked:
            raise Conflict("Nobody else is on call now in the schedules of the affected services.")
        names = ", ".join(label(ctx.directory, one.user) for one in asked)
        users = [one.user for one in asked]
        await tell(tx, incident, now, "all_hands", actor, f"All hands: {names}", users=users, reason=reason)
        held = await call(ctx, tx, incident, now, asked, said(ctx.directory, actor, reason))
        await notify(tx, "timeline")
    sent(ctx, held)
    return Result(number, True, f"All hands: paged {names}")
