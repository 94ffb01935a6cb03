"""What an update would say: the facts of an incident as they are now, in the words of a template. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from tocsin.core.audience import Audience
from tocsin.core.briefing import Material, example, length, values
from tocsin.core.directory import Directory
from tocsin.core.errors import Unavailable
from tocsin.core.impact import stored_impact
from tocsin.core.incident import room_name, unknown
from tocsin.core.role import COMMANDER, holder
from tocsin.core.severity import Severity
from tocsin.core.update import cadence, next_by
from tocsin.core.update_template import Moment, UpdateTemplate
from tocsin.core.update_words import BUILT_IN, wording
from tocsin.core.words_template import TemplateError, TooMuch, render
from tocsin.flow.acts import label
from tocsin.flow.context import Context
from tocsin.flow.facts import Facts, facts_of
from tocsin.flow.message import incident_url
from tocsin.flow.rules import rules_for
from tocsin.flow.telling import touched
from tocsin.flow.wording import own_words, stopped
from tocsin.store import incidents as store
from tocsin.store import reading_incidents as reading
from tocsin.store import reviews, updates
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.updates import Update

log = structlog.get_logger(__name__)


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that updates of one incident are made of, read in one transaction."""

    incident: Incident
    material: Material
    latest: dict[str, Update]
    drafts: dict[str, Update]
    next_by: datetime | None
    every: timedelta
    required: tuple[Audience, ...]
    publishes: bool
    """What was resolved is told at once, by the policy of its severity."""


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """A text for an audience. `template`: the configured one it came from, empty for the built-in; `problem`: why a configured one could
    not be used, so that the built-in one was. `stopped`: the rules of wording by which the policy does not let it out as it is."""

    audience: Audience
    moment: Moment
    text: str
    next_update_at: datetime | None
    template: str = ""
    problem: str = ""
    stopped: Sequence[str] = ()


async def brief(ctx: Context, number: int) -> Brief:
    """Raises NotFound."""
    async with ctx.db.reading() as tx:
        return await brief_of(ctx, tx, number)


async def brief_of(ctx: Context, tx: Tx, number: int) -> Brief:
    """The same within a transaction."""
    incident, row = await store.read(tx, number), await reading.get(tx, number)
    if incident is None or row is None:
        raise unknown(number)
    now, rules = ctx.clock.now(), await rules_for(ctx, tx, incident)
    policy = rules.rows[Severity(incident.severity)]
    latest = await updates.latest(tx, number)
    drafts = {one.audience: one for one in await updates.of_incident(tx, number, ("draft",))}
    last = max(
        (one.next_update_at - one.published_at for one in latest.values() if one.next_update_at and one.published_at),
        default=None,
    )
    at = next_by(policy, rules.hours, incident.created_at, now, last) if incident.open else None
    every = cadence(policy, incident.created_at, now, last).every
    material = await _material(ctx, tx, incident, row, await facts_of(tx, row), at, every, now)
    return Brief(
        incident=incident, material=material, latest=latest, drafts=drafts, next_by=at, every=every,
        required=policy.audiences.names, publishes=policy.at_resolve == "publish",
    )  # fmt: skip


