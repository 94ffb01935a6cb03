"""People say themselves how they are reached: what they type is verified over that very way, and leads to public places only."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.fakes.phones import Mail, Sms
from tests.story.world import World

from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from tocsin.core.notification import plan
from tocsin.core.permission import Principal
from tocsin.manage import configuration, contacts, objects, people
from tocsin.manage.files import File
from tocsin.plugins.channels.base import DeliveryError
from tocsin.plugins.channels.webhook import WebhookChannel
from tocsin.store.database import Database

ADMIN = Principal("token:admin", "admin", None, "The token admin")
ALICE = Principal("user:alice", "responder", "alice", "Alice")
BOB = Principal("user:bob", "responder", "bob", "Bob")
SMS = {"type": "sms", "number": "+49301"}

FILE = """version: 1
users:
  - {id: bob, contact_methods: [{id: sms, type: sms, number: "+49302"}]}
"""


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with World(db) as made:
        made.sms, made.mail = Sms(), Mail()  # type: ignore[attr-defined]
        made.ctx.channels = {"sms": made.sms, "email": made.mail, "webhook": WebhookChannel()}  # type: ignore[attr-defined]
        made.ctx.directory = type(made.ctx.directory)()
        await objects.create(made.ctx, ADMIN, "users", {"id": "alice", "name": "Alice", "email": "alice@example.com"})
        await configuration.apply(made.ctx, ADMIN, [File("people.yml", FILE)])
        yield made


def sent(world: Any, number: str = "+49301") -> list[str]:
    """The codes that this number got."""
    return [re.findall(r"\d{6}", message.news.heading)[0] for message in world.sms.to(number)]


def used(world: World, user: str = "alice") -> list[str]:
    return [method.id for _, method in plan(world.ctx.directory.users[user], "high")]


async def added(world: World) -> dict[str, Any]:
    return await people.add_method(world.ctx, ALICE, SMS)


async def test_what_a_person_types_is_used_only_once_its_code_came_back(world: World) -> None:
    shown = await added(world)
    (method,) = shown["contact_methods"]
    assert (method["id"], method["verified"], method["source"]) == ("sms", False, "typed")
    assert used(world) == []
    told = await contacts.send_code(world.ctx, ALICE, "sms")
    assert told["receipt"] == "SM1"
    (code,) = sent(world)
    shown = await contacts.verify(world.ctx, ALICE, "sms", f" {code[:3]} {code[3:]} ")
    assert shown["contact_methods"][0]["verified"]
    assert used(world) == ["sms"]
    await contacts.verify(world.ctx, ALICE, "sms", "")
    with pytest.raises(Conflict, match="verified already"):
        await contacts.send_code(world.ctx, ALICE, "sms")


async def test_what_a_file_says_is_used_as_it_is_and_read_only(world: World) -> None:
    assert used(world, "bob") == ["sms"]
    shown = await people.show(world.ctx, BOB)
    assert shown["origin"] == {"file": "people.yml", "line": 3}
    assert shown["contact_methods"][0]["source"] == "file"
    with pytest.raises(Conflict, match=r"people\.yml:3"):
        await people.add_method(world.ctx, BOB, SMS)
    with pytest.raises(Conflict, match=r"people\.yml:3"):
        await people.change(world.ctx, BOB, {"quiet_hours": {"from": "22:00", "to": "07:00"}})


async def test_a_changed_address_is_unverified_again(world: World) -> None:
    await added(world)
    await contacts.send_code(world.ctx, ALICE, "sms")
    await contacts.verify(world.ctx, ALICE, "sms", sent(world)[0])
    await people.change_method(world.ctx, ALICE, "sms", {"number": "+49309"})
    assert used(world) == []
    with pytest.raises(Invalid, match="no code"):
        await contacts.verify(world.ctx, ALICE, "sms", sent(world)[0])
    await people.change_method(world.ctx, ALICE, "sms", {"number": "+49301"})
    assert used(world) == ["sms"], "it is the address that was verified"


async def test_a_code_for_the_old_address_does_not_verify_the_new_one(world: World) -> None:
    await added(world)
    await contacts.send_code(world.ctx, ALICE, "sms")
    await people.change_method(world.ctx, ALICE, "sms", {"number": "+49309"})
    with pytest.raises(Conflict, match="changed since"):
        await contacts.verify(world.ctx, ALICE, "sms", sent(world)[0])


async def test_a_code_is_good_for_five_tries_and_fifteen_minutes(world: World) -> None:
    await added(world)
    await contacts.send_code(world.ctx, ALICE, "sms")
    (code,) = sent(world)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for left in ("4 tries", "3 tries", "2 tries", "1 try", "0 tries"):
        with pytest.raises(Invalid, match=f"{left} left"):
            await contacts.verify(world.ctx, ALICE, "sms", wrong)
    with pytest.raises(Invalid, match="After 5 wrong codes"):
        await contacts.verify(world.ctx, ALICE, "sms", code)
    await world.wait(minutes=2)
    await contacts.send_code(world.ctx, ALICE, "sms")
    await world.wait(minutes=15)
    with pytest.raises(Invalid, match="too old"):
        await contacts.verify(world.ctx, ALICE, "sms", sent(world)[1])


async def test_codes_are_sent_once_a_minute_and_ten_times_an_hour(world: World) -> None:
    await added(world)
    await contacts.send_code(world.ctx, ALICE, "sms")
    with pytest.raises(TooMany) as refused:
        await contacts.send_code(world.ctx, ALICE, "sms")
    assert refused.value.retry_after == 60
    for _ in range(9):
        await world.wait(minutes=1)
        await contacts.send_code(world.ctx, ALICE, "sms")
    await world.wait(minutes=1)
    with pytest.raises(TooMany, match="50 min"):
        await contacts.send_code(world.ctx, ALICE, "sms")
    with pytest.raises(Invalid):
        await contacts.verify(world.ctx, ALICE, "sms", sent(world)[0])
    await contacts.verify(world.ctx, ALICE, "sms", sent(world)[9])


async def test_a_code_is_kept_as_a_hash_only(world: World) -> None:
    await added(world)
    await contacts.send_code(world.ctx, ALICE, "sms")
    row = await world.row("SELECT code_hash, contact::text FROM contact_verifications")
    assert len(row["code_hash"]) == 32
    assert sent(world)[0].encode() not in row["code_hash"]


async def test_a_provider_that_refuses_is_told_to_the_person(world: Any) -> None:
    await added(world)
    world.sms.broken["+49301"] = [DeliveryError("no such number", permanent=True)]
    with pytest.raises(Conflict, match="no such number"):
        await contacts.send_code(world.ctx, ALICE, "sms")


async def test_nobody_changes_how_somebody_else_is_reached_but_who_may_configure(world: World) -> None:
    for act in (
        people.show(world.ctx, BOB, "alice"), people.add_method(world.ctx, BOB, SMS, "alice"),
        people.history(world.ctx, BOB, "alice"),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            await act
    await people.add_method(world.ctx, ADMIN, SMS, "alice")
    with pytest.raises(NotFound, match="belongs to no person"):
        await people.show(world.ctx, ADMIN)
    with pytest.raises(NotFound, match="no user"):
        await people.show(world.ctx, Principal("user:admin", "admin", "admin", "Administrator"))


async def test_nobody_makes_themselves_an_administrator_here(world: World) -> None:
    for body in ({"role": "admin"}, {"contact_methods": []}, {"id": "bob"}, {}, None):
        with pytest.raises(Invalid):
            await people.change(world.ctx, ALICE, body)
    assert world.ctx.directory.users["alice"].role == "responder"


async def test_rules_quiet_hours_and_limits_are_changed_and_set_back(world: World) -> None:
    await added(world)
    body = {
        "notification_rules": {"high": [{"after": "2m", "method": "sms"}]},
        "quiet_hours": {"from": "22:00", "to": "07:00", "days": ["sat", "sun"]},
        "bundling": {"within": "2m", "email": True},
        "limits": [{"type": "sms", "count": 3, "within": "30m"}],
        "updates": ["sms"],
        "time_zone": "Asia/Tokyo",
    }
    shown = await people.change(world.ctx, ALICE, body)
    assert {name: shown[name] for name in ("notification_rules", "updates", "time_zone")} == {
        name: body[name] for name in ("notification_rules", "updates", "time_zone")
    }
    assert shown["limits"] == [{"type": "sms", "count": 3, "within": "30m", "own": True}]
    assert shown["quiet_hours"] == {"days": ["sat", "sun"], "from": "22:00", "to": "07:00"}
    back = await people.change(world.ctx, ALICE, dict.fromkeys(body))
    assert (back["quiet_hours"], back["notification_rules"], back["updates"]) == (None, {}, [])
    assert back["limits"] == [{"type": "sms", "count": 10, "within": "10m", "own": False}]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"quiet_hours": {"from": "22:00", "to": "22:00"}}, "/quiet_hours/to"),
        ({"quiet_hours": {"from": "00:00", "to": "24:00"}}, "/quiet_hours/to"),
        ({"quiet_hours": {"from": "25:00", "to": "22:00"}}, "/quiet_hours/from"),
        ({"quiet_hours": {"from": "22:00", "to": "07:00", "days": []}}, "/quiet_hours/days"),
        ({"limits": [{"type": "sms", "count": 0}]}, "/limits/0/count"),
        ({"limits": [{"type": "sms", "count": 5, "within": "5s"}]}, "/limits/0/within"),
        ({"limits": [{"type": "pigeon", "count": 5}]}, "/limits/0/type"),
        ({"limits": [{"type": "sms", "count": 5}, {"type": "sms", "count": 6}]}, "/limits/1/type"),
        ({"updates": ["pigeon"]}, "/updates/0"),
        ({"bundling": {"within": "1h"}}, "/bundling/within"),
        ({"notification_rules": {"high": [{"method": "pigeon"}]}}, "/notification_rules/high/0/method"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_field(world: World, body: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        await people.change(world.ctx, ALICE, body)
    assert refused.value.problems[0].pointer == pointer


async def test_secrets_are_not_shown_and_stay_as_they_are(world: World) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    method = {"type": "webhook", "url": "https://8.8.8.8/x", "secret": secret}
    shown = await people.add_method(world.ctx, ALICE, method)
    assert shown["contact_methods"][0]["settings"]["secret"] == "********"
    body = {"url": "https://8.8.4.4/x", "secret": "********"}
    await people.change_method(world.ctx, ALICE, "webhook", body)
    assert world.ctx.directory.users["alice"].contact_methods[0].settings == {
        "url": "https://8.8.4.4/x",
        "secret": secret,
    }


async def test_removing_a_method_takes_its_rules_along(world: World) -> None:
    await added(world)
    await people.change(world.ctx, ALICE, {"notification_rules": {"high": [{"method": "sms"}]}, "updates": ["sms"]})
    shown = await people.remove_method(world.ctx, ALICE, "sms")
    assert (shown["contact_methods"], shown["notification_rules"], shown["updates"]) == ([], {}, [])
    with pytest.raises(NotFound):
        await people.remove_method(world.ctx, ALICE, "sms")


PRIVATE = [
    "http://127.0.0.1/x", "http://localhost:8080/", "http://10.1.2.3/", "http://192.168.0.1/", "http://169.254.169.254/latest",
    "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[fd00::1]/", "http://intranet/hook", "http://db.internal/",
    "http://printer.local/", "http://0.0.0.0/", "http://100.64.0.1/", "http://2130706433/",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
async def test_a_typed_address_may_not_lead_into_a_private_network(world: World, url: str) -> None:
    method = {"id": "hook", "type": "webhook", "url": url}
    for act, pointer in (
        (people.add_method(world.ctx, ALICE, method), "/contact_methods/0/url"),
        (
            objects.create(world.ctx, ADMIN, "users", {"id": "eve", "contact_methods": [method]}),
            "/contact_methods/0/url",
        ),
        (objects.update(world.ctx, ADMIN, "users", "alice", {"contact_methods": [method]}), "/contact_methods/0/url"),
        (objects.replace(world.ctx, ADMIN, "users", "alice", {"contact_methods": [method]}), "/contact_methods/0/url"),
    ):
        with pytest.raises(Invalid, match="private network") as refused:
            await act
        assert refused.value.problems[0].pointer == pointer


async def test_a_name_that_leads_inside_by_now_is_not_connected_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was public when it was saved; the guard looks again when it connects."""
    await people.add_method(world.ctx, ALICE, {"type": "webhook", "url": "http://rebind.example.com/hook"})
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: [(2, 1, 6, "", ("127.0.0.1", 80))])
    channel = world.ctx.channels["webhook"]
    await channel.open()
    try:
        with pytest.raises(Conflict, match="leads into a private network"):
            await contacts.send_code(world.ctx, ALICE, "webhook")
    finally:
        await channel.close()


