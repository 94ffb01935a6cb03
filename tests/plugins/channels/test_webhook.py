"""A webhook against a real HTTP server that behaves and misbehaves."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from tests.fakes.certificates import Authority
from tests.fakes.messages import message
from tests.fakes.sink import CLOSE, DRIP, GARBAGE, HANG, STALE, Sink, status

from tocsin import __version__
from tocsin.plugins.channels.base import DeliveryError
from tocsin.plugins.channels.failures import retry_after
from tocsin.plugins.channels.webhook import WebhookChannel

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as sink:
        yield sink


@pytest.fixture
async def channel() -> AsyncIterator[WebhookChannel]:
    channel = WebhookChannel(timeout=0.6)
    await channel.open()
    yield channel
    await channel.close()


async def failure(channel: WebhookChannel, url: str, **settings: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send({"url": url, **settings}, message())
    return caught.value


async def test_the_body_and_the_headers_are_the_contracts(sink: Sink, channel: WebhookChannel) -> None:
    sent_at = datetime(2026, 8, 21, 12, 5, 2, tzinfo=UTC)
    receipt = await channel.send({"url": sink.url("/alice")}, message(sent_at=sent_at, step=2))
    assert receipt.text == "HTTP 204"
    (got,) = sink.requests
    assert got.method == "POST"
    assert got.json() == {
        "type": "page",
        "page_id": "77",
        "reason": "You are on call for Payments primary.",
        "step": 2,
        "user": "alice",
        "incident": {
            "id": "INC-1A2B3C4D",
            "title": "Checkout is failing",
            "severity": "sev1_critical",
            "status": "detected",
            "service": "payments-api",
            "url": "https://tocsin.example.com/incidents/INC-1A2B3C4D",
        },
        "acknowledge_url": "https://tocsin.example.com/a/77.sig",
        "sent_at": "2026-08-21T12:05:02Z",
    }
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == f"Tocsin/{__version__}"
    assert got.key == message().key
    assert "webhook-signature" not in got.headers


async def test_a_secret_signs_as_standard_webhooks_verify(sink: Sink, channel: WebhookChannel) -> None:
    await channel.send({"url": sink.url(), "secret": SECRET}, message())
    (got,) = sink.requests
    headers = dict(got.headers)
    assert headers["webhook-id"] == got.key
    Webhook(SECRET).verify(got.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body.replace(b"alice", b"mallory"), headers)


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_every_2xx_is_delivered(sink: Sink, channel: WebhookChannel, code: int) -> None:
    sink.always("/", status(code))
    assert (await channel.send({"url": sink.url()}, message())).text == f"HTTP {code}"


@pytest.mark.parametrize(
    ("code", "permanent"),
    [(429, False), (500, False), (502, False), (503, False), (504, False), (599, False)]
    + [(code, True) for code in (301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 413, 418, 422, 451)],
)
async def test_what_is_worth_trying_again(sink: Sink, channel: WebhookChannel, code: int, permanent: bool) -> None:
    sink.always("/a/path", status(code, {"Location": sink.url("/elsewhere")}))
    error = await failure(channel, sink.url("/a/path?token=hush"))
    assert (error.permanent, str(code) in str(error)) == (permanent, True)
    assert [r.path for r in sink.requests] == ["/a/path"], "no redirect is followed and nothing is repeated"


async def test_retry_after_is_heard(sink: Sink, channel: WebhookChannel) -> None:
    sink.script("/", status(429, {"Retry-After": "17"}), status(503, {"Retry-After": "86400"}), status(500))
    waits = [(await failure(channel, sink.url())).retry_after for _ in range(3)]
    assert waits == [17.0, 900.0, None]


def test_a_retry_after_date_counts_from_the_servers_own_clock() -> None:
    now = datetime(2026, 8, 21, 12, 0, tzinfo=UTC)
    theirs = datetime(2020, 1, 1, tzinfo=UTC)
    at = {"Retry-After": format_datetime(theirs.replace(minute=1), usegmt=True)}
    assert retry_after({**at, "Date": format_datetime(theirs, usegmt=True)}, now) == 60.0
    assert retry_after(at, now) == 0.0
    assert retry_after({"Retry-After": format_datetime(now.replace(second=30), usegmt=True)}, now) == 30.0
    for nonsense in ("", "soon", "-5", "1e9", "٣"):
        assert retry_after({"Retry-After": nonsense}, now) is None


async def test_silence_ends_at_the_timeout(sink: Sink, channel: WebhookChannel) -> None:
    sink.always("/", HANG)
    start = time.monotonic()
    error = await failure(channel, sink.url())
    assert 0.5 < time.monotonic() - start < 1.5
    assert not error.permanent
    assert "0.6 s" in str(error)


async def test_a_closed_socket_and_nonsense_are_temporary_and_not_repeated(sink: Sink, channel: WebhookChannel) -> None:
    sink.script("/", CLOSE, GARBAGE)
    assert not (await failure(channel, sink.url())).permanent
    assert not (await failure(channel, sink.url())).permanent
    assert len(sink.requests) == 2


async def test_a_connection_that_went_stale_costs_one_quick_retry_with_the_same_key(
    sink: Sink, channel: WebhookChannel
) -> None:
    sink.always("/", STALE)
    for _ in range(3):
        await channel.send({"url": sink.url()}, message())
    assert len({r.key for r in sink.requests}) == 1
    assert [r.connection for r in sink.requests] == [1, 1, 2, 2, 3], "the second and the third found theirs dead"


async def test_connections_are_kept(sink: Sink, channel: WebhookChannel) -> None:
    sink.always("/500", status(500, body=b"x" * 1000))
    for _ in range(5):
        await channel.send({"url": sink.url()}, message())
        await failure(channel, sink.url("/500"))
    assert {r.connection for r in sink.requests} == {1}


async def test_connections_are_shared_by_many(sink: Sink, channel: WebhookChannel) -> None:
    async def sends() -> None:
        for _ in range(20):
            await channel.send({"url": sink.url()}, message())

    await asyncio.gather(*(sends() for _ in range(8)))
    assert len(sink.requests) == 160
    assert len({r.connection for r in sink.requests}) <= 8


async def test_a_yes_with_an_endless_body_is_a_yes(sink: Sink, channel: WebhookChannel) -> None:
    sink.always("/drip", DRIP)
    sink.always("/big", status(200, body=b"x" * 5_000_000))
    slow = WebhookChannel(timeout=5)
    await slow.open()
    start = time.monotonic()
    for path in ("/drip", "/big"):
        assert (await slow.send({"url": sink.url(path)}, message())).text == "HTTP 200"
    assert time.monotonic() - start < 3
    await slow.close()


async def test_nobody_listens(channel: WebhookChannel) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = await failure(channel, f"http://bob:hunter2@127.0.0.1:{port}/secret/path?token=hush")
    assert not error.permanent
    assert f"127.0.0.1:{port}" in str(error)
    for hidden in ("hunter2", "secret", "hush", "bob"):
        assert hidden not in str(error)


async def test_an_unknown_name_is_temporary(channel: WebhookChannel) -> None:
    error = await failure(channel, "http://no-such-host.invalid/hook")
    assert not error.permanent
    assert "no-such-host.invalid" in str(error)


async def test_names_that_take_for_ever_hold_up_nobody_else(
    sink: Sink, channel: WebhookChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, free = socket.getaddrinfo, threading.Event()

    def slow(host: str, *args: object, **kwargs: object) -> object:
        if host.endswith(".example"):
            free.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return real(host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    stuck = [asyncio.create_task(failure(channel, f"http://h{number}.example/")) for number in range(30)]
    await asyncio.sleep(0.1)
    start = time.monotonic()
    await channel.send({"url": sink.url().replace("127.0.0.1", "localhost")}, message())
    assert time.monotonic() - start < 0.4
    assert not any(error.permanent for error in await asyncio.gather(*stuck))
    free.set()


async def test_tls_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    async with Sink(tls=authority.server()) as sink:
        stranger = WebhookChannel()
        await stranger.open()
        error = await failure(stranger, sink.url())
        assert (error.permanent, "certificate" in str(error)) == (True, True)
        await stranger.close()
        assert sink.requests == []


async def test_plain_http_at_a_tls_address_is_an_error_and_no_hang(sink: Sink, channel: WebhookChannel) -> None:
    error = await failure(channel, sink.url().replace("http:", "https:"))
    assert not error.permanent


async def test_a_slow_neighbour_harms_nobody(sink: Sink) -> None:
    """As many sends to a hanging place as a lane holds; the others arrive at once."""
    channel = WebhookChannel(concurrency=16, lane_limit=8, timeout=2)
    await channel.open()
    async with Sink() as slow:
        slow.always("/", HANG)
        stuck = [asyncio.create_task(channel.send({"url": slow.url()}, message())) for _ in range(8)]
        await slow.wait(8)
        start = time.monotonic()
        await asyncio.gather(*(channel.send({"url": sink.url()}, message()) for _ in range(8)))
        assert time.monotonic() - start < 1
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
    await channel.close()


async def test_a_cancelled_send_leaves_the_pool_whole(sink: Sink) -> None:
    channel = WebhookChannel(concurrency=2, lane_limit=2, timeout=5)
    await channel.open()
    sink.script("/", *[HANG] * 6)
    for count in (2, 4, 6):
        tasks = [asyncio.create_task(channel.send({"url": sink.url()}, message())) for _ in range(2)]
        await sink.wait(count)
        for task in tasks:
            task.cancel()
        assert all(isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*tasks, return_exceptions=True))
    assert (await channel.send({"url": sink.url()}, message())).text == "HTTP 204"
    await channel.close()


async def test_any_text_can_be_sent(sink: Sink, channel: WebhookChannel) -> None:
    for reason in ("naïve ☃ 漢字", "line\nbreak\x00\x1b[31m", 'quote " \\', "half a pair \ud83d"):
        await channel.send({"url": sink.url()}, message(reason=reason))
        assert sink.requests[-1].json()["reason"] == reason


async def test_after_closing_a_send_says_so(sink: Sink) -> None:
    channel = WebhookChannel()
    error = await failure(channel, sink.url())
    assert not error.permanent


@pytest.mark.parametrize(
    ("url", "lane"),
    [
        ("http://Example.com/a?b=c", "example.com:80"),
        ("https://u:p@example.com/x", "example.com:443"),
        ("http://127.0.0.1:9900/alice", "127.0.0.1:9900"),
        ("http://[::1]:9900/", "[::1]:9900"),
    ],
)
def test_the_lane_is_host_and_port(url: str, lane: str) -> None:
    assert WebhookChannel().lane({"url": url}) == lane


@pytest.mark.parametrize(
    "url",
    [
        "", "  ", "example.com", "ftp://example.com", "http://", "http:///path", "http://h:99999/", "http://h:x/",
        "mailto:a@b", "http://exa mple.com/", "http://example.com/\r\nX: y", "http://[::1", "https://" + "x" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    problem = WebhookChannel().problem({"url": url})
    assert problem is not None
    assert problem.startswith("url:")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9900/alice", "https://example.com", "http://[::1]:1/x", "http://bücher.example/"]
)
def test_what_is_an_address(url: str) -> None:
    assert WebhookChannel().problem({"url": url}) is None


def test_a_secret_must_be_one() -> None:
    channel = WebhookChannel()
    assert channel.problem({"url": "http://x.example", "secret": SECRET}) is None
    assert channel.problem({"url": "http://x.example", "secret": ""}) is None
    for secret in ("hunter2", "whsec_", "whsec_%%%%", "x" + SECRET):
        problem = channel.problem({"url": "http://x.example", "secret": secret})
        assert problem is not None
        assert "whsec_" in problem
        assert "hunter2" not in problem
