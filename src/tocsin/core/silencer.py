"""Which of many silences mutes an alert, without trying them all: each stands under the rarest value it asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from tocsin.core.mute import Matcher, Mute


class Silencer:
    """An immutable index of silences. Those without an equality to look up by are tried one by one."""

    __slots__ = ("_anywhere", "_by_label", "_by_service", "all")

    def __init__(self, mutes: Iterable[Mute] = ()) -> None:
        self.all = tuple(mutes)
        asked = Counter((m.name, m.value) for mute in self.all for m in _equalities(mute))
        self._by_label: dict[str, dict[str, list[Mute]]] = {}
        self._by_service: dict[str, list[Mute]] = {}
        self._anywhere: list[Mute] = []
        for mute in self.all:
            rarest = min(_equalities(mute), key=lambda m: asked[m.name, m.value], default=None)
            if rarest is not None:
                self._by_label.setdefault(rarest.name, {}).setdefault(rarest.value, []).append(mute)
            elif mute.service is not None:
                for service in mute.scope:
                    self._by_service.setdefault(service, []).append(mute)
            else:
                self._anywhere.append(mute)

    def find(self, labels: Mapping[str, str], service: str, at: datetime) -> Mute | None:
        """The oldest silence that mutes an alert with these labels on `service`, or None."""
        found: Mute | None = None
        for mute in self._candidates(labels, service):
            if (found is None or mute.id < found.id) and mute.mutes(labels, service, at):
                found = mute
        return found

    def every(self, labels: Mapping[str, str], service: str, at: datetime) -> list[Mute]:
        """All silences that mute such an alert, oldest first."""
        hits = [mute for mute in self._candidates(labels, service) if mute.mutes(labels, service, at)]
        return sorted(hits, key=lambda mute: mute.id)

    def _candidates(self, labels: Mapping[str, str], service: str) -> list[Mute]:
        found = [*self._anywhere, *self._by_service.get(service, ())]
        for name, values in self._by_label.items():
            if name in labels:
                found += values.get(labels[name], ())
        return found


def _equalities(mute: Mute) -> list[Matcher]:
    return [m for m in mute.matchers if m.is_equal and not m.is_regex and m.value]
