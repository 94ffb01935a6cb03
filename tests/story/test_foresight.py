"""Foresight on a world: silences, what was heard, what happened beside what would happen, and one person's minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tocsin.core.errors import NotFound
from tocsin.core.incident import display_name
from tocsin.core.mute import Matcher
from tocsin.core.rehearsal import rehearse as ahead
from tocsin.core.severity import Severity
from tocsin.core.severity_policy import Severities
from tocsin.core.spelling import decode, plain
from tocsin.flow import merge, relieve, respond, restore
from tocsin.manage import rehearsals, replays, silences
from tocsin.manage.explain_person import explain_person
from tocsin.manage.foresight import Question
from tocsin.plugins.channels.base import DeliveryError
from tocsin.store import objects
from tocsin.store.objects import Change

from .world import MONDAY, ORGANISATION, World, directory


async def kept(world: World) -> None:
    """The world's organisation, as it would be after `apply`."""
    changes = [
        Change(kind, name, plain(one)) for kind in ("users", "teams", "schedules", "escalation_policies", "services")
        for name, one in world.ctx.directory.kind(kind).items()
    ]  # fmt: skip
    async with world.db.transaction() as tx:
        await objects.save(
            tx, changes, "user:erin", world.clock.now(), settings={"default_escalation_policy": "payments"}
        )


@pytest.mark.parametrize(
    ("severity", "word", "hours", "count"), [("SEV1", "critical", 1, 4), ("SEV3", "warning", 14, 5)]
)
async def test_the_future_told_is_the_one_that_comes(
    world: World, severity: str, word: str, hours: int, count: int
) -> None:
    """The very times, people and steps of a rehearsal happen, to the second; in the evening also what waits for the morning."""
    await world.wait(hours=10)
    told = await rehearsals.rehearse(world.ctx, Question(service="api", severity=severity, until=at(60 * (10 + hours))))
    await world.fire(severity=word)
    await world.wait(hours=hours)
    rows = await world.rows(
        "SELECT n.scheduled_at, p.user_id, n.method, p.step, p.tier, p.reason FROM notifications n JOIN pages p ON p.id = n.page_id"
        " ORDER BY n.scheduled_at, n.id"
    )
    happened = [(row[0].isoformat().replace("+00:00", "Z"), *row[1:]) for row in rows]
    assert [tuple(item.values()) for item in told["items"]] == happened
    assert len(happened) == count


PRIMARY = {"schedule": "primary"}
TEAM = {"team": "payments"}
LADDERS: dict[str, dict[str, Any]] = {
    "a team after its schedule, twice": {
        "steps": [{"targets": [PRIMARY]}, {"after": "5m", "targets": [TEAM]}, {"after": "8m", "targets": [{"user": "carol"}]}],
        "repeat": 1,
    },
    "somebody who cannot be reached first": {"steps": [{"targets": [{"user": "dora"}]}, {"after": "9m", "targets": [PRIMARY]}]},
    "everybody unreachable": {"steps": [{"targets": [{"user": "dora"}]}, {"after": "9m", "targets": [{"user": "dora"}]}]},
    "an empty team in between": {
        "steps": [{"targets": [PRIMARY]}, {"after": "5m", "targets": [{"team": "empty"}]}, {"after": "9m", "targets": [TEAM]}]
    },
    "a preset": {"preset": "standard", "tiers": {"on_call": [PRIMARY, {"user": "bob"}], "senior": [{"user": "carol"}]}},
    "round robin": {
        "steps": [{"targets": [TEAM], "round_robin": True}, {"after": "5m", "targets": [{"user": "carol"}]}], "repeat": 1,
    },
}  # fmt: skip


