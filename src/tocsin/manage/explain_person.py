"""For one person and one minute: was I on call, was I paged, why, by what, and what became of it. From records, as things were then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tocsin.core import schedule as core
from tocsin.core.calendar import zone
from tocsin.core.directory import Directory
from tocsin.core.errors import NotFound
from tocsin.core.finding import said
from tocsin.core.incident import display_name, public_id
from tocsin.core.matrix import Rules
from tocsin.core.preset import steps_of
from tocsin.core.rehearsal import foresee
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.manage import explain, privacy
from tocsin.manage.lists import time_text
from tocsin.store import history, matrices, reading_incidents
from tocsin.store.reading_incidents import Row

MINUTE = timedelta(minutes=1)
AROUND = timedelta(hours=2)
"""Pages this long before and after the minute are told as well: few people remember the minute."""
LOOK_BACK = timedelta(days=7)
"""Incidents that opened earlier than this before the minute are not looked for."""
MOST = 50
"""Pages, incidents and alerts told of each kind."""


async def explain_person(ctx: Context, user: str, at: datetime | None = None) -> dict[str, Any]:
    """`{"user", "name", "at", "time_zone", "sentence", "on_call", "pages", "items", "next"}`. Raises NotFound.

    `on_call`: `{schedule, name, user, user_name, layer, from, to, mine, shadow}` of every schedule that the person ever is in.
    `pages`: `{id, incident, incident_name, title, severity, at, step, via, reason, state, now, told: [sentence]}`, `now` when it
    was waiting for an answer in that minute. `items`: `{at, kind, sentence, incident, incident_name}` in order of time; kinds: on_call,
    page, not_paged, muted.
    """
    when = (at or ctx.clock.now()).replace(second=0, microsecond=0)
    async with ctx.db.reading() as tx:
        then = await history.directory_at(tx, when + MINUTE, ctx.directory)
        hidden = await privacy.hidden(tx)
        pages = [
            page
            for page in await history.pages_of(tx, user, when - AROUND, when + AROUND, MOST)
            if page["incident_id"] not in hidden
        ]
        told = await reading_incidents.notifications(tx, [page["id"] for page in pages])
        then_open = await history.incidents_open_at(tx, when, when + MINUTE, when - LOOK_BACK, MOST)
        open_then = [row for row in then_open if row["id"] not in hidden]
        numbers = [row["id"] for row in open_then]
        paged = await history.who_was_paged(tx, numbers, when + MINUTE)
        kept = Kept(
            await history.policies_of(tx, numbers),
            await matrices.load(tx, {row["matrix"] for row in open_then if row["matrix"]}),
        )
        muted = await history.muted_alerts(tx, when - AROUND, when + MINUTE, MOST)
    if user not in then.users and user not in ctx.directory.users:
        raise NotFound(f"There is no user {user!r}")
    person = _Person(then if user in then.users else ctx.directory, user, when, kept)
    return await asyncio.to_thread(_told, person, pages, told, open_then, paged, muted)


class Kept(NamedTuple):
    """What incidents keep of their own: the policies by which each paged, and the rules of their severities by number."""

    policies: Mapping[int, Sequence[str]]
    rules: Mapping[int, Rules]


class _Person:
    """Whom it is about, the configuration of that time, and what its incidents keep."""

    def __init__(self, directory: Directory, user: str, when: datetime, kept: Kept) -> None:
        self.directory, self.user, self.when, self.kept = directory, user, when, kept
        self.name = directory.users[user].label
        self.zone = zone(directory.users[user].time_zone)

    def label(self, user: str) -> str:
        known = self.directory.users.get(user)
        return known.label if known else user

    def at(self, moment: datetime) -> str:
        return said(moment, self.zone)


def _told(
    person: _Person, pages: Sequence[Row], told: Sequence[Row], open_then: Sequence[Row],
    paged: Mapping[int, list[str]], muted: Sequence[Row],
) -> dict[str, Any]:  # fmt: skip
    on_call = list(_on_call(person))
    items = [*_duty(person, on_call)]
    items += [_item(p["created_at"], "page", _page_sentence(person, p), (p["incident_id"], p["began"])) for p in pages]
    items += [
        _item(
            row["created_at"],
            "not_paged",
            _not_paged(person, row, paged.get(row["id"], [])),
            (row["id"], row["created_at"]),
        )
        for row in open_then
        if person.user not in paged.get(row["id"], [])
    ]
    items += [
        _item(row["first_at"], "muted", _held_back(person, row)) for row in muted if _concerns(person, row["service"])
    ]
    items.sort(key=lambda item: item["at"])
    waiting = [page for page in pages if _waits(page, person.when)]
    return {
        "user": person.user,
        "name": person.name,
        "at": time_text(person.when),
        "time_zone": person.zone.key,
        "sentence": _sentence(person, on_call, waiting),
        "on_call": on_call,
        "pages": [_page_view(person, page, told) for page in pages],
        "items": items,
        "next": None,
    }


def _item(at: datetime, kind: str, sentence: str, incident: tuple[int, datetime] | None = None) -> dict[str, Any]:
    return {
        "at": time_text(at),
        "kind": kind,
        "sentence": sentence,
        "incident": None if incident is None else public_id(incident[0]),
        "incident_name": None if incident is None else display_name(*incident),
    }


# --- was I on call ----------------------------------------------------------------------------------------------------


def _on_call(person: _Person) -> Iterator[dict[str, Any]]:
    for schedule in person.directory.schedules.values():
        people = {u for layer in schedule.layers for u in layer.users} | {o.user for o in schedule.overrides}
        shadowing = person.user in core.shadows(schedule, person.when)
        if person.user not in people and not shadowing:
            continue
        shift = core.on_call(schedule, person.when)
        yield {
            "schedule": schedule.id,
            "name": schedule.name or schedule.id,
            "user": shift.user if shift else None,
            "user_name": person.label(shift.user) if shift else None,
            "layer": shift.layer if shift else None,
            "from": time_text(shift.start) if shift else None,
            "to": time_text(shift.end) if shift else None,
            "mine": shift is not None and shift.user == person.user,
            "shadow": shadowing,
        }


def _duty(person: _Person, on_call: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for duty in on_call:
        by = "by an override" if duty["layer"] == core.OVERRIDE else f"by layer {duty['layer']}"
        if duty["mine"]:
            text = f"{person.name} was on call in {duty['name']}, {by}, until {person.at(datetime.fromisoformat(duty['to']))}."
        elif duty["user"]:
            text = f"{duty['user_name']} was on call in {duty['name']}, {by}; {person.name} was not."
        else:
            text = f"Nobody was on call in {duty['name']}."
        if duty["shadow"]:
            text += f" {person.name} shadowed it: copies, no pages."
        yield _item(person.when, "on_call", text)


# --- was I paged ------------------------------------------------------------------------------------------------------


def _waits(page: Row, when: datetime) -> bool:
    """It had begun, and nobody had answered yet, at some time in the minute."""
    return page["created_at"] < when + MINUTE and (page["ended_at"] is None or page["ended_at"] >= when)


def _page_sentence(person: _Person, page: Row) -> str:
    why = explain.PAGE.get(page["reason"], page["reason"])
    through = person.directory.called(page["via"])
    drill = " (a drill)" if page["drill"] else ""
    return (
        f"{person.name} was paged about {page['title']!r}{drill} at step {page['step']} ({through}): {person.name} {why}. "
        f"{_outcome(person, page)}"
    )


def _outcome(person: _Person, page: Row) -> str:
    delivered = f"It was delivered {person.at(page['delivered_at'])}. " if page["delivered_at"] else ""
    if page["state"] == "acknowledged":
        return f"{delivered}{person.name} answered it {person.at(page['ended_at'])}."
    if page["state"] == "undelivered":
        return "It could not be delivered by any contact method, so the next step came at once."
    if page["ended_at"] is None:
        return f"{delivered}It waits for an answer."
    by = (page["acknowledged_by"] or "").partition(":")[2]
    who = f"{person.label(by)} answered first" if by and by != person.user else "it was not needed any more"
    return f"{delivered}It ended {person.at(page['ended_at'])}: {who}."


def _page_view(person: _Person, page: Row, told: Sequence[Row]) -> dict[str, Any]:
    mine = [n for n in told if n["page_id"] == page["id"]]
    return {
        "id": page["id"],
        "incident": public_id(page["incident_id"]),
        "incident_name": display_name(page["incident_id"], page["began"]),
        "title": page["title"],
        "severity": Severity(page["severity"]).key,
        "at": time_text(page["created_at"]),
        "step": page["step"],
        "via": page["via"],
        "reason": page["reason"],
        "state": page["state"],
        "ended_at": time_text(page["ended_at"]),
        "now": _waits(page, person.when),
        "told": [explain.told(person.name, n) for n in mine],
    }


# --- and if not, why not ----------------------------------------------------------------------------------------------


def _service(person: _Person, row: Row) -> str:
    known = person.directory.services.get(row["service"] or "")
    return known.label if known else (row["service"] or "no service")


def _held_back(person: _Person, row: Row) -> str:
    return f"The alert {row['title']!r} of {_service(person, row)} was held back ({row['reason']}): it paged nobody."


def _concerns(person: _Person, service: str | None) -> bool:
    """Could the service's policy ever page this person?"""
    policy = person.directory.policy_of(service)
    for target in (t for step in (steps_of(policy) if policy else ()) for t in step.targets):
        team = person.directory.teams.get(target.team or "")
        schedule = person.directory.schedules.get(target.schedule or "")
        if target.user == person.user or (team and person.user in team.members):
            return True
        if schedule and any(person.user in layer.users for layer in schedule.layers):
            return True
    return False


