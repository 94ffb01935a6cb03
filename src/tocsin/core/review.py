"""The post-incident review (S0-64 to S0-75): a draft with measured answers, its headings kept exactly, people's words beside them.

What is measured is gathered anew whenever somebody looks; what people write into a section (`Written`) follows it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Literal, get_args

import msgspec

from tocsin.core.answers import improvable, traced, well
from tocsin.core.markup import block, cell, line, prose
from tocsin.core.record import NAMES, Moment, Record, Told, measured
from tocsin.core.report import duration, runs, said, stamp

NOT_FOUND = "Incident not found"
REFUSAL = "Incident must be closed before generating PIR"
"""Said of an incident that is not over (the library: not closed)."""
TO_BE_COMPLETED = "*To be completed.*"

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


Part = Section | Literal["timeline", "follow_up"]


def gathered(record: Record, written: Written) -> dict[Part, list[str]]:
    """By part of the document, the lines of Markdown that are made from what is known."""
    return {
        "executive_summary": summary(record),
        "what_happened": _happened(record),
        "timeline": events(record),
        "contributing_factors": _factors(written),
        "root_cause": [],
        "went_well": _answers(well(record)),
        "could_be_improved": _answers(improvable(record)),
        "action_items": _actions(written),
        "key_metrics": metrics(record),
        "lessons_learned": [],
        "follow_up": _follow_ups(written),
    }


def markdown(record: Record, written: Written, now: datetime, *, published: bool = False) -> str:
    """The whole review. Whether it may be made yet is for the caller to say; `published`: it is published as it is. Where causes are
    told people are called by their roles.
    """
    said = impersonal(record.people, written)
    known = gathered(record, said)

    def section(marks: str, name: Section) -> list[str]:
        return _section(f"{marks} {SECTIONS[name]}", known[name], said, name)

    return "\n".join(
        (
            f"# Post-Incident Review: {line(record.title)}",
            *section("##", "executive_summary"),
            *section("##", "what_happened"),
            *("", "## Timeline of Events", "", *known["timeline"]),
            *("", "## Root Cause Analysis"),
            *section("###", "contributing_factors"),
            *section("###", "root_cause"),
            *section("##", "went_well"),
            *section("##", "could_be_improved"),
            *section("##", "action_items"),
            *section("##", "key_metrics"),
            *section("##", "lessons_learned"),
            *("", "## Follow-up Actions", "", *known["follow_up"]),
            *_footer(record, written, now, published),
        )
    )


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


def _section(heading: str, gathered: Sequence[str], written: Written, name: Section) -> list[str]:
    """What was gathered, then what people wrote; a place to fill where there is neither."""
    text = prose(written.sections.get(name, ""))
    parts = [*gathered, *(["", text] if text and gathered else [text] if text else [])]
    return ["", heading, "", *(parts or [TO_BE_COMPLETED])]


def summary(record: Record) -> list[str]:
    """S0-65: each number says where it comes from."""
    figures = measured(record)
    lines = [
        f"- **Incident:** {line(record.id)} - {line(record.title)}",
        f"- **Duration:** {duration(record)}{_between(record, 'created_at', 'resolved_at')}",
        f"- **Severity:** {record.severity.upper()}",
        f"- **Services Affected:** {', '.join(line(name) for name in record.services) or 'Unknown'}",
    ]
    if figures.impact is not None:
        lines.insert(2, f"- **Impact:** {said(figures.impact)}{_between(record, 'impact_started_at', 'restored_at')}")
    return lines


def _between(record: Record, start: Moment, end: Moment) -> str:
    traces = [traced(record, name) for name in (start, end)]
    return f" ({', '.join(traces)})" if all(record.moment(name) for name in (start, end)) else ""


def _happened(record: Record) -> list[str]:
    parts = [block(record.description)] if record.description.strip() else []
    facts = [f"- {line(text)} ({certainty})" for text, certainty in record.findings]
    return [*parts, *([""] if parts and facts else []), *facts]


def events(record: Record) -> list[str]:
    """S0-66: everything that tells the story, in order of time: the timeline without the noise of deliveries, what changed and what
    the metrics did around the onset."""
    merged = sorted([*_onset(record), *record.surroundings, *record.timeline], key=lambda entry: entry.at)
    told = [entry for entry in merged if entry.kind not in NOISE]
    return [_event(run) for run in runs(told)] or ["No entries."]


def _event(run: Sequence[Told]) -> str:
    details = f"{'Paged: ' if run[0].kind == 'paged' else ''}{line(run[0].details)}"
    if len(run) > 1:
        details = f"{len(run)} entries until {run[-1].at.astimezone(UTC):%H:%M:%S}, beginning with: {details}"
    return f"- **{run[0].at.astimezone(UTC):%Y-%m-%d %H:%M:%S}** - {details}"


NOISE = frozenset(
    ("notified", "copied", "message_posted", "update_due", "alerts_joined", "alert_acknowledged", "response_late")
)
"""Kinds of entries that a review leaves out."""


def _onset(record: Record) -> list[Told]:
    names: tuple[Moment, ...] = ("impact_started_at", "detected_at")
    return [
        Told(at=at, kind="moment", actor="", details=f"{NAMES[name]}{_sure(record, name)}")
        for name in names
        if (at := record.moment(name)) is not None and at != record.created_at
    ]


def _sure(record: Record, name: Moment) -> str:
    return "" if record.sure(name) == "exact" else f" ({record.sure(name)})"


def _factors(written: Written) -> list[str]:
    lines = []
    for kind, (label, about) in FACTORS.items():
        found = [factor for factor in written.factors if factor.kind == kind]
        lines.append(f"- [{'x' if found else ' '}] **{label}:** {about}")
        lines += [
            f"  - {line(one.text)}{f' (evidence: {line(one.evidence)})' if one.evidence else ''}" for one in found
        ]
    return lines


def _answers(answers: Mapping[str, str]) -> list[str]:
    return [f"- **{prompt}:** {line(answer)}" for prompt, answer in answers.items()]


def _actions(written: Written) -> list[str]:
    rows = [
        f"| {cell(one.action)} | {cell(one.owner or 'Nobody yet')} | {one.due_on or 'Not set'} | {one.state.title()} |"
        for one in written.actions
    ]
    empty = "| *To be completed* | | | Open |"
    return ["| Action | Owner | Due Date | Status |", "|---|---|---|---|", *(rows or [empty])]


def metrics(record: Record) -> list[str]:
    """S0-72: what is unknown is shown as unknown."""
    figures = measured(record)
    estimated = dict.fromkeys(figures.estimated, " (estimated)")
    return [
        f"- **Time to Detection:** {said(figures.to_detect)}{estimated.get('to_detect', '')}",
        f"- **Time to Response:** {said(figures.to_respond)}{estimated.get('to_respond', '')}",
        f"- **Time to Resolution:** {said(figures.to_resolve)}",
        f"- **Time to Restore:** {said(figures.to_restore)}{estimated.get('to_restore', '')}",
        f"- **Customer Impact:** {line(impact_words(record.impact)) or 'Unknown'}",
    ]


def impact_words(impact: Mapping[str, Any]) -> str:
    """What an incident's impact says, in one line; empty when nothing is known."""
    parts = [str(impact[name]) for name in ("what", "who") if impact.get(name)]
    if impact.get("users") is not None:
        parts.append(f"{impact['users']:,} users")
    if impact.get("percent") is not None:
        parts.append(f"{impact['percent']:g} % of users")
    if impact.get("regions"):
        parts.append("in " + ", ".join(str(region) for region in impact["regions"]))
    if impact.get("money_per_hour") is not None:
        parts.append(f"{impact['money_per_hour']:,.0f} {impact.get('currency') or ''}".rstrip() + " per hour")
    return "; ".join(parts) + (f" (source: {impact['source']})" if parts and impact.get("source") else "")


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


