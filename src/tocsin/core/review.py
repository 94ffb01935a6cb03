"""What people write into a post-incident review, what is still missing, and what follows it (S0-67 to S0-75, S0-107). Pure.

What is measured is gathered anew whenever somebody looks: core/review_text.py makes the document of both.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Literal

import msgspec

from tocsin.core.record import Record

NOT_FOUND = "Incident not found"
REFUSAL = "Incident must be closed before generating PIR"
"""Said of an incident that is not over (the library: not closed)."""
State = Literal["draft", "in_review", "published", "waived"]
Section = Literal[
    "executive_summary", "what_happened", "contributing_factors", "root_cause", "went_well", "could_be_improved",
    "action_items", "key_metrics", "lessons_learned",
]  # fmt: skip
SECTIONS: dict[Section, str] = {
    "executive_summary": "Executive Summary",
    "what_happened": "What Happened",
    "contributing_factors": "Contributing Factors",
    "root_cause": "Root Cause",
    "went_well": "What Went Well",
    "could_be_improved": "What Could Be Improved",
    "action_items": "Action Items",
    "key_metrics": "Key Metrics",
    "lessons_learned": "Lessons Learned",
}
"""The sections into which people write, with their headings."""

FactorKind = Literal["technical", "process", "knowledge", "external"]
FACTORS: dict[FactorKind, tuple[str, str]] = {
    "technical": ("Technical", "system/infrastructure issues"),
    "process": ("Process", "gaps in procedures or documentation"),
    "knowledge": ("Human", "knowledge gaps or communication issues"),
    "external": ("External", "third-party dependencies or services"),
}
"""Kinds of factors with their labels. `Human` means conditions of knowledge and communication, never a person (S0-67)."""

Task = Literal["timeline", "meeting", "actions", "runbooks", "share"]
TASKS: dict[Task, str] = {
    "timeline": "Confirm that the timeline is complete",
    "meeting": "Hold the review meeting within 48 hours",
    "actions": "Complete the action items in the agreed time",
    "runbooks": "Update runbooks and documentation",
    "share": "Share the learnings with other teams",
}
"""What follows an incident (S0-74, S0-104), each a dated task."""


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that contributed. `evidence` says what shows it: a link, a graph, an entry of the timeline."""

    id: int
    kind: FactorKind
    text: str
    evidence: str = ""


ActionState = Literal["open", "done", "dropped"]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    action: str
    owner: str | None = None
    due_on: date | None = None
    state: ActionState = "open"
    ended_at: datetime | None = None


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """`done_by` is `tocsin` for one that was found to be done (S0-74)."""

    task: Task
    due_at: datetime | None = None
    done_at: datetime | None = None
    done_by: str = ""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What people added to a review. `sections`: Markdown by section."""

    sections: Mapping[Section, str] = {}
    factors: Sequence[Factor] = ()
    actions: Sequence[Action] = ()
    follow_ups: Sequence[FollowUp] = ()
    owner: str | None = None
    meeting_at: datetime | None = None
    publish_by: datetime | None = None


NOTHING = Written()


def impersonal(people: Mapping[str, str], written: Written) -> Written:
    """Names replaced by roles in factors and root causes (S1-54)."""
    if not people:
        return written
    names = "|".join(re.escape(name) for name in sorted(people, key=len, reverse=True))
    pattern = re.compile(rf"(?<!\w)(?:{names})(?!\w)")

    def said(text: str) -> str:
        return pattern.sub(lambda found: people[found[0]], text)

    causes: tuple[Section, ...] = ("root_cause", "contributing_factors")
    return msgspec.structs.replace(
        written,
        sections={
            **written.sections,
            **{name: said(written.sections[name]) for name in causes if name in written.sections},
        },
        factors=[msgspec.structs.replace(one, text=said(one.text)) for one in written.factors],
    )


def follow_ups(
    marked: Sequence[FollowUp], actions: Sequence[Action], *, timeline_by: datetime | None, meet_by: datetime | None,
    publish_by: datetime | None, published_at: datetime | None,
) -> list[FollowUp]:  # fmt: skip
    """Every task with its date (S0-74); what can be seen to be done is done without anybody saying so."""
    kept = {one.task: one for one in marked if one.done_at}
    dated = [one.due_on for one in actions if one.due_on and one.state != "dropped"]
    ended = [one.ended_at for one in actions if one.ended_at]
    seen: dict[Task, datetime | None] = {
        "actions": max(ended) if actions and len(ended) == len(actions) else None,
        "share": published_at,
    }
    due: dict[Task, datetime | None] = {
        "timeline": timeline_by,
        "meeting": meet_by,
        "actions": datetime.combine(max(dated), time(23, 59), UTC) if dated else None,
        "runbooks": publish_by,
        "share": publish_by,
    }
    made = []
    for task, at in due.items():
        done = kept[task].done_at if task in kept else seen.get(task)
        by = kept[task].done_by if task in kept else "tocsin" if done else ""
        made.append(FollowUp(task=task, due_at=at, done_at=done, done_by=by))
    return made


DELIVERABLES: tuple[Section, ...] = ("root_cause", "action_items", "lessons_learned")
"""What a whole review holds (S0-107)."""


def incomplete(severity: str, written: Written) -> list[Section]:
    """Deliverables that are still missing. SEV3 needs no action items, SEV4 nothing beyond what was gathered (C-11)."""
    needed: tuple[Section, ...] = DELIVERABLES
    if severity.startswith("sev3"):
        needed = ("root_cause", "lessons_learned")
    if severity.startswith("sev4"):
        needed = ()
    given = {name for name, text in written.sections.items() if text.strip()}
    if written.actions:
        given.add("action_items")
    return [name for name in needed if name not in given]


def snapshot(record: Record, written: Written) -> str:
    """SHA-256 (hexadecimal) of all the data that a review was made from: the same data, the same hash."""
    return hashlib.sha256(msgspec.json.encode([record, written], order="deterministic")).hexdigest()