@pytest.mark.parametrize("severity", ["SEV1", "SEV2"])
@pytest.mark.parametrize("ladder", LADDERS)
async def test_every_ladder_comes_as_it_was_told(world: World, ladder: str, severity: str) -> None:
    rules = {"high": [{"after": "0s", "method": "phone"}, {"after": "90s", "method": "phone"}]}
    users = [{**user, "notification_rules": rules} for user in ORGANISATION["users"]]
    world.ctx.directory = directory(
        {
            "users": [*users, {"id": "dora", "name": "Dora"}],
            "teams": [*ORGANISATION["teams"], {"id": "empty", "members": []}],
            "escalation_policies": [{"id": "payments", **LADDERS[ladder]}],
        }
    )
    told = await rehearsals.rehearse(world.ctx, Question(service="api", severity=severity, until=at(180)))
    await world.fire(severity="critical" if severity == "SEV1" else "error")
    await world.wait(minutes=180)
    rows = await world.rows(
        "SELECT COALESCE(n.scheduled_at, p.created_at), p.user_id, COALESCE(n.method, ''), p.step, p.tier, p.reason"
        " FROM pages p LEFT JOIN notifications n ON n.page_id = p.id"
    )
    happened = [(row[0].isoformat().replace("+00:00", "Z"), *row[1:]) for row in rows]
    assert sorted(tuple(item.values()) for item in told["items"]) == sorted(happened)
    assert told["items"] == sorted(told["items"], key=lambda item: item["at"])
    assert len(happened) >= 3


@pytest.mark.parametrize(
    "steps", [[[PRIMARY], [{"user": "carol"}]], [[{"user": "alice"}, PRIMARY], [TEAM]], [[{"user": "alice"}], [TEAM]]]
)
async def test_a_shift_that_ends_meanwhile_comes_as_it_was_told(world: World, steps: list[list[Any]]) -> None:
    """What nobody answered moves to the incoming at 10:20, and on to the next at 11:20, who are paged for it."""
    layer = {"id": "turns", "starts": "2026-03-02T07:20", "rotation": {"unit": "hour"}}
    policy = {
        "id": "payments",
        "steps": [{"after": f"{30 * n}m", "targets": targets} for n, targets in enumerate(steps)],
    }
    schedules = [{"id": "primary", "layers": [{**layer, "users": ["bob", "carol", "alice", "bob", "carol"]}]}]
    world.ctx.directory = directory({"schedules": schedules, "escalation_policies": [policy]})
    await relieve.keep_watch(world.ctx)
    await world.wait(seconds=30)
    told = await rehearsals.rehearse(world.ctx, Question(service="api", severity="SEV1", until=at(100)))
    await world.fire()
    await world.wait(seconds=99.5 * 60)
    rows = await world.rows(
        "SELECT n.scheduled_at, p.user_id, n.method, p.step, p.tier, p.reason FROM notifications n JOIN pages p ON p.id = n.page_id"
    )
    happened = [(row[0].isoformat().replace("+00:00", "Z"), *row[1:]) for row in rows]
    assert sorted(tuple(item.values()) for item in told["items"]) == sorted(happened)
    moved = [row[1] for row in sorted(happened) if row[5] == "shift_ended"]
    assert moved == (["bob", "carol"] if steps[0] == [PRIMARY] else [])


async def test_a_rehearsal_of_a_step_in_turn_names_whose_turn_it_is(world: World) -> None:
    steps = [{"targets": [TEAM], "round_robin": True}]
    world.ctx.directory = directory({"escalation_policies": [{"id": "payments", "steps": steps}]})
    await world.fire("one")
    payload = [alert("Disk"), alert("Lag")]
    told = await rehearsals.rehearse(
        world.ctx, Question(service="api", source="alertmanager", payload={"version": "4", "alerts": payload})
    )
    assert [item["user"] for item in told["items"] if item["step"] == 1] == ["bob", "alice"], (
        "two incidents, two people"
    )
    assert told["assumes"][-1].startswith("Steps that page one person in turn begin with whoever's turn it is now")
    await world.fire("two")
    pages = await world.rows("SELECT user_id FROM pages ORDER BY id")
    assert [row[0] for row in pages] == ["alice", "bob"]


