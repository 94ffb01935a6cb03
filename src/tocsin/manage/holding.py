"""What would hold an alert back at a time: silences and maintenance windows, by the very index that triage asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from tocsin.core.configuration import Service
from tocsin.core.directory import Directory
from tocsin.core.event import Event
from tocsin.core.mute import Mute
from tocsin.core.silencer import Silencer
from tocsin.core.window import next_window, scope

Muted = Callable[[Service, Event, datetime], "Quiet | None"]
"""Why an alert would page nobody at that time: a silence, a maintenance window, a cause that hides it. None: it would page."""


class Quiet(msgspec.Struct, frozen=True):
    """Something holds an alert back: what, and until when (None: nobody knows)."""

    sentence: str
    until: datetime | None


def planned(directory: Directory, at: datetime) -> list[Mute]:
    """The windows of planned mutes that are open at `at`."""
    found = []
    for rule in directory.mutes.values():
        window = next_window(rule, directory, at)
        if window is not None and window.start <= at:
            services = scope(rule, directory)
            found.append(
                Mute(
                    public_id="", service=services[0] if services else None, services=services, kind=rule.kind, rule=rule.id,
                    matchers=tuple(condition.matcher for condition in rule.matchers), starts_at=window.start,
                    ends_at=window.end, created_by=rule.id, comment=rule.reason, created_at=at, updated_at=at,
                )
            )  # fmt: skip
    return found


def muted_by(mutes: Iterable[Mute]) -> Muted:
    """The silences and maintenance windows that hold then, by the very index that triage asks."""
    silencer = Silencer(mutes)

    def muted(service: Service, event: Event, at: datetime) -> Quiet | None:
        found = silencer.find(event.labels, service.id, at)
        if found is None:
            return None
        what = "The maintenance window" if found.kind == "maintenance" else "The silence"
        whose = f"{found.rule!r}" if found.rule else f"of {found.created_by.partition(':')[2] or found.created_by}"
        comment = f" ({found.comment})" if found.comment else ""
        until = f"{found.ends_at:%Y-%m-%d %H:%M} UTC"
        return Quiet(f"{what} {whose}{comment} holds it back until {until}.", found.ends_at)

    return muted
