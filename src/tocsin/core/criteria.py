"""The severity guide: yes/no questions and bands of users that compute a severity and say why. Pure.

The criteria are those of requirements S0-109 to S0-113; the bands, and that whoever is unsure takes the higher, default C-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tocsin.core.impact import Impact, number
from tocsin.core.matrix import DEFAULTS, bands_of
from tocsin.core.severity import Severity


class Criterion(msgspec.Struct, frozen=True):
    """One question of the guide: a yes means at least `severity`. `text` is the guide's own wording."""

    id: str
    severity: Severity
    text: str
    question: str
    example: str = ""


S1, S2, S3, S4 = Severity.SEV1, Severity.SEV2, Severity.SEV3, Severity.SEV4

CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "all_users_out",
        S1,
        "complete outage for all users",
        "Is it a complete outage for all users?",
        "the application cannot be reached",
    ),
    Criterion(
        "data_loss",
        S1,
        "data loss or corruption of customer data",
        "Is customer data lost or corrupted?",
        "a corrupt database",
    ),
    Criterion(
        "breach",
        S1,
        "security breach being exploited",
        "Is a security breach being exploited?",
        "somebody is inside now",
    ),
    Criterion(
        "revenue_down",
        S1,
        "revenue systems completely down",
        "Are revenue systems completely down?",
        "payments are offline",
    ),
    Criterion(
        "most_users_degraded",
        S2,
        "major function degraded for most users",
        "Is a major function degraded for most users?",
        "sign-in is slow",
    ),
    Criterion("half_slower", S2, "more than 50 % slower", "Is it more than 50 % slower than usual?", "the API is slow"),
    Criterion(
        "critical_features_out",
        S2,
        "critical features out while the core works",
        "Are critical features out while the core works?",
        "checkout fails, search is broken",
    ),
    Criterion(
        "several_services", S2, "several services", "Are several services affected?", "more than one team is needed"
    ),
    Criterion(
        "limited_users",
        S3,
        "minor function, limited users",
        "Is only a minor function affected, for a limited number of users?",
        "one region, one customer",
    ),
    Criterion(
        "noncritical_out", S3, "non-critical features out", "Are only non-critical features out?", "jobs are delayed"
    ),
    Criterion(
        "subset_slow", S3, "a subset slow", "Is it slow for a subset of users?", "search is slow in some regions"
    ),
    Criterion("workaround", S3, "workaround exists", "Is there a workaround?", "another way leads there"),
    Criterion("minimal", S4, "minimal impact", "Is the impact minimal?", "noise in the logs"),
    Criterion("cosmetic", S4, "cosmetic", "Is it cosmetic?", "a wrong colour, a typo"),
    Criterion("planned", S4, "planned or known", "Is it planned or already known?", "maintenance"),
    Criterion("enhancement", S4, "enhancement", "Is it a wish for something better?", "documentation"),
)
"""In the order in which a form asks them: the worst first."""

BY_ID: Mapping[str, Criterion] = {one.id: one for one in CRITERIA}
BREACH = "breach"
"""A yes to this makes the incident private (S0-109)."""

Bands = Mapping[Severity, float]
"""From what percent of users unable or degraded an incident has a severity: `users_from` of the matrix (C-8)."""
BANDS: Bands = bands_of(DEFAULTS, tier_1=False)
WORDS = {S1: "SEV1", S2: "SEV2", S3: "SEV3", S4: "SEV4"}


class Reason(msgspec.Struct, frozen=True):
    """One answer that speaks for a severity. `field` is what to answer otherwise: a criterion's id, `percent` or `unknown`."""

    severity: Severity
    field: str
    text: str


UNKNOWN_SCOPE = Reason(S2, "unknown", "nobody knows yet how many users are affected, so it counts as the higher")
"""It takes a question of SEV1 to make it SEV1."""


class Change(msgspec.Struct, frozen=True):
    """An answer that would change the severity, in words."""

    severity: Severity
    field: str
    text: str


