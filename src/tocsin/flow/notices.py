"""Carry news that nobody has to answer: copies for those who shadow a shift, shifts that changed.

The outbox is `store/notices`: each row has a timer, leased while it is on its way and removed together with the outcome. Few are sent at
once, so that news never stands in the way of a page.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from tocsin import metrics
from tocsin.core.audience import channel_of
from tocsin.core.configuration import ContactMethod
from tocsin.core.errors import Unavailable
from tocsin.core.notification import for_news
from tocsin.core.severity import Severity
from tocsin.flow import suggested
from tocsin.flow.context import Context
from tocsin.flow.message import case_of
from tocsin.plugins.channels.base import Brief, DeliveryError, Message, News
from tocsin.store import notices, timers
from tocsin.store.notices import TOLD, Notice
from tocsin.store.notifications import Held
from tocsin.store.rows import storable
from tocsin.store.timers import Timer

log = structlog.get_logger(__name__)

MOST = 8
"""How many of one channel are on their way at once."""
LEASE = timedelta(seconds=90)
"""How long one that is being sent belongs to this node: longer than any channel's limit."""
BACK = timedelta(seconds=2)
"""After how long those are looked at again for which there was no room."""
LONGEST_WAIT = 600.0
"""Seconds: retries lie 2, 4, 8 ... apart, and never further than this."""


async def due(ctx: Context, batch: Sequence[Timer]) -> list[Held]:
    """These notices are due: those for which there is room go on their way, the others are due again in a moment."""
    async with ctx.db.transaction() as tx:
        found = await notices.begin(tx, [timer.subject for timer in batch])
        now = ctx.clock.now()
        fitting, waiting, over = [], [], []
        room = Counter({channel: MOST - ctx.carrying[channel] for channel in {n.channel for n in found.values()}})
        for timer in batch:
            notice = found.get(timer.subject)
            if notice is None:
                over.append(timer)
            elif room[notice.channel] > 0:
                room[notice.channel] -= 1
                fitting.append(timer)
            else:
                waiting.append(timer)
        await timers.finish(tx, ctx.node, over)
        await notices.put_back(tx, ctx.node, waiting, now + BACK)
        ours = await notices.lease(tx, ctx.node, fitting, now + LEASE)
    for timer in ours:
        ctx.carry(timer, found[timer.subject])
    return []


