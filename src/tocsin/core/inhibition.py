"""A cause hides its symptoms: by the labels of a firing alert, or by an open incident of a service that another depends on. Pure.

A rule hides an alert (its target) while another one (its source) fires that carries the same values of the rule's labels; an absent
label counts as empty. An alert on both sides of a rule is not hidden by others that are on both sides as well, so nothing hides
itself, and nothing is hidden by what it hides.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from tocsin.core.configuration import Service
from tocsin.core.directory import Directory
from tocsin.core.mute import Matcher
from tocsin.core.planned import Inhibition
from tocsin.core.severity import Severity

DEPENDENCY = "depends_on"
"""What hides an alert of a service while an incident of a service that it depends on is open."""
GRAVE = Severity.SEV2
"""The least severity of an incident that hides the alerts of dependants."""

H = TypeVar("H", bound=Hashable)


def _all_match(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> bool:
    for matcher in matchers:  # noqa: SIM110 - a generator costs more, and each new alert asks this of each rule
        if not matcher.matches(labels):
            return False
    return True


class Rule(msgspec.Struct, frozen=True):
    """An inhibition with its matchers ready to use."""

    id: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def is_source(self, labels: Mapping[str, str]) -> bool:
        return _all_match(self.source, labels)

    def is_target(self, labels: Mapping[str, str]) -> bool:
        return _all_match(self.target, labels)

    def place(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Where an alert stands under the labels that must be equal."""
        return tuple([labels.get(name, "") for name in self.equal])


def rules_of(directory: Directory) -> tuple[Rule, ...]:
    """The label rules in the order of their ids."""
    if "inhibitions" not in directory.memo:
        directory.memo["inhibitions"] = tuple(_rule(one) for _, one in sorted(directory.inhibitions.items()))
    found: tuple[Rule, ...] = directory.memo["inhibitions"]
    return found


def _rule(one: Inhibition) -> Rule:
    return Rule(one.id, tuple(c.matcher for c in one.source), tuple(c.matcher for c in one.target), one.equal)


def dependencies(directory: Directory, service: str) -> frozenset[str]:
    """The services that `service` depends on, and those that they depend on; never itself, however the arrows run in circles.

    Empty for a service that did not ask to be hidden under them.
    """
    key = ("dependencies", service)
    if key not in directory.memo:
        own = directory.services.get(service)
        wanted = own is not None and own.hidden_by_dependencies
        directory.memo[key] = _reach(directory.services, service) if wanted else frozenset()
    found: frozenset[str] = directory.memo[key]
    return found


def _reach(services: Mapping[str, Service], start: str) -> frozenset[str]:
    seen, waiting = {start}, [start]
    while waiting:
        one = services.get(waiting.pop())
        fresh = [name for name in (one.depends_on if one else ()) if name not in seen]
        seen.update(fresh)
        waiting += fresh
    return frozenset(seen - {start})


class Causes(Generic[H]):
    """The firing alerts that may hide others, under handles of the caller's choice (a row, or an alert not yet written)."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._known: list[dict[tuple[str, ...], list[tuple[H, bool]]]] = [{} for _ in rules]
        self._under: dict[H, H] = {}

    def add(self, handle: H, labels: Mapping[str, str], under: H | None = None) -> None:
        """One firing alert; `under`: the alert that hides it, if it is hidden itself."""
        for rule, known in zip(self._rules, self._known, strict=True):
            if rule.is_source(labels):
                known.setdefault(rule.place(labels), []).append((handle, rule.is_target(labels)))
        if under is not None:
            self._under[handle] = under

    def of(self, labels: Mapping[str, str], itself: H | None = None) -> tuple[Rule, H] | None:
        """What hides an alert with these labels, or None. `itself` is its own handle when it is known already: nothing that hangs
        under it can hide it, so that of two alerts that would hide each other one is always seen."""
        for rule, known in zip(self._rules, self._known, strict=True):
            if not rule.is_target(labels):
                continue
            both = rule.is_source(labels)
            for handle, also_target in known.get(rule.place(labels), ()):
                if not (both and also_target) and not self._hangs_under(handle, itself):
                    return rule, handle
        return None

    def _hangs_under(self, handle: H, itself: H | None) -> bool:
        seen: set[H] = set()
        while handle not in seen:
            if handle == itself:
                return True
            seen.add(handle)
            if handle not in self._under:
                return False
            handle = self._under[handle]
        return False


def concerned(rules: Iterable[Rule], labels: Mapping[str, str]) -> tuple[bool, bool]:
    """(may it hide others, may it be hidden) by any of the rules."""
    source = target = False
    for rule in rules:
        source = source or rule.is_source(labels)
        target = target or rule.is_target(labels)
        if source and target:
            break
    return source, target