def _not_paged(person: _Person, row: Row, others: Sequence[str]) -> str:
    """Why an incident that was open in that minute had not paged this person."""
    name = display_name(row["id"], row["created_at"])
    began = f"{name} {row['title']!r} of {_service(person, row)} was open, and did not page {person.name}"
    if row["no_page_reason"]:
        return f"{began}: it paged nobody ({row['no_page_reason'].replace('_', ' ')})."
    whom = f" It paged {', '.join(person.label(user) for user in others[:5])}." if others else ""
    known = person.directory.escalation_policies
    policies = [known[id] for id in dict.fromkeys(person.kept.policies.get(row["id"], ())) if id in known]
    if not policies and (todays := person.directory.policy_of(row["service"])) is not None:
        policies = [todays]
    about, rules = (row["service"], Severity(row["severity"]), row["created_at"]), person.kept.rules.get(row["matrix"])
    future = foresee(person.directory, about[0], policies, about[1], about[2], rules=rules)
    rungs = sorted(future.rungs, key=lambda rung: rung[0])
    due = next(((at, rung) for at, rung in rungs if any(p.user == person.user for p in rung.pages)), None)
    if due is None:
        return f"{began}: no step of its policy leads to {person.name} at that time.{whom}"
    at, rung = due
    stood = f"step {rung.step + 1}, which leads to {person.name}, was due {person.at(at)}"
    ended = row["acknowledged_at"] or row["resolved_at"]
    if ended is None or ended > at:
        return f"{began} yet: {stood}.{whom}"
    by = (row["acknowledged_by"] or "").partition(":")[2]
    who = person.label(by) if by else "its source"
    return f"{began}: {stood}; {who} answered {person.at(ended)}.{whom}"


def _sentence(person: _Person, on_call: Sequence[Mapping[str, Any]], waiting: Sequence[Row]) -> str:
    """The answer in one breath."""
    mine = [duty["name"] for duty in on_call if duty["mine"]]
    duty = f"on call ({', '.join(mine)})" if mine else "not on call"
    if not waiting:
        return f"{person.at(person.when)}: {person.name} was {duty}, and no page was waiting."
    about = ", ".join(dict.fromkeys(page["title"] for page in waiting))
    pages = "a page was waiting" if len(waiting) == 1 else f"{len(waiting)} pages were waiting"
    return f"{person.at(person.when)}: {person.name} was {duty}, and {pages}: {about}."
