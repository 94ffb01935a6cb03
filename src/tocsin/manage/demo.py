"""`tocsin up --demo`: a small believable organisation and a month of its incidents.

Nothing is made up in the tables: the month is lived through by the real intake, engine and responses, on a clock that is moved.
Only the channels are stand-ins, which send nothing.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.resources import files
from typing import NamedTuple
from uuid import uuid4

import structlog

from tocsin.clock import TravelClock
from tocsin.core.configuration import Target
from tocsin.core.directory import Directory, IntegrationRef
from tocsin.core.event import Action, Event
from tocsin.core.heartbeat import PingKind
from tocsin.core.pay import Rates
from tocsin.core.permission import Principal
from tocsin.core.schedule import who
from tocsin.flow import closing, heartbeats, improve, relieve, respond
from tocsin.flow.context import Context, Wake
from tocsin.flow.intake import Intake
from tocsin.flow.tick import Engine
from tocsin.manage import configuration, demo_public, demo_reviews, demo_room, demo_updates, handoffs, newcomers, pay
from tocsin.manage.demo_channels import Quiet
from tocsin.manage.demo_month import MONTH, Episode
from tocsin.manage.files import File
from tocsin.plugins.channels.base import Channel
from tocsin.store import timers
from tocsin.store.heartbeats import Received
from tocsin.store.ids import Ids

log = structlog.get_logger("tocsin.demo")

_REST = 0.002
"""Seconds between looks at deliveries on their way."""
_PINGED = (23, 16, 9, 2)
"""How many days ago the backup ran."""
_TICKED = ("runbooks", "access")
"""What Sofia has done of her checklist beyond what can be seen."""
RATES = Rates(
    currency="EUR",
    idle={"evening": "2.50", "night": "4.00", "weekend": "4.00", "holiday": "6.00"},
    paged={"evening": "38.00", "night": "57.00", "weekend": "57.00", "holiday": "76.00"},
)
_TOM = Principal("user:tom", "manager", "tom", "Tom Fischer")
_OF_SOURCES = ("fire", "recover", "change")
"""What happens whether or not there is an incident."""

_UNSIGNED = timedelta(days=1)
"""Handoffs of the last day are not signed."""


async def load(ctx: Context) -> bool:
    """Load the organisation and live through its month; False, and nothing done, when something is configured already."""
    if ctx.directory.revision > 0:
        log.info("no demo data is loaded: it is there already, or this installation is in real use")
        return False
    replay = _Replay(ctx)
    await replay.configure()
    ctx.directory = replay.directory
    await replay.start()
    try:
        for act in sorted(_acts(ctx.clock.now()), key=lambda act: act.at):
            await replay.until(act.at)
            await replay.play(act)
        await replay.until(ctx.clock.now())
        await replay.watch_jobs()
        await replay.go_through_the_list()
    finally:
        await replay.stop()
    log.info("demo data loaded", incidents=len(replay.numbers))
    return True


def _organisation(now: datetime, name: str = "demo.yaml") -> str:
    """The configuration, each integration with a key of its own, and days as seen from today."""
    text = files("tocsin.manage").joinpath(name).read_text(encoding="utf-8")
    text = re.sub(r"\{day([+-]\d+)\}", lambda found: f"{now + timedelta(days=int(found[1])):%Y-%m-%d}", text)
    head, *rest = text.split("{key}")
    return head + "".join(secrets.token_hex(16) + part for part in rest)


class _Act(NamedTuple):
    """One thing that happens in an episode: `fire`, `answer`, `note`, `room` (of demo_room), `public` (of demo_public), `tell` (of
    demo_updates), `change`, `recover` (its source resolves), `resolve` (a person), `review` and `work` (of demo_reviews)."""

    at: datetime
    kind: str
    episode: Episode
    text: str = ""


def _acts(now: datetime) -> Iterator[_Act]:
    for episode in MONTH:
        began = now - episode.ago

        def at(minutes: float, began: datetime = began) -> datetime:
            return began + timedelta(minutes=minutes)

        for number, label in enumerate(episode.alerts):
            yield _Act(at(0.4 * number), "fire", episode, label)
        if episode.answered is not None:
            yield _Act(at(episode.answered), "answer", episode)
        for minutes, text in episode.notes:
            yield _Act(at(minutes), "note", episode, text)
        if episode.title == demo_room.TITLE:
            for place, (minutes, _) in enumerate(demo_room.ACTS):
                yield _Act(at(minutes), "room", episode, str(place))
            for minutes, text in demo_room.CHANGES:
                yield _Act(at(minutes), "change", episode, text)
        for place, word in enumerate(demo_public.WORDS.get(episode.title, ("", ()))[1]):
            yield _Act(at(word.minutes), "public", episode, str(place))
        for place, tell in enumerate(demo_updates.TELLS.get(episode.title, ())):
            if episode.resolved is None or tell.minutes < episode.resolved[0]:
                yield _Act(at(tell.minutes), "tell", episode, str(place))
        if episode.recovered is not None:
            yield _Act(at(episode.recovered), "recover", episode)
        if episode.resolved is not None:
            yield _Act(at(episode.resolved[0]), "resolve", episode, episode.resolved[1])
        if (story := demo_reviews.STORIES.get(episode.ago)) is not None:
            yield _Act(at(story.hours * 60), "review", episode)
            yield _Act(at(story.hours * 60 + 2 * 24 * 60), "work", episode)


def _person(user: str) -> Principal:
    return Principal(f"user:{user}", "responder", user, user)


class _Replay:
    """A node that lives in the past, on the installation's own database."""

    def __init__(self, ctx: Context) -> None:
        self._until = ctx.clock.now()
        start = self._until - max(episode.ago for episode in MONTH)
        self._clock = TravelClock(start)
        quiet: dict[str, Channel] = {name: Quiet(channel) for name, channel in ctx.channels.items()}
        self._ctx = replace(ctx, clock=self._clock, channels=quiet, node=uuid4(), wake=Wake(), ids=Ids())
        self._intake, self._engine = Intake(self._ctx), Engine(self._ctx)
        self.numbers: dict[Episode, int] = {}

    @property
    def directory(self) -> Directory:
        return self._ctx.directory

    async def configure(self) -> None:
        """The organisation is as old as its month."""
        await configuration.apply(self._ctx, configuration.ITSELF, [File("demo.yaml", _organisation(self._until))])
        await demo_updates.listen(self._ctx)
        await pay.put_rates(self._ctx, self._clock.now().date().replace(month=1, day=1), RATES, _TOM.id)

    async def start(self) -> None:
        await self._intake.start()
        await self._engine.deliveries.start()
        await relieve.keep_watch(self._ctx)
        await improve.keep_watch(self._ctx)

    async def stop(self) -> None:
        await self._intake.stop()
        await self._engine.stop()

    async def until(self, at: datetime) -> None:
        """Time passes; whatever falls due on the way happens at its time."""
        while True:
            async with self._ctx.db.reading() as tx:
                due = await timers.next_due(tx)
            if due is None or due > at:
                break
            self._clock.advance(max(due - self._clock.now(), timedelta()))
            if not await self._settle():
                self._clock.advance(timedelta(seconds=1))
            await self._sign()
        self._clock.advance(max(at - self._clock.now(), timedelta()))

    async def _sign(self) -> None:
        """Who comes on call signs the handoff. The latest ones are left for whoever looks at the demo."""
        if self._ctx.in_the_loop and self._clock.now() < self._until - _UNSIGNED:
            for handoff in await handoffs.unsigned(self._ctx):
                await handoffs.sign(self._ctx, handoff["id"], _person(handoff["incoming"]))

    async def play(self, act: _Act) -> None:
        episode = act.episode
        if episode not in self.numbers and act.kind not in _OF_SOURCES:
            return  # seen from today it fell into the monthly maintenance, and opened nothing
        match act.kind:
            case "fire":
                await self._send(episode, "trigger", act.text)
            case "recover":
                for label in episode.alerts:
                    await self._send(episode, "resolve", label)
            case "answer":
                await respond.acknowledge(self._ctx, self.numbers[episode], self._person(episode))
            case "room":
                await demo_room.ACTS[int(act.text)][1](self._ctx, self.numbers[episode])
            case "public":
                await demo_public.say(self._ctx, self.numbers[episode], episode.title, int(act.text))
            case "tell":
                await demo_updates.say(self._ctx, self.numbers[episode], episode.title, int(act.text))
            case "change":
                await self._change(episode, act.text)
            case "note":
                await respond.note(self._ctx, self.numbers[episode], self._person(episode), act.text)
            case "review":
                story = demo_reviews.STORIES[episode.ago]
                await demo_reviews.write(self._ctx, self.numbers[episode], self._person(episode), story)
            case "work":
                story = demo_reviews.STORIES[episode.ago]
                await demo_reviews.work_through(self._ctx, self.numbers[episode], self._person(episode), story)
            case "resolve":
                await closing.resolve(self._ctx, self.numbers[episode], self._person(episode), act.text)
                await demo_updates.end(self._ctx, self.numbers[episode])
        await self._settle()

    async def _change(self, episode: Episode, text: str) -> None:
        service = self._ctx.directory.services[episode.service]
        event = Event(action="change", dedup_key=secrets.token_hex(8), title=text, source="deploy-bot")
        await self._intake.accept(IntegrationRef(service, service.integrations[0]), [event], self._clock.now())

    async def _send(self, episode: Episode, action: Action, label: str) -> None:
        service = self._ctx.directory.services[episode.service]
        event = Event(
            action=action,
            dedup_key=f"{episode.alertname}/{label}",
            title=episode.title if label == episode.alerts[0] else f"{episode.title} ({label})",
            severity=episode.severity,
            source=label,
            labels={"alertname": episode.alertname, "instance": label, "severity": episode.severity},
            annotations={"runbook_url": f"https://wiki.demo.invalid/{episode.alertname}"} if episode.runbook else {},
        )
        ref = IntegrationRef(service, service.integrations[0])
        for outcome in await self._intake.accept(ref, [event], self._clock.now()):
            if outcome.incident is not None:
                self.numbers.setdefault(episode, outcome.incident)

    def _person(self, episode: Episode) -> str:
        """The one on call for the service at this moment."""
        directory = self._ctx.directory
        service = directory.services[episode.service]
        policy = directory.policy_of(service.id)
        first = policy.steps[0].targets[0] if policy else Target()
        schedule = directory.schedules.get(first.schedule or "")
        found = who(schedule, self._clock.now()) if schedule else None
        team = directory.team_of(service.id)
        return f"user:{found[0] if found else first.user or (team.manager if team else None)}"

    async def watch_jobs(self) -> None:
        """The backup ran four times, as far as its heartbeat tells. The training was never heard of, so that nothing is missed."""
        name = "demo_heartbeats.yaml"
        await configuration.apply(self._ctx, configuration.ITSELF, [File(name, _organisation(self._until, name))])
        for days in _PINGED:
            await self._ran(self._until - timedelta(days=days))

    async def go_through_the_list(self) -> None:
        for item in _TICKED:
            await newcomers.tick(self._ctx, "sofia", newcomers.Tick(item=item), _TOM)

    async def _ran(self, now: datetime) -> None:
        kinds: tuple[tuple[PingKind, timedelta], ...] = (("start", timedelta(minutes=14)), ("success", timedelta()))
        for kind, ago in kinds:
            said = Received(
                at=now - ago, kind=kind, exit_status=None, rid=None, seconds=None, method="POST", remote="10.0.4.11",
                agent="curl/8.14.1", body=b"" if kind == "start" else b"214 GB written to backups/orders",
            )  # fmt: skip
            await heartbeats.receive(self._ctx, self._ctx.directory.heartbeats["orders-backup"], said)

    async def _settle(self) -> int:
        """Let everything happen that is due now; how much that was."""
        done = 0
        while True:
            while self._engine.deliveries.waiting:  # noqa: ASYNC110 - they tell nobody when they rest
                await asyncio.sleep(_REST)
            turned = await self._engine.turn()
            await asyncio.gather(*self._ctx.chores)  # the clock must not run ahead of what is done beside the engine
            if not turned and not self._engine.deliveries.waiting:
                return done
            done += turned
