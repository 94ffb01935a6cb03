"""Letters to the subscribers of the status page: durable, few at once, each with its receipt.

A mailing has one timer, leased while a node writes its letters. They go beside the other timers, so that ten thousand of them stand in
nobody's way; whoever dies in the middle is followed by another node, which repeats at most the letters that were in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from tocsin import metrics
from tocsin.core.errors import Unavailable
from tocsin.core.severity import Severity
from tocsin.flow.context import Context
from tocsin.flow.letterbox import confirm_link, unsubscribe_link
from tocsin.plugins.channels.base import Bounced, Brief, DeliveryError, Message, News
from tocsin.store import notices, subscribers, timers
from tocsin.store.database import Tx
from tocsin.store.notifications import Held
from tocsin.store.rows import storable
from tocsin.store.subscribers import Letter, Mailing
from tocsin.store.timers import Timer

log = structlog.get_logger(__name__)

CHANNEL = "email"
BATCH = 50
"""Letters between two looks at the lease."""
LEASE = timedelta(minutes=3)
"""How long a batch belongs to this node. No letter begins that might not be recorded in this time: the others wait for the next batch."""
RECORDING = timedelta(seconds=10)
"""What recording a letter may take, at worst."""
BOUNCES = 3
"""Letters in a row that a mail server refuses for good until the address is suspended."""
LONGEST_WAIT = timedelta(minutes=30)
KEPT = timedelta(days=30)
"""How long news and its receipts are kept, and addresses that never confirmed."""


async def due(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """These mailings have letters to go: each goes its way beside the timers."""
    async with ctx.db.transaction() as tx:
        ours = await notices.lease(tx, ctx.node, batch, ctx.clock.now() + LEASE)
    for timer in ours:
        ctx.chore(_mail(ctx, timer))
    return []


async def _mail(ctx: Context, timer: Timer) -> None:
    """Send until no letter is due any more; then the timer waits for the next retry, or is done."""
    try:
        while True:
            async with ctx.db.transaction() as tx:
                now = ctx.clock.now()
                leased = await notices.lease(tx, ctx.node, [timer], now + LEASE)
                mailing = await subscribers.mailing(tx, timer.subject)
                if not leased:
                    return
                timer = leased[0]
                if mailing is not None and mailing.addressed_at is None:
                    await subscribers.address(tx, mailing.id, now)
                letters = await subscribers.due(tx, timer.subject, now, BATCH) if mailing is not None else []
                if mailing is None or not letters:
                    await _rest(ctx, tx, timer, now)
                    break
            await _send_all(ctx, mailing, letters, timer.due_at)
        ctx.wake.set("timers")
    except Unavailable:
        log.warning("letters to subscribers could not be finished; they go on when the lease runs out")
    except Exception:  # the lease runs out, and it is tried again
        log.exception("letters to subscribers failed")


async def _rest(ctx: Context, tx: Tx, timer: Timer, now: datetime) -> None:
    again = await subscribers.next_due(tx, timer.subject)
    await timers.finish(tx, ctx.node, [timer])
    if again is not None:
        await timers.set_timer(tx, subscribers.TIMER, timer.subject, None, again)
    else:
        await subscribers.forget_mailings(tx, now - KEPT)
        await subscribers.forget_unconfirmed(tx, now - KEPT)


async def _send_all(ctx: Context, mailing: Mailing, letters: Sequence[Letter], ours_until: datetime) -> None:
    channel = ctx.channels.get(CHANNEL)
    begin_by = ours_until - RECORDING - timedelta(seconds=channel.timeout + 1 if channel else 0)

    async def one(letter: Letter) -> None:
        async with ctx.letters:
            if ctx.clock.now() <= begin_by:
                await _send(ctx, mailing, letter)

    await asyncio.gather(*(one(letter) for letter in letters))


async def _send(ctx: Context, mailing: Mailing, letter: Letter) -> None:
    """One letter, and what became of it."""
    if letter.address is None or letter.state == "suspended" or (letter.state == "asked" and mailing.kind != "confirm"):
        await _settle(ctx, letter, "superseded", error="the address left, or is suspended")
        return
    try:
        receipt = await _carry(ctx, mailing, letter)
    except DeliveryError as failure:
        await _failed(ctx, mailing, letter, failure)
    except TimeoutError:
        await _failed(ctx, mailing, letter, DeliveryError("No answer in time", permanent=False))
    except Exception as failure:  # a channel's bug must not stop the others; it counts as a failed attempt
        log.exception("a letter to a subscriber broke")
        broken = DeliveryError(f"The channel failed: {type(failure).__name__}", permanent=False)
        await _failed(ctx, mailing, letter, broken)
    else:
        metrics.DELIVERIES.labels(CHANNEL, "delivered").inc()
        await _settle(ctx, letter, "delivered", receipt=storable(receipt))


async def _carry(ctx: Context, mailing: Mailing, letter: Letter) -> str:
    channel = ctx.channels.get(CHANNEL)
    if channel is None:
        raise DeliveryError("There is no channel for mail here", permanent=True)
    async with asyncio.timeout(channel.timeout + 1):
        return (await channel.send({"address": letter.address or ""}, compose(ctx, mailing, letter))).text


async def _failed(ctx: Context, mailing: Mailing, letter: Letter, failure: DeliveryError) -> None:
    said, now = storable(str(failure)), ctx.clock.now()
    again = now + min(timedelta(seconds=30 * 2 ** min(letter.attempts, 10)), LONGEST_WAIT)
    if not failure.permanent and again < mailing.deadline_at:
        metrics.DELIVERIES.labels(CHANNEL, "retried").inc()
        async with ctx.db.transaction() as tx:
            await subscribers.put_off(tx, letter.id, again, said)
        return
    metrics.DELIVERIES.labels(CHANNEL, "failed").inc()
    await _settle(ctx, letter, "failed", error=said, bounced=isinstance(failure, Bounced))


async def _settle(
    ctx: Context, letter: Letter, state: str, *, receipt: str = "", error: str = "", bounced: bool = False
) -> None:
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        await subscribers.settle(tx, letter.id, state, now, receipt=receipt, error=error)
        if state == "delivered":
            await subscribers.arrived(tx, [letter.subscriber])
        elif bounced and await subscribers.bounced(tx, letter.subscriber, error, BOUNCES, now):
            log.info("a subscriber is suspended: its mail server refuses letters", subscriber=letter.subscriber)


def compose(ctx: Context, mailing: Mailing, letter: Letter) -> Message:
    """The letter. It names nobody, and leads to the public page only."""
    page, subscriber = ctx.directory.status_page, letter.subscriber
    confirms = mailing.kind == "confirm"
    path = confirm_link(ctx, subscriber, letter.address or "") if confirms else mailing.path
    url = ctx.settings.external_url + path
    news = News(
        heading=mailing.heading, text=mailing.text, url=url, sender=page.label if page else "Status",
        unsubscribe=ctx.settings.external_url + unsubscribe_link(ctx, subscriber, letter.address or ""),
        thread=mailing.thread, button="Confirm" if confirms else "See it on the status page",
    )  # fmt: skip
    brief = Brief(
        id="", number=0, name=mailing.heading, title=mailing.heading, severity=Severity.SEV4.key, status="", service=None,
        service_name="", url=url, created_at=mailing.created_at,
    )  # fmt: skip
    return Message(
        type="update", key=f"{ctx.instance}-s{letter.id}", page_id="", reason="", step=1, user="", user_name="",
        time_zone=page.time_zone if page else "UTC", incident=brief, acknowledge_url="", sent_at=ctx.clock.now(),
        instance=ctx.instance, news=news,
    )  # fmt: skip
