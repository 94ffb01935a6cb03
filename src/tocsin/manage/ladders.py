"""The escalation of one incident as something to draw: rungs that fired, the one that fires next, and those above it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.directory import Directory
from tocsin.core.escalation import Ladder, due, fire, start
from tocsin.core.incident import display_name, public_id, unknown
from tocsin.core.matrix import Matrix, Rules, escalate_by, matrix_of
from tocsin.core.preset import expanded
from tocsin.core.progress import first_due, onward
from tocsin.core.severity import Severity
from tocsin.core.tier import ABOUT
from tocsin.flow.context import Context
from tocsin.flow.rules import known_rules, learn
from tocsin.manage.lists import time_text
from tocsin.store import reading_incidents as reading
from tocsin.store.reading_incidents import Row


async def ladder(ctx: Context, number: int) -> dict[str, Any]:
    """`{"incident", "name", "answered", "now", "progress", "climbs": [...]}` of the present cycle of paging. Raises NotFound.

    `progress`: what the second clock does for this severity, `automatic`, `prompt` or `off`. A climb: `{policy, name, preset, state,
    ended_reason, round, rounds, next_at, rungs}` with `state` running, held (waits for a person), progress (acknowledged, and the
    tiers above on call are still to come), stopped or exhausted. A rung: `{step, tier, role, after_seconds, at, state, targets,
    round_robin, people: [{user, name, state}]}` with `step` from 1, `state` fired, next, waiting or skipped (will not fire), for people
    the state of their page, or `expected` for those who would be paged; `role` says who stands on the tier.
    """
    async with ctx.db.reading() as tx:
        incident = await reading.get(tx, number)
        if incident is None:
            raise unknown(number)
        climbs = await reading.escalations(tx, number)
        pages = await reading.pages(tx, number, None, None)
        await learn(ctx, tx, [incident["matrix"]])
    latest = max((climb["cycle"] for climb in climbs), default=0)
    rules = known_rules(ctx, incident["matrix"], incident["service"])
    severity = Severity(incident["severity"])
    drawings = [
        Drawing(ctx.directory, rules, severity, climb, [p for p in pages if p["escalation_id"] == climb["id"]])
        for climb in climbs if climb["cycle"] == latest
    ]  # fmt: skip
    return {
        "incident": public_id(number),
        "name": display_name(number, incident["created_at"]),
        "answered": incident["acknowledged_cycle"] >= incident["cycle"],
        "now": time_text(ctx.clock.now()),
        "progress": rules.rows[severity].progress,
        "climbs": await asyncio.to_thread(lambda: [drawing.whole() for drawing in drawings]),
    }


def next_tier(drawn: dict[str, Any], above: bool = False) -> dict[str, Any] | None:
    """Who stands on the rung that an escalation would page now (`above`: on the next tier above on call): its `role` and `tier`, or
    None when no rung is left."""
    for climb in drawn["climbs"]:
        coming = [r for r in climb["rungs"] if r["step"] > climb["step"] and not (above and r["tier"] == "on_call")]
        if coming and climb["state"] != "exhausted":
            return {**coming[0]["role"], "tier": coming[0]["tier"]}
    return None


def of_service(ctx: Context, service: str, now: datetime) -> dict[str, Any] | None:
    """What the service's escalation policy does for each severity that pages, presets expanded; None without a policy.

    `{policy, name, preset, severities: {key: [{step, tier, role, after_seconds, targets, round_robin, people}]}}`; `people` are the
    names of those whom the step would page if it fired now.
    """
    policy = ctx.directory.policy_of(service)
    return None if policy is None else of_policy(ctx.directory, policy, matrix_of(ctx.directory, service), now)


def of_policy(directory: Directory, policy: EscalationPolicy, matrix: Matrix, now: datetime) -> dict[str, Any]:
    """The same of one policy, by the rows of a matrix."""
    return {
        "policy": policy.id,
        "name": policy.name or policy.id,
        "preset": policy.preset,
        "severities": {
            severity.key: _steps(directory, expanded(policy, row.escalation_time, row.top), now)
            for severity, row in matrix.items()
            if row.page != "never"
        },
    }


def _steps(directory: Directory, policy: EscalationPolicy, now: datetime) -> list[dict[str, Any]]:
    begun = start(policy, now)
    return [
        {
            "step": number, "tier": step.tier, "role": ABOUT[step.tier].role, "after_seconds": int(step.after),
            "targets": [target.name for target in step.targets], "round_robin": step.round_robin,
            "people": [
                directory.users[page.user].label
                for page in fire(msgspec.structs.replace(step, round_robin=False), begun, directory, now).pages
            ],
        }
        for number, step in enumerate(policy.steps, 1)
    ]  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """One climb, to be drawn."""

    directory: Directory
    rules: Rules
    severity: Severity
    climb: Row
    pages: Sequence[Row]

    @property
    def written(self) -> EscalationPolicy | None:
        return self.directory.escalation_policies.get(self.climb["policy"])

    @property
    def policy(self) -> EscalationPolicy:
        """With the steps that a preset has for this severity."""
        row, written = self.rules.rows[self.severity], self.written
        if written is None:
            return EscalationPolicy(id=self.climb["policy"])
        return expanded(written, row.escalation_time, row.top)

    @property
    def ladder(self) -> Ladder:
        climb = self.climb
        return Ladder(climb["round"], climb["step"], climb["round_started_at"], climb["next_at"])

    def whole(self) -> dict[str, Any]:
        climb, policy, written = self.climb, self.policy, self.written
        return {
            "policy": climb["policy"],
            "name": policy.name or policy.id,
            "preset": written.preset if written else None,
            "state": climb["state"],
            "step": climb["step"],
            "ended_reason": climb["ended_reason"],
            "ended_at": time_text(climb["ended_at"]),
            "round": climb["round"],
            "rounds": policy.repeat + 1 if written else climb["round"] + 1,
            "next_at": time_text(climb["next_at"]),
            "rungs": [self._rung(policy, number) for number in range(len(policy.steps))],
        }

    def _rung(self, policy: EscalationPolicy, number: int) -> dict[str, Any]:
        step, about = policy.steps[number], ABOUT[policy.steps[number].tier]
        paged = [p for p in self.pages if p["step"] == number + 1 and p["round"] == self.climb["round"]]
        state = self._state(policy, number, bool(paged))
        at = min((p["created_at"] for p in paged), default=None) or self._due(policy, number, state)
        expected = self._expected(policy, number, at) if state in ("next", "waiting") and not paged else ()
        return {
            "step": number + 1,
            "tier": step.tier,
            "role": {
                "name": about.name, "role": about.role, "expertise": about.expertise, "capabilities": about.capabilities,
            },
            "after_seconds": int(step.after),
            "at": time_text(at),
            "state": state,
            "targets": [target.name for target in step.targets],
            "round_robin": step.round_robin,
            "people": [
                *({"user": p["user_id"], "name": self._label(p["user_id"]), "state": p["state"]} for p in paged),
                *({"user": user, "name": self._label(user), "state": "expected"} for user in expected),
            ],
        }  # fmt: skip

    def _state(self, policy: EscalationPolicy, number: int, paged: bool) -> str:
        climb = self.climb
        climbed_on = climb["state"] == "progress" or climb["ended_reason"] == "top"
        if number < climb["step"] or climb["state"] == "exhausted":
            return "skipped" if climbed_on and not paged else "fired"
        if climb["state"] == "progress":
            coming = self._coming(policy, number)
            return "skipped" if coming is None else "next" if number == climb["step"] else "waiting"
        if climb["state"] != "running":
            return "skipped"
        return "next" if number == climb["step"] else "waiting"

    def _coming(self, policy: EscalationPolicy, number: int) -> Ladder | None:
        """The rung as the second clock would fire it; None when it never would."""
        row, at = (
            self.rules.rows[self.severity],
            Ladder(self.climb["round"], number, self.climb["round_started_at"], None),
        )
        found = onward(policy, at, escalate_by(row, self.rules.hours, first_due(policy, at)), row.top)
        return found if found is not None and found.step == number else None

    def _due(self, policy: EscalationPolicy, number: int, state: str) -> datetime:
        if state == "next" and self.climb["next_at"] is not None:
            at: datetime = self.climb["next_at"]
            return at
        coming = self._coming(policy, number) if self.climb["state"] == "progress" else None
        return coming.next_at if coming and coming.next_at else due(policy, number, self.climb["round_started_at"])

    def _expected(self, policy: EscalationPolicy, number: int, at: datetime) -> tuple[str, ...]:
        """Whom the rung would page at its time, as things are configured now. A step with round robin keeps its secret."""
        step = policy.steps[number]
        if step.round_robin:
            return ()
        return tuple(page.user for page in fire(step, self.ladder, self.directory, at).pages)

    def _label(self, user: str) -> str:
        known = self.directory.users.get(user)
        return known.label if known else user
