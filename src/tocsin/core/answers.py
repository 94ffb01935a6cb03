"""The measured answers to the prompts of a review (S0-69, S0-70): what was, against what was aimed at."""

from __future__ import annotations

from tocsin.core.record import NAMES, Measures, Moment, Record, measured
from tocsin.core.report import stamp

WELL = ("Detection", "Response", "Communication", "Resolution")
IMPROVABLE = ("Monitoring", "Alerting", "Documentation", "Training")


def well(record: Record) -> dict[str, str]:
    """What Went Well: detection, response, communication, resolution."""
    figures, targets = measured(record), record.targets
    return {
        "Detection": _against("detected in", figures.to_detect, targets.detection, _rough(figures, "to_detect"))
        or "unknown: nobody said when the impact began",
        "Response": _against(
            "somebody answered in", figures.to_respond, targets.response, _rough(figures, "to_respond")
        )
        or "nobody acknowledged it",
        "Communication": _communication(figures, targets.communication),
        "Resolution": _against("restored in", figures.to_restore, targets.resolution, _rough(figures, "to_restore"))
        or "unknown: nobody said when it was restored",
    }


def _rough(figures: Measures, name: str) -> str:
    return ", estimated" if name in figures.estimated else ""


def _against(said: str, value: float | None, target: float, rough: str = "") -> str:
    """`detected in 3 min; target 5 min: met`; empty when it is not known."""
    if value is None:
        return ""
    return f"{said} {span(value)}{rough}; target {span(target)}: {'met' if value <= target else 'missed'}"


def _communication(figures: Measures, target: float) -> str:
    if not figures.communications or figures.first_word is None:
        return f"no update was sent; target every {span(target)}: missed"
    silence = figures.longest_silence
    kept = f"; {figures.promises_kept} of {figures.promises} promised times kept" if figures.promises else ""
    longest = _against("; longest silence", silence, target)
    count = f"{figures.communications} update{'s' if figures.communications > 1 else ''}"
    return f"{count}, the first after {span(figures.first_word)}{longest}{kept}"


def improvable(record: Record) -> dict[str, str]:
    """What Could Be Improved: monitoring, alerting, documentation, training, each with its evidence."""
    return {
        "Monitoring": _monitoring(record),
        "Alerting": _alerting(record),
        "Documentation": f"the alerts named a runbook: {', '.join(record.runbooks)}"
        if record.runbooks
        else "no alert named a runbook",
        "Training": _training(record),
    }


def _monitoring(record: Record) -> str:
    lag = measured(record).to_detect
    by = "an alert found it" if record.origin == "event" else "a person found it, not an alert"
    return f"{by}; {span(lag)} after the impact began" if lag is not None else f"{by}; how late is unknown"


def _alerting(record: Record) -> str:
    figures = measured(record)
    parts = [
        f"{record.alerts} alert{'' if record.alerts == 1 else 's'}",
        f"{record.pages} page{'' if record.pages == 1 else 's'}, {record.answered_pages} answered",
        f"{figures.escalations} escalation{'' if figures.escalations == 1 else 's'}",
    ]
    if record.undelivered_pages:
        parts.append(f"{record.undelivered_pages} reached nobody")
    return "; ".join(parts)


def _training(record: Record) -> str:
    if record.responders is None or record.newcomers is None:
        return "unknown: who had done this before"
    if not record.responders:
        return "nobody responded"
    return f"{record.newcomers} of {record.responders} responders had not handled an incident of these services before"


def span(minutes: float) -> str:
    """`45 s`, `3 min`, `1 h 5 min`, `2 d 3 h`."""
    seconds = round(minutes * 60)
    if seconds < 60:
        return f"{seconds} s"
    whole, rest = divmod(seconds, 60)
    if whole < 60:
        return f"{whole} min" if whole >= 10 or not rest else f"{whole} min {rest} s"
    hours, left = divmod(whole, 60)
    if hours < 24:
        return f"{hours} h {left} min" if left else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def traced(record: Record, name: Moment) -> str:
    """Where a figure begins or ends: `restored 2026-11-20 15:15:00 UTC`, with its certainty unless that is exact."""
    at = record.moment(name)
    sure = record.sure(name)
    when = stamp(at) if at else "unknown"
    return f"{NAMES[name].lower()} {when}" + (f", {sure}" if at and sure != "exact" else "")