def alert(name: str) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": name, "severity": "critical"},
        "startsAt": "2026-03-02T10:00:00Z",
    }


TIERS = [
    {"targets": [PRIMARY]}, {"after": "3m", "targets": [{"user": "bob"}]}, {"after": "10m", "tier": "senior", "targets": [TEAM]},
    {"after": "20m", "tier": "architect", "targets": [{"user": "dora"}]},
    {"after": "40m", "tier": "executive", "targets": [{"user": "carol"}]},
]  # fmt: skip


DORA = [*ORGANISATION["users"], {"id": "dora", "name": "Dora"}]


@pytest.mark.parametrize("minutes", [1, 5, 30, 45])
@pytest.mark.parametrize(
    "policy",
    [
        {"steps": TIERS},
        {"preset": "standard", "tiers": {"on_call": [PRIMARY], "architect": [{"user": "carol"}]}},
        {
            "steps": [
                {"targets": [PRIMARY, {"user": "dora"}]},
                *({**TIERS[3], "after": f"{n}m"} for n in (20, 25)),
                TIERS[4],
            ]
        },
    ],
)
async def test_the_second_clock_comes_as_it_was_told(world: World, policy: dict[str, Any], minutes: int) -> None:
    world.ctx.directory = directory(
        {
            "users": [*ORGANISATION["users"], {"id": "dora", "name": "Dora"}],
            "escalation_policies": [{"id": "payments", **policy}],
        }
    )
    question = Question(service="api", severity="SEV1", until=at(120), answered=f"{minutes}m")
    told = await rehearsals.rehearse(world.ctx, question)
    await world.fire()
    await world.wait(minutes=minutes)
    await world.acknowledge(1, "alice")
    await world.wait(minutes=120 - minutes)
    rows = await world.rows(
        "SELECT COALESCE(n.scheduled_at, p.created_at), p.user_id, COALESCE(n.method, ''), p.step, p.tier, p.reason"
        " FROM pages p LEFT JOIN notifications n ON n.page_id = p.id WHERE n.state IS DISTINCT FROM 'superseded'"
    )
    happened = [(row[0].isoformat().replace("+00:00", "Z"), *row[1:]) for row in rows]
    assert sorted(tuple(item.values()) for item in told["items"]) == sorted(happened)


@pytest.mark.parametrize(("severity", "word"), [("SEV1", "critical"), ("SEV2", "error")])
async def test_an_acknowledgement_that_lapses_comes_as_it_was_told(world: World, severity: str, word: str) -> None:
    rows = {name: {"acknowledge_timeout": "20m"} for name in ("sev1_critical", "sev2_high")}
    world.ctx.directory = replace(
        directory({"escalation_policies": [{"id": "payments", "steps": TIERS}], "users": DORA}),
        severities=decode(rows, Severities),
    )
    told = await rehearsals.rehearse(world.ctx, Question(service="api", severity=severity, until=at(90), answered="5m"))
    await world.fire(severity=word)
    await world.wait(minutes=5)
    await world.acknowledge(1, "alice")
    await world.wait(minutes=85)
    found = await world.rows(
        "SELECT COALESCE(n.scheduled_at, p.created_at), p.user_id, COALESCE(n.method, ''), p.step, p.tier, p.reason"
        " FROM pages p LEFT JOIN notifications n ON n.page_id = p.id WHERE n.state IS DISTINCT FROM 'superseded'"
    )
    happened = [(row[0].isoformat().replace("+00:00", "Z"), *row[1:]) for row in found]
    assert sorted(tuple(item.values()) for item in told["items"]) == sorted(happened)
    assert any(item["reason"] == "acknowledge_timeout" for item in told["items"])


def at(minutes: int) -> str:
    return (MONDAY + timedelta(minutes=minutes)).isoformat()


