"""Web push: what a push service gets, decrypted as the browser does, and what its answers mean."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from http_ece import ECEException
from tests.fakes.browser import Browser, vapid_claims
from tests.fakes.messages import brief, message
from tests.fakes.sink import Sink, status

from tocsin.plugins.channels import names
from tocsin.plugins.channels.base import DeliveryError
from tocsin.plugins.channels.public import is_private_host, is_public
from tocsin.plugins.channels.webpush import WebPushChannel
from tocsin.plugins.channels.webpush_library import WebPushLibrary

KEY = "7" * 64
LIBRARY = WebPushLibrary(KEY, "mailto:tocsin@example.com")


@asynccontextmanager
async def channel(**options: Any) -> AsyncIterator[WebPushChannel]:
    made = WebPushChannel(lambda: LIBRARY, **options)
    await made.open()
    yield made
    await made.close()


async def refused(made: WebPushChannel, settings: dict[str, str]) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await made.send(settings, message())
    return caught.value


async def test_only_the_browser_can_read_the_page_and_its_push_service_knows_the_sender() -> None:
    async with Sink() as service, channel() as made:
        phone = Browser(service.url("/push/alice"))
        receipt = await made.send(phone.settings, message())
        (got,) = await service.wait(1)
        note = phone.read(got)
        assert note["title"] == "SEV1 Checkout is failing"
        assert note["body"] == "Payments API, INC-2026-041\nYou are on call for Payments primary."
        assert note["acknowledge_url"] == message().acknowledge_url
        assert note["url"] == brief().url
        assert note["tag"] == "INC-1A2B3C4D"
        for stranger in (Browser(""), Browser("", auth=b"another sixteen ")):
            with pytest.raises((ECEException, InvalidTag, ValueError)):
                stranger.read(got)
        assert b"Checkout" not in got.body
        claims = vapid_claims(got, made.public_key)
        assert claims["aud"] == service.url().rstrip("/")
        assert claims["sub"] == "mailto:tocsin@example.com"
        assert 11 * 3600 < claims["exp"] - message().sent_at.timestamp() < 24 * 3600
        assert receipt.text == f"accepted by 127.0.0.1:{service.port} (HTTP 204)"


async def test_the_signature_is_of_the_key_that_browsers_subscribed_to() -> None:
    async with Sink() as service, channel() as made:
        await made.send(Browser(service.url("/a")).settings, message())
        other = WebPushLibrary("8" * 64, "mailto:x@example.com").public_key()
        with pytest.raises((AssertionError, InvalidSignature)):
            vapid_claims(service.requests[0], other)
    assert len(LIBRARY.public_key()) == 87
    assert WebPushLibrary("f" * 64, "").public_key() != LIBRARY.public_key(), (
        "beyond the curve's order it is still a key"
    )


async def test_a_page_is_urgent_short_lived_and_replaces_the_one_before_about_the_same_incident() -> None:
    async with Sink() as service, channel() as made:
        phone = Browser(service.url("/a"))
        await made.send(phone.settings, message())
        await made.send(phone.settings, message(key="another", step=2))
        await made.send(phone.settings, message(incident=brief(42, id="INC-FFFFFFFF")))
        await made.send(phone.settings, message(type="update"))
        first, second, other, update = (r.headers for r in service.requests)
        assert (first["urgency"], first["ttl"]) == ("high", "1800")
        assert (update["urgency"], update["ttl"]) == ("normal", "21600")
        assert first["topic"] == second["topic"] != other["topic"]
        assert len(first["topic"]) <= 32
        assert "acknowledge_url" not in phone.read(service.requests[3])


@pytest.mark.parametrize(
    ("code", "permanent", "gone"),
    [
        (404, True, True), (410, True, True), (400, True, False), (403, True, False), (413, True, False), (429, False, False),
        (503, False, False),
    ],
)  # fmt: skip
async def test_what_a_push_service_answers(code: int, permanent: bool, gone: bool) -> None:
    async with Sink() as service, channel() as made:
        service.always("/secret", status(code, {"Retry-After": "7"}))
        error = await refused(made, Browser(service.url("/secret")).settings)
        assert (error.permanent, error.gone) == (permanent, gone)
        assert "/secret" not in str(error)
        assert error.retry_after == (None if permanent else 7.0)


async def test_the_longest_texts_fit_into_what_push_services_take() -> None:
    async with Sink() as service, channel() as made:
        phone = Browser(service.url("/a"))
        service.always("/a", status(201))
        wide = "𝔘\n" * 5000
        await made.send(phone.settings, message(reason=wide, incident=brief(title=wide, service_name=wide)))
        assert phone.read(service.requests[0])["title"].endswith("…")


def test_settings_that_cannot_work_are_told() -> None:
    made, good = WebPushChannel(lambda: LIBRARY), Browser("https://push.example.com/abc").settings
    assert made.problem(good) is None
    assert made.problem({"device": "all"}) is None
    for wrong, field in (
        ({"device": "phone"}, "device"),
        ({**good, "endpoint": "ftp://push.example.com/abc"}, "endpoint"),
        ({**good, "endpoint": "https://"}, "endpoint"),
        ({**good, "auth": "c2hvcnQ"}, "auth"),
        ({**good, "p256dh": "☃"}, "p256dh"),
        ({"device": "x", "endpoint": good["endpoint"]}, "device"),
    ):
        assert (made.problem(wrong) or "").startswith(f"{field}: "), wrong


async def test_all_devices_of_somebody_without_one_says_what_to_do() -> None:
    async with channel() as made:
        error = await refused(made, {"device": "all"})
        assert error.permanent
        assert "Your account" in str(error)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/abc", "https://127.0.0.1/abc", "https://10.1.2.3/x", "https://[::1]/x", "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/x", "https://[64:ff9b::a00:1]/x", "https://localhost/x", "https://intranet/x", "https://0.0.0.0/",
        "https://[fe80::1]/x", "https://100.64.0.1/x", "https://db.internal/x",
    ],
)  # fmt: skip
async def test_what_a_browser_names_is_called_only_when_it_is_public(endpoint: str) -> None:
    async with channel() as made:
        named = {**Browser(endpoint).settings, "subscribed": "yes"}
        assert (made.problem(named) or "").startswith("endpoint: must be a public address")
        assert (await refused(made, named)).permanent
        if endpoint.startswith("https://1"):
            assert made.problem({**named, "subscribed": ""}) is None, "what a file says may be private"
            with pytest.raises(DeliveryError, match="public address"):
                await made.send({**named, "subscribed": ""}, message(public_only=True))


async def test_a_name_that_leads_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As somebody does who owns a name server: the name looks public, its address is not."""

    def resolve(host: str, port: int, *_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(names.socket, "getaddrinfo", resolve)
    async with Sink() as inside, channel() as made:
        named = {**Browser(f"https://push.example.com:{inside.port}/x").settings, "subscribed": "yes"}
        error = await refused(made, named)
        assert error.permanent
        assert "private network" in str(error)
        assert inside.requests == []


def test_public_addresses() -> None:
    for public in ("142.250.1.188", "2a00:1450:4001::5e", "::ffff:8.8.8.8"):
        assert is_public(public), public
    for private in ("192.168.0.1", "224.0.0.1", "fd00::1", "2002:7f00:1::", "nonsense", "fe80::1%eth0", "192.0.2.1"):
        assert not is_public(private), private
    assert not is_private_host("fcm.googleapis.com")


async def test_many_at_once_share_few_connections() -> None:
    async with Sink() as service, channel(lane_limit=4) as made:
        phone = Browser(service.url("/a"))
        await asyncio.gather(*(made.send(phone.settings, message(key=f"k{n}")) for n in range(40)))
        assert len(service.requests) == 40
        assert max(r.connection for r in service.requests) <= 4
        assert {json.dumps(phone.read(r), sort_keys=True) for r in service.requests}
