"""An escalation policy as a form: what a person typed so far, and what each button makes of it. Pure; nothing typed is lost on the way.

Fields are named by place: `tier.senior.0` is the first target of a preset's tier, `step.1.target.0` one of a written step. A target is
`schedule:night`, `team:ops` or `user:bo`. A button sends `do`, like `kind.fast`, `target.1` (one more target of a step), `tier.senior`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.core.tier import TIERS

MOST = 40
"""Steps, and targets of one, that a form may have."""
KINDS = {"standard": "Standard", "fast": "Fast", "steps": "Written steps"}
"""How a policy may be given: a preset, or steps."""

Draft = dict[str, Any]
"""`{id, name, repeat, kind, secondary_after, tiers: {tier: [target]}, steps: [{after, tier, round_robin, targets}]}`, all as text."""


def read(form: Mapping[str, str]) -> Draft:
    """What the form says."""
    steps = [_step(form, f"step.{n}.") for n in range(MOST) if f"step.{n}.after" in form]
    return {
        "id": form.get("id", "").strip(),
        "name": form.get("name", "").strip(),
        "repeat": form.get("repeat", "").strip(),
        "kind": form.get("kind", "") if form.get("kind", "") in KINDS else "standard",
        "secondary_after": form.get("secondary_after", "").strip(),
        "tiers": {tier: _targets(form, f"tier.{tier}.") for tier in TIERS},
        "steps": steps,
    }


def _step(form: Mapping[str, str], at: str) -> Draft:
    return {
        "after": form[f"{at}after"].strip(),
        "tier": form.get(f"{at}tier", "on_call"),
        "round_robin": bool(form.get(f"{at}round_robin")),
        "targets": _targets(form, f"{at}target."),
    }


def _targets(form: Mapping[str, str], at: str) -> list[str]:
    return [form[f"{at}{n}"] for n in range(MOST) if f"{at}{n}" in form]


def of(policy: Mapping[str, Any]) -> Draft:
    """The form of a policy given in its plain form."""
    tiers = policy.get("tiers") or {}
    return {
        "id": policy["id"],
        "name": policy.get("name", ""),
        "repeat": str(policy.get("repeat", "") or ""),
        "kind": policy.get("preset") or "steps",
        "secondary_after": policy.get("secondary_after") or "",
        "tiers": {tier: [_named(one) for one in tiers.get(tier, ())] for tier in TIERS},
        "steps": [
            {
                "after": step.get("after", "0s"),
                "tier": step.get("tier", "on_call"),
                "round_robin": bool(step.get("round_robin")),
                "targets": [_named(one) for one in step["targets"]],
            }
            for step in policy.get("steps", ())
        ],
    }


def _named(target: Mapping[str, str]) -> str:
    return next((f"{kind}:{name}" for kind, name in target.items() if name), "")


def body(draft: Draft) -> dict[str, Any]:
    """The draft as the API takes it: empty targets left out, and of preset and steps what was not chosen."""
    common = {"name": draft["name"], "repeat": draft["repeat"] or "0"}
    if draft["kind"] == "steps":
        steps = [
            {**step, "round_robin": step["round_robin"], "targets": _plain(step["targets"])} for step in draft["steps"]
        ]
        return {**common, "steps": steps, "preset": None, "tiers": None, "secondary_after": None}
    tiers = {tier: _plain(targets) for tier, targets in draft["tiers"].items()}
    preset = {"preset": draft["kind"], "tiers": tiers, "secondary_after": draft["secondary_after"] or None}
    return {**common, "steps": [], **preset}


def _plain(targets: Sequence[str]) -> list[dict[str, str]]:
    return [{kind: name} for kind, _, name in (target.partition(":") for target in targets) if name]


def act(draft: Draft, do: str, written: Sequence[Mapping[str, Any]] = ()) -> Draft:
    """What a button makes of the draft; an unknown one changes nothing. `written`: the steps that the chosen preset stands for."""
    verb, _, rest = do.partition(".")
    match verb:
        case "kind" if rest in KINDS:
            return _kind(draft, rest, written)
        case "tier" if rest in TIERS:
            return {**draft, "tiers": {**draft["tiers"], rest: [*draft["tiers"][rest], ""]}}
        case "step":
            return {**draft, "steps": [*draft["steps"], _new()]}
        case "target" | "remove" if rest.isascii() and rest.isdigit() and len(rest) < 4:
            return _in_step(draft, verb, int(rest))
    return draft


def _new() -> Draft:
    return {"after": "", "tier": "on_call", "round_robin": False, "targets": [""]}


def _in_step(draft: Draft, verb: str, at: int) -> Draft:
    if verb == "remove":
        return {**draft, "steps": [step for n, step in enumerate(draft["steps"]) if n != at]}
    steps = [{**step, "targets": [*step["targets"], ""]} if n == at else step for n, step in enumerate(draft["steps"])]
    return {**draft, "steps": steps}


def _kind(draft: Draft, kind: str, written: Sequence[Mapping[str, Any]]) -> Draft:
    """Another kind: what it lacks is taken from the one before, so that nobody begins anew."""
    if kind == "steps" and not draft["steps"]:
        return {**draft, "kind": kind, "steps": of({"id": "", "steps": list(written)})["steps"] or [_new()]}
    if kind != "steps" and not any(target for targets in draft["tiers"].values() for target in targets):
        tiers: dict[str, list[str]] = {tier: [] for tier in TIERS}
        for step in draft["steps"]:
            tiers[step["tier"]] += [one for one in step["targets"] if one and one not in tiers[step["tier"]]]
        return {**draft, "kind": kind, "tiers": tiers}
    return {**draft, "kind": kind}
