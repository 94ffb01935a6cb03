"""The tiers of escalation: who stands on each, what they know and what they may do (S0-14 to S0-18, S0-103)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Tier = Literal["on_call", "senior", "architect", "executive"]

TIERS: tuple[Tier, ...] = get_args(Tier)
"""From the lowest to the highest."""


@dataclass(frozen=True, slots=True)
class About:
    """What people read about a tier: its name, who stands on it, what they know, what they can do."""

    name: str
    role: str
    expertise: str
    capabilities: str

    @property
    def sentence(self) -> str:
        """For the person paged: `You are here as senior engineer or team lead: ...`."""
        return f"You are here as {self.role}: {self.expertise}; you can help with {self.capabilities}."


ABOUT: dict[Tier, About] = {
    "on_call": About(
        "On call", "primary or secondary on-call", "service knowledge", "restarting services and basic troubleshooting"
    ),
    "senior": About(
        "Senior", "senior engineer or team lead", "deep system knowledge", "advanced debugging and code analysis"
    ),
    "architect": About(
        "Architect", "architect or principal engineer", "cross-system knowledge",
        "system design and cross-service issues",
    ),
    "executive": About(
        "Executive", "engineering manager or director", "business impact",
        "resource allocation and business decisions",
    ),
}  # fmt: skip


def rank(tier: Tier) -> int:
    """0 for on call, 3 for the executive."""
    return TIERS.index(tier)


def within(tier: Tier, top: Tier) -> bool:
    """Does a ladder that ends at `top` reach this tier?"""
    return rank(tier) <= rank(top)
