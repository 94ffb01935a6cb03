"""What stakeholders and executives were told in the month of the demo: for each episode updates minute by minute."""

from __future__ import annotations

from typing import NamedTuple

from tocsin.core.audience import Audience
from tocsin.flow import communicate, drafting, updates
from tocsin.flow.context import Context
from tocsin.store import updates as stored

SPEAKER = "user:tom"
LISTENER = "nora"


class Tell(NamedTuple):
    """One update, `minutes` after the first alert; to a channel when `channel` is set."""

    minutes: float
    message: str
    audience: Audience = "stakeholders"
    channel: str = ""


TELLS: dict[str, tuple[Tell, ...]] = {
    "Card payments time out": (
        Tell(4, "Card payments time out for most shoppers. The cause lies with our provider, whom we have called."),
        Tell(6, "Card payments fail at our provider; orders by invoice work. The shop team has it in hand.", "executives"),
        Tell(8, "Ask callers to pay by invoice, or to try again in half an hour.", channel="customer-care"),
        Tell(18, "New payments go by the second provider and work. Payments that were under way are being checked."),
        Tell(21, "Payments work again by the second provider.", "executives"),
    ),
    "Storefront answers nobody": (
        Tell(13, "The shop cannot be reached from anywhere: a certificate ran out. A new one is on its way to all regions."),
        Tell(27, "Two of three regions answer again; Asia follows within minutes."),
    ),
    "Primary db-1 does not answer": (
        Tell(3, "Orders cannot be placed: a database server broke. Its standby is taking over."),
        Tell(12, "The standby has taken over, and orders can be placed again. Nothing was lost."),
    ),
    "Checkout fails for one in five customers": (
        Tell(7, "Checkout fails for about one in five customers since a change of prices went out. It is being taken back."),
        Tell(10, "Checkout: one in five customers cannot pay. The cause is a change that is being taken back.", "executives"),
        Tell(21, "The change is taken back on one of two servers, where errors are gone. The other follows."),
        Tell(34, "Both servers run the earlier version. Errors fall; we watch until they are gone."),
        Tell(35, "Ask callers to try again: most payments work now.", channel="customer-care"),
    ),
}  # fmt: skip
"""By the title of the episode."""


async def listen(ctx: Context) -> None:
    """Nora asks to be told of whatever is serious."""
    async with ctx.db.transaction() as tx:
        await stored.subscribe(tx, LISTENER, "stakeholders", None, 2, ctx.clock.now())


async def say(ctx: Context, number: int, title: str, place: int) -> None:
    """Tell what stands at `place` of an episode's updates."""
    tell = TELLS[title][place]
    if tell.channel:
        await communicate.communicate(ctx, number, SPEAKER, tell.message, tell.channel)
    else:
        await updates.publish(ctx, number, SPEAKER, tell.audience, tell.message)


async def end(ctx: Context, number: int) -> None:
    """Whoever was told inside hears the end."""
    await drafting.tell_everyone(ctx, number, SPEAKER, ("responders", "stakeholders", "executives"))
