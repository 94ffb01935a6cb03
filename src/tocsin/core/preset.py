"""Presets: a whole ladder from the people of its tiers, scaled by severity (C-1, C-3).

`standard` is the ladder of C-3: on call at once, its second target after ten minutes, then the tiers above every fifteen minutes.
`fast` takes a third of that, because at 45 minutes the target of restoring a SEV1 in 30 is long lost. Both are scaled by the
escalation time of the severity (15 minutes: as it stands; SEV2 twice, SEV3 eight times), except for the second target, who is
waited for as long at every severity. The severity's highest tier caps the ladder.
"""

from __future__ import annotations

from functools import lru_cache

from tocsin.core.configuration import EscalationPolicy, Step, Target
from tocsin.core.spelling import Duration
from tocsin.core.tier import TIERS, Tier, within

UNSCALED = Duration(15 * 60)
"""The escalation time at which a preset stands as it is written here: that of a SEV1."""
SECONDARY_AFTER = {"standard": Duration(10 * 60), "fast": Duration(3 * 60 + 20)}
"""When the second target of the first tier is paged."""
GAP = {"standard": Duration(15 * 60), "fast": Duration(5 * 60)}
"""How long one tier has before the next one is paged."""


class Expanded(EscalationPolicy, frozen=True, kw_only=True):
    """A preset as steps. `lasts`: how long a round is (each tier has its whole gap, also the last)."""

    lasts: Duration


def steps_of(policy: EscalationPolicy) -> tuple[Step, ...]:
    """The steps of a policy as it stands for a SEV1: for whoever asks about the people on it, not about an incident."""
    return expanded(policy).steps


def expanded(
    policy: EscalationPolicy, escalation_time: Duration = UNSCALED, top: Tier = "executive"
) -> EscalationPolicy:
    """The policy with its steps. One that was written in steps comes back as it is: what is written is literal."""
    return policy if policy.preset is None else _expand(policy, escalation_time, top)


@lru_cache(maxsize=4096)
def _expand(policy: EscalationPolicy, escalation_time: Duration, top: Tier) -> Expanded:
    assert policy.preset is not None
    steps: list[Step] = []
    gap = GAP[policy.preset] * escalation_time // UNSCALED
    filled = [(tier, found) for tier in TIERS if within(tier, top) and (found := _targets(policy, tier))]
    for position, (tier, targets) in enumerate(filled):
        begins = Duration(position * gap)
        if tier == "on_call" and len(targets) > 1:
            later = policy.secondary_after or SECONDARY_AFTER[policy.preset]
            steps.append(Step(after=begins, tier=tier, targets=targets[:1]))
            steps.append(Step(after=Duration(min(later, gap)), tier=tier, targets=targets[1:]))
        else:
            steps.append(Step(after=begins, tier=tier, targets=targets))
    return Expanded(
        id=policy.id, name=policy.name, steps=tuple(steps), repeat=policy.repeat, lasts=Duration(len(filled) * gap)
    )


def _targets(policy: EscalationPolicy, tier: Tier) -> tuple[Target, ...]:
    found: tuple[Target, ...] = getattr(policy.tiers, tier) if policy.tiers else ()
    return found