async def test_what_is_in_the_file_is_rehearsed_by_the_same_code() -> None:
    known = directory()
    assert [item.user for item in ahead(known, known.services["api"], Severity.SEV1, MONDAY)] == [
        "alice",
        "bob",
        "carol",
        "erin",
    ]


async def test_a_silence_holds_back_and_nothing_is_stored(world: World) -> None:
    draft = silences.Draft(
        matchers=(Matcher(name="alertname", value="Disk"),), starts_at=MONDAY, ends_at=MONDAY + timedelta(hours=2),
        created_by="erin", comment="moving house",
    )  # fmt: skip
    await silences.create(world.ctx, "api", draft, "user:erin")
    payload = {
        "routing_key": "k" * 32, "event_action": "trigger",
        "payload": {"summary": "Disk", "source": "db", "severity": "critical", "custom_details": {"alertname": "Disk"}},
    }  # fmt: skip
    told = await rehearsals.rehearse(world.ctx, Question(source="pagerduty", payload=payload, at=at(5)))
    assert told["items"] == []
    assert "(moving house) holds it back until" in told["cases"][0]["sentence"]
    later = await rehearsals.rehearse(world.ctx, Question(source="pagerduty", payload=payload, at=at(121)))
    assert later["items"][0]["user"] == "alice"
    assert await world.rows("SELECT FROM incidents UNION ALL SELECT FROM alerts") == []


async def test_check_knows_what_was_heard_what_has_no_runbook_and_which_methods_fail(world: World) -> None:
    await kept(world)
    world.breaks("alice", DeliveryError("no such number", permanent=True))
    await world.fire("one", labels={"alertname": "Bare"})
    await world.fire("two", labels={"alertname": "Good", "runbook_url": "https://x"})
    await world.fire("three", labels={"alertname": "Good"}, annotations={"runbook_url": "https://x"})
    await world.fire(
        "four", labels={"alertname": "Job"}, annotations={"description": "no runbook, unless of a heartbeat"}
    )
    async with world.db.transaction() as tx:
        await tx.execute("UPDATE alerts SET integration = 'heartbeat' WHERE dedup_key = 'four'")
    await world.sleep(days=3)
    found = await rehearsals.check(world.ctx, 30)
    assert [(f["kind"], f["object"]) for f in found["items"] if f["level"] != "note"] == [
        ("failing_method", "user:alice"),
        ("dead_integration", "integration:grouped/events"),
        ("no_runbook", "service:api"),
        ("single_person", "schedule:primary"),
    ]
    said = next(f["sentence"] for f in found["items"] if f["kind"] == "no_runbook")
    assert "Bare" in said
    assert "Job" not in said, "a heartbeat says in its description what to do"
    assert said.endswith("Bare; 2 of 3 have one.")
    assert found["runbooks"] == {"alerts": 3, "with_runbook": 2, "percent": 66}
    assert not found["ok"], "nothing else would reach alice"
    await world.sleep(days=70)
    kinds = [(f["kind"], f["object"]) for f in (await rehearsals.check(world.ctx, 30))["items"]]
    assert ("silent_integration", "integration:api/events") in kinds
    assert not any(kind == "no_runbook" for kind, _ in kinds), "that was long ago"


async def test_replay_shows_what_today_would_be_different(world: World) -> None:
    number = (await world.fire()).incident
    assert number is not None
    await world.wait(minutes=11)
    await world.acknowledge(number, "bob")
    same = await replays.replay(world.ctx, number)
    assert same["name"] == f"INC-2026-{number:03d}"
    assert same["sentence"] == "Today the same people would be paged, by the same means, at the same times."
    assert [(i["user"], i["change"]) for i in same["items"]] == [("alice", "same"), ("bob", "same")]
    world.ctx.directory = directory(
        {
            "escalation_policies": [
                {"id": "payments", "steps": [
                    {"after": "0s", "targets": [{"schedule": "primary"}]}, {"after": "5m", "targets": [{"user": "carol"}]},
                ]}
            ]
        }
    )  # fmt: skip
    changed = await replays.replay(world.ctx, number)
    assert [(i["user"], i["change"]) for i in changed["items"]] == [
        ("alice", "same"), ("carol", "new"), ("bob", "gone"), ("erin", "new"),
    ]  # fmt: skip
    assert changed["sentence"] == "Today: Carol, Erin would be paged as well; Bob would not be paged any more."
    with pytest.raises(NotFound):
        await replays.replay(world.ctx, 99)


