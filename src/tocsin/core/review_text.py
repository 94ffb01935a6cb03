"""The document of a review: its headings kept exactly (S0-64 to S0-75), what is measured filled in, people's words beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

import msgspec

from tocsin.core.answers import improvable, traced, well
from tocsin.core.markup import block, cell, line, prose
from tocsin.core.record import NAMES, Moment, Record, Told, measured
from tocsin.core.report import duration, runs, said, stamp
from tocsin.core.review import (
    FACTORS,
    SECTIONS,
    TASKS,
    FollowUp,
    Section,
    Task,
    Written,
    impersonal,
    incomplete,
    snapshot,
)

TO_BE_COMPLETED = "*To be completed.*"

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