async def test_a_test_message_goes_to_verified_methods_only(world: Any) -> None:
    await added(world)
    with pytest.raises(Conflict, match="not verified"):
        await contacts.send_test(world.ctx, ALICE, "sms")
    assert (await contacts.send_test(world.ctx, BOB, "sms"))["receipt"] == "SM1"
    assert world.sms.to("+49302")[0].news.heading == "Test from Tocsin"


async def test_rules_by_stronger_means_are_made_of_what_a_person_has(world: World) -> None:
    text = """version: 1
users:
  - id: carol
    contact_methods:
      - {id: phone, type: sms, number: "+49303"}
      - {id: mail, type: email, number: carol}
"""
    await configuration.apply(world.ctx, ADMIN, [File("carol.yml", text)])
    found = {one["name"]: one["rules"] for one in people.offered(world.ctx.directory.users["carol"])}
    assert found["gentle"] == [{"method": "mail"}, {"after": "1m", "method": "phone"}]
    assert [(rule.get("after", "0s"), rule["method"]) for rule in found["insistent"]] == [
        ("0s", "mail"), ("1m", "phone"), ("2m", "phone"), ("3m", "phone"), ("4m", "phone"), ("5m", "phone"),
    ]  # fmt: skip
    assert found["at_once"] == [{"method": "mail"}, {"method": "phone"}]
    assert people.offered(world.ctx.directory.users["alice"]) == []
