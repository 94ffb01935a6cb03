"""What a team asks of somebody before they are on call alone, as the declarative file spells it."""

from __future__ import annotations

from typing import Literal

from tocsin.core.spelling import Written

Observed = Literal["shadowed_shifts", "verified_methods", "drill_answered", "page_answered", "handoff_signed"]


class ReadinessItem(Written, frozen=True, kw_only=True):
    """One line of the checklist. With `observe` it ticks itself once that was seen `count` times; without, somebody ticks it."""

    id: str
    text: str
    observe: Observed | None = None
    count: int = 1


DEFAULT = (
    ReadinessItem(id="shadowed", text="Shadowed two shifts", observe="shadowed_shifts", count=2),
    ReadinessItem(id="reached", text="Can be reached: a verified contact method", observe="verified_methods"),
    ReadinessItem(id="drill", text="Answered a drill", observe="drill_answered"),
    ReadinessItem(id="handoff", text="Has read a handoff, or signed one", observe="handoff_signed"),
    ReadinessItem(id="runbooks", text="Has read the runbooks of the team's services"),
    ReadinessItem(id="access", text="Can open what the runbooks ask for: dashboards, logs, consoles"),
    ReadinessItem(id="escalate", text="Knows whom to call for help, and that nobody minds at night"),
)
"""Where a team writes no `readiness` of its own."""
