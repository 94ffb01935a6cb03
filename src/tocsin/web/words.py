"""What pages say: words, shapes and times. Every colour that a page shows is chosen here, next to its word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from tocsin.core import criteria

SEVERITIES = {
    "sev1_critical": ("sev1", "SEV1", "Critical"),
    "sev2_high": ("sev2", "SEV2", "High"),
    "sev3_medium": ("sev3", "SEV3", "Medium"),
    "sev4_low": ("sev4", "SEV4", "Low"),
}
"""Severity -> (class and shape, short name, word)."""

CRITERIA = {one.id: one.text for one in criteria.CRITERIA}
"""Question of the severity guide -> its wording."""

STATUSES = {
    "detected": ("alarm", "bell", "Unanswered"),
    "acknowledged": ("busy", "hand", "Acknowledged"),
    "investigating": ("busy", "lens", "Investigating"),
    "identified": ("busy", "target", "Identified"),
    "monitoring": ("watch", "eye", "Monitoring"),
    "resolved": ("good", "check", "Resolved"),
    "closed": ("calm", "box", "Closed"),
}
"""Status -> (tone, icon, word)."""

ALERTS = {
    "firing": ("alarm", "bell", "Firing"),
    "acknowledged": ("busy", "hand", "Acknowledged"),
    "muted": ("calm", "mute", "Muted"),
    "inhibited": ("calm", "mute", "Hidden by its cause"),
    "resolved": ("good", "check", "Resolved"),
}

BREACHES = {
    "turn_too_long": "Too long at a stretch",
    "rest_too_short": "Too little time off",
    "secondary_next_to_primary": "Two weeks in a row",
    "too_many_nights": "Too many nights",
    "no_rest_after_night": "No rest after a night",
}
"""Limit of a schedule -> what its breach is called."""

HANDOFFS = {
    "draft": ("calm", "note", "Draft"),
    "unsigned": ("busy", "relay", "Not signed"),
    "signed": ("good", "check", "Signed"),
    "lapsed": ("calm", "gap", "Never signed"),
    "void": ("calm", "cross", "Not needed"),
}
"""State of a handoff -> (tone, icon, word)."""

REVIEWS = {
    "none": ("calm", "gap", "Not begun"),
    "draft": ("busy", "note", "Draft"),
    "in_review": ("watch", "eye", "Being read"),
    "published": ("good", "check", "Published"),
    "waived": ("calm", "cross", "Waived"),
}
"""State of a review -> (tone, icon, word)."""

FACTORS = {
    "technical": "Technical: system or infrastructure",
    "process": "Process: procedures or documentation",
    "knowledge": "Knowledge and communication",
    "external": "External: somebody else's service",
}

RULES = {
    "jargon": "Words of the trade",
    "blame": "Blame",
    "speculation": "A guess",
    "over_promise": "Promises too much",
    "missing_impact": "No impact",
    "missing_next": "No next time",
    "missing_apology": "No regret",
    "missing_start": "No beginning",
    "rote": "A set phrase",
    "long_sentence": "A long sentence",
    "wordy": "Wordy",
    "hindsight": "Hindsight",
    "counterfactual": "A past that was not",
    "human_error": "Ends at a person",
}
"""Rule of the language check -> what it is about."""

MUTES = {
    "active": ("busy", "mute", "Muting"),
    "pending": ("calm", "clock", "To come"),
    "expired": ("calm", "box", "Ended"),
}

BEATS = {
    "up": ("good", "check", "Up"),
    "started": ("busy", "now", "Running"),
    "late": ("busy", "clock", "Late"),
    "down": ("alarm", "bell", "Down"),
    "new": ("calm", "gap", "Never heard"),
    "paused": ("calm", "mute", "Paused"),
}

PINGS = {
    "success": ("good", "check", "Good"),
    "fail": ("alarm", "cross", "Failed"),
    "start": ("busy", "now", "Started"),
    "log": ("calm", "note", "Told"),
}

PAGES = {
    "pending": ("busy", "clock", "Being sent"),
    "delivered": ("calm", "check", "Delivered"),
    "acknowledged": ("good", "hand", "Answered"),
    "superseded": ("calm", "box", "No longer needed"),
    "undelivered": ("alarm", "cross", "Not delivered"),
    "expected": ("calm", "clock", "Would be paged"),
}

NOTIFICATIONS = {
    "pending": ("busy", "clock", "waiting"),
    "delivered": ("good", "check", "delivered"),
    "failed": ("alarm", "cross", "failed"),
    "superseded": ("calm", "box", "not needed any more"),
}

HOLDS = {
    "quiet": "quiet hours",
    "bundle": "company, so that several are one message",
    "limit": "the phone, which rang often enough",
}
"""Why a notification waits -> what it waits for."""

METHODS = {"email": "mail", "webhook": "link", "sms": "note", "voice": "call", "webpush": "phone", "apprise": "send"}
"""Type of contact method -> icon."""

ENTRIES = {
    "incident_created": ("alarm", "bell", "Incident opened"),
    "response_triggered": ("", "bell", "Response started"),
    "response_step": ("", "bell", "First step"),
    "imported": ("", "note", "Imported"),
    "impact_changed": ("", "note", "Impact"),
    "alerts_joined": ("", "plus", "Alerts joined"),
    "alerts_hidden": ("", "mute", "Hides other alerts"),
    "alert_resolved": ("good", "check", "Alert resolved"),
    "alert_acknowledged": ("busy", "hand", "Alert acknowledged at its source"),
    "paged": ("", "phone", "Paged"),
    "notified": ("good", "check", "Notified"),
    "notification_failed": ("bad", "cross", "Notification failed"),
    "page_undelivered": ("bad", "cross", "Could not be reached"),
    "nobody_on_call": ("bad", "gap", "Nobody on call"),
    "no_page": ("", "mute", "Nobody is paged"),
    "escalated": ("bad", "up", "Escalated"),
    "exhausted": ("bad", "alarm", "No one is answering"),
    "acknowledged": ("busy", "hand", "Acknowledged"),
    "status_updated": ("busy", "lens", "Status changed"),
    "severity_changed": ("bad", "up", "Severity changed"),
    "assigned": ("busy", "person", "Assigned"),
    "role_assigned": ("busy", "person", "Role assigned"),
    "room_opened": ("note", "link", "Room opened"),
    "room_failed": ("bad", "cross", "Room hears nothing"),
    "responder_added": ("busy", "person", "Responder added"),
    "note_added": ("note", "note", "Note"),
    "communication_added": ("note", "note", "Communication"),
    "update_published": ("note", "send", "Update published"),
    "restored": ("good", "check", "Restored"),
    "resolved": ("good", "check", "Resolved"),
    "closed": ("good", "box", "Closed"),
    "reopened": ("bad", "bell", "Reopened"),
    "review_drafted": ("note", "note", "Review drafted"),
    "review_published": ("good", "check", "Review published"),
    "review_waived": ("calm", "cross", "Review waived"),
    "relapsed": ("bad", "bell", "Came back"),
    "responder_removed": ("", "person", "Responder removed"),
    "snoozed": ("", "clock", "Snoozed"),
    "snooze_ended": ("busy", "bell", "Snooze over"),
    "handover_offered": ("busy", "person", "Handover offered"),
    "handed_over": ("busy", "person", "Handed over"),
    "handover_ended": ("", "person", "Handover not accepted"),
    "all_hands": ("bad", "bell", "All hands"),
    "escalation_suggested": ("bad", "up", "Escalate?"),
    "acknowledge_timeout": ("bad", "bell", "Nothing happened since"),
    "merged": ("", "plus", "Merged"),
    "not_restored": ("bad", "eye", "Not restored yet"),
    "times_corrected": ("", "clock", "Times corrected"),
    "related": ("", "link", "Linked"),
    "made_private": ("", "key", "Private"),
    "made_visible": ("", "eye", "Visible to everybody"),
    "reader_added": ("", "person", "Let in"),
    "corrected": ("", "note", "Corrected"),
    "copied": ("", "eye", "Copy for a shadow"),
    "response_late": ("bad", "clock", "Not acknowledged in time"),
    "update_due": ("", "clock", "Update due"),
    "update_drafted": ("", "note", "Drafts ready"),
    "manager_informed": ("note", "person", "Manager informed"),
    "target_missed": ("bad", "clock", "Not restored in time"),
    "business_hours_began": ("", "clock", "Business hours began"),
    "role_offered": ("busy", "relay", "Role handed over?"),
    "role_handed_over": ("busy", "relay", "Role handed over"),
    "role_offer_ended": ("", "relay", "Role not handed over"),
    "role_released": ("", "gap", "Role let go"),
    "no_commander": ("bad", "gap", "Nobody commands"),
    "message_posted": ("talk", "note", "Message"),
    "finding_added": ("note", "lens", "What we know"),
    "finding_settled": ("note", "lens", "What we know changed"),
    "decision_made": ("note", "target", "Decision"),
    "task_added": ("", "list", "Task"),
    "task_changed": ("", "list", "Task changed"),
    "check_in_due": ("bad", "clock", "Check-in due"),
    "step_ticked": ("good", "check", "Step ticked"),
}
"""Kind of timeline entry -> (tone, icon, words)."""

ALARMS = {
    "exhausted": "No one is answering: the whole escalation policy was tried.",
    "undelivered": "No one could be reached: no page was delivered.",
}
NO_PAGE = {
    "severity_does_not_page": "Nobody is paged: this severity wakes no one.",
    "no_escalation_policy": "Nobody is paged: no escalation policy fits. Name one for the service, or a default.",
}
TIERS = {"on_call": "On call", "senior": "Senior", "architect": "Architect", "executive": "Executive"}

LEVELS = {"error": ("alarm", "alarm", "Fails"), "warning": ("sev3", "sev3", "Risk"), "note": ("calm", "note", "Note")}
"""Level of a finding -> (tone, icon, word)."""
REASONS = {
    "on_call_schedule": "on call",
    "named_in_policy": "named by the policy",
    "team_member": "the whole team",
    "manager_last_resort": "manages the team, the last resort",
    "business_hours_began": "business hours began",
    "not_restored": "answered, but not restored",
    "severity_rose": "the severity rose",
    "relapse": "it came back",
    "escalated_by_person": "somebody escalated",
}
"""Why somebody is paged, in a few words."""
CHANGES = {
    "same": ("calm", "check", "The same"),
    "earlier": ("busy", "up", "Earlier"),
    "later": ("busy", "clock", "Later"),
    "new": ("good", "plus", "Only today"),
    "gone": ("alarm", "cross", "Only then"),
}
"""How a replay differs -> (tone, icon, words)."""
MINUTE = {"on_call": ("busy", "person"), "page": ("", "phone"), "not_paged": ("", "quiet"), "muted": ("", "mute")}
"""What is told of a person's minute -> (tone, icon)."""


