"""An update is due, or late: whoever speaks for the incident is reminded, later the commander too, then the team's manager. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tocsin.core.audience import AUDIENCES
from tocsin.core.directory import Directory
from tocsin.core.escalation import manager_of
from tocsin.core.matrix import Row, Rules
from tocsin.core.promise import loudness
from tocsin.core.role import COMMANDER, acting_commander, holder
from tocsin.core.severity import Severity
from tocsin.flow.rules import standing_of
from tocsin.store.incidents import Incident


class Reminder(NamedTuple):
    """Who is told what: `heading` is the news, `said` what the timeline tells."""

    users: list[str]
    heading: str
    said: str
    level: int


def leader_of(incident: Incident) -> str | None:
    """Who leads: the commander, whoever acts as one, or the assignee."""
    acting = acting_commander(incident.roles, incident.acknowledged_by, incident.assignee)
    return holder(incident.roles, COMMANDER) or acting or incident.assignee


def speaker_of(incident: Incident) -> str | None:
    """Who gives the next update: the comms lead, else whoever leads."""
    return holder(incident.roles, "comms_lead") or leader_of(incident)


def reminder(directory: Directory, rules: Rules, incident: Incident, at: datetime, now: datetime) -> Reminder:
    """The reminder that strikes at `at`. Nobody is told while the incident is snoozed."""
    row, level = rules.rows[Severity(incident.severity)], loudness(rules, standing_of(incident), at)
    users = [] if incident.snoozed_until is not None else _heard_by(directory, incident, level)
    what = _what(row, incident, now)
    if level:
        first = min(overdue(incident, now).values(), default=incident.next_update_at or at)
        since = int((now - first).total_seconds() // 60)
        return Reminder(users, f"An update is late by {since} minutes: {what}.", f"The update is late ({what})", level)
    return Reminder(users, f"An update is due: {what}.", f"An update is due ({what})", 0)


def _heard_by(directory: Directory, incident: Incident, level: int) -> list[str]:
    users = [speaker_of(incident)]
    if level >= 1:
        users.append(leader_of(incident))
    if level >= 2:
        users.append(manager_of(directory, incident.service))
    return list(dict.fromkeys(user for user in users if user))


def overdue(incident: Incident, now: datetime) -> dict[str, datetime]:
    """The audiences whose promised time has come."""
    promised = {audience: datetime.fromisoformat(at) for audience, at in incident.promised.items()}
    return {audience: at for audience, at in promised.items() if at <= now}


def _what(row: Row, incident: Incident, now: datetime) -> str:
    waiting = overdue(incident, now)
    if not waiting:
        return f"{Severity(incident.severity).name} is told every {row.communication_frequency}"
    names = [name for name in AUDIENCES if name in waiting]
    return (
        f"{joined(names)} {'was' if names == ['public'] else 'were'} promised one by {min(waiting.values()):%H:%M} UTC"
    )


def joined(names: Sequence[str]) -> str:
    """`stakeholders, executives and the public`."""
    said = ["the public" if name == "public" else name for name in names]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