class Assessment(msgspec.Struct, frozen=True):
    """What the guide says. `reasons` the worst first; `changes`: which answer would make it what."""

    severity: Severity
    reasons: tuple[Reason, ...]
    changes: tuple[Change, ...]
    private: bool

    @property
    def because(self) -> str:
        """What speaks for this severity: `critical features out while the core works, 12% of users (SEV2 from 10%)`."""
        return ", ".join(one.text for one in self.reasons if one.severity == self.severity)

    @property
    def sentence(self) -> str:
        """`SEV2, because critical features out while the core works; SEV1 from 50% of users, ...; SEV3 without that answer.`"""
        turns = "".join(f"; {WORDS[one.severity]} {one.text}" for one in self.changes)
        return f"{WORDS[self.severity]}, because: {self.because}{turns}."

    def plain(self) -> dict[str, Any]:
        return {
            "severity": self.severity.key, "sentence": self.sentence, "private": self.private,
            "reasons": [{"severity": one.severity.key, "field": one.field, "text": one.text} for one in self.reasons],
            "changes": [{"severity": one.severity.key, "field": one.field, "text": one.text} for one in self.changes],
        }  # fmt: skip


class Suggestion(msgspec.Struct, frozen=True):
    """The impact speaks for another severity than the incident has. Only a person changes it; nothing ever lowers it by itself."""

    severity: Severity
    up: bool
    sentence: str


def assess(impact: Impact, bands: Bands = BANDS) -> Assessment | None:
    """What severity the answers mean, and why; None while they say nothing about it. A question that is unsure counts as yes."""
    reasons = _reasons(impact, bands)
    if not reasons:
        return None
    worst = reasons[0].severity
    changes = (*_worse(impact, worst, bands), *_milder(impact, reasons, bands))
    return Assessment(worst, tuple(reasons), changes, BREACH in (*impact.criteria, *impact.unsure))


def suggest(severity: Severity, impact: Impact, bands: Bands = BANDS) -> Suggestion | None:
    """What to propose to the people of an incident of this severity; None when the impact agrees or says nothing."""
    found = assess(impact, bands)
    if found is None or found.severity == severity:
        return None
    up = found.severity < severity
    how = "raise it" if up else "lower it if its commander agrees"
    return Suggestion(
        found.severity,
        up,
        f"The impact says {WORDS[found.severity]} ({found.because}), it is {WORDS[severity]}: {how}.",
    )


def band(percent: float, bands: Bands = BANDS) -> Severity:
    """The severity of a share of users."""
    return next((severity for severity in Severity if percent >= bands[severity]), Severity.SEV4)


def _reasons(impact: Impact, bands: Bands) -> list[Reason]:
    yes = [Reason(one.severity, one.id, one.text) for one in _known(impact.criteria)]
    unsure = [Reason(one.severity, one.id, f"{one.text} (not certain, so it counts)") for one in _known(impact.unsure)]
    found = sorted([*yes, *unsure, *_share(impact, bands)], key=lambda one: one.severity)
    if impact.unknown and impact.percent is None:
        found.append(UNKNOWN_SCOPE)
    return sorted(found, key=lambda one: one.severity)


def _known(ids: Iterable[str]) -> list[Criterion]:
    return [BY_ID[one] for one in dict.fromkeys(ids) if one in BY_ID]


def _share(impact: Impact, bands: Bands) -> list[Reason]:
    if impact.percent is None:
        return []
    severity = band(impact.percent, bands)
    edge = f"{WORDS[severity]} from {number(bands[severity])}%" if severity < S4 else f"below {number(bands[S3])}%"
    return [Reason(severity, "percent", f"{number(impact.percent)}% of users ({edge})")]


def _worse(impact: Impact, severity: Severity, bands: Bands) -> list[Change]:
    """What would raise it by the least step."""
    if severity == S1:
        return []
    above = Severity(severity - 1)
    questions = " or ".join(f"“{one.text}”" for one in CRITERIA if one.severity == above)
    return [Change(above, "percent", f"from {number(bands[above])}% of users or with a yes to {questions}")]


def _milder(impact: Impact, reasons: list[Reason], bands: Bands) -> list[Change]:
    """The one answer without which it would be milder. When several speak for it, none alone would change it."""
    top = [one for one in reasons if one.severity == reasons[0].severity]
    if len(top) != 1:
        return []
    without = without_answer(impact, top[0].field)
    left = _reasons(without, bands)
    if not left or left[0].severity == top[0].severity:
        return []
    return [Change(left[0].severity, top[0].field, "without that answer")]


def without_answer(impact: Impact, field: str) -> Impact:
    """The impact as if `field` (a criterion's id, `percent` or `unknown`) had not been answered."""
    if field == "percent":
        return msgspec.structs.replace(impact, percent=None)
    if field == "unknown":
        return msgspec.structs.replace(impact, unknown=False)
    return msgspec.structs.replace(
        impact, criteria=tuple(one for one in impact.criteria if one != field),
        unsure=tuple(one for one in impact.unsure if one != field),
    )  # fmt: skip
