"""A promise of an incident's severity comes due: it is told and shown, somebody is reminded or informed, business hours begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.core.directory import Directory
from tocsin.core.escalation import PageReason, manager_of
from tocsin.core.matrix import Row, Rules
from tocsin.core.notification import subscribed
from tocsin.core.promise import Promise, due
from tocsin.core.role import PATIENCE, acting_commander
from tocsin.core.severity import Severity
from tocsin.core.timeline import Entry, Kind
from tocsin.flow.acts import label, reads
from tocsin.flow.context import Context
from tocsin.flow.crowds import bundled
from tocsin.flow.pager import ACTOR
from tocsin.flow.reminding import joined, reminder
from tocsin.flow.restart import restart
from tocsin.flow.rules import known_rules, learn, standing_of, strike
from tocsin.store import incidents, notices, timers
from tocsin.store.incidents import Incident
from tocsin.store.notices import NewNotice
from tocsin.store.notifications import Held
from tocsin.store.timers import Timer
from tocsin.store.updates import DRAFTS
from tocsin.store.writing import NewTimer, Writing, notify, write_paging, write_story

REMINDING = timedelta(minutes=30)
"""How long a reminder is tried."""
MOST_DRAFTED = 20
"""Of so many incidents at once drafts are made although nobody was told anything yet."""


@dataclass
class Struck:
    """What the clock of one incident struck."""

    entries: list[Entry] = field(default_factory=list)
    notices: list[NewNotice] = field(default_factory=list)
    opens: bool = False
    """Business hours begin for it."""
    drafts: bool = False
    """An update is due in a moment: drafts are to be ready."""


async def fire(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """The clocks of these incidents strike: one transaction for all of them."""
    held: list[Held] = []
    async with ctx.db.transaction() as tx:
        locked = await incidents.lock(tx, [timer.subject for timer in batch])
        now = ctx.clock.now()
        ours = await timers.finish(tx, ctx.node, batch)
        mine = [(timer, locked[timer.subject]) for timer in batch if timer.id in ours and timer.subject in locked]
        await learn(ctx, tx, [incident.matrix for _, incident in mine])
        writing = Writing()
        opening: list[Incident] = []
        drafted: list[Incident] = []
        for timer, incident in mine:
            rules = known_rules(ctx, incident.matrix, incident.service)
            struck = _strike(ctx.directory, rules, incident, timer.set_for, now)
            link = writing.tell(incident.id, incident.link, struck.entries)
            incident.timeline_seq, incident.timeline_head = link.seq, link.head
            writing.notices += struck.notices
            if struck.drafts:
                drafted.append(incident)
            if struck.opens:
                opening.append(incident)
            else:
                writing.timers += strike(rules, incident, now)
        writing.timers += [
            NewTimer(kind=DRAFTS, subject=incident.id, incident_id=incident.id, due_at=now)
            for incident in _worth(drafted)
        ]
        await notices.add(tx, bundled(writing.notices, locked))
        writing.notices = []
        await write_paging(tx, writing)
        await write_story(tx, writing)
        for incident in opening:
            severity = Severity(incident.severity)
            held += await restart(ctx, tx, incident, now, PageReason.BUSINESS_HOURS, severity)
        if writing.entries or opening:
            await notify(tx, "timeline")
    ctx.wake.set("timeline", "timers")
    return held


def _worth(drafted: Sequence[Incident]) -> list[Incident]:
    """Of which of these incidents drafts are made: in a storm only of those of which somebody was promised to hear."""
    promised = [incident for incident in drafted if incident.promised]
    return list(drafted) if len(drafted) - len(promised) <= MOST_DRAFTED else promised


def _strike(directory: Directory, rules: Rules, incident: Incident, start: datetime, now: datetime) -> Struck:
    """What came due for one incident since `start`. Pure."""
    struck = Struck()
    row = rules.rows[Severity(incident.severity)]
    for at, promise in due(rules, standing_of(incident), start, now):
        match promise:
            case Promise.RESPONSE:
                text = f"Nobody acknowledged within {row.response_time}"
                struck.entries.append(_entry(now, "response_late", text, at))
            case Promise.TARGET:
                text = f"Not restored within {row.resolution_target}"
                struck.entries.append(_entry(now, "target_missed", text, at))
            case Promise.UPDATE:
                _remind(directory, rules, incident, at, now, struck)
            case Promise.DRAFT:
                struck.drafts = True
            case Promise.MANAGER | Promise.QUEUE:
                _inform(directory, row, incident, promise, at, now, struck)
            case Promise.COMMANDER:
                _command(directory, incident, at, now, struck)
            case Promise.OPENING:
                struck.opens = True
    return struck


def _entry(now: datetime, kind: Kind, details: str, due_at: datetime, **data: object) -> Entry:
    return Entry(at=now, kind=kind, actor=ACTOR, details=details, data={"due_at": due_at.isoformat(), **data})


def _remind(
    directory: Directory, rules: Rules, incident: Incident, at: datetime, now: datetime, struck: Struck
) -> None:
    told, key = reminder(directory, rules, incident, at, now), f"update_due:{incident.id}:{at.isoformat()}"
    made = [
        notice
        for user in told.users
        for notice in update_to(directory, user, f"{key}:{user}" if told.level else key, told.heading, incident, now)
    ]
    informed = list(dict.fromkeys(notice.user_id for notice in made))
    names = joined([label(directory, user) for user in informed]) if informed else ""
    reminded = f"; {names} {'is' if len(informed) == 1 else 'are'} reminded" if informed else ""
    data = {"user": next(iter(told.users), None), "methods": [notice.method for notice in made], "level": told.level}
    struck.entries.append(_entry(now, "update_due", told.said + reminded, at, **data))
    struck.notices += made


def _inform(
    directory: Directory, row: Row, incident: Incident, promise: Promise, at: datetime, now: datetime, struck: Struck
) -> None:
    """The team's manager is told, without being paged."""
    user = manager_of(directory, incident.service)
    queue = promise is Promise.QUEUE
    severity = Severity(incident.severity).name
    waited = f"Nobody acknowledged it within {row.escalation_time} of business hours, and it pages nobody"
    heading = (
        f"{waited}: you own the queue."
        if queue
        else f"For your information: {severity} in what your team owns.{_response(row)}"
    )
    made = list(update_to(directory, user, f"{promise.value}:{incident.id}:{at.isoformat()}", heading, incident, now))
    person = directory.users.get(user) if user else None
    if person is None:
        told = "There is no manager to inform"
    elif made:
        told = f"{person.label} is informed, who manages the team"
    elif not reads(directory, incident, person.id):
        told = f"It is private: {person.label}, who manages the team, is not told"
    else:
        told = f"{person.label}, who manages the team, has no contact method that gets updates"
    data = {"user": user, "reason": promise.value, "methods": [notice.method for notice in made]}
    text = f"{waited}. {told}" if queue else told
    struck.entries.append(_entry(now, "manager_informed", text, at, **data))
    struck.notices += made


