"""Who is told of which incidents without being on call (S0-89)."""

from __future__ import annotations

from typing import Any

from tocsin.core import severity as severities
from tocsin.core.errors import Forbidden, Invalid, NotFound
from tocsin.core.notification import for_news
from tocsin.core.permission import Principal, allowed
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.manage.lists import time_text
from tocsin.store import updates as stored
from tocsin.store.updates import Subscription
from tocsin.store.writing import notify

MOST = 100
"""Subscriptions of one person."""
AUDIENCES = ("stakeholders", "executives")


def view(one: Subscription) -> dict[str, Any]:
    """`service` null: every service. `severity`: the mildest of which they are told."""
    return {
        "id": one.id,
        "user": one.user_id,
        "audience": one.audience,
        "service": one.service,
        "severity": Severity(one.severity).key,
        "created_at": time_text(one.created_at),
    }


async def list_subscriptions(ctx: Context, principal: Principal, user: str | None = None) -> dict[str, Any]:
    """`{"items", "next": null, "reached_by"}`: one's own; those of others (or with `user` `*`, of all) for those who may configure.

    `reached_by`: the contact methods that carry updates to that person. Raises Forbidden, NotFound.
    """
    whose = None if user == "*" else _whose(ctx, principal, user)
    if user == "*" and not allowed(principal.role, "configure"):
        raise Forbidden(f"{principal.name} may see their own subscriptions only.")
    async with ctx.db.reading() as tx:
        found = await stored.subscriptions(tx, whose)
    methods = for_news(ctx.directory.users[whose]) if whose else []
    return {"items": [view(one) for one in found], "next": None, "reached_by": [method.id for method in methods]}


async def subscribe(
    ctx: Context, principal: Principal, *, user: str | None = None, service: str | None = None, severity: str | int = 2,
    audience: str = "stakeholders",
) -> dict[str, Any]:  # fmt: skip
    """Be told of incidents of a service (None: of every one) that are at least this severe. Raises Forbidden, NotFound, Invalid."""
    whose = _whose(ctx, principal, user)
    if service is not None and service not in ctx.directory.services:
        raise Invalid(f"there is no service {service[:60]!r}", "/service")
    if audience not in AUDIENCES:
        raise Invalid(f"write {' or '.join(AUDIENCES)}: the public subscribes on the status page", "/audience")
    grade = severities.parse(severity)
    if not for_news(ctx.directory.users[whose]):
        raise Invalid(
            "no contact method of theirs carries updates, and they have no e-mail address: add one first", "/user"
        )
    async with ctx.db.transaction() as tx:
        if len(await stored.subscriptions(tx, whose)) >= MOST:
            raise Invalid(f"{MOST} subscriptions are enough: remove one, or subscribe to every service", "/service")
        made = await stored.subscribe(tx, whose, audience, service, grade.value, ctx.clock.now())
        await notify(tx, "configuration")
    ctx.subscribed = True  # of what is declared in the same second they are told, too; other nodes look when they wake
    ctx.wake.set("configuration")
    return view(made)


async def unsubscribe(ctx: Context, principal: Principal, id: int) -> None:
    """Raises NotFound when there is none that they may end."""
    whose = None if allowed(principal.role, "configure") else principal.user or ""
    async with ctx.db.transaction() as tx:
        if not 0 <= id < 2**63 or not await stored.unsubscribe(tx, id, whose):
            raise NotFound(f"There is no subscription {id}")


def _whose(ctx: Context, principal: Principal, user: str | None) -> str:
    whose = user or principal.user
    if whose is None:
        raise Invalid("this token belongs to nobody: name the user", "/user")
    if whose != principal.user and not allowed(principal.role, "configure"):
        raise Forbidden(f"{principal.name} may change their own subscriptions only.")
    if whose not in ctx.directory.users:
        raise NotFound(f"There is no user {whose[:60]!r}")
    return whose
