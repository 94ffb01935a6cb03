"""Escalation policies as people look at them: the ladder that each severity climbs, who uses it, and a look ahead before it is saved."""

from __future__ import annotations

from typing import Any

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.directory import Directory
from tocsin.core.matrix import matrix_of
from tocsin.core.preset import steps_of
from tocsin.flow.context import Context
from tocsin.manage import objects
from tocsin.manage.ladders import of_policy


def every(ctx: Context) -> list[dict[str, Any]]:
    """`{id, name, preset, steps, repeat, services, default}` of each policy, by name. `steps`: how many, on a SEV1."""
    return sorted(
        (_short(ctx, policy) for policy in ctx.directory.escalation_policies.values()),
        key=lambda one: str(one["name"]).lower(),
    )


def _short(ctx: Context, policy: EscalationPolicy) -> dict[str, Any]:
    return {
        "id": policy.id, "name": policy.name or policy.id, "preset": policy.preset, "repeat": policy.repeat,
        "steps": len(steps_of(policy)), **used(ctx.directory, policy.id),
    }  # fmt: skip


def used(directory: Directory, id: str) -> dict[str, Any]:
    """`{services, default}`: the services that climb this policy, and whether it holds where nothing else does."""
    services = sorted(
        one.id for one in directory.services.values() if (p := directory.policy_of(one.id)) is not None and p.id == id
    )
    return {"services": services, "default": directory.default_escalation_policy == id}


def ladder(ctx: Context, id: str) -> dict[str, Any]:
    """The ladder that each severity climbs by the organisation's matrix, with who would be paged now, and who uses it:
    `{policy, name, preset, repeat, severities: {key: [step]}, services, default}`. Raises NotFound."""
    policy: EscalationPolicy = objects.find(ctx, "escalation_policies", id).object
    return _drawn(ctx, policy)


def preview(ctx: Context, id: str, body: Any) -> dict[str, Any]:
    """The same as it would be with these fields; nothing is changed. Raises Invalid with pointers, Conflict."""
    one: EscalationPolicy = objects.merged(ctx.directory, "escalation_policies", id, body)
    objects.with_object(ctx, ctx.directory, "escalation_policies", one.id, one)
    return _drawn(ctx, one)


def _drawn(ctx: Context, policy: EscalationPolicy) -> dict[str, Any]:
    drawn = of_policy(ctx.directory, policy, matrix_of(ctx.directory, None), ctx.clock.now())
    return {**drawn, "repeat": policy.repeat, **used(ctx.directory, policy.id)}
