"""What every room of the registry keeps to, and what the webhook does on the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook
from tests.fakes.sink import CLOSE, GARBAGE, HANG, Sink, status

from tocsin.core.errors import Unauthenticated
from tocsin.core.room import BUILTIN
from tocsin.plugins.channels.base import Brief, DeliveryError, Receipt
from tocsin.plugins.rooms import registry, signatures
from tocsin.plugins.rooms.base import Line, Opened, Person, Place, Room, Summary, Topic

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
TOPIC = Topic(text="SEV1 · detected · IC Alice · Down", severity="sev1_critical", status="detected", commander="Alice")
PEOPLE = [Person(user="alice", name="Alice", email="alice@example.com", why="assignee")]
LINE = Line(entry=7, at=NOW, kind="message_posted", actor="user:alice", author="Alice", text="Hällo <b>\u0000")

CALLS: dict[str, Callable[[Room, Place], Awaitable[Any]]] = {
    "open": lambda room, place: room.open(place, TOPIC),
    "topic": lambda room, place: room.set_topic(place, TOPIC),
    "invite": lambda room, place: room.invite(place, PEOPLE),
    "pin": lambda room, place: room.pin(place, Summary(text="two\nlines")),
    "message": lambda room, place: room.post(place, LINE),
    "close": lambda room, place: room.close(place, "closed"),
}


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as made:
        yield made


@pytest.fixture(params=sorted(registry.create()))
async def room(request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    member = registry.create()[request.param]
    await member.start()
    yield member
    await member.stop()


@pytest.fixture
async def webhook() -> AsyncIterator[Room]:
    member = registry.create()["webhook"]
    await member.start()
    yield member
    await member.stop()


def place(settings: dict[str, str], **more: Any) -> Place:
    brief = Brief(
        id="INC-1A2B3C4D", number=41, name="INC-2026-041", title="Down", severity="sev1_critical", status="detected",
        service="api", service_name="API", url="https://tocsin.example.com/incidents/INC-1A2B3C4D", created_at=NOW,
    )  # fmt: skip
    given = {
        "room": "chat", "settings": settings, "incident": brief, "name": "inc-20261120-api-041", "ref": "", "url": "",
        "key": "key-1", "order": 1, "sent_at": NOW, **more,
    }  # fmt: skip
    return Place(**given)


def settings_for(room: Room, sink: Sink) -> dict[str, str]:
    return {} if room.type == BUILTIN else {"url": sink.url("/room"), "secret": SECRET}


async def test_it_describes_itself(room: Room, sink: Sink) -> None:
    assert room.label
    assert room.timeout > 0
    assert room.lane_limit > 0
    assert all(field.help or field.label for field in room.fields)
    settings = settings_for(room, sink)
    assert room.problem(settings) is None
    assert room.lane(settings)
    problem = room.problem({**settings, "no_such_field": "x"})
    assert problem is not None
    assert problem.startswith("no_such_field: ")


@pytest.mark.parametrize("call", CALLS)
async def test_every_call_returns_a_receipt(room: Room, sink: Sink, call: str) -> None:
    made = await CALLS[call](room, place(settings_for(room, sink)))
    receipt = made.receipt if isinstance(made, Opened) else made
    assert isinstance(receipt, Receipt)
    assert receipt.text


async def test_the_same_call_twice_is_harmless(room: Room, sink: Sink) -> None:
    where = place(settings_for(room, sink))
    assert await room.open(where, TOPIC) == await room.open(where, TOPIC)


async def test_the_builtin_room_is_the_incidents_page() -> None:
    made = await registry.create()[BUILTIN].open(place({}), TOPIC)
    assert made.url == "https://tocsin.example.com/incidents/INC-1A2B3C4D"
    assert set(registry.CONFIGURED) == {"webhook"}


# --- the webhook on the wire ------------------------------------------------------------------------------------------


async def test_each_event_says_all_that_a_receiver_needs_and_is_signed(webhook: Room, sink: Sink) -> None:
    where = place({"url": sink.url("/room"), "secret": SECRET}, order=3, reply_url="https://t.example.com/talk/chat")
    for call in CALLS.values():
        await call(webhook, where)
    sent = [one.json() for one in sink.requests]
    assert [one["type"] for one in sent] == [
        "room.opened", "room.topic", "room.invited", "room.pinned", "room.message", "room.closed"
    ]  # fmt: skip
    assert {(one["room"], one["name"], one["order"]) for one in sent} == {("chat", "inc-20261120-api-041", 3)}
    assert sent[0]["incident"]["url"] == "https://tocsin.example.com/incidents/INC-1A2B3C4D"
    assert sent[0]["reply_url"] == "https://t.example.com/talk/chat"
    assert sent[2]["data"]["people"] == [
        {"user": "alice", "name": "Alice", "email": "alice@example.com", "why": "assignee"}
    ]
    assert sent[4]["data"]["message"]["text"] == LINE.text
    for one in sink.requests:
        assert one.headers["idempotency-key"] == one.headers["webhook-id"] == "key-1"
        assert one.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
        assert one.headers["webhook-signature"] == Webhook(SECRET).sign("key-1", NOW, one.body.decode())


async def test_a_receiver_may_say_where_its_room_is(webhook: Room, sink: Sink) -> None:
    where = place({"url": sink.url("/room")})
    for body, url, ref in (
        ({"url": "https://chat.example.com/c/41", "ref": "C41"}, "https://chat.example.com/c/41", "C41"),
        ({"url": "javascript:alert(1)"}, "", ""),
        ({"url": 5}, "", ""),
    ):
        sink.script("/room", status(200, body=json.dumps(body).encode()))
        made = await webhook.open(where, TOPIC)
        assert (made.url, made.ref) == (url, ref)


@pytest.mark.parametrize(
    ("answer", "permanent", "said"),
    [
        (status(500), False, "answered HTTP 500"),
        (status(429, {"Retry-After": "7"}), False, "answered HTTP 429"),
        (status(404), True, "answered HTTP 404"),
        (status(401), True, "refuses the credentials"),
        (status(302, {"Location": "http://127.0.0.1:1/"}), True, "redirects are not followed"),
        (CLOSE, False, "closed the connection"),
        (GARBAGE, False, "not HTTP"),
        (HANG, False, "did not answer within"),
    ],
)
async def test_trouble_says_whether_trying_again_helps(
    webhook: Room, sink: Sink, answer: Any, permanent: bool, said: str
) -> None:
    webhook.timeout = 0.3
    sink.always("/room?token=hunter2", answer)
    sink.always("/room", answer)
    with pytest.raises(DeliveryError, match=said) as caught:
        await webhook.post(place({"url": sink.url("/room?token=hunter2")}), LINE)
    assert caught.value.permanent is permanent
    assert "hunter2" not in str(caught.value)
    assert caught.value.retry_after == (7 if "429" in said else None)


async def test_nobody_there_is_temporary_and_inside_is_refused_for_typed_addresses(webhook: Room, sink: Sink) -> None:
    with pytest.raises(DeliveryError) as caught:
        await webhook.post(place({"url": "http://127.0.0.1:9/x"}), LINE)
    assert not caught.value.permanent
    for url in (sink.url("/room"), "http://localhost/x"):
        with pytest.raises(DeliveryError, match="private network") as caught:
            await webhook.post(place({"url": url}, public_only=True), LINE)
        assert caught.value.permanent
    assert sink.requests == []


# --- what comes back --------------------------------------------------------------------------------------------------


def test_what_is_signed_with_the_secret_is_taken() -> None:
    body = '{"text": "hällo"}'.encode()
    headers = {"Webhook-Id": "m1", **signatures.sign(SECRET, "m1", NOW, body)}
    assert signatures.verified(SECRET, headers, body, NOW + timedelta(minutes=4)) == "m1"
    rotated = {**headers, "webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}
    assert signatures.verified(SECRET, rotated, body, NOW) == "m1"


@pytest.mark.parametrize(
    ("change", "later"),
    [
        ({"webhook-signature": "v1,AAAA"}, 0), ({"webhook-signature": ""}, 0), ({"webhook-id": "m2"}, 0),
        ({"webhook-timestamp": "now"}, 0), ({"webhook-timestamp": "9" * 30}, 0), ({}, 6), ({}, -6),
        ({"webhook-signature": "v1,é"}, 0),
    ],
)  # fmt: skip
def test_what_is_not_is_refused(change: dict[str, str], later: int) -> None:
    headers = {**signatures.sign(SECRET, "m1", NOW, b"{}"), **change}
    with pytest.raises(Unauthenticated):
        signatures.verified(SECRET, headers, b"{}", NOW + timedelta(minutes=later))
    with pytest.raises(Unauthenticated):
        signatures.verified(SECRET, signatures.sign(SECRET, "m1", NOW, b"{}"), b"\xff", NOW)
