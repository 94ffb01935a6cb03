"""Events on their way through triage, parted so that each key keeps its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from tocsin.core.alert import Reason
from tocsin.core.directory import IntegrationRef
from tocsin.core.event import Event
from tocsin.core.severity import from_source


class Outcome(msgspec.Struct, gc=False):
    """What became of one event."""

    reason: Reason
    alert_id: int | None = None
    incident: int | None = None


class Item(msgspec.Struct):
    """One event on its way through triage; `outcome` is set when its effect is committed."""

    ref: IntegrationRef
    event: Event
    at: datetime
    outcome: Outcome | None = None


@dataclass
class Run:
    """Consecutive events of one action for one dedup key of one service, in order of arrival."""

    service: str
    key: str
    items: list[Item] = field(default_factory=list)

    @property
    def first(self) -> Item:
        return self.items[0]

    @property
    def severity(self) -> int:
        """The worst that any of them says."""
        return min(from_source(word) for word in {item.event.severity for item in self.items})

    @property
    def ends_at(self) -> datetime | None:
        """When the alert ends unless it is sent again: as its source says, else after the quiet time of its service."""
        last = self.items[-1]
        return last.event.ends_at or quiet_end(last)

    def settle(self, reason: Reason, alert: int | None, incident: int | None, rest: Reason | None = None) -> None:
        """Give the first event its outcome, and the others `rest` (default: the same)."""
        first = Outcome(reason, alert, incident)
        other = Outcome(rest, alert, incident) if rest else first
        for item in self.items:
            item.outcome = other
        self.items[0].outcome = first


def quiet_end(item: Item) -> datetime | None:
    """When an alert whose source names no end resolves for want of events; None: never. A heartbeat ends by its pings only."""
    quiet = item.ref.service.auto_resolve
    if quiet is None or item.ref.integration.type == "heartbeat":
        return None
    return item.at + timedelta(seconds=quiet)


def waves(items: Sequence[Item]) -> list[dict[tuple[str, str], Run]]:
    """Part a batch so that within one wave each key has one run of one action; waves keep each key's order."""
    result: list[dict[tuple[str, str], Run]] = []
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for item in items:
        event = item.event
        key = (item.ref.service.id, event.dedup_key)
        wave, action = last.get(key, (-1, ""))
        if action != event.action:
            wave += 1
            last[key] = (wave, event.action)
            if wave == len(result):
                result.append({})
            result[wave][key] = Run(key[0], key[1])
        result[wave][key].items.append(item)
    return result