async def _material(
    ctx: Context,
    tx: Tx,
    incident: Incident,
    row: Any,
    facts: Facts,
    at: datetime | None,
    every: timedelta,
    now: datetime,
) -> Material:
    directory, services = ctx.directory, touched(incident)
    commander = holder(incident.roles, COMMANDER)
    acting = facts.acting_commander
    person = directory.users.get(commander or acting or "")
    affected = _affected(directory, services)
    resolved = await reading.timeline_of_kinds(tx, incident.id, ("resolved",))
    said = resolved[-1]["details"] if resolved else ""
    return Material(
        number=incident.id, title=incident.title, public_title=row["public_title"] or "", severity=Severity(incident.severity),
        status=incident.status, created_at=incident.created_at, detected_at=incident.detected_at,
        impact_started_at=incident.impact_started_at,
        ended_at=(incident.restored_at or incident.resolved_at) if incident.restored else None,
        impact=stored_impact(row["impact"]), known=[(one.certainty, one.text) for one in facts.known],
        actions=[(label(directory, one.owner), one.text) for one in facts.open_tasks],
        commander=label(directory, commander) if commander else f"{label(directory, acting)} (acting)" if acting else "",
        contact=person.email if person else "", frequency=length(every), next_update_at=at,
        channel=f"#{room_name(incident.id, incident.created_at, incident.service)}", url=incident_url(ctx, incident.id),
        cause=await updates.cause(tx, incident.id) if incident.identified_at or incident.restored else None,
        resolution="" if said == "Resolved" else said,
        review_by=None if incident.open else await _review_day(tx, incident.id),
        services=[directory.services[one].label if one in directory.services else one for one in services],
        affected=affected, own_words=own_words(directory), now=now,
    )  # fmt: skip


async def _review_day(tx: Tx, number: int) -> datetime | None:
    """When the review meets, as it stands in the review itself; where it needs no meeting, when it is published."""
    review = await reviews.get(tx, number)
    return None if review is None else review.meeting_at or review.meet_by or review.publish_by


def _affected(directory: Directory, services: list[str]) -> list[str]:
    """What the status page calls what is hit."""
    components = [one for page in directory.status_pages.values() for one in page.components]
    return [one.label for one in components if any(service in one.services for service in services)]


def moment_of(brief: Brief, audience: str) -> Moment:
    """Which template: the first word to an audience, the last one, or one between."""
    if not brief.incident.open:
        return "resolution"
    return "update" if audience in brief.latest else "initial"


async def compose(
    ctx: Context, brief: Brief, audience: Audience, *, moment: Moment | None = None, next_update_at: datetime | None = None,
    cause: str | None = None,
) -> Composed:  # fmt: skip
    """The text for an audience. A configured template that cannot be used never leaves anybody without words: the built-in one counts."""
    moment = moment or moment_of(brief, audience)
    at = next_update_at or brief.next_by
    material = msgspec.structs.replace(brief.material, next_update_at=at, cause=cause or brief.material.cause)
    filled = values(material, audience)
    chosen = wording(ctx.directory.update_templates.values(), audience, moment, material.severity)
    problem = ""
    broken = ("broken template", chosen.id)
    if chosen.edited and broken in ctx.directory.memo:
        problem = ctx.directory.memo[broken]
    elif chosen.edited:
        try:
            text = await ctx.renderer.render(chosen.body, filled)
            made = Composed(audience=audience, moment=moment, text=text, next_update_at=at, template=chosen.id)
            return await _looked_over(ctx, brief, made)
        except (TemplateError, Unavailable) as error:
            problem = f"The template {chosen.id} cannot be used: {error}"
            log.warning("a template cannot be used", template=chosen.id, reason=str(error))
            if isinstance(error, TooMuch):  # until it is changed: each try would cost seconds
                ctx.directory.memo[broken] = problem
    text = render(BUILT_IN[moment, audience], filled)
    made = Composed(audience=audience, moment=moment, text=text, next_update_at=at, problem=problem)
    return await _looked_over(ctx, brief, made)


async def _looked_over(ctx: Context, brief: Brief, made: Composed) -> Composed:
    """With what the policy of wording stops of it: a title may hold anything."""
    has_next = made.next_update_at is not None
    found = await stopped(ctx.directory, made.text, made.audience, brief.incident.status, has_next)
    return msgspec.structs.replace(made, stopped=tuple(dict.fromkeys(one.rule for one in found))) if found else made


async def preview(ctx: Context, template: UpdateTemplate, number: int | None) -> tuple[str, str]:
    """What a template makes of an incident, or of one that never was: (text, status of the incident). Raises TemplateError; NotFound."""
    material = example(ctx.clock.now()) if number is None else (await brief(ctx, number)).material
    return await ctx.renderer.render(template.body, values(material, template.audience)), material.status
