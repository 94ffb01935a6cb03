"""The incident report (S0-51 to S0-53): one document from live data, its headings kept exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tocsin.core.markup import block, line
from tocsin.core.record import NAMES, Measures, Record, Told, measured

NOT_FOUND = "Incident not found"
ONGOING = "Ongoing"
NOT_RESOLVED = "Not resolved"
UNASSIGNED = "Unassigned"
NONE_SPECIFIED = "None specified"

LONG = 250
"""Entries of a timeline above which a document draws runs of lesser ones together."""
LESSER = frozenset(
    ("notified", "notification_failed", "alerts_joined", "alert_resolved", "alert_acknowledged", "alerts_hidden", "paged",
     "copied", "message_posted", "page_undelivered", "update_due", "note_added"),
)  # fmt: skip
"""Kinds of entries that come in crowds."""


def markdown(record: Record, now: datetime, *, whole: bool = False, dated: bool = False) -> str:
    """The report. A timeline of more than `LONG` entries has its runs of lesser entries drawn together, unless `whole`. `dated`: each entry
    with its day, instead of days as headings."""
    figures = measured(record)
    return "\n".join(
        (
            f"# Incident Report: {line(record.title)}",
            *_section("Incident Summary", _summary(record, figures)),
            *_section("Description", [block(record.description) or "No description."]),
            *_section("Affected Services", [f"- {line(name)}" for name in record.services] or [NONE_SPECIFIED]),
            *_section("Timeline", timeline(record.timeline, whole, dated)),
            *_section("Communication Log", _communications(record, dated)),
            *_section("Key Metrics", _metrics(record, figures)),
            *_section("Tags", [", ".join(line(tag) for tag in record.tags) or "None"]),
            "",
            "---",
            "",
            f"*Report generated on {stamp(now)}*",
            "",
        )
    )


def _section(heading: str, lines: Sequence[str]) -> tuple[str, ...]:
    return ("", f"## {heading}", "", *lines)


def _summary(record: Record, figures: Measures) -> list[str]:
    return [
        f"- **Incident ID:** {line(record.id)}",
        f"- **Severity:** {record.severity.upper()}",
        f"- **Status:** {record.status.title()}",
        f"- **Created:** {stamp(record.created_at)}",
        f"- **Resolved:** {stamp(record.resolved_at) if record.resolved_at else NOT_RESOLVED}",
        f"- **Duration:** {duration(record)}",
        f"- **Assignee:** {line(record.assignee) if record.assignee else UNASSIGNED}",
        *([f"- **Impact:** {said(figures.impact)}{_sure(figures, 'impact')}"] if figures.impact is not None else []),
    ]


def duration(record: Record) -> str:
    """Declared to resolved in minutes with one decimal, or `Ongoing` (S0-52)."""
    figures = measured(record)
    return ONGOING if figures.to_resolve is None else said(figures.to_resolve)


def said(minutes: float | None) -> str:
    """`43.0 minutes`; `Unknown` when it is not known."""
    return "Unknown" if minutes is None else f"{minutes:.1f} minutes"


def _sure(figures: Measures, name: str) -> str:
    return " (estimated)" if name in figures.estimated else ""


def _metrics(record: Record, figures: Measures) -> list[str]:
    assigned = said(figures.to_assign) if figures.to_assign is not None else UNASSIGNED
    resolved = said(figures.to_resolve) if figures.to_resolve is not None else NOT_RESOLVED
    lines = [
        f"- **Time to Assignment:** {assigned}",
        f"- **Time to Resolution:** {resolved}",
        f"- **Escalations:** {figures.escalations}",
        f"- **Communications:** {figures.communications}",
    ]
    if figures.to_restore is not None:
        lines.insert(2, f"- **Time to Restore:** {said(figures.to_restore)}{_sure(figures, 'to_restore')}")
    return lines


def _communications(record: Record, dated: bool) -> list[str]:
    lines, heading = list[str](), _days(() if dated else [one.at for one in record.communications])
    for one in record.communications:
        lines += heading(one.at)
        lines.append(f"- **{_clock(one.at, dated)}** [{line(one.actor)}] {line(one.channel)}: {line(one.message)}")
    return lines or ["No communications."]


# --- the timeline -----------------------------------------------------------------------------------------------------


def timeline(entries: Sequence[Told], whole: bool = False, dated: bool = False) -> list[str]:
    """Lines of the timeline: the day as a heading when it spans several; a long one with its crowds drawn together."""
    if not entries:
        return ["No entries."]
    lines: list[str] = []
    if len(entries) > LONG and not whole:
        lines += [f"{len(entries)} entries; runs of notifications, alerts, messages and notes are drawn together.", ""]
    heading = _days(() if dated else [entry.at for entry in entries])
    for run in runs(entries, LONG if not whole else len(entries)):
        lines += heading(run[0].at)
        lines.append(_entry(run[0], dated) if len(run) == 1 else _crowd(run, dated))
    return lines


def runs(entries: Sequence[Told], most: int = LONG) -> Iterator[Sequence[Told]]:
    """Each entry alone; in a timeline of more than `most` entries, three or more lesser ones in a row together (a day at most)."""
    if len(entries) <= most:
        yield from ([entry] for entry in entries)
        return
    run: list[Told] = []
    for entry in entries:
        fits = entry.kind in LESSER and (not run or run[0].at.astimezone(UTC).date() == entry.at.astimezone(UTC).date())
        if run and not fits:
            yield from _parted(run)
            run = []
        if entry.kind in LESSER:
            run.append(entry)
        else:
            yield [entry]
    yield from _parted(run)


def _parted(run: list[Told]) -> Iterator[Sequence[Told]]:
    if len(run) > 2:
        yield run
    else:
        yield from ([entry] for entry in run)


def _entry(entry: Told, dated: bool) -> str:
    return f"- **{_clock(entry.at, dated)}** [{line(entry.actor)}] {line(entry.kind)}: {line(entry.details)}"


def _crowd(run: Sequence[Told], dated: bool) -> str:
    counts = ", ".join(f"{count} {line(kind)}" for kind, count in Counter(entry.kind for entry in run).most_common())
    actors = list(dict.fromkeys(entry.actor for entry in run))
    who = line(actors[0]) if len(actors) == 1 else f"{len(actors)} actors"
    return f"- **{_clock(run[0].at, dated)}** [{who}] {len(run)} entries until {_clock(run[-1].at)}: {counts}"


def _days(times: Iterable[datetime]) -> Any:
    """Gives the heading to put before an entry: the day, when it is another than the last one's and there are several."""
    several = len({at.astimezone(UTC).date() for at in times}) > 1
    last: list[Any] = [None]

    def heading(at: datetime) -> list[str]:
        day = at.astimezone(UTC).date()
        if not several or day == last[0]:
            return []
        before, last[0] = last[0], day
        return [*([""] if before else []), f"### {day.isoformat()}", ""]

    return heading


def _clock(at: datetime, dated: bool = False) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S}" if dated else f"{utc:%H:%M:%S}"


def stamp(at: datetime) -> str:
    """`2026-11-20 14:32:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


# --- as data ----------------------------------------------------------------------------------------------------------


def document(record: Record, now: datetime) -> dict[str, Any]:
    """The same as plain data: every entry, every figure (minutes; unknown is None), every time with its certainty."""
    return {
        "title": record.title,
        "summary": {
            "id": record.id,
            "severity": record.severity,
            "status": record.status,
            "created_at": record.created_at,
            "resolved_at": record.resolved_at,
            "duration": duration(record),
            "assignee": record.assignee,
        },
        "description": record.description,
        "affected_services": list(record.services),
        "times": {name: {"at": record.moment(name), "certainty": record.sure(name)} for name in NAMES},
        "timeline": [msgspec.to_builtins(entry, builtin_types=(datetime,)) for entry in record.timeline],
        "communications": [msgspec.to_builtins(one, builtin_types=(datetime,)) for one in record.communications],
        "key_metrics": msgspec.to_builtins(measured(record)),
        "impact": dict(record.impact),
        "tags": list(record.tags),
        "generated_at": now,
    }