def _follow_ups(written: Written) -> list[str]:
    kept = {one.task: one for one in written.follow_ups}
    return [_follow_up(task, text, kept.get(task)) for task, text in TASKS.items()]


def _follow_up(task: Task, text: str, kept: FollowUp | None) -> str:
    done = f", done {stamp(kept.done_at)}" if kept and kept.done_at else ""
    due = (
        f" (due {stamp(kept.due_at)}{done})"
        if kept and kept.due_at
        else f" ({done.removeprefix(', ')})"
        if done
        else ""
    )
    return f"- [{'x' if done else ' '}] {text}{due}"


def _footer(record: Record, written: Written, now: datetime, published: bool) -> list[str]:
    missing = [SECTIONS[name].lower() for name in incomplete(record.severity, written)]
    following = f"write {', '.join(missing)}; then publish" if missing else "publish"
    due = f" by {stamp(written.publish_by)}" if written.publish_by else ""
    if published:
        following, due = "do what is left to do above", ""
    return [
        "", "---", "",
        f"*PIR Template generated on {stamp(now)} from the data snapshot sha256:{snapshot(record, written)}*",
        "", f"**Next steps:** {following}{due}.", "",
    ]  # fmt: skip


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


def document(record: Record, written: Written, now: datetime) -> dict[str, Any]:
    """The same as plain data. `sections`: what people wrote; figures are minutes, unknown is None."""
    plain = msgspec.to_builtins(written, builtin_types=(datetime, date))
    return {
        "title": record.title,
        "executive_summary": {
            "id": record.id,
            "duration": duration(record),
            "severity": record.severity,
            "services_affected": list(record.services),
        },
        "what_happened": record.description,
        "timeline_of_events": [
            {"at": entry.at, "kind": entry.kind, "actor": entry.actor, "details": entry.details}
            for entry in sorted([*record.surroundings, *record.timeline], key=lambda entry: entry.at)
        ],
        "sections": {name: written.sections.get(name, "") for name in get_args(Section)},
        "contributing_factors": plain["factors"],
        "what_went_well": well(record),
        "what_could_be_improved": improvable(record),
        "action_items": plain["actions"],
        "key_metrics": msgspec.to_builtins(measured(record)),
        "customer_impact": impact_words(record.impact) or None,
        "follow_up_actions": plain["follow_ups"],
        "incomplete": incomplete(record.severity, written),
        "snapshot": snapshot(record, written),
        "generated_at": now,
    }
