"""Corrections to what an incident says of itself, and what becomes known of its impact. What it said before stays in its timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.core.criteria import BREACH, BY_ID, suggest
from tocsin.core.errors import Invalid
from tocsin.core.impact import Impact, read_impact, stored_impact
from tocsin.core.markup import blank
from tocsin.core.matrix import bands_of
from tocsin.core.severity import Severity
from tocsin.core.tag import MOST_TAGS, by_hand, read_tag, retagged
from tocsin.flow.acts import LONGEST_TEXT, Result, locked, tell, user_of
from tocsin.flow.context import Context
from tocsin.flow.rules import rules_for
from tocsin.manage.birth import tier_1
from tocsin.manage.declaring import assessment
from tocsin.store import incidents
from tocsin.store.database import Tx
from tocsin.store.incidents import Incident
from tocsin.store.writing import notify

LONGEST_TITLE = 1024
LONGEST_PUBLIC_TITLE = 200
MOST_SERVICES = 100


class Edits(msgspec.Struct, frozen=True, kw_only=True):
    """What is None stays as it is. Of `impact` the fields that are named change, null empties one. An empty `public_title` means the
    title."""

    title: str | None = None
    description: str | None = None
    public_title: str | None = None
    impact: Mapping[str, Any] | None = None
    affected_services: Sequence[str] | None = None


def _title(text: str) -> str:
    title = text.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    if blank(title):
        raise Invalid("An incident needs a title", "/title")
    if len(title) > LONGEST_TITLE:
        raise Invalid(f"Shorten the title to {LONGEST_TITLE} characters", "/title")
    return title


def _public_title(text: str) -> str | None:
    title = text.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    if len(title) > LONGEST_PUBLIC_TITLE:
        raise Invalid(f"Shorten the public title to {LONGEST_PUBLIC_TITLE} characters", "/public_title")
    return title or None


def _description(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"Shorten the description to {LONGEST_TEXT} characters", "/description")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()


def _services(ctx: Context, given: Sequence[str]) -> list[str]:
    if len(given) > MOST_SERVICES:
        raise Invalid(f"At most {MOST_SERVICES} services", "/affected_services")
    for position, service in enumerate(given):
        if service not in ctx.directory.services:
            raise Invalid(f"there is no service {service!r}", f"/affected_services/{position}")
    return list(dict.fromkeys(given))


def _wanted(ctx: Context, edits: Edits) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if edits.title is not None:
        wanted["title"] = _title(edits.title)
    if edits.description is not None:
        wanted["description"] = _description(edits.description)
    if edits.public_title is not None:
        wanted["public_title"] = _public_title(edits.public_title)
    if edits.affected_services is not None:
        wanted["affected_services"] = _services(ctx, edits.affected_services)
    return wanted


async def edit(ctx: Context, number: int, actor: str, edits: Edits) -> Result:
    """Change what is given; the tags follow the words. A worse or milder impact suggests a severity and never sets one.

    Raises NotFound, Invalid.
    """
    wanted, said = _wanted(ctx, edits), []
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        changed = {name: value for name, value in wanted.items() if getattr(incident, name) != value}
        old = _words(incident) if incident.origin != "event" else []  # labels of alerts gave tags, too
        if changed:
            said.append(await _correct(ctx, tx, incident, actor, changed))
        if edits.impact is not None:
            said.append(await _learn(ctx, tx, incident, actor, edits.impact))
        said = [sentence for sentence in said if sentence]
        if said:
            tags = retagged(ctx.directory, incident.tags, old, _words(incident), incident.hand_tags)
            await incidents.update(tx, incident, tags=tags)
            await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, bool(said), ". ".join(said) or "Nothing to change")


def _words(incident: Incident) -> list[str]:
    return [incident.title, incident.description, stored_impact(incident.impact).what]


async def _correct(ctx: Context, tx: Tx, incident: Incident, actor: str, changed: Mapping[str, Any]) -> str:
    before, more = {name: getattr(incident, name) for name in changed}, dict(changed)
    if "affected_services" in changed:
        services = changed["affected_services"]
        more["service"] = incident.service if incident.service in services else next(iter(services), None)
        gone = set(incident.affected_services) - set(services)
        more["tags"] = list(dict.fromkeys([*services, *(tag for tag in incident.tags if tag not in gone)]))
    await incidents.update(tx, incident, **more)
    said = f"Corrected: {' and '.join(name.replace('_', ' ') for name in changed)}"
    await tell(tx, incident, ctx.clock.now(), "corrected", actor, said, before=before, after=dict(changed))
    return said


async def _learn(ctx: Context, tx: Tx, incident: Incident, actor: str, given: Mapping[str, Any]) -> str:
    """The impact becomes better known. Empty when nothing is new."""
    if not isinstance(given, Mapping):
        raise Invalid("write the impact as fields, like {what: ..., percent: 12}", "/impact")
    before = stored_impact(incident.impact)
    answered = [one for name in ("criteria", "unsure") for one in given.get(name) or ()]
    kept = {
        **before.plain(), "criteria": [one for one in before.criteria if one not in answered],
        "unsure": [one for one in before.unsure if one not in answered],
    }  # fmt: skip
    if "percent" in given and given["percent"] is not None and "unknown" not in given:
        kept["unknown"] = False
    impact = read_impact({**kept, **given}, BY_ID)
    if impact == before:
        return ""
    await incidents.update(tx, incident, impact=impact.plain())
    rows = (await rules_for(ctx, tx, incident)).rows
    bands = bands_of(rows, tier_1(ctx.directory, incident.affected_services))
    found = suggest(Severity(incident.severity), impact, bands)
    said = f"Impact: {impact.sentence() or 'answers changed'}" + (
        f". {found.sentence}" if found and incident.open else ""
    )
    data = {
        "before": before.plain(),
        "after": impact.plain(),
        "suggested": Severity(found.severity).key if found else None,
    }
    await tell(tx, incident, ctx.clock.now(), "impact_changed", actor, said, **data)
    await _hide(ctx, tx, incident, actor, impact)
    return said


async def _hide(ctx: Context, tx: Tx, incident: Incident, actor: str, impact: Impact) -> None:
    """A breach that turns up later makes it private, too (S0-109)."""
    found = assessment(ctx.directory, impact, incident.affected_services)
    if incident.private or found is None or not found.private:
        return
    reader = user_of(actor)
    readers = [*incident.readers, *([reader] if reader and reader not in incident.readers else [])]
    await incidents.update(tx, incident, private=True, readers=readers)
    why = f"Private from now on: {BY_ID[BREACH].text}"
    await tell(tx, incident, ctx.clock.now(), "made_private", actor, why, reason=BREACH)


async def tag(ctx: Context, number: int, actor: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Result:
    """People give and take tags; what they took, words do not give again. Raises NotFound, Invalid."""
    adding = [read_tag(one, f"/add/{position}") for position, one in enumerate(add)]
    removing = [read_tag(one, f"/remove/{position}") for position, one in enumerate(remove)]
    if both := sorted(set(adding) & set(removing)):
        raise Invalid(f"{both[0]!r} is to be added and removed: choose one", "/remove")
    async with ctx.db.transaction() as tx:
        incident = await locked(tx, number)
        tags = [one for one in dict.fromkeys([*incident.tags, *adding]) if one not in removing]
        if len(tags) > MOST_TAGS:
            raise Invalid(f"an incident has at most {MOST_TAGS} tags: remove some", "/add")
        if tags == incident.tags:
            return Result(number, False, "Nothing to change")
        before, hand = list(incident.tags), by_hand(incident.hand_tags, adding, removing)
        await incidents.update(tx, incident, tags=tags, hand_tags=hand)
        gained, lost = [one for one in tags if one not in before], [one for one in before if one not in tags]
        parts = [f"added {', '.join(gained)}" if gained else "", f"removed {', '.join(lost)}" if lost else ""]
        said = f"Tags: {'; '.join(part for part in parts if part)}"
        now = ctx.clock.now()
        await tell(tx, incident, now, "corrected", actor, said, before={"tags": before}, after={"tags": tags})
        await notify(tx, "timeline")
    ctx.wake.set("timeline")
    return Result(number, True, said)
