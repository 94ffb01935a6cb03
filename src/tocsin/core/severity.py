"""Severity SEV1..SEV4: its names, what sources call it, and the urgency that follows from it."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

from tocsin.core.errors import Invalid

Urgency = Literal["high", "low", "none"]


class Severity(IntEnum):
    """1 is the worst. `value` is stored; `key` is the public name."""

    SEV1 = 1
    SEV2 = 2
    SEV3 = 3
    SEV4 = 4

    @property
    def key(self) -> str:
        """`sev1_critical` ... `sev4_low`."""
        return _KEYS[self]

    @property
    def urgency(self) -> Urgency:
        """How people are paged: SEV1 and SEV2 at once, SEV3 gently, SEV4 not at all."""
        return "high" if self <= Severity.SEV2 else "low" if self == Severity.SEV3 else "none"


_KEYS = {
    Severity.SEV1: "sev1_critical",
    Severity.SEV2: "sev2_high",
    Severity.SEV3: "sev3_medium",
    Severity.SEV4: "sev4_low",
}

_SOURCE_WORDS: dict[str, Severity] = {
    **dict.fromkeys(("critical", "page", "p1", "sev1", "sev-1", "emergency", "fatal", "disaster"), Severity.SEV1),
    **dict.fromkeys(("error", "high", "major", "p2", "sev2", "sev-2"), Severity.SEV2),
    **dict.fromkeys(("warning", "warn", "p3", "sev3", "sev-3", "medium", "average", "minor"), Severity.SEV3),
    **dict.fromkeys(
        ("info", "informational", "low", "p4", "p5", "sev4", "sev-4", "notice", "debug", "none"), Severity.SEV4
    ),
    **{key: severity for severity, key in _KEYS.items()},
}


def from_source(word: str | None) -> Severity:
    """What a source's own word means; absent or unknown is SEV2, because an unknown alarm is not a quiet one."""
    return _SOURCE_WORDS.get(word.strip().lower(), Severity.SEV2) if word else Severity.SEV2


def parse(text: str | int) -> Severity:
    """A severity given by a person: `sev1_critical`, `SEV1`, `SEV-1`, `critical`, `1`. Raises Invalid for anything else."""
    word = str(text).strip().lower()
    if word in ("1", "2", "3", "4"):
        return Severity(int(word))
    if word in _SOURCE_WORDS:
        return _SOURCE_WORDS[word]
    raise Invalid(f"{text!r} is not a severity: use one of {', '.join(_KEYS.values())} (or SEV1 to SEV4)", "/severity")
