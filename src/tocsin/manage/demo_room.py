"""How people of the demo work in the room of the incident that is still on, minute by minute from its first alert."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tocsin.flow import chat, findings, roles, tasks
from tocsin.flow.context import Context
from tocsin.flow.tasks import Change
from tocsin.manage import checklists, room

TITLE = "Checkout fails for one in five customers"
"""The episode of the month that they work on."""

Act = Callable[[Context, int], Awaitable[object]]
MAYA, JONAS, PRIYA, TOM = "user:maya", "user:jonas", "user:priya", "user:tom"


async def _measured(ctx: Context, number: int) -> object:
    """A measurement is a fact."""
    return await findings.add(
        ctx, number, PRIYA, "One in five payments fails with HTTP 503, only on pay-1 and pay-3.", "fact"
    )


async def _confirmed(ctx: Context, number: int) -> object:
    """The first hypothesis held, the second did not."""
    found = (await room.room(ctx, number))["findings"]
    guesses = [one["id"] for one in found if one["certainty"] == "hypothesis"]
    await findings.settle(ctx, number, PRIYA, guesses[0], "fact", "errors on pay-1 ended with the rollback")
    return await findings.settle(ctx, number, JONAS, guesses[1], "refuted", "no new connections wait there")


async def _first_done(ctx: Context, number: int) -> object:
    task = (await room.room(ctx, number))["tasks"][0]
    return await tasks.change(
        ctx, number, PRIYA, task["id"], Change(state="done", outcome="pay-1 answers without errors")
    )


ACTS: tuple[tuple[float, Act], ...] = (
    (3, lambda ctx, number: roles.assign(ctx, number, TOM, "incident_commander", "tom")),
    (3.5, lambda ctx, number: roles.assign(ctx, number, TOM, "technical_lead", "priya")),
    (4, lambda ctx, number: chat.post(ctx, number, TOM, "I coordinate. Priya leads the fix; I write the first update.")),
    (5, _measured),
    (7, lambda ctx, number: findings.add(ctx, number, PRIYA, "Version 3.41 of the price service breaks the checkout.")),
    (7.5, lambda ctx, number: findings.add(ctx, number, JONAS, "The database runs out of connections.")),
    (8, lambda ctx, number: checklists.tick(ctx, number, PRIYA, "changes")),
    (9, lambda ctx, number: tasks.add(ctx, number, TOM, "Roll back 3.41 on pay-1", owner="priya", workstream="Fix", check_in="10m")),
    (9.5, lambda ctx, number: tasks.add(ctx, number, TOM, "Count failed payments per minute", owner="jonas",
                                        workstream="Impact", check_in="1h")),
    (10, lambda ctx, number: findings.decide(ctx, number, TOM, "Roll back 3.41 host by host",
                                             "the quickest way back, and one host shows whether it helps",
                                             "a hotfix; switching the price service off")),
    (16, _first_done),
    (17, _confirmed),
    (18, lambda ctx, number: tasks.add(ctx, number, PRIYA, "Roll back 3.41 on pay-3", owner="priya", workstream="Fix",
                                       check_in="45m")),
    (19, lambda ctx, number: chat.post(ctx, number, JONAS, "pay-1 is clean since the rollback: 0 errors in 3 minutes.")),
)  # fmt: skip
"""(minutes, what somebody does)."""
CHANGES = ((-9, "Price service 3.41 deployed"), (-95, "Feature flag new-basket on for 10 %"))
"""(minutes, what was changed at the service)."""