async def test_one_person_one_minute(world: World) -> None:
    await kept(world)
    await world.wait(minutes=1)
    number = (await world.fire(title="Disk full")).incident
    assert number is not None
    await world.wait(minutes=4)
    await world.acknowledge(number, "alice")
    await world.wait(minutes=30)
    minute = datetime.fromisoformat(at(3))
    alice = await explain_person(world.ctx, "alice", minute)
    assert alice["pages"][0]["incident_name"] == f"INC-2026-{number:03d}"
    assert alice["sentence"] == (
        "Mon 2 Mar 2026 10:03 +00:00: Alice was on call (primary), and a page was waiting: Disk full."
    )
    assert [(d["schedule"], d["mine"]) for d in alice["on_call"]] == [("primary", True)]
    (page,) = alice["pages"]
    assert (page["now"], page["state"], page["told"]) == (
        True,
        "acknowledged",
        ["Alice was told by phone (phone). The provider said: rang."],
    )
    bob = await explain_person(world.ctx, "bob", minute)
    assert bob["sentence"].endswith("Bob was not on call, and no page was waiting.")
    (why,) = [item["sentence"] for item in bob["items"] if item["kind"] == "not_paged"]
    assert "step 2, which leads to Bob, was due Mon 2 Mar 2026 10:11 +00:00; Alice answered Mon 2 Mar 2026 10:05" in why
    assert "It paged Alice." in why
    assert why.startswith(f"INC-2026-{number:03d} 'Disk full'")
    with pytest.raises(NotFound, match="no user 'zoe'"):
        await explain_person(world.ctx, "zoe")


async def test_the_past_is_told_by_the_schedule_of_then(world: World) -> None:
    await kept(world)
    await world.wait(hours=1)
    new = directory(
        {"schedules": [{"id": "primary", "layers": [{"id": "weekly", "users": ["bob"], "starts": "2026-01-05T00:00"}]}]}
    )
    world.ctx.directory = new
    await kept(world)
    then = await explain_person(world.ctx, "alice", datetime.fromisoformat(at(30)))
    assert then["on_call"][0]["mine"]
    now = await explain_person(world.ctx, "alice", datetime.fromisoformat(at(61)))
    assert now["on_call"] == [], "she is in no schedule any more"
    assert (await explain_person(world.ctx, "bob", datetime.fromisoformat(at(61))))["on_call"][0]["mine"]


async def test_an_incident_is_explained_by_the_rules_and_the_policy_that_it_keeps(world: World) -> None:
    await kept(world)
    await world.fire(severity="error")
    changed = decode({"sev2_high": {"page": "never"}}, Severities)
    world.ctx.directory = replace(world.ctx.directory, severities=changed)
    await world.wait(minutes=5)
    bob = await explain_person(world.ctx, "bob", datetime.fromisoformat(at(4)))
    (told,) = [item["sentence"] for item in bob["items"] if item["kind"] == "not_paged"]
    assert "step 2, which leads to Bob, was due" in told


def payload(key: str, severity: str = "critical", cluster: str = "one", **labels: str) -> dict[str, Any]:
    """As `World.event` arrives, for the service `grouped`."""
    details = {"cluster": cluster, **labels}
    said = {"summary": f"{key} is broken", "source": "db", "severity": severity, "custom_details": details}
    return {"routing_key": "g" * 32, "event_action": "trigger", "dedup_key": key, "payload": said}