class Notices:
    """The sending half of a node for news."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._sends: set[asyncio.Task[None]] = set()
        ctx.carry = self.carry

    @property
    def waiting(self) -> int:
        """How many are on their way."""
        return len(self._sends)

    def carry(self, timer: Timer, notice: Notice) -> None:
        """Send one whose timer is leased to this node, and record what became of it."""
        self._ctx.carrying[notice.channel] += 1
        task = asyncio.create_task(self._carry(timer, notice))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def stop(self) -> None:
        """Let what began finish (10 s); what does not is sent again when its lease runs out."""
        if self._sends:
            await asyncio.wait(self._sends, timeout=10)
        for task in self._sends:
            task.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)

    async def _carry(self, timer: Timer, notice: Notice) -> None:
        ctx = self._ctx
        state, said, permanent = "delivered", "", False
        try:
            if over(notice):
                state = "superseded"
            else:
                said = await _send(ctx, notice)
        except DeliveryError as failure:
            state, said, permanent = "failed", str(failure) or "The provider did not take it", failure.permanent
        except TimeoutError:
            state, said = "failed", "No answer in time"
        except Exception as failure:  # a channel's bug must not end the engine; it counts as a failed attempt
            log.exception("a channel broke", channel=notice.channel)
            state, said = "failed", f"The channel failed: {type(failure).__name__}"
        finally:
            ctx.carrying[notice.channel] -= 1
        await self._record(timer, notice, state, storable(said), permanent)

    async def _record(self, timer: Timer, notice: Notice, state: str, said: str, permanent: bool) -> None:
        ctx = self._ctx
        again = None if state != "failed" or permanent else retry_at(notice, ctx.clock.now())
        while True:
            try:
                async with ctx.db.transaction() as tx:
                    if not await timers.finish(tx, ctx.node, [timer]):
                        return
                    if again is not None:
                        await notices.put_off(tx, notice.id, said)
                        await timers.set_timer(tx, notices.TIMER, notice.id, notice.incident_id, again)
                    else:
                        told = {"error": said} if state == "failed" else {"receipt": said}
                        await notices.settle(tx, notice.id, state, ctx.clock.now(), **told)
                break
            except Unavailable:
                await asyncio.sleep(0.5)
        outcome = "retried" if again else state
        if outcome != "superseded":
            metrics.DELIVERIES.labels(notice.channel, outcome).inc()


def over(notice: Notice) -> bool:
    """Whether it is not needed any more: its incident ended, or (for a later rule of a person) was answered."""
    if notice.kind == TOLD:
        return False
    return notice.status in ("resolved", "closed") or (notice.waits and notice.page_ended)


def retry_at(notice: Notice, now: datetime) -> datetime | None:
    """When to try again after one more failure, or None when that would be too late."""
    at = now + timedelta(seconds=min(2.0 ** min(notice.attempts + 1, 10), LONGEST_WAIT))
    return at if at < notice.deadline_at else None


async def _send(ctx: Context, notice: Notice) -> str:
    """The provider's receipt. Raises DeliveryError."""
    channel, method = ctx.channels.get(notice.channel), _method(ctx, notice)
    if channel is None or method is None:
        raise DeliveryError("The contact method does not exist any more", permanent=True)
    with metrics.DELIVERY_SECONDS.labels(channel.type).time():
        async with asyncio.timeout(channel.timeout + 1):
            return (await channel.send(method.settings, compose(ctx, notice))).text


def _method(ctx: Context, notice: Notice) -> ContactMethod | None:
    if (id := channel_of(notice.user_id)) is not None:
        place = ctx.directory.channels.get(id)
        return ContactMethod(place.id, place.type, place.settings) if place and place.type == notice.channel else None
    user = ctx.directory.users.get(notice.user_id)
    known = [*user.contact_methods, *for_news(user)] if user else []
    return next((m for m in known if m.id == notice.method and m.type == notice.channel), None)


def _name(ctx: Context, notice: Notice) -> str:
    """What people call whoever gets it: a person, or a channel."""
    user = ctx.directory.users.get(notice.user_id)
    place = ctx.directory.channels.get(channel_of(notice.user_id) or "")
    return user.label if user else place.label if place else notice.user_id


def compose(ctx: Context, notice: Notice) -> Message:
    """What it says. News without an incident carries `news`; its brief then only repeats the heading and the address."""
    now = ctx.clock.now()
    user = ctx.directory.users.get(notice.user_id)
    url = ctx.settings.external_url + notice.path
    about = notice.incident_id is not None and notice.title is not None
    if notice.incident_id is not None and about:
        carries = notice.kind == TOLD or notice.path.startswith(suggested.PREFIX)
        told = News(heading=notice.heading, text=notice.text, url=url) if carries else None
        brief, news = case_of(ctx, notice.incident_id, notice), told
    else:
        news = News(heading=notice.heading, text=notice.text, url=url, calendar=notice.calendar)
        brief = Brief(
            id="", number=0, name=notice.heading, title=notice.heading, severity=Severity.SEV4.key, status="", service=None,
            service_name="", url=url, created_at=now, description=notice.text,
        )  # fmt: skip
    return Message(
        type="update", key=f"{ctx.instance}-u{notice.id}", page_id=f"{notice.page_id or ''}",
        reason=notice.heading if about and notice.kind != TOLD else "", step=notice.step, user=notice.user_id,
        user_name=_name(ctx, notice), time_zone=user.time_zone if user else "UTC", incident=brief,
        acknowledge_url="", sent_at=now, instance=ctx.instance, news=news,
    )  # fmt: skip
