"""Why each page about an incident did or did not happen, in sentences made from recorded reasons and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tocsin.core.alert import NoPage, Reason
from tocsin.core.directory import Directory
from tocsin.core.incident import display_name, public_id, unknown
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import reading_alerts, reading_incidents
from tocsin.store.reading_incidents import Row

MOST_ALERTS = 20
"""How many alerts are explained one by one; the others are counted."""

_KINDS = (
    "response_triggered", "nobody_on_call", "no_page", "exhausted", "escalated", "severity_changed", "relapsed",
    "acknowledged", "resolved", "reopened", "snoozed", "snooze_ended", "handed_over", "handover_ended", "all_hands",
    "escalation_suggested", "acknowledge_timeout",
)  # fmt: skip

_NO_PAGE = {
    NoPage.SEVERITY.value: "Nobody was paged: its severity does not page.",
    NoPage.NO_POLICY.value: "Nobody was paged: neither its services nor the organisation have an escalation policy.",
}

_ALERT = {
    Reason.OPENED.value: "opened this incident",
    Reason.JOINED.value: "joined this incident, whose group it belongs to; joining pages nobody again",
    Reason.RELAPSED.value: "came back while the incident was being watched, so it was paged again",
    Reason.MUTED.value: "is muted by a silence, so it paged nobody",
    Reason.UNMUTED.value: "was still firing when its silence ended",
    Reason.MAINTENANCE.value: "came during a maintenance window, so it paged nobody",
    Reason.INHIBITED.value: "is hidden by its cause, so it paged nobody",
    Reason.UNINHIBITED.value: "was still firing when the cause that hid it was over",
}

PAGE = {
    "on_call_schedule": "was on call",
    "named_in_policy": "is named in the escalation policy",
    "team_member": "is a member of the team that this step pages",
    "manager_last_resort": "manages the team, and nobody had answered",
    "escalated_by_person": "was next when someone escalated",
    "severity_rose": "was paged again because the severity rose",
    "relapse": "was paged again because the incident came back",
    "not_restored": "stands above, and the incident was acknowledged but not restored in time",
    "acknowledge_timeout": "had acknowledged, and nothing happened since",
    "snooze_over": "was paged again because the snooze was over",
    "paged_by_person": "was asked for by a person",
    "assigned": "was assigned",
    "added_as_responder": "was added as a responder",
    "handover": "was asked to take over",
    "handover_not_accepted": "still has it, because nobody accepted the handover",
    "all_hands": "is on call somewhere, and all hands were called",
}
"""Why a person was paged, after their name."""

_ENDED = {
    "acknowledged": "it was acknowledged",
    "top": "no tier above is left to page",
    "acknowledge_timeout": "nothing happened after the acknowledgement, and paging went on",
    "snooze_over": "the snooze was over and paging started over",
    "resolved": "the incident was resolved",
    "restored": "the service was restored",
    "exhausted": "every step had been used and nobody answered",
    "severity_rose": "the severity rose and paging started over",
    "relapse": "the incident came back and paging started over",
}


async def explain(ctx: Context, number: int) -> dict[str, Any]:
    """`{"incident", "name", "items": [{at, kind, sentence, page, user, alert, reason}], "next": null}`, in order of time.

    `kind`: `alert`, `no_page`, `page`, `notification`, `climb`, or a kind of the timeline. `reason` is the recorded one, from
    its closed list. Raises NotFound.
    """
    async with ctx.db.reading() as tx:
        incident = await reading_incidents.get(tx, number)
        if incident is None:
            raise unknown(number)
        pages = await reading_incidents.pages(tx, number, None, None)
        notifications = await reading_incidents.notifications(tx, [page["id"] for page in pages])
        climbs = await reading_incidents.escalations(tx, number)
        entries = await reading_incidents.timeline_of_kinds(tx, number, _KINDS)
        alerts = await reading_alerts.alerts(tx, reading_alerts.Filter(incident=number), MOST_ALERTS + 1)
    found = [
        *_incident(incident),
        *_alerts(alerts, incident),
        *(_entry(ctx.directory, entry) for entry in entries),
        *(item for page in pages for item in _page(ctx.directory, page, notifications)),
        *(item for climb in climbs for item in _climb(ctx.directory, climb)),
    ]
    found.sort(key=lambda item: item[0])
    items = [
        {"at": time_text(at), "page": None, "user": None, "alert": None, "reason": None, **item} for at, item in found
    ]
    return {
        "incident": public_id(number),
        "name": display_name(number, incident["created_at"]),
        "items": items,
        "next": None,
    }


Item = tuple[datetime, dict[str, Any]]


def _incident(row: Row) -> list[Item]:
    reason = row["no_page_reason"]
    if reason is None:
        return []
    sentence = _NO_PAGE.get(reason, f"Nobody was paged: {reason}.")
    if reason == NoPage.SEVERITY.value:
        sentence = f"Nobody was paged: {Severity(row['severity']).name} is looked at in working hours and pages nobody."
    return [(row["created_at"], {"kind": "no_page", "reason": reason, "sentence": sentence})]


def _alerts(rows: Sequence[Row], incident: Row) -> list[Item]:
    shown = sorted(rows, key=lambda row: (row["first_at"], row["id"]))[:MOST_ALERTS]
    items = [(row["first_at"], _alert(row)) for row in shown]
    if len(rows) > MOST_ALERTS:
        sentence = f"{incident['alerts_count']} alerts belong to this incident; these are the latest {MOST_ALERTS}."
        items.append((shown[0]["first_at"], {"kind": "alert", "sentence": sentence}))
    return items


def _alert(row: Row) -> dict[str, Any]:
    said = _ALERT.get(row["reason"], row["reason"])
    times = f" It was sent {row['count']} times; repeats page nobody." if row["count"] > 1 else ""
    return {
        "kind": "alert",
        "alert": row["id"],
        "reason": row["reason"],
        "sentence": f"The alert {row['title']!r} {said}.{times}",
    }


def _entry(directory: Directory, row: Row) -> Item:
    somebody = _name(directory, row["actor"].partition(":")[2])
    who = somebody or "Tocsin"
    details = row["details"].rstrip(".")
    sentence = {
        "nobody_on_call": f"A step paged nobody: {details}.",
        "no_page": f"Nobody was paged: {details}.",
        "exhausted": f"{details}.",
        "acknowledged": f"{who} acknowledged, so the pages of this response stopped.",
        "resolved": f"{f'{who} resolved the incident' if somebody else details}, so its pages stopped.",
        "reopened": f"{who} reopened the incident; that pages nobody.",
        "escalated": f"{who} escalated. {details}." if somebody else f"{details}.",
        "severity_changed": f"The severity changed {details}.",
    }.get(row["kind"], f"{details}.")
    reason = row["data"].get("reason") if isinstance(row["data"], dict) else None
    return row["at"], {"kind": row["kind"], "reason": reason if isinstance(reason, str) else None, "sentence": sentence}


def _page(directory: Directory, page: Row, notifications: Sequence[Row]) -> list[Item]:
    name = _name(directory, page["user_id"])
    why = PAGE.get(page["reason"], page["reason"])
    through = directory.called(page["via"])
    about = {"page": page["id"], "user": page["user_id"]}
    step = f" at step {page['step']} ({through})" if page["step"] else ""
    said = f" {page['note'].rstrip('.')}." if page["note"] else ""
    began = f"{name} was paged{step}: {name} {why}.{said}"
    items: list[Item] = [(page["created_at"], {"kind": "page", "reason": page["reason"], "sentence": began, **about})]
    carried = [n for n in notifications if n["page_id"] == page["id"]]
    items += [(_when(n), {"kind": "notification", "sentence": told(name, n), **about}) for n in carried]
    items.append((_page_end(page), {"kind": "page", "reason": page["state"], "sentence": _ended(name, page), **about}))
    return items


def _page_end(page: Row) -> datetime:
    at: datetime = page["ended_at"] or page["delivered_at"] or page["created_at"]
    return at


def _ended(name: str, page: Row) -> str:
    return {
        "pending": f"The page of {name} is on its way: no contact method has taken it yet.",
        "delivered": f"The page of {name} was delivered" + ("." if page["ended_at"] else " and waits for an answer."),
        "acknowledged": f"{name} answered the page.",
        "superseded": f"The page of {name} was stopped before it was delivered: it was not needed any more.",
        "undelivered": f"The page of {name} could not be delivered by any contact method"
        + (", so the next step came at once." if page["step"] else "."),
    }[page["state"]]


def _when(row: Row) -> datetime:
    at: datetime = row["ended_at"] or row["started_at"] or row["scheduled_at"]
    return at


def told(name: str, row: Row) -> str:
    """What became of one notification to `name`."""
    way = f"{row['method']} ({row['channel']})"
    tries = f" at attempt {row['attempts']}" if row["attempts"] > 1 else ""
    answer = f" The provider said: {row['receipt']}." if row["receipt"] else ""
    held = _HELD.get(row["held"], "")
    return {
        "pending": f"{name} will be told by {way}{held}" + (f"; so far: {row['error']}." if row["error"] else "."),
        "delivered": f"{name} was told by {way}{tries}{held}.{answer}",
        "failed": f"{name} could not be told by {way} after {_attempts(row)}: {row['error']}.",
        "superseded": f"{name} was not told by {way}: it was not needed any more.",
    }[row["state"]]


_HELD = {
    "quiet": ", after quiet hours",
    "bundle": ", together with what else came within the minute",
    "limit": ", once the phone was allowed to ring again",
}
"""What a notification waits for, or waited for (core/notification.Hold)."""


def _attempts(row: Row) -> str:
    return "1 attempt" if row["attempts"] == 1 else f"{row['attempts']} attempts"


def _climb(directory: Directory, row: Row) -> list[Item]:
    known = directory.escalation_policies.get(row["policy"])
    policy = (known.name if known else "") or row["policy"]
    if row["state"] == "held":
        sentence = (
            f"The policy {policy} climbs no further by itself: low urgency waits for a person, or for business hours."
        )
        return [(row["round_started_at"], {"kind": "climb", "reason": "held", "sentence": sentence})]
    if row["ended_at"] is None:
        return []
    why = _ENDED.get(row["ended_reason"] or "", row["ended_reason"] or "it ended")
    sentence = f"The escalation by policy {policy} ended: {why}."
    return [(row["ended_at"], {"kind": "climb", "reason": row["ended_reason"], "sentence": sentence})]


def _name(directory: Directory, user: str) -> str:
    known = directory.users.get(user)
    return known.label if known else user