async def called(world: World, number: int) -> str:
    (row,) = await world.rows("SELECT created_at FROM incidents WHERE id = $1", number)
    return display_name(number, row["created_at"])


async def now(world: World, **body: Any) -> dict[str, Any]:
    """What is said of a payload right now."""
    return await rehearsals.rehearse(world.ctx, Question(source="pagerduty", payload=payload(**body)))


async def test_right_now_what_is_open_is_counted_in(world: World) -> None:
    """A repeat, an alert that joins, one that is graver, one that comes back: each is told as it then happens, and nothing is kept."""
    world.ctx.directory = directory({"inhibitions": [HIDES]})
    first = await world.fire("disk", "error", service="grouped", labels={"cluster": "one"})
    assert first.incident is not None
    name = await called(world, first.incident)
    before = await world.rows("SELECT id, count, severity FROM alerts")
    for key in ("disk", "other"):
        found = await now(world, key=key, severity="error")
        (case,) = found["cases"]
        assert (case["incident_name"], found["items"]) == (name, [])
        taken = "It fires already and is counted in" if key == "disk" else "It joins"
        said = f"{taken} {name} (SEV2, which nobody has answered yet). Nobody is paged anew."
        assert case["sentence"] == said
    assert "counted in" in found["assumes"][-1], "there is no other incident"
    graver = await now(world, key="worse")
    assert graver["cases"][0]["sentence"].endswith(
        "which becomes a SEV1: paging starts over. Alice is paged first, loudly."
    )
    assert {item["reason"] for item in graver["items"]} >= {"severity_rose"}
    elsewhere = await now(world, key="elsewhere", cluster="two")
    assert elsewhere["cases"][0]["incident"] is None
    assert "1 other incident pages now" in elsewhere["assumes"][-1]
    hidden = await now(world, key="symptom", layer="app")
    assert (hidden["cases"], hidden["hidden"]) == (
        [], ["It is hidden while an alert fires (inhibition disks): it pages nobody."]
    )  # fmt: skip
    assert await world.rows("SELECT id, count, severity FROM alerts") == before

    await world.fire("worse", service="grouped", labels={"cluster": "one"})
    rows = await world.rows(
        "SELECT p.user_id FROM pages p WHERE p.reason = 'severity_rose' AND p.incident_id = $1", first.incident
    )
    assert [row[0] for row in rows] == [item["user"] for item in graver["items"] if item["reason"] == "severity_rose"]
    await restore.restore(world.ctx, first.incident, "user:alice", force="seen")
    back = await now(world, key="disk2")
    assert back["cases"][0]["sentence"].startswith(
        f"It joins {name} (SEV1, monitoring, answered by Alice), which it brings back: paging starts over."
    )
    later = await rehearsals.rehearse(
        world.ctx, Question(source="pagerduty", payload=payload("disk"), at=at(240), answered="5m")
    )
    assert later["cases"][0]["incident"] is None
    assert "Nothing else is open then" in later["assumes"][-1]
    assert "somebody acknowledges after 5m" in later["assumes"][0]


HIDES = {"id": "disks", "source": ['cluster="one"'], "target": ['layer="app"'], "equal": ["cluster"]}


async def test_a_service_is_told_as_hidden_while_what_it_depends_on_is_down(world: World) -> None:
    services = [{**one, "hidden_by_dependencies": True, "depends_on": ["api"]} if one["id"] == "grouped" else one
                for one in ORGANISATION["services"]]  # fmt: skip
    world.ctx.directory = directory({"services": services})
    cause = await world.fire("disk")
    assert cause.incident is not None
    found = await rehearsals.rehearse(world.ctx, Question(service="grouped", severity="SEV1"))
    assert found["items"] == []
    said = f"It is hidden while {await called(world, cause.incident)} is open, of what it depends on: it pages nobody."
    assert found["cases"][0]["sentence"] == said


