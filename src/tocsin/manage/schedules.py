"""Schedules as people look at them: what is drawn of a span of time, lane by lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from tocsin.core.configuration import Schedule
from tocsin.core.rota import span
from tocsin.core.schedule import OVERRIDE, Shift, shifts


@dataclass(frozen=True)
class Lane:
    """One line of a drawing: `kind` is final, override, shadow or layer; `name` is the layer's id."""

    kind: str
    name: str
    shifts: Sequence[Shift]


def lanes(schedule: Schedule, start: datetime, end: datetime) -> list[Lane]:
    """The final schedule, overrides, each layer by itself (the one that wins first), shadow shifts. Takes a while: use a thread."""
    found = [Lane("final", "", shifts(schedule, start, end))]
    if schedule.overrides:
        only = msgspec.structs.replace(schedule, layers=())
        found.append(Lane("override", OVERRIDE, shifts(only, start, end)))
    for layer in reversed(schedule.layers):
        only = msgspec.structs.replace(schedule, layers=(layer,), overrides=())
        found.append(Lane("layer", layer.id, shifts(only, start, end)))
    if schedule.shadows:
        found.append(Lane("shadow", "shadow", shadow_shifts(schedule, start, end)))
    return found


def shadow_shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """Who watches when, in order; several may at once."""
    spans = [(*span(schedule, one), one.user) for one in schedule.shadows]
    return [Shift(user, a, b, "shadow") for a, b, user in sorted(spans) if a < end and b > start and a < b]
