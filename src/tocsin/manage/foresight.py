"""What would become of a payload, or of an incident of a service, at a time: parsed by the real source, decided by the real rules.

Nothing here reads a database: the same functions serve a server and a file on its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin.core import severity as severities
from tocsin.core.alert import NoPage, group_key
from tocsin.core.calendar import LATEST
from tocsin.core.configuration import EscalationPolicy, Service
from tocsin.core.directory import Directory
from tocsin.core.errors import Invalid
from tocsin.core.event import Event
from tocsin.core.inhibition import Causes, concerned, rules_of
from tocsin.core.rehearsal import Anew, Rehearsal, RehearsalItem, Taking, foresee
from tocsin.core.severity import Severity
from tocsin.core.spelling import Duration
from tocsin.manage.futures import item_view, rung_view
from tocsin.manage.holding import Muted, Quiet
from tocsin.manage.lists import read_time, time_text
from tocsin.plugins.sources import registry

LONGEST = timedelta(days=31)
"""The longest span that is rehearsed."""
ALONE = "\x1frehearsal"
"""The dedup key of an alert that is rehearsed without a payload: no source sends it."""


class Met(msgspec.Struct, frozen=True):
    """What is open takes an alert in, or hides it: in a sentence. `incident`: the one it goes to, which people call `name`, with its
    `service` and the `severity` that it has then; `anew`: how it pages anew (None: it pages nobody anew)."""

    sentence: str
    incident: str | None = None
    service: str | None = None
    anew: Anew | None = None
    severity: Severity = Severity.SEV2
    name: str | None = None


class Standing(msgspec.Struct, frozen=True):
    """What is open right now. `met`: by dedup key, the alerts that do not simply open an incident; `paging`: incidents that page now."""

    met: Mapping[str, Met]
    paging: int = 0


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to rehearse: a `service` (with `severity`), or a `payload` of a `source`, or a payload for a named service.

    `payload` is the body as JSON, or as text. `severity` counts more than the payload's own. `at` defaults to now. `answered` is after
    how long somebody acknowledges, like `5m` (left out: nobody does).
    """

    service: str | None = None
    source: str | None = None
    payload: Any = None
    severity: str | None = None
    at: str | None = None
    until: str | None = None
    answered: str | None = None


class Case(msgspec.Struct, frozen=True):
    """One incident that would open: what its alerts are, what holds all of them back, and what is open and takes them in (None: nothing
    does)."""

    service: Service
    severity: Severity
    title: str
    alerts: int = 1
    held: Quiet | None = None
    met: Met | None = None


class Cases(msgspec.Struct, frozen=True):
    """Everything that a payload leads to. `hidden`: alerts that another one of the payload hides, in sentences."""

    cases: list[Case]
    hidden: list[str]