_RECURS = {
    "FREQ=DAILY": "every day", "FREQ=WEEKLY": "every week", "FREQ=MONTHLY": "every month", "FREQ=YEARLY": "every year",
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": "Monday to Friday", "FREQ=WEEKLY;BYDAY=SA,SU": "on weekends",
}  # fmt: skip


def recurs(plan: Mapping[str, Any]) -> str:
    """How often a planned mute comes."""
    if plan.get("during"):
        return "in working hours" if plan["during"] == "working_hours" else "outside working hours"
    rule = str(plan.get("rrule") or "")
    return _RECURS.get(rule, f"recurs: {rule}") if rule else "planned once"


def rhythm(beat: Mapping[str, Any]) -> str:
    """When a heartbeat is expected."""
    return f"{beat['cron']} ({beat['time_zone']})" if beat["cron"] else f"every {beat['period']}"


def moment(value: str | datetime | None) -> datetime | None:
    """A time from a view (RFC 3339 text) or as it is."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def local(value: str | datetime | None, zone: ZoneInfo) -> str:
    """A time as a `datetime-local` field holds it, in that zone; empty for none."""
    at = moment(value)
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def offset(at: datetime) -> str:
    """`+02:00`, or `UTC` for zero."""
    text = at.strftime("%z")
    return "UTC" if text == "+0000" else f"{text[:3]}:{text[3:5]}"


def written(at: datetime, zone: ZoneInfo, now: datetime, seconds: bool = False) -> str:
    """A time in the viewer's zone with its offset; the day only when it is not today."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    clock = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    day = ""
    if local.date() != today.date():
        day = f"{local:%a} {local.day} {local:%b} " if local.year == today.year else f"{local.day} {local:%b %Y} "
    return f"{day}{clock} {offset(local)}"


