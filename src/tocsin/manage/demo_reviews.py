"""What the people of the demo learned: reviews of incidents that are over, written a day or two later."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from tocsin.flow.context import Context
from tocsin.manage import review_parts, reviews
from tocsin.manage.review_parts import ActionChange


class Story(NamedTuple):
    """A review. Without a `root_cause` it is waived, and `lesson` says why."""

    hours: float
    lesson: str
    root_cause: str = ""
    factors: tuple[tuple[str, str, str], ...] = ()
    actions: tuple[tuple[str, str, int, bool], ...] = ()
    """(what, who, due so many days later, done)"""


def _ago(days: float, hours: float) -> timedelta:
    return timedelta(days=days, hours=hours)


STORIES: dict[timedelta, Story] = {
    _ago(29, 4): Story(
        30, "Replication lag is a fact that the report's owner should see before we do.",
        "Reports and orders share one replica, and nothing ends a transaction that stays open.",
        (("technical", "No limit on how long a transaction may stay open", "the setting was empty"),),
        (("Move reports to a replica of their own", "priya", 12, True), ("End idle transactions after 10 minutes", "jonas", 7, True)),
    ),
    _ago(27, 9): Story(
        28, "The trial release did what it is for: two servers, not twelve.",
        "The new release needs a setting that only the old servers had.",
        (("process", "Settings are not part of the release", "the release checklist"),),
        (("Check settings when a release begins", "maya", 14, True),),
    ),
    _ago(24, 15): Story(
        42, "Our own traces were right and the provider's page was wrong. Switch first, ask later.",
        "All payments go through one provider, and moving them to the second takes a person.",
        (
            ("external", "A fault at the provider that its status page did not show", "their report of the next day"),
            ("process", "The switch is a page in the wiki, not a button", "12 minutes between knowing and switching"),
            ("knowledge", "Only two people had ever switched providers", "the wiki's history"),
        ),
        (("A button for the switch", "maya", 30, False), ("Practise the switch every quarter", "tom", 30, False)),
    ),
    _ago(23, 1): Story(6, "The queue emptied itself; the cause is that of the incident of 27 days ago."),
    _ago(20, 6): Story(
        26, "A replication slot that nobody reads keeps everything.",
        "Slots are made by hand and never removed.",
        (("technical", "Nothing limits what a slot may keep", "the disk's graph"),),
        (("Alert on slots that are behind", "jonas", 10, True),),
    ),
    _ago(18, 11): Story(4, "One server for 12 minutes; replaced by the platform before anybody looked."),
    _ago(17, 22): Story(
        38, "A date that nobody watches will come.",
        "Certificates at the edge are renewed by hand, and nothing warns before they run out.",
        (
            ("process", "Renewal is in one person's calendar", "the calendar"),
            ("technical", "The probes do not look at the date", "their settings"),
        ),
        (("Renew certificates automatically", "priya", 21, True), ("Probe for days left", "jonas", 14, True)),
    ),
    _ago(15, 3): Story(8, "The share of empty results doubled because of a holiday sale; the alert's limit was raised."),
    _ago(12, 8): Story(
        25, "The failover was practised in spring, and it showed: six minutes.",
        "Hardware breaks. The rest held.",
        (("technical", "The fault of a fan was not reported by the machine", "its log"),),
        (("Watch fans and temperatures of database machines", "jonas", 20, False),),
    ),
    _ago(9, 19): Story(5, "The same as 27 days ago, on old servers that are gone since."),
    _ago(7, 12): Story(
        30, "Two full queues in a month, both after a campaign that we had not been told of.",
        "Campaigns are planned where nobody on call looks.",
        (("knowledge", "Marketing and on call do not share a calendar", "the handoff of that week"),),
        (("Campaigns stand among the planned events", "tom", 14, False),),
    ),
}  # fmt: skip
"""By how long ago the incident began."""


async def write(ctx: Context, number: int, actor: str, story: Story) -> None:
    """Write the review and settle it."""
    if not story.root_cause:
        await reviews.waive(ctx, number, actor, story.lesson)
        return
    await review_parts.write_section(ctx, number, "root_cause", actor, story.root_cause)
    await review_parts.write_section(ctx, number, "lessons_learned", actor, story.lesson)
    for kind, text, evidence in story.factors:
        await review_parts.add_factor(ctx, number, actor, kind, text, evidence)
    today = ctx.clock.now().date()
    for what, who, days, _ in story.actions:
        change = ActionChange(action=what, owner=who, due_on=(today + timedelta(days=days)).isoformat())
        await review_parts.add_action(ctx, number, actor, change)
    await review_parts.mark(ctx, number, "timeline", actor, True)
    await review_parts.mark(ctx, number, "meeting", actor, True)
    await reviews.publish(ctx, number, actor)


async def work_through(ctx: Context, number: int, actor: str, story: Story) -> None:
    """Some of what was to be done is done by now."""
    for at, (_, _, _, done) in enumerate(story.actions):
        if done:
            found = (await reviews.get(ctx, number, "admin"))["action_items"][at]
            await review_parts.change_action(ctx, number, found["id"], actor, ActionChange(state="done"))
