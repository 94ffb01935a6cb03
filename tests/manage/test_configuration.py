"""Alice, Bob, Carol and Dave take turns for Payments, Erin manages them. Ada is admin; tests change what is configured."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tocsin.clock import TravelClock
from tocsin.core.directory import Origin
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound
from tocsin.core.permission import Principal
from tocsin.flow.context import Context
from tocsin.manage import configuration, objects
from tocsin.manage.files import File
from tocsin.manage.plans import Plan
from tocsin.plugins.channels import registry
from tocsin.settings import Settings
from tocsin.store import objects as store
from tocsin.store.database import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADA = Principal("user:ada", "admin", "ada", "Ada King")
ERIN = Principal("user:erin", "manager", "erin", "Erin Vale")
ALICE = Principal("user:alice", "responder", "alice", "Alice Ng")
CONTRACT = (Path(__file__).parents[1] / "golden" / "configuration" / "good" / "contract.yml").read_text()
PEOPLE = (
    "version: 1\nusers:\n- {id: alice, name: Alice}\n- {id: bob}\nteams:\n- {id: payments, members: [alice, bob]}\n"
)


class World:
    """One node on one database."""

    def __init__(self, db: Database) -> None:
        settings = Settings()
        self.db = db
        self.ctx = Context(
            settings=settings, clock=TravelClock(NOON), db=db, channels=registry.create(settings), secret=b"s" * 32,
            instance="test",
        )  # fmt: skip

    async def apply(self, *texts: str, who: Principal = ADA, name: str = "tocsin.yml", **options: bool) -> Plan:
        files = [File(name if n == 0 else f"{n}-{name}", text) for n, text in enumerate(texts)]
        return await configuration.apply(self.ctx, who, files, **options)

    async def rows(self, query: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.db.reading() as tx:
            return [tuple(row) for row in await tx.fetch(query, *args)]

    async def execute(self, query: str, *args: Any) -> None:
        async with self.db.transaction() as tx:
            await tx.execute(query, *args)

    async def open_incident(self, number: int, service: str | None = None, assignee: str | None = None) -> None:
        await self.execute(
            "INSERT INTO incidents (id, title, severity, urgency, service, affected_services, assignee, reporter,"
            " created_at, detected_at) VALUES ($1, 'Down', 1, 'high', $2, $3, $4, 'tocsin', $5, $5)",
            number, service, [service] if service else [], assignee, NOON,
        )  # fmt: skip


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


def shown(plan: Plan) -> list[str]:
    return [f"{item.action} {item.kind} {item.id}" for item in plan.items]


# --- applying ---------------------------------------------------------------------------------------------------------


async def test_the_contracts_example_applies_and_again_does_nothing(world: World) -> None:
    first = await world.apply(CONTRACT)
    assert len(first.items) == 6 + 1 + 2 + 1 + 2 + 1
    assert all(item.action == "+" for item in first.items)
    assert first.revision == 1
    assert world.ctx.directory.users["alice"].name == "Alice Ng", "this node uses it at once"
    assert world.ctx.directory.default_escalation_policy == "payments"

    second = await world.apply(CONTRACT)
    assert (second.items, second.moved, second.revision) == ((), 0, 1)
    assert await world.rows("SELECT count(*) FROM object_history") == [(12,)]


async def test_export_then_apply_is_a_no_op(world: World) -> None:
    await world.apply(CONTRACT)
    text = await configuration.export(world.ctx, ADA)
    again = await world.apply(text, prune=True)
    assert again.items == ()
    assert await configuration.export(world.ctx, ADA) == text
    assert "http://127.0.0.1:9900/alice" in text, "secrets are exported, or applying would lose them"


async def test_applying_an_export_adopts_what_was_made_by_hand(world: World) -> None:
    await objects.create(world.ctx, ADA, "users", {"id": "alice"})
    made = await world.apply(await configuration.export(world.ctx, ADA), name="all.yml")
    assert (made.items, made.moved) == ((), 1)
    assert world.ctx.directory.origins["users", "alice"] == Origin("all.yml", 3)


async def test_a_dry_run_changes_nothing(world: World) -> None:
    made = await configuration.plan(world.ctx, ADA, [File("tocsin.yml", PEOPLE)])
    assert shown(made) == ["+ users alice", "+ users bob", "+ teams payments"]
    assert made.dry_run
    assert made.revision == 0
    assert await world.rows("SELECT count(*) FROM objects") == [(0,)]
    assert not world.ctx.directory.users


async def test_a_change_is_shown_field_by_field_without_secrets(world: World) -> None:
    await world.apply(CONTRACT)
    changed = (
        CONTRACT.replace("Alice Ng", "Alice Nguyen")
        .replace("9900/alice", "9900/changed")
        .replace("address: alice@", "address: ng@")
        .replace("0123456789abcdef0123456789abcdef", "abcdef0123456789abcdef0123456789")
        .replace("after: 10m", "after: 12m")
        .replace("default_escalation_policy: payments", "")
    )
    made = await world.apply(changed)
    fields = {item.id: [(f.field, f.old, f.new) for f in item.fields] for item in made.items}
    assert fields == {
        "alice": [
            ("name", "Alice Ng", "Alice Nguyen"),
            ("contact_methods[hook].url", "********", "********"),
            ("contact_methods[mail].address", "alice@example.com", "ng@example.com"),
        ],
        "payments": [("steps[1].after", "10m", "12m")],
        "payments-api": [("integrations[events].key", "********", "********")],
    }
    assert world.ctx.directory.default_escalation_policy == "payments", "what a file does not speak of stays"


async def test_a_bad_file_changes_nothing_and_names_every_line(world: World) -> None:
    with pytest.raises(Invalid) as raised:
        await world.apply(PEOPLE, "version: 1\nteams:\n- {id: night, members: [carol], manager: zed}\nsurprise: 1\n")
    assert [(p.file, p.line, p.pointer) for p in raised.value.problems] == [
        ("1-tocsin.yml", 3, "/teams/0/members/0"),
        ("1-tocsin.yml", 3, "/teams/0/manager"),
        ("1-tocsin.yml", 4, "/surprise"),
    ]
    assert await world.rows("SELECT (SELECT count(*) FROM objects), revision FROM configuration") == [(0, 0)]


async def test_a_file_may_refer_to_what_is_already_there(world: World) -> None:
    await world.apply(PEOPLE)
    await world.apply("version: 1\nteams: [{id: night, members: [bob]}]\n", name="night.yml")
    assert set(world.ctx.directory.teams) == {"payments", "night"}


async def test_an_integration_key_that_is_already_taken_is_refused(world: World) -> None:
    service = "version: 1\nservices:\n- {{id: {}, integrations: [{{id: e, type: pagerduty, key: 0123456789abcdef}}]}}\n"
    await world.apply(service.format("api"), name="api.yml")
    with pytest.raises(Invalid) as raised:
        await world.apply(service.format("web"), name="web.yml")
    assert [str(p) for p in raised.value.problems] == [
        "web.yml:3: /services/0/integrations/0/key: another integration has this key: give each integration its own"
        " (first api.yml:3)"
    ]


async def test_origins_follow_a_file_that_only_moved(world: World) -> None:
    await world.apply(PEOPLE)
    made = await world.apply("# a comment\n" + PEOPLE)
    assert (made.items, made.moved) == ((), 3)
    assert world.ctx.directory.origins["users", "alice"] == Origin("tocsin.yml", 4)
    assert await world.rows("SELECT count(*) FROM object_history") == [(3,)], "moving is no change of the object"


async def test_several_nodes_applying_at_once_take_turns(world: World) -> None:
    nodes = [World(world.db) for _ in range(5)]
    plans = await asyncio.gather(*(node.apply(PEOPLE) for node in nodes))
    assert sorted(len(plan.items) for plan in plans) == [0, 0, 0, 0, 3]
    assert await world.rows("SELECT revision FROM configuration") == [(1,)]


# --- pruning ----------------------------------------------------------------------------------------------------------


async def test_prune_removes_what_no_file_holds(world: World) -> None:
    await world.apply(CONTRACT)
    made = await world.apply(PEOPLE, prune=True)
    assert [line for line in shown(made) if line.startswith("-")] == [
        "- settings default_escalation_policy", "- users carol", "- users dave", "- users erin", "- users frank",
        "- schedules payments-primary", "- schedules payments-secondary", "- escalation_policies payments",
        "- services payments-api", "- services postgres-main",
    ]  # fmt: skip
    assert set(world.ctx.directory.users) == {"alice", "bob"}
    assert await world.rows("SELECT id FROM object_history WHERE body IS NULL AND kind = 'services' ORDER BY id") == [
        ("payments-api",), ("postgres-main",),
    ]  # fmt: skip


async def test_prune_refuses_to_leave_a_name_without_its_owner(world: World) -> None:
    await world.apply(CONTRACT)
    with pytest.raises(Invalid, match="problem"):
        await world.apply(PEOPLE.replace("bob]", "frank]"), prune=True)
    assert "carol" in world.ctx.directory.users


async def test_a_service_with_an_open_incident_is_not_removed(world: World) -> None:
    await world.apply(CONTRACT)
    await world.open_incident(41, service="payments-api")
    with pytest.raises(Conflict, match=r"service 'payments-api' by INC-2026-041 \(INC-[0-9A-F]{8}\)"):
        await world.apply(PEOPLE, prune=True)
    with pytest.raises(Conflict, match="INC-2026-041"):
        await world.apply(PEOPLE, prune=True, dry_run=True)
    assert "payments-api" in world.ctx.directory.services
    await world.execute("UPDATE incidents SET status = 'resolved'")
    await world.apply(PEOPLE, prune=True)
    assert not world.ctx.directory.services


async def test_a_policy_that_is_being_climbed_is_not_removed(world: World) -> None:
    await world.apply(CONTRACT)
    await world.open_incident(7)
    await world.execute(
        "INSERT INTO escalations (incident_id, policy, cycle, round_started_at, state) VALUES (7, 'payments', 1, $1, 'running')",
        NOON,
    )
    with pytest.raises(Conflict, match="escalation policy 'payments' by INC-2026-007"):
        await world.apply(PEOPLE, prune=True)
    await world.execute("UPDATE escalations SET state = 'stopped'")
    await world.apply(PEOPLE, prune=True)


async def test_people_with_unanswered_pages_are_not_removed(world: World) -> None:
    await world.apply(PEOPLE + "- {id: other}\n")
    await world.open_incident(3)
    await world.execute(
        "INSERT INTO pages (incident_id, user_id, cycle, round, step, tier, via, reason, urgency, created_at, deadline_at)"
        " VALUES (3, 'bob', 1, 0, 0, 'on_call', 'user:bob', 'step', 'high', $1, $1)",
        NOON,
    )
    without_bob = "version: 1\nusers: [{id: alice}]\n"
    with pytest.raises(Conflict, match="user 'bob' by INC-2026-003"):
        await world.apply(without_bob, prune=True)
    await world.execute("UPDATE pages SET state = 'acknowledged'")
    await world.execute("UPDATE incidents SET assignee = 'bob'")
    with pytest.raises(Conflict, match="user 'bob'"):
        await world.apply(without_bob, prune=True)


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_alice_may_neither_apply_nor_export(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.apply(PEOPLE, who=ALICE)
    with pytest.raises(Forbidden):
        await configuration.export(world.ctx, ALICE)


async def test_erin_may_configure_but_not_make_or_unmake_an_administrator(world: World) -> None:
    await world.apply(PEOPLE, who=ERIN)
    with pytest.raises(Forbidden, match="'bob'"):
        await world.apply(PEOPLE.replace("id: bob", "id: bob, role: admin"), who=ERIN)
    with pytest.raises(Forbidden, match="'admin'"):
        await objects.create(world.ctx, ERIN, "users", {"id": "admin", "role": "observer"})
    await world.apply(PEOPLE.replace("id: bob", "id: bob, role: admin"), who=ADA)
    with pytest.raises(Forbidden, match="'bob'"):
        await world.apply(PEOPLE, who=ERIN)
    await world.apply(PEOPLE.replace("id: bob", "id: bob, role: admin, name: Bob"), who=ERIN)


# --- every node -------------------------------------------------------------------------------------------------------


async def test_other_nodes_are_told_and_read_again(world: World) -> None:
    other, heard = World(world.db), asyncio.Event()
    connection = await world.db.connect()
    await connection.add_listener("tocsin", lambda *message: heard.set() if message[-1] == "configuration" else None)
    woken = other.ctx.wake.event("configuration")
    await world.apply(PEOPLE)
    await asyncio.wait_for(heard.wait(), 5)
    await connection.close()
    assert await configuration.refresh(other.ctx)
    assert woken.is_set()
    assert other.ctx.directory == world.ctx.directory
    assert not await configuration.refresh(other.ctx), "nothing new"


async def test_a_node_keeps_the_last_configuration_that_it_can_read(world: World) -> None:
    await world.apply(PEOPLE)
    other = World(world.db)
    await configuration.refresh(other.ctx)
    await world.execute("""UPDATE objects SET body = body || '{"role": "superhero"}' WHERE id = 'alice'""")
    await world.execute("UPDATE configuration SET revision = revision + 1")
    assert not await configuration.refresh(other.ctx)
    assert other.ctx.directory.users["alice"].name == "Alice"


async def test_fields_of_a_newer_release_do_not_keep_this_one_from_reading(world: World) -> None:
    await world.apply(CONTRACT)
    await world.execute(
        """UPDATE objects SET body = jsonb_set(body || '{"pronouns": "she"}', '{layers,0,tags}', '["x"]', true)
        WHERE id = 'payments-primary'"""
    )
    await world.execute("UPDATE configuration SET revision = revision + 1")
    assert await configuration.refresh(world.ctx)
    assert world.ctx.directory.schedules["payments-primary"].layers[0].users == ("alice", "bob", "carol", "dave")


async def test_an_empty_database_is_an_empty_directory(world: World) -> None:
    async with world.db.reading() as tx:
        assert (await store.load(tx)).revision == 0
        assert await store.revision(tx) == 0
    assert await configuration.export(world.ctx, ADA) == "version: 1\n"


# --- single objects ---------------------------------------------------------------------------------------------------


async def test_an_object_is_made_changed_and_removed_by_hand(world: World) -> None:
    made = await objects.create(world.ctx, ERIN, "users", {"id": "alice", "name": "Alice", "role": "observer"})
    assert made.object.name == "Alice"
    seen = objects.view(world.ctx, ERIN, made)
    assert seen["origin"] is None
    changed = await objects.replace(world.ctx, ERIN, "users", "alice", {**seen, "name": "Alice Ng"})
    assert (changed.object.name, changed.object.role) == ("Alice Ng", "observer")
    changed = await objects.update(world.ctx, ERIN, "users", "alice", {"role": None, "email": "a@example.com"})
    assert (changed.object.name, changed.object.role, changed.object.email) == (
        "Alice Ng",
        "responder",
        "a@example.com",
    )
    await objects.remove(world.ctx, ERIN, "users", "alice")
    with pytest.raises(NotFound):
        objects.find(world.ctx, "users", "alice")
    assert await world.rows("SELECT actor, body IS NULL FROM object_history ORDER BY revision") == [
        ("user:erin", False), ("user:erin", False), ("user:erin", False), ("user:erin", True),
    ]  # fmt: skip


async def test_a_bad_object_is_told_by_json_pointer(world: World) -> None:
    with pytest.raises(Invalid) as raised:
        await objects.create(world.ctx, ADA, "users", {"id": "alice", "rolle": "x", "name": 5})
    assert {p.pointer for p in raised.value.problems} == {"/rolle", "/name"}
    with pytest.raises(Invalid) as raised:
        await objects.create(world.ctx, ADA, "teams", {"id": "a", "members": ["nobody"]})
    assert [p.pointer for p in raised.value.problems] == ["/members/0"]
    with pytest.raises(Invalid):
        await objects.create(world.ctx, ADA, "teams", ["a"])


async def test_a_key_of_another_service_is_refused_naming_it(world: World) -> None:
    key = [{"id": "e", "type": "pagerduty", "key": "0123456789abcdef"}]
    await objects.create(world.ctx, ADA, "services", {"id": "zebra", "integrations": key})
    with pytest.raises(Invalid, match="problem") as raised:
        await objects.create(world.ctx, ADA, "services", {"id": "api", "integrations": key})
    (problem,) = raised.value.problems
    assert problem.pointer == "/integrations/0/key"
    assert "zebra" in problem.message


async def test_what_a_file_owns_is_changed_in_the_file(world: World) -> None:
    await world.apply(PEOPLE)
    for attempt in (
        objects.replace(world.ctx, ADA, "users", "alice", {"name": "X"}),
        objects.update(world.ctx, ADA, "users", "alice", {"name": "X"}),
        objects.remove(world.ctx, ADA, "users", "alice"),
    ):
        with pytest.raises(Conflict, match=r"tocsin\.yml:3"):
            await attempt
    seen = objects.view(world.ctx, ADA, objects.find(world.ctx, "users", "alice"))
    assert seen["origin"] == {"file": "tocsin.yml", "line": 3}


async def test_ids_are_taken_once_and_never_renamed(world: World) -> None:
    await objects.create(world.ctx, ADA, "users", {"id": "alice"})
    with pytest.raises(Conflict):
        await objects.create(world.ctx, ADA, "users", {"id": "alice"})
    with pytest.raises(Invalid, match="cannot be changed"):
        await objects.replace(world.ctx, ADA, "users", "alice", {"id": "bob"})
    with pytest.raises(NotFound):
        await objects.replace(world.ctx, ADA, "users", "bob", {"id": "bob"})
    with pytest.raises(NotFound):
        await objects.remove(world.ctx, ADA, "users", "bob")


async def test_what_others_name_is_not_removed(world: World) -> None:
    await objects.create(world.ctx, ADA, "users", {"id": "alice"})
    await objects.create(world.ctx, ADA, "teams", {"id": "payments", "members": ["alice"]})
    with pytest.raises(Conflict, match=r"team 'payments' \(members\.0\)"):
        await objects.remove(world.ctx, ADA, "users", "alice")
    await objects.remove(world.ctx, ADA, "teams", "payments")
    await objects.remove(world.ctx, ADA, "users", "alice")


async def test_the_default_policy_is_not_removed(world: World) -> None:
    await objects.create(world.ctx, ADA, "users", {"id": "alice"})
    policy = {"id": "p", "steps": [{"targets": [{"user": "alice"}]}]}
    await objects.create(world.ctx, ADA, "escalation_policies", policy)
    await world.apply("version: 1\ndefault_escalation_policy: p\n")
    with pytest.raises(Conflict, match="default_escalation_policy"):
        await objects.remove(world.ctx, ADA, "escalation_policies", "p")


async def test_an_old_fault_elsewhere_does_not_block_a_change(world: World) -> None:
    """A release without the channel that Bob once chose: others must still be able to work."""
    await world.apply(
        PEOPLE.replace("{id: bob}", '{id: bob, contact_methods: [{id: m, type: webhook, url: "http://h/"}]}')
    )
    world.ctx.channels = {kind: channel for kind, channel in world.ctx.channels.items() if kind != "webhook"}
    await objects.create(world.ctx, ADA, "users", {"id": "carol"})
    await world.apply("version: 1\nusers: [{id: dave}]\n", name="dave.yml")
    await objects.remove(world.ctx, ADA, "users", "carol")
    with pytest.raises(Invalid):
        await world.apply(
            PEOPLE.replace("{id: bob}", '{id: bob, contact_methods: [{id: m, type: webhook, url: "http://h/"}]}')
        )


async def test_keys_and_addresses_are_hidden_from_those_who_may_not_configure(world: World) -> None:
    await world.apply(CONTRACT)
    service = objects.find(world.ctx, "services", "payments-api")
    assert objects.view(world.ctx, ALICE, service)["integrations"][0]["key"] == "********"
    assert objects.view(world.ctx, ERIN, service)["integrations"][0]["key"] == "0123456789abcdef0123456789abcdef"
    bob = Principal("user:bob", "responder", "bob", "Bob")
    alice = objects.find(world.ctx, "users", "alice")
    assert [
        (m.get("url"), m.get("address")) for m in objects.view(world.ctx, bob, alice)["contact_methods"]
    ] == [("********", None), (None, "alice@example.com")]  # fmt: skip
    assert objects.view(world.ctx, ALICE, alice)["contact_methods"][0]["url"] == "http://127.0.0.1:9900/alice"