@pytest.mark.parametrize("answered", [None, "4m"])
async def test_an_incident_of_several_services_is_told_with_each_of_their_policies(
    world: World, answered: str | None
) -> None:
    """What joins it pages by the distinct policies of all that is affected, the manager once; told beforehand, to the second."""
    steps = [
        {"after": "0s", "targets": [{"user": "bob"}]},
        {"after": "12m", "tier": "senior", "targets": [{"user": "carol"}]},
        {"after": "20m", "tier": "architect", "targets": [{"user": "erin"}]},
    ]
    payments = {
        "id": "payments",
        "steps": [
            {"after": "0s", "targets": [{"schedule": "primary"}]},
            {"after": "16m", "tier": "senior", "targets": [{"user": "carol"}, {"user": "bob"}]},
        ],
    }
    mail = {
        "id": "mail", "name": "Mail", "team": "payments", "escalation_policy": "mail",
        "integrations": [{"id": "events", "type": "pagerduty", "key": "m" * 32}],
    }  # fmt: skip
    world.ctx.directory = directory(
        {
            "escalation_policies": [payments, {"id": "mail", "steps": steps}],
            "services": [*ORGANISATION["services"], mail],
        }
    )
    first = await world.fire("disk", "error", service="grouped", labels={"cluster": "one"})
    other = await world.fire("queue", "error", service="mail")
    assert first.incident is not None
    assert other.incident is not None
    await merge.merge(world.ctx, other.incident, "user:alice", first.incident)
    await world.wait(minutes=3)
    question = Question(source="pagerduty", payload=payload("worse"), until=at(180), answered=answered)
    told = await rehearsals.rehearse(world.ctx, question)
    (case,) = told["cases"]
    assert case["policies"] == ["payments", "mail"]
    assert "Alice, Bob are paged first, loudly, by the policies payments and mail." in case["sentence"]
    begins = world.clock.now()
    await world.fire("worse", service="grouped", labels={"cluster": "one"})
    if answered is not None:
        await world.wait(minutes=4)
        await world.acknowledge(first.incident, "alice")
    await world.wait(minutes=170)
    rows = await world.rows(
        "SELECT n.scheduled_at, p.user_id, n.method, p.step, p.tier, p.reason FROM notifications n JOIN pages p ON p.id = n.page_id"
        " WHERE p.incident_id = $1 AND p.created_at >= $2 ORDER BY n.scheduled_at, n.id",
        first.incident, begins,
    )  # fmt: skip
    happened = [(row[0].isoformat().replace("+00:00", "Z"), *row[1:]) for row in rows]
    assert [tuple(item.values()) for item in told["items"]] == happened
    people = [item["user"] for item in told["items"]]
    if answered is None:
        assert (people[:2], [i["user"] for i in told["items"] if i["reason"] == "manager_last_resort"]) == (
            ["alice", "bob"],
            ["erin"],
        )
    else:
        assert people == ["alice", "bob", "carol", "erin"], "nobody is paged twice by the second clock"


async def test_what_somebody_made_loud_is_told_as_loud(world: World) -> None:
    """At night a SEV3 is quiet; one that was made loud as a SEV4, and that nobody answered, is not."""
    await world.wait(hours=10)
    first = await world.fire("lamp", "info", service="grouped", labels={"cluster": "one"})
    assert first.incident is not None
    await respond.escalate(world.ctx, first.incident, "user:bob", "it smells")
    told = await now(world, key="worse", severity="warning")
    assert told["cases"][0]["sentence"].endswith("paging starts over. Alice is paged first, loudly.")
    await world.fire("worse", "warning", service="grouped", labels={"cluster": "one"})
    (page,) = await world.rows("SELECT user_id, urgency FROM pages WHERE reason = 'severity_rose'")
    assert (page["user_id"], page["urgency"]) == ("alice", "high")