def time_tag(value: str | datetime | None, zone: ZoneInfo, now: datetime, seconds: bool = False) -> Markup:
    """`<time>` with UTC on hover; a dash for none."""
    at = moment(value)
    if at is None:
        return Markup('<span class="quiet">–</span>')
    utc = at.astimezone(ZoneInfo("UTC"))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M:%S UTC"), written(at, zone, now, seconds)
    )


def span(length: timedelta) -> str:
    """`0:42`, `14:05`, `3:20:11`, `4 d 7 h`: the same as the moving clocks in the browser say."""
    total = max(0, int(length.total_seconds()))
    hours, minutes, seconds = total // 3600, total // 60 % 60, total % 60
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def since(value: str | datetime, now: datetime) -> Markup:
    """How long ago, as a clock that moves in the browser."""
    at = moment(value) or now
    return Markup('<span class="clock" data-since="{}">{}</span>').format(_stamp(at), span(now - at))


def until(value: str | datetime, now: datetime) -> Markup:
    """How long until then, as a clock that moves in the browser."""
    at = moment(value) or now
    return Markup('<span class="clock" data-until="{}">{}</span>').format(
        _stamp(at), span(at - now) if at > now else "now"
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def duration(seconds: float | None) -> str:
    """`3 min`, `2 h 5 min`, `4 d 7 h`, for texts that do not move."""
    if seconds is None:
        return "–"
    total = int(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min"
    if total < 172800:
        return f"{total // 3600} h {total // 60 % 60} min"
    return f"{total // 86400} d {total // 3600 % 24} h"


def actor(text: str, users: Mapping[str, str]) -> str:
    """A timeline's actor for people: `user:alice` -> `Alice Ng`, `token:ci` -> `token ci`, `tocsin` -> `Tocsin`."""
    kind, _, name = text.partition(":")
    if kind == "user":
        return users.get(name, "Administrator" if name == "admin" else name)
    return f"{kind} {name}" if name else text.capitalize()


def highlighted(text: str) -> Markup:
    """Plain text of a person with its links made clickable."""
    words = [_link(word) if word.startswith(("https://", "http://")) else escape(word) for word in text.split(" ")]
    return Markup(" ").join(words)


def _link(word: str) -> Markup:
    return Markup('<a href="{0}" rel="noreferrer noopener">{0}</a>').format(word)
