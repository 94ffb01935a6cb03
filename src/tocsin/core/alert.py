"""What becomes of an event: the order of decisions as one list, each outcome with a reason from a closed list."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from tocsin.core.configuration import Grouping
from tocsin.core.event import Event

LONGEST_KEY = 500
"""Characters of a group key that is stored as it is; a longer one, which no index could hold, is stored as its SHA-256."""


class Reason(StrEnum):
    """Why an event had the effect it had. docs/guide/reasons.md says what each means (a test compares)."""

    OPENED = "opened"
    """A new alert that opened a new incident."""
    JOINED = "joined"
    """A new alert that joined an open incident of its group."""
    RELAPSED = "relapsed"
    """A new alert that came back during the stability watch of its incident."""
    MUTED = "muted"
    """A new alert that a silence mutes: kept, and nobody is paged."""
    UNMUTED = "unmuted"
    """An alert still firing when its silence ended: it opened or joined an incident then."""
    MAINTENANCE = "maintenance"
    """A new alert during a maintenance window of its service: kept and reported at its end, and nobody is paged."""
    INHIBITED = "inhibited"
    """A new alert that its cause hides: kept, and nobody is paged while the cause lasts."""
    UNINHIBITED = "uninhibited"
    """An alert still firing when its cause was over: it opened or joined an incident then."""
    REPEATED = "repeated"
    """The alert is open already: counted, nobody is paged again."""
    ACKNOWLEDGED = "acknowledged"
    """The source acknowledged an open alert, and with it the incident."""
    RESOLVED = "resolved"
    """The source resolved an open alert."""
    NOTHING_OPEN = "nothing_open"
    """An acknowledgement or resolution of an alert that is not open: dropped."""
    STORED = "stored"
    """A change: stored, never pages."""


class NoPage(StrEnum):
    """Why an incident pages nobody. docs/guide/reasons.md says what each means (a test compares)."""

    SEVERITY = "severity_does_not_page"
    """Its severity (SEV4, unless the matrix says otherwise) is looked at in working hours; it wakes nobody."""
    NO_POLICY = "no_escalation_policy"
    """Neither the service nor the organisation has an escalation policy that exists."""


def group_key(grouping: Grouping | None, event: Event) -> str | None:
    """The group of an alert: the values of the labels it is grouped by (an absent label counts as empty), or None without grouping."""
    if grouping is None:
        return None
    labels = event.labels
    key = "\x1f".join([labels.get(name, "") for name in grouping.by])
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()
