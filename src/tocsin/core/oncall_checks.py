"""Do a schedule and an escalation policy make sense? Layers, restrictions, overrides; steps, presets, targets. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.core.checking import Known, between, refer, refer_all, repeated, slug_faults, zone_faults
from tocsin.core.configuration import EscalationPolicy, Layer, Schedule, Target, Tiers
from tocsin.core.rota import hidden
from tocsin.core.shape import Fault, Path
from tocsin.core.tier import TIERS


def schedule_faults(schedule: Schedule, known: Known) -> Iterator[Fault]:
    yield from zone_faults(schedule.time_zone, ("time_zone",))
    if schedule.limits is not None:
        yield from between(schedule.limits.nights, 0, 365, ("limits", "nights"))
        yield from between(schedule.limits.secondary_percent, 0, 100, ("limits", "secondary_percent"))
    yield from refer(known, "teams", schedule.team, ("team",))
    if not schedule.layers and not schedule.overrides:
        watched = ": shadows only watch, they never answer" if schedule.shadows else ""
        yield Fault(("layers",), f"nobody would ever be on call{watched}: add a layer with its users")
    for position, layer in enumerate(schedule.layers):
        yield from _layer(layer, known, ("layers", position))
    yield from repeated([layer.id for layer in schedule.layers], "layer", ("layers",))
    for position, above in hidden(schedule.layers):
        hides, names = schedule.layers[position].id, ", ".join(above)
        message = f"the layer {hides!r} could never be on call: later layers win, and {names} would always have someone"
        yield Fault(("layers", position), f"{message} (move it below in the list, restrict the others, or remove it)")
    for name, several in (("overrides", schedule.overrides), ("shadows", schedule.shadows)):
        for position, one in enumerate(several):
            yield from refer(known, "users", one.user, (name, position, "user"))
            if not one.start < one.end:
                yield Fault((name, position, "to"), f"{one.end} is not after {one.start}: end it later")


def _layer(layer: Layer, known: Known, path: Path) -> Iterator[Fault]:
    yield from slug_faults(layer.id, (*path, "id"))
    if not layer.users:
        yield Fault((*path, "users"), "a rotation needs users: name at least one")
    yield from refer_all(known, "users", layer.users, (*path, "users"))
    yield from between(layer.rotation.every, 1, 1000, (*path, "rotation", "every"))
    for position, window in enumerate(layer.restrictions):
        at = (*path, "restrictions", position)
        if not window.days:
            yield Fault((*at, "days"), "a restriction needs days: name some, or leave days out for all seven")
        if window.start.minutes == 1440:
            yield Fault((*at, "from"), 'a window cannot begin at 24:00: write from: "00:00" and the next day')


def policy_faults(policy: EscalationPolicy, known: Known) -> Iterator[Fault]:
    yield from between(policy.repeat, 0, 100, ("repeat",))
    if policy.preset is not None or policy.tiers is not None:
        yield from _preset(policy, known)
        return
    if policy.secondary_after is not None:
        yield Fault(("secondary_after",), "this belongs to a preset: write it as the `after` of the second step")
    if not policy.steps:
        yield Fault(("steps",), "nobody would ever be paged: add a step with its targets")
    for position, step in enumerate(policy.steps):
        path = ("steps", position, "targets")
        if not step.targets:
            yield Fault(path, "a step needs targets: name at least one user, team or schedule")
        for place, target in enumerate(step.targets):
            yield from _target(target, known, (*path, place))
        if position and step.after < policy.steps[position - 1].after:
            earlier = policy.steps[position - 1].after
            yield Fault(
                ("steps", position, "after"), f"{step.after} is before the step above ({earlier}): order the steps"
            )


def _preset(policy: EscalationPolicy, known: Known) -> Iterator[Fault]:
    if policy.preset is None:
        yield Fault(
            ("preset",), "tiers belong to a preset: write preset: standard (or fast), or steps instead of tiers"
        )
    if policy.steps:
        yield Fault(("steps",), "a preset makes its own steps: write either preset and tiers, or steps")
    tiers = policy.tiers or Tiers()
    if not any(getattr(tiers, tier) for tier in TIERS):
        yield Fault(("tiers",), "nobody would ever be paged: name at least one target of one tier, like on_call")
    for tier in TIERS:
        for place, target in enumerate(getattr(tiers, tier)):
            yield from _target(target, known, ("tiers", tier, place))


def _target(target: Target, known: Known, path: Path) -> Iterator[Fault]:
    named = {"users": target.user, "teams": target.team, "schedules": target.schedule}
    if sum(name is not None for name in named.values()) != 1:
        yield Fault(path, "a target is exactly one of user, team or schedule: write several targets for several")
    for kind, name in named.items():
        yield from refer(known, kind, name, (*path, kind.removesuffix("s")))
