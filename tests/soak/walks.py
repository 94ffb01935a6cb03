"""A random walk through what sources, people, providers and time do to a few services: every act that the product knows, in any order."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from tests.fakes.phones import Mail, Sms
from tests.story.quiet import configure, service, silence
from tests.story.world import World

from tocsin.core.errors import Conflict, Invalid, NotFound, Unconfirmed
from tocsin.core.severity import Severity
from tocsin.core.spelling import Duration
from tocsin.flow import closing, declaring, handover, heartbeats, merge, regrade, respond, restore, snooze, step, summon
from tocsin.manage import mutes
from tocsin.manage.configuration import ITSELF
from tocsin.plugins.channels.base import DeliveryError
from tocsin.store.heartbeats import Received

USERS = ("alice", "bob", "carol", "erin")
KEYS = tuple(f"k{number}" for number in range(6))
SEVERITIES = ("critical", "error", "warning", "info")
SERVICES = ("api", "db", "grouped", "quiet")
TIERS = ("on_call", "senior", "architect", "executive")
TARGETS = ({"schedule": "primary"}, {"user": "bob"}, {"user": "carol"}, {"user": "erin"}, {"team": "payments"})
NUMBERS = ("+49301", "+49302", "+49303")

PEOPLE = [
    {
        "id": "alice", "time_zone": "Europe/Berlin", "quiet_hours": {"from": "22:00", "to": "07:00"},
        "contact_methods": [
            {"id": "phone", "type": "phone", "number": "alice"}, {"id": "sms", "type": "sms", "number": NUMBERS[0]},
            {"id": "mail", "type": "email", "number": "+a"},
        ],
        "notification_rules": {
            "high": [{"after": "0s", "method": "sms"}, {"after": "2m", "method": "phone"}, {"after": "12m", "method": "sms"}],
            "low": [{"after": "0s", "method": "sms"}, {"after": "30m", "method": "mail"}],
        },
    },
    {
        "id": "bob", "limits": [{"type": "sms", "count": 2, "within": "10m"}],
        "contact_methods": [
            {"id": "phone", "type": "phone", "number": "bob"}, {"id": "sms", "type": "sms", "number": NUMBERS[1]},
        ],
    },
    {"id": "carol", "contact_methods": [{"id": "sms", "type": "sms", "number": NUMBERS[2]}], "updates": ["sms"]},
    {"id": "erin", "bundling": {"email": True}, "contact_methods": [{"id": "mail", "type": "email", "number": "+e"}]},
]  # fmt: skip
BEAT = {"id": "job", "service": "db", "period": "20m", "grace": "5m", "key": "8f6c9b3e-6a35-4d7b-9d9b-0c5b6a1f2e11"}
BASE: dict[str, Any] = {
    "users": PEOPLE,
    "heartbeats": [BEAT],
    "inhibitions": [
        {"id": "cause", "source": ['cluster="b"', 'severity="page"'], "target": ['cluster="a"'], "equal": ["region"]}
    ],
    "escalation_policies": [
        {
            "id": "payments", "repeat": 1, "steps": [
                {"after": "0s", "targets": [{"schedule": "primary"}]},
                {"after": "10m", "targets": [{"user": "bob"}]},
                {"after": "15m", "tier": "senior", "targets": [{"user": "carol"}, {"team": "payments"}]},
            ],
        },
        {
            "id": "two", "steps": [
                {"after": "0s", "targets": [{"user": "bob"}, {"user": "carol"}], "round_robin": True},
                {"after": "5m", "tier": "senior", "targets": [{"user": "erin"}]},
            ],
        },
    ],
    "services": [
        service("api", depends_on=["db"], hidden_by_dependencies=True),
        service("db", escalation_policy="two"),
        service("grouped", grouping={"by": ["cluster"], "window": "20m"}),
        service("quiet", auto_resolve="15m"),
    ],
    "severities": {"sev2_high": {"acknowledge_timeout": "30m"}, "sev1_critical": {"acknowledge_timeout": "40m"}},
}  # fmt: skip

REFUSED = (Conflict, Invalid, NotFound, Unconfirmed)
"""What people are told who ask for what cannot be."""


class Walk:
    """Acts on a world. `log`: what was done, a sentence each."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.log: list[str] = []
        self.sms, self.mail = Sms(), Mail()
        for node in world.nodes:
            node.channels = {**world.ctx.channels, "sms": self.sms, "email": self.mail}
        self._acts: tuple[tuple[int, Callable[[], Awaitable[str]]], ...] = (
            (20, self._fires), (14, self._ends), (4, self._batch), (2, self._source_acknowledges), (4, self._ping),
            (46, self._answers), (4, self._link), (2, self._mutes), (2, self._unmutes),
            (3, self._breaks), (3, self._mends), (7, self._configures), (22, self._waits), (2, self._sleeps),
        )  # fmt: skip

    async def begin(self) -> None:
        await configure(self.world, **BASE)

    async def act(self) -> None:
        """One act, possibly a refused one."""
        weights, acts = zip(*self._acts, strict=True)
        chosen = self.chance.choices(acts, weights)[0]
        place, at = len(self.log), f"{self.world.clock.now():%d %H:%M:%S} {chosen.__name__[1:]}"
        self.log.append(at)  # where it began; others may go on meanwhile
        try:
            self.log[place] = f"{at} {await chosen()}"
        except REFUSED as error:
            self.log[place] = f"{at} refused: {error}"

    # --- sources ------------------------------------------------------------------------------------------------------

    async def _fires(self) -> str:
        where, key, severity = self.chance.choice(SERVICES), self.chance.choice(KEYS), self.chance.choice(SEVERITIES)
        more: dict[str, Any] = {}
        if self.chance.random() < 0.3:
            more["ends_at"] = self.world.clock.now() + timedelta(minutes=self.chance.choice((2, 6, 30)))
        if where == "grouped":
            more["labels"] = {"cluster": self.chance.choice("ab"), "severity": self.chance.choice(("page", "x"))}
        done = await self.world.fire(key, severity=severity, service=where, **more)
        return f"{where} {key} {severity} {more}: {done.reason} {done.incident}"

    async def _ends(self) -> str:
        where, key = self.chance.choice(SERVICES), self.chance.choice(KEYS)
        await self.world.ends(key, service=where)
        return f"{where} {key}"

    async def _source_acknowledges(self) -> str:
        where, key = self.chance.choice(SERVICES), self.chance.choice(KEYS)
        await self.world.send(self.world.event("acknowledge", key), service=where)
        return f"{where} {key}"

    async def _batch(self) -> str:
        where = self.chance.choice(SERVICES[:3])
        events = [
            self.world.event(
                self.chance.choice(("trigger", "trigger", "resolve", "acknowledge")), self.chance.choice(KEYS),
                self.chance.choice(SEVERITIES), labels={"cluster": self.chance.choice("ab")},
            )
            for _ in range(self.chance.randint(2, 6))
        ]  # fmt: skip
        await self.world.send(*events, service=where)
        return f"{where} {[(event.action, event.dedup_key) for event in events]}"

    async def _ping(self) -> str:
        kind = self.chance.choice(("success", "fail", "start"))
        beat = self.world.ctx.directory.heartbeats.get("job")
        if beat is not None:
            heard = Received(
                at=self.world.clock.now(), kind=kind, exit_status=None, rid=None, seconds=None, method="GET", remote="",
                agent="", body=b"",
            )  # fmt: skip
            await heartbeats.receive(self.world.ctx, beat, heard)
        return kind

    # --- people -------------------------------------------------------------------------------------------------------

    async def _incident(self) -> int:
        """One that is open, as a rule."""
        rows = await self.world.rows(
            "SELECT id, status NOT IN ('resolved', 'closed') AS open FROM incidents ORDER BY 2 DESC, id DESC LIMIT 40"
        )
        present = [row["id"] for row in rows if row["open"]]
        if present and self.chance.random() < 0.85:
            return int(self.chance.choice(present))
        return int(self.chance.choice(rows)["id"]) if rows else 1

    async def _answers(self) -> str:
        ctx, number, who = self.world.ctx, await self._incident(), self.chance.choice(USERS)
        actor, whom, loud = f"user:{who}", self.chance.choice(USERS), self.chance.random() < 0.5
        acts: dict[str, tuple[int, Callable[[], Awaitable[Any]]]] = {
            "acknowledge": (8, lambda: respond.acknowledge(ctx, number, actor)),
            "status": (4, lambda: step.change(ctx, number, actor, self.chance.choice(("investigating", "identified")))),
            "restore": (5, lambda: restore.restore(ctx, number, actor, "ok")),
            "resolve": (3, lambda: closing.resolve(ctx, number, actor)),
            "reopen": (3, lambda: closing.reopen(ctx, number, actor)),
            "merge": (3, lambda: self._merge(number, actor)),
            "snooze": (4, lambda: snooze.snooze(ctx, number, actor, Duration(self.chance.choice((60, 600, 3600))))),
            "wake": (2, lambda: snooze.cancel(ctx, number, actor)),
            "escalate": (6, lambda: respond.escalate(ctx, number, actor, "why")),
            "regrade": (
                5,
                lambda: regrade.regrade(ctx, number, actor, Severity(self.chance.randint(1, 4)), confirm=True),
            ),
            "assign": (2, lambda: respond.assign(ctx, number, actor, whom, page=loud)),
            "offer": (3, lambda: handover.offer(ctx, number, actor, whom, "x")),
            "withdraw": (2, lambda: handover.withdraw(ctx, number, actor)),
            "page": (2, lambda: summon.page(ctx, number, actor, user=whom, reason="x")),
            "responder": (2, lambda: summon.add_responder(ctx, number, actor, whom, page=True)),
            "declare": (2, lambda: self._declare(actor)),
        }
        name = self.chance.choices(list(acts), [weight for weight, _ in acts.values()])[0]
        said = f"{name} {number} by {who}"
        try:
            return f"{said}: {await acts[name][1]()}"
        except REFUSED as error:
            return f"{said}, refused: {error}"

    async def _merge(self, number: int, actor: str) -> Any:
        return await merge.merge(self.world.ctx, number, actor, await self._incident())

    async def _declare(self, actor: str) -> Any:
        severity = Severity(self.chance.randint(1, 4))
        return await declaring.declare(
            self.world.ctx, actor, "Declared", "", severity, self.chance.sample(SERVICES[:3], 2)
        )

    async def _link(self) -> str:
        """Somebody answers one of the latest messages by its link."""
        sent = [message for number in NUMBERS for message in self.sms.to(number) if message.type == "page"]
        if sent:
            link = self.chance.choice(sent[-6:]).acknowledge_url
            await respond.acknowledge_link(self.world.ctx, link.rpartition("/")[2])
        return f"one of {len(sent)}"

    async def _mutes(self) -> str:
        where = self.chance.choice(SERVICES[:3])
        matcher, minutes = self.chance.choice(('cluster="a"', 'cluster=""')), self.chance.choice((5, 30))
        return await silence(self.world, matcher, service=where, minutes=minutes)

    async def _unmutes(self) -> str:
        rows = await self.world.rows("SELECT public_id FROM mutes WHERE ends_at > $1", self.world.clock.now())
        if rows:
            await mutes.end(self.world.ctx, ITSELF, str(self.chance.choice(rows)[0]))
        return f"one of {len(rows)}"

    # --- the rest of the world ----------------------------------------------------------------------------------------

    async def _breaks(self) -> str:
        who, error = self.chance.choice(USERS), DeliveryError("no", permanent=self.chance.random() < 0.5)
        self.world.breaks(who, error)
        self.sms.broken[self.chance.choice(NUMBERS)] = [error]
        self.mail.broken["+e"] = [error]
        return f"{who}, permanent: {error.permanent}"

    async def _mends(self) -> str:
        for provider in (self.world.provider, self.sms, self.mail):
            provider.broken.clear()
        return ""

    async def _configures(self) -> str:
        kind = self.chance.choice(("random", "random", "back", "preset", "no policy", "heartbeats"))
        changed = dict(BASE)
        if kind == "random":
            changed["escalation_policies"] = [self._policy("payments"), self._policy("two")]
        elif kind == "preset":
            tiers = {"on_call": TARGETS[:2], "senior": [TARGETS[2]], "executive": [TARGETS[3]]}
            preset = {"id": "payments", "preset": self.chance.choice(("standard", "fast")), "tiers": tiers}
            changed["escalation_policies"] = [preset, self._policy("two")]
        elif kind == "no policy":
            changed["escalation_policies"] = [self._policy("payments")]
            changed["services"] = [
                {name: value for name, value in one.items() if value != "two"} for one in BASE["services"]
            ]
        elif kind == "heartbeats":
            changed["heartbeats"] = self.chance.choice(([], [{**BEAT, "service": "api"}]))
        await configure(self.world, **changed)
        return kind

    def _policy(self, id: str) -> dict[str, Any]:
        count, at = self.chance.randint(1, 4), 0
        tiers: Sequence[int] = sorted(self.chance.randrange(4) for _ in range(count))
        steps = []
        for number, tier in enumerate(tiers):
            at += self.chance.choice((0, 5, 10)) if number else 0
            steps.append(
                {
                    "after": f"{at}m", "tier": TIERS[tier], "round_robin": self.chance.random() < 0.3,
                    "targets": self.chance.sample(TARGETS, self.chance.randint(1, 2)),
                }
            )  # fmt: skip
        return {"id": id, "repeat": self.chance.randint(0, 2), "steps": steps}

    async def _waits(self) -> str:
        minutes = self.chance.choice((0.05, 1, 5, 10, 16, 31, 60))
        await self.world.wait(minutes=minutes)
        return f"{minutes} min"

    async def _sleeps(self) -> str:
        """All nodes are down for a while."""
        minutes = self.chance.choice((0.5, 5, 20, 90))
        await self.world.sleep(minutes=minutes)
        return f"{minutes} min"
