"""Every source: one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.plugins.sources.alertmanager import Alertmanager
from tocsin.plugins.sources.base import Snippet, Source
from tocsin.plugins.sources.pagerduty import PagerDuty, PagerDutyChange
from tocsin.plugins.sources.pagerduty_v1 import PagerDutyV1
from tocsin.plugins.sources.prometheus import Prometheus

TYPES: Mapping[str, str] = {
    "pagerduty": "PagerDuty Events",
    "alertmanager": "Alertmanager",
    "prometheus": "Prometheus",
}
"""Integration types that have a door, with their name for people."""


def sources() -> dict[str, Source]:
    """A new set of all sources, by name."""
    every: tuple[Source, ...] = (PagerDuty(), PagerDutyChange(), PagerDutyV1(), Alertmanager(), Prometheus())
    return {source.name: source for source in every}


def snippets(type: str, base_url: str, key: str) -> list[Snippet]:
    """How to set up senders for an integration of `type`: its own source first. Empty for a type without a door."""
    fitting = [source for source in sources().values() if type in source.types]
    fitting.sort(key=lambda source: source.name != type)
    return [snippet for source in fitting for snippet in source.snippets(base_url.rstrip("/"), key)]