def _response(row: Row) -> str:
    """What the matrix says of the severity, for who reads of it."""
    said = ((" Who responds", row.who), (" Who is told", row.how))
    return "".join(f"{what}: {text.rstrip('.')}." for what, text in said if text)


def _command(directory: Directory, incident: Incident, at: datetime, now: datetime, struck: Struck) -> None:
    """Nobody has taken command of a SEV1 or SEV2: whoever acts as commander and the team's manager are told."""
    severity = Severity(incident.severity).name
    acting = acting_commander(incident.roles, incident.acknowledged_by, incident.assignee)
    heading = f"Nobody has taken command of this {severity}: take it, or give it to somebody."
    told = dict.fromkeys(user for user in (acting, manager_of(directory, incident.service)) if user)
    key = f"no_commander:{incident.id}:{at.isoformat()}"
    made = [n for user in told for n in update_to(directory, user, f"{key}:{user}", heading, incident, now)]
    person = directory.users.get(acting) if acting else None
    stands_in = f"; {person.label} is acting commander" if person else ""
    text = f"Nobody has taken command within {minutes(PATIENCE)}{stands_in}"
    informed = sorted({notice.user_id for notice in made})
    struck.entries.append(_entry(now, "no_commander", text, at, acting=acting, informed=informed))
    struck.notices += made


def minutes(length: timedelta) -> str:
    """`5 minutes`."""
    return f"{int(length.total_seconds() // 60)} minutes"


def update_to(
    directory: Directory, user: str | None, key: str, heading: str, incident: Incident, now: datetime
) -> Iterator[NewNotice]:
    """An update to a person who may see the incident, by each contact method that its owner wants updates on."""
    person = directory.users.get(user) if user and reads(directory, incident, user) else None
    for method in subscribed(person) if person else ():
        yield NewNotice(
            key=f"{key}:{method.id}", kind=key.partition(":")[0], user_id=person.id if person else "", method=method.id,
            channel=method.type, heading=heading, incident_id=incident.id, created_at=now, due_at=now,
            deadline_at=now + REMINDING,
        )  # fmt: skip