def rehearse(
    directory: Directory, question: Question, now: datetime, muted: Muted, rings: Collection[str] = (),
    standing: Standing | None = None, turns: Mapping[tuple[str, int], int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """`{"items", "next", "at", "until", "cases", "hidden", "assumes"}`; items are `{at, user, method, step, tier, reason}` in order.

    A case: `{service, title, severity, urgency, policy, policies, incident, incident_name, muted, sentence, rungs}` with `incident` the
    open one that the alerts go to (None: they open one) and rungs `{at, step, round, tier, people: [{user, name, reason, via}],
    nobody}`. `assumes`: in sentences, what is taken for granted. `rings`: types of contact methods that ring. `standing`: what is open at
    `at` (None: nothing is known of that). `turns`: as `Taking` wants them (None: no server knows). Raises Invalid.
    """
    at = read_time(question.at, "at") or now.astimezone(UTC)
    until = read_time(question.until, "until")
    if until is not None and until < at:
        raise Invalid("`until` lies before `at`: give a later time", "/until")
    if until is not None and until - at > LONGEST:
        raise Invalid(f"Rehearse at most {LONGEST.days} days at once", "/until")
    answered = _answered(question.answered)
    found: list[RehearsalItem] = []
    cases = []
    what = cases_of(directory, question, at, muted, standing.met if standing is not None else None)
    for place, case in enumerate(what.cases):
        taking = Taking(turns or {}, place, len(what.cases))
        view, items = _case(directory, case, at, until, rings, answered, taking)
        cases.append(view)
        found += items
    found.sort(key=lambda item: item.at)
    return {
        "items": [item_view(item) for item in found],
        "next": None,
        "at": time_text(at),
        "until": time_text(until),
        "cases": cases,
        "hidden": what.hidden,
        "assumes": [*_assumed(directory, question, standing), *_turns_assumed(directory, what, turns is not None)],
    }


def _assumed(directory: Directory, question: Question, standing: Standing | None) -> list[str]:
    """What the answer takes for granted."""
    ends = (
        "nobody answers"
        if question.answered is None
        else f"somebody acknowledges after {question.answered}, and it is not restored"
    )
    said = [f"Every message is delivered, and {ends}."]
    if standing is None:
        said.append(
            "Nothing else is open then: no incident that it would join, no cause that hides it, and no other incident that rings the same"
            " phones."
        )
        return said
    said.append("What is open now is counted in: incidents that it joins or brings back, and causes that hide it.")
    if question.payload is None:
        grouping = service_of(directory, question.service or "").grouping
        if grouping is not None:
            by = ", ".join(grouping.by)
            said.append(
                f"It shares no {by} with an open incident, which it would join: give the payload to have that looked at."
            )
    if standing.paging:
        many = "1 other incident pages" if standing.paging == 1 else f"{standing.paging} other incidents page"
        said.append(
            f"{many} now: what rings the same phone within a minute travels as one message, at the time of the first."
        )
    return said


def _turns_assumed(directory: Directory, what: Cases, known: bool) -> Iterator[str]:
    """Whose turn it is at steps with round robin, where there are such."""
    policies = [policy for case in what.cases for _, policy in directory.policies_of([case.service.id])]
    if any(step.round_robin for policy in policies for step in policy.steps):
        whose = "whoever's turn it is now, and no other incident takes one before" if known else "their first person"
        yield f"Steps that page one person in turn begin with {whose}."


def _answered(text: str | None) -> timedelta | None:
    try:
        return None if text is None else Duration.parse(text).delta
    except ValueError as error:
        raise Invalid(str(error), "/answered") from None


# --- what would open --------------------------------------------------------------------------------------------------


def cases_of(
    directory: Directory, question: Question, at: datetime, muted: Muted, met: Mapping[str, Met] | None = None
) -> Cases:
    """The incidents that a question is about. `met`: what is open and takes alerts in, by dedup key. Raises Invalid."""
    service, triggers = triggers_of(directory, question, at, muted)
    if question.payload is None:
        ((event, quiet),) = triggers
        severity = severities.from_source(event.severity)
        return Cases([Case(service, severity, event.title, 1, quiet, (met or {}).get(event.dedup_key))], [])
    hidden = (
        _hidden(directory, triggers) if met is None else {k: m.sentence for k, m in met.items() if m.incident is None}
    )
    taken: dict[str, list[Event]] = {}
    for event, quiet in triggers:
        if (
            quiet is None
            and met is not None
            and (one := met.get(event.dedup_key)) is not None
            and one.incident is not None
        ):
            taken.setdefault(one.incident, []).append(event)
    loud = [event for event, quiet in triggers if quiet is None and event.dedup_key not in {**hidden, **(met or {})}]
    cases = {key: _opened(service, group) for key, group in _groups(service, loud).items()}
    for incident, group in taken.items():
        one = (met or {})[group[0].dedup_key]
        cases[f"open {incident}"] = Case(service, one.severity, group[0].title, len(group), met=one)
    held = _groups(service, [event for event, quiet in triggers if quiet is not None])
    until = {event.dedup_key: quiet for event, quiet in triggers if quiet is not None}
    for key, group in held.items():
        if key not in cases:
            first = min((until[event.dedup_key] for event in group), key=lambda quiet: quiet.until or LATEST)
            cases[key] = msgspec.structs.replace(_opened(service, group), held=first)
    return Cases(list(cases.values()), list(hidden.values()))


def triggers_of(
    directory: Directory, question: Question, at: datetime, muted: Muted
) -> tuple[Service, list[tuple[Event, Quiet | None]]]:
    """The service, and the alerts that would fire, of the severity that is asked for, each with what mutes it. Raises Invalid."""
    chosen = None if question.severity is None else severities.parse(question.severity)
    if question.payload is None:
        if question.service is None:
            raise Invalid("Name a service, or give a payload with its source", "/service")
        service = service_of(directory, question.service)
        title = f"{(chosen or Severity.SEV2).name} incident of {service.label}"
        events = [Event(action="trigger", dedup_key=ALONE, title=title)]
    else:
        service, events = _received(directory, question, at)
    if chosen is not None:
        events = [msgspec.structs.replace(event, severity=chosen.key) for event in events]
    return service, [(event, muted(service, event, at)) for event in events if event.action == "trigger"]


def _opened(service: Service, group: Sequence[Event]) -> Case:
    severity = min(severities.from_source(event.severity) for event in group)
    return Case(service, severity, group[0].title, len(group))


def _groups(service: Service, events: Iterable[Event]) -> dict[str, list[Event]]:
    """The alerts that open or join one incident, by what they have in common."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        key = group_key(service.grouping, event)
        groups.setdefault(f"alert {event.dedup_key}" if key is None else f"group {key}", []).append(event)
    return groups


def _hidden(directory: Directory, triggers: Sequence[tuple[Event, Quiet | None]]) -> dict[str, str]:
    """dedup key -> what hides it, for alerts that an inhibition hides while another one of the same payload fires."""
    rules = rules_of(directory)
    causes: Causes[int] = Causes(rules)
    found: dict[str, str] = {}
    for place in sorted(range(len(triggers)), key=lambda place: concerned(rules, triggers[place][0].labels)[1]):
        event, quiet = triggers[place]
        hidden = causes.of(event.labels) if quiet is None else None
        if hidden is not None:
            rule, cause = hidden
            found[event.dedup_key] = (
                f"{event.title!r} is hidden while {triggers[cause][0].title!r} fires (inhibition {rule.id}): it pages nobody."
            )
        causes.add(place, event.labels, hidden[1] if hidden else None)
    return found


def service_of(directory: Directory, id: str) -> Service:
    found = directory.services.get(id)
    if found is None:
        raise Invalid(f"There is no service {id!r}", "/service")
    return found


def _received(directory: Directory, question: Question, at: datetime) -> tuple[Service, list[Event]]:
    """The service that the payload is for, and what the source makes of it."""
    every = registry.sources()
    if question.source is None or question.source not in every:
        known = ", ".join(every)
        raise Invalid(f"{question.source!r} is not a source: name one of {known}", "/source")
    source = every[question.source]
    payload = question.payload
    body = payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
    parsed = source.parse(body, at)
    if parsed.refusal is not None:
        said = parsed.refusal.body.decode("utf-8", "replace").strip()
        raise Invalid(f"{source.label} refuses this payload: {said}", "/payload")
    return _addressee(directory, question, parsed.key, source.types), parsed.events


def _addressee(directory: Directory, question: Question, key: str, types: frozenset[str]) -> Service:
    """The named service; else the owner of the key in the payload; else the only service that takes such payloads."""
    if question.service is not None:
        return service_of(directory, question.service)
    if key in directory.integrations:
        return directory.integrations[key].service
    fitting = [s for s in directory.services.values() if any(i.type in types for i in s.integrations)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(service.id for service in fitting) or "none has an integration for it"
    raise Invalid(f"Which service is this payload for? Name one: {known}", "/service")


# --- what would become of it ------------------------------------------------------------------------------------------


def _case(
    directory: Directory, case: Case, at: datetime, until: datetime | None, rings: Collection[str],
    answered: timedelta | None, taking: Taking,
) -> tuple[dict[str, Any], tuple[RehearsalItem, ...]]:  # fmt: skip
    held, met = case.held, case.met
    policies = [policy for _, policy in directory.policies_of([case.service.id])]
    service, anew = case.service.id, None
    if met is not None and met.anew is not None:
        service, anew, policies = met.service or service, met.anew, list(met.anew.policies)
    begins = at if held is None else held.until
    future = None
    if begins is not None and (met is None or anew is not None):
        future = foresee(
            directory, service, policies, case.severity, begins, until, rings, answered, anew=anew, taking=taking
        )
    later = held is not None and (until is None or begins is None or begins > until)
    items = future.items if future is not None and not later else ()
    view = {
        "service": case.service.id,
        "title": case.title,
        "alerts": case.alerts,
        "severity": case.severity.key,
        "urgency": future.urgency if future else None,
        "policy": policies[0].id if policies else None,
        "policies": [policy.id for policy in policies],
        "incident": met.incident if met is not None else None,
        "incident_name": met.name if met is not None else None,
        "muted": held and {"sentence": held.sentence, "until": time_text(held.until)},
        "sentence": _sentence(directory, case, held, future, policies),
        "rungs": [rung_view(directory, when, rung) for when, rung in future.rungs] if future and not later else [],
        "answered_at": time_text(begins + answered) if begins is not None and answered is not None else None,
    }
    return view, items


_NO_PAGE = {
    NoPage.SEVERITY: "Nobody is paged: {severity} pages nobody.",
    NoPage.NO_POLICY: "Nobody is paged: neither {service} nor the organisation has an escalation policy.",
}


def _sentence(
    directory: Directory, case: Case, held: Quiet | None, future: Rehearsal | None, policies: Sequence[EscalationPolicy]
) -> str:
    """What would happen, in one breath."""
    before = f"{held.sentence} " if held is not None else f"{case.met.sentence} " if case.met is not None else ""
    if future is None:
        if case.met is not None:
            return f"{before}Nobody is paged anew." if case.met.incident else case.met.sentence
        return f"{before}Nobody is paged."
    if future.no_page is not None:
        words = _NO_PAGE.get(future.no_page, "Nobody is paged.")
        return before + words.format(severity=case.severity.name, service=case.service.label)
    first = next((item for item in future.items if item.method), None)
    if first is None:
        return f"{before}Nobody can be reached: no step finds a person with a contact method."
    people = list(dict.fromkeys(directory.users[item.user].label for item in future.items if item.at == first.at))
    who = ", ".join(people)
    if held is not None:
        return f"{before}If the alert still fires then, {who} {'is' if len(people) == 1 else 'are'} paged first."
    return f"{before}{who} {'is' if len(people) == 1 else 'are'} paged first, {_urgently(future)}{_several(policies)}."


def _several(policies: Sequence[EscalationPolicy]) -> str:
    names = [policy.name or policy.id for policy in policies]
    return f", by the policies {', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else ""


def _urgently(future: Rehearsal) -> str:
    return "loudly" if future.urgency == "high" else "gently, and nobody after that until business hours begin"


def ringing(channels: Mapping[str, Any]) -> frozenset[str]:
    """The types of contact methods that ring, by the word of their channels."""
    return frozenset(name for name, channel in channels.items() if getattr(channel, "rings", False))
