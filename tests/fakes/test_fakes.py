"""The fakes do what they say, because everybody's tests stand on them."""

import asyncio
import ssl
import time
from pathlib import Path

import aiohttp
import aiosmtplib
import pytest
from tests.fakes.certificates import Authority
from tests.fakes.mail import MailServer
from tests.fakes.sink import CLOSE, DRIP, GARBAGE, HANG, STALE, Sink, status


async def test_the_sink_answers_204_and_records_what_came() -> None:
    async with Sink() as sink, aiohttp.ClientSession() as http:
        async with http.post(sink.url("/bob?x=1"), json={"a": 1}, headers={"Idempotency-Key": "k1"}) as answer:
            assert answer.status == 204
        (got,) = await sink.wait(1, "/bob")
        assert (got.method, got.path, got.query, got.key, got.json()) == ("POST", "/bob", "x=1", "k1", {"a": 1})


async def test_a_script_is_used_up_then_the_rule_holds() -> None:
    async with Sink() as sink, aiohttp.ClientSession() as http:
        sink.script("/", status(500), status(429, {"Retry-After": "3"}))
        sink.always("/", status(410))
        seen = []
        for _ in range(4):
            async with http.post(sink.url()) as answer:
                seen.append((answer.status, answer.headers.get("Retry-After")))
        assert seen == [(500, None), (429, "3"), (410, None), (410, None)]


async def test_the_sink_hangs_closes_drips_and_talks_nonsense() -> None:
    async with Sink() as sink, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(0.3)) as http:
        sink.script("/", HANG, CLOSE, GARBAGE, DRIP)
        with pytest.raises(TimeoutError):
            await http.post(sink.url())
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await http.post(sink.url())
        with pytest.raises(aiohttp.ClientError):
            await http.post(sink.url())
        async with http.post(sink.url()) as answer:
            assert answer.status == 200
            with pytest.raises(TimeoutError):
                await answer.read()


async def test_a_stale_connection_breaks_only_when_it_was_used_before() -> None:
    async with Sink() as sink, aiohttp.ClientSession() as http:
        sink.always("/", STALE)
        async with http.post(sink.url()) as answer:
            assert answer.status == 204
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await http.post(sink.url())
        assert [r.connection for r in sink.requests] == [1, 1]


async def test_the_sink_stops_at_once_with_a_request_hanging() -> None:
    sink = Sink()
    await sink.start()
    sink.always("/", HANG)
    async with aiohttp.ClientSession() as http:
        waiting = asyncio.create_task(http.post(sink.url()))
        await sink.wait(1)
        start = time.monotonic()
        await sink.stop()
        assert time.monotonic() - start < 2
        await asyncio.gather(waiting, return_exceptions=True)


async def test_the_mail_server_records_and_refuses() -> None:
    async with MailServer() as server:
        server.refuse["bob@example.com"] = "550 5.1.1 no such user"
        server.answers.append("451 4.3.0 later")
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=server.port) as client:
            with pytest.raises(aiosmtplib.SMTPDataError):
                await client.sendmail("a@x", ["carol@example.com"], "Subject: one\n\nhello")
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
                await client.sendmail("a@x", ["bob@example.com"], "Subject: two\n\nhello")
            await client.sendmail("a@x", ["carol@example.com"], "Subject: three\n\nhello")
        (mail,) = await server.wait(1, "carol@example.com")
        assert mail.message["Subject"] == "three"
        assert not mail.encrypted


async def test_the_mail_server_speaks_tls_and_asks_who_you_are(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    trust = ssl.create_default_context(cafile=str(authority.file))
    async with MailServer(auth=("us er", "p@ss"), tls=authority.server()) as server:
        assert server.url == f"smtp://us%20er:p%40ss@127.0.0.1:{server.port}"
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=server.port, tls_context=trust) as client:
            await client.login("us er", "p@ss")
            await client.sendmail("a@x", ["b@x"], "Subject: one\n\nhello")
        assert (server.messages[0].encrypted, server.messages[0].user) == (True, "us er")
