"""How one person is told: which contact methods, when, and when to try again."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.core.configuration import ContactMethod, User
from tocsin.core.severity import Urgency
from tocsin.core.spelling import Duration

FIRST_RETRY = 1.0
"""Seconds until the first retry; each further one waits twice as long."""
LONGEST_RETRY = 30.0
"""Seconds: retries never lie further apart than this, unless the provider asks for more."""


def plan(user: User, urgency: Urgency) -> list[tuple[Duration, ContactMethod]]:
    """The contact methods to use for one page, each with its delay from the page, in order; never one that is not verified.

    Written rules are the whole truth. Without rules: all methods at once for high urgency; e-mail for low, or all methods when the
    person has no e-mail, because a page that reaches nobody is worse than a loud one.
    """
    rules = user.notification_rules.high if urgency == "high" else user.notification_rules.low
    usable = [m for m in user.contact_methods if m.verified]
    methods = {m.id: m for m in usable}
    if rules is not None:
        chosen = [(rule.after, methods[rule.method]) for rule in rules if rule.method in methods]
        return sorted(chosen, key=lambda item: item[0])
    mail = [m for m in usable if m.type == "email"]
    default = usable if urgency == "high" or not mail else mail
    return [(Duration(0), method) for method in default]


def subscribed(user: User) -> list[ContactMethod]:
    """The contact methods that get updates: those the person chose, as far as they are verified."""
    return [m for m in user.contact_methods if m.verified and m.id in user.updates]


PROFILE = "profile"
"""The contact method that stands for a person's own mail address, when no contact method carries mail."""


def for_news(user: User) -> list[ContactMethod]:
    """Where a person is told what everyone must know who is on call (their shift changed): the methods that get updates.

    When none was chosen, mail; without a method for mail the address of the profile serves.
    """
    if chosen := subscribed(user):
        return chosen
    mail = [method for method in user.contact_methods if method.type == "email" and method.verified]
    if not mail and user.email:
        return [ContactMethod(PROFILE, "email", {"address": user.email})]
    return mail


def retry_at(attempts: int, now: datetime, deadline: datetime, retry_after: float | None = None) -> datetime | None:
    """When to try again after `attempts` (>= 1) failures, or None when that would lie beyond `deadline`.

    Waits 1, 2, 4 ... 30 seconds; a provider's `retry_after` (seconds) makes it longer, never shorter.
    """
    wait = min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LONGEST_RETRY)
    at = now + timedelta(seconds=max(wait, retry_after or 0.0))
    return at if at < deadline else None
