"""The first steps of a response: what is done about an incident at its beginning, by the policy of its severity. Pure.

Requirements S0-35 to S0-40, S0-88, S0-89, S0-110; defaults C-18 and C-22. Paging, the room and the escalation timer are there with the
incident itself; the others are jobs of their own, so that none waits for another.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

import msgspec

from tocsin.core.severity import Severity

Step = Literal["page", "room", "escalation", "commander", "manager", "stakeholders", "executives", "status_page"]
STEPS: tuple[Step, ...] = get_args(Step)
State = Literal["waiting", "sent", "delivered", "failed", "skipped"]

SAID: dict[Step, str] = {
    "page": "Page",
    "room": "Room",
    "escalation": "Escalation timer",
    "commander": "Acting commander",
    "manager": "Manager informed",
    "stakeholders": "Stakeholders' notice",
    "executives": "Executives' notice",
    "status_page": "Status page",
}

ATTEMPTS = 6
"""After so many failures a step is given up, and says so."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a step; `detail` is for people: to whom, or why not."""

    step: Step
    state: State
    detail: str

    def plain(self) -> dict[str, str]:
        return {"step": self.step, "state": self.state, "detail": self.detail}

    @property
    def sentence(self) -> str:
        """`Status page: a draft waits for the comms lead`."""
        return f"{SAID[self.step]} {self.state}: {self.detail}" if self.detail else f"{SAID[self.step]} {self.state}"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy of an incident asks for beyond paging. `reasons`: of a step that it does not ask for, why."""

    jobs: tuple[Step, ...] = ()
    reasons: tuple[Outcome, ...] = ()


def retry_at(attempts: int, now: datetime) -> datetime | None:
    """When a step that failed for the `attempts`-th time is tried again; None when it is given up."""
    return None if attempts >= ATTEMPTS else now + timedelta(seconds=min(5 * 4 ** (attempts - 1), 600))


# --- the clocks of the first minutes (S0-110, S0-111, C-17, C-18) ----------------------------------------------------

First = Literal["page", "room", "manager", "stakeholders", "status_page"]
FIRSTS: dict[Severity, dict[First, timedelta]] = {
    Severity.SEV1: {
        "page": timedelta(seconds=30),
        "room": timedelta(minutes=2),
        "manager": timedelta(minutes=10),
        "status_page": timedelta(minutes=15),
    },
    Severity.SEV2: {
        "page": timedelta(minutes=15),
        "room": timedelta(minutes=2),
        "stakeholders": timedelta(minutes=30),
        "status_page": timedelta(minutes=30),
    },
}
"""By when each of the first things has to have happened, counted from the moment the incident was declared."""


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """One of the first clocks: `met` in time, `late`, `running`, or `missed` (its time is over and nothing happened).

    `evidence` says what stopped it, or is empty.
    """

    step: First
    due_at: datetime
    at: datetime | None
    evidence: str
    state: Literal["met", "late", "running", "missed"]


class Evidence(msgspec.Struct, frozen=True):
    """What happened of a step: when, and what proves it."""

    step: First
    at: datetime
    text: str


def firsts(
    severity: Severity, since: datetime, happened: Sequence[Evidence], now: datetime, over_at: datetime | None = None
) -> list[Clock]:
    """The first clocks of an incident, in their order. `over_at`: when it was resolved; what was still to come then is left out."""
    found = []
    for step, within in FIRSTS.get(severity, {}).items():
        first = min((one for one in happened if one.step == step), key=lambda one: one.at, default=None)
        due = since + within
        if first is None and over_at is not None and over_at <= due:
            continue
        state: Literal["met", "late", "running", "missed"] = "running" if now <= due else "missed"
        if first is not None:
            state = "met" if first.at <= due else "late"
        found.append(
            Clock(
                step=step, due_at=due, at=first.at if first else None, evidence=first.text if first else "", state=state
            )
        )
    return found


def people(names: Collection[str]) -> str:
    """`Alice Ng`, `Alice Ng and Bob`, `Alice Ng, Bob and 3 others`."""
    listed = list(names)
    if len(listed) <= 2:
        return " and ".join(listed)
    rest = len(listed) - 2
    return f"{listed[0]}, {listed[1]} and {rest} other{'s' if rest > 1 else ''}"
