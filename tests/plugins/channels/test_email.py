"""Mail against a real SMTP server that behaves and misbehaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.fakes.certificates import Authority
from tests.fakes.mail import MailServer
from tests.fakes.messages import message

from tocsin.core.errors import Invalid
from tocsin.plugins.channels.base import DeliveryError
from tocsin.plugins.channels.email import EmailChannel
from tocsin.plugins.channels.smtp import helo_name, parse_server

ALICE = {"address": "alice@example.com"}


@asynccontextmanager
async def channel(url: str, timeout: float = 1.0, concurrency: int = 4) -> AsyncIterator[EmailChannel]:
    made = EmailChannel(url, "Tocsin <tocsin@example.com>", timeout=timeout, concurrency=concurrency)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def failure(made: EmailChannel, address: str = "alice@example.com") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await made.send({"address": address}, message())
    return caught.value


async def test_a_page_arrives_as_a_mail() -> None:
    async with MailServer() as server, channel(server.url) as made:
        receipt = await made.send(ALICE, message())
        assert receipt.text == "250 2.0.0 OK queued"
        (mail,) = server.messages
        assert (mail.sender, mail.recipients) == ("tocsin@example.com", ("alice@example.com",))
        assert mail.message["Subject"] == "[SEV1] Checkout is failing (INC-2026-041)"
        assert message().acknowledge_url in mail.text
        assert f'href="{message().acknowledge_url}"' in mail.html


async def test_a_burst_shares_a_few_connections() -> None:
    async with MailServer() as server, channel(server.url, timeout=5, concurrency=3) as made:
        await asyncio.gather(*(made.send({"address": f"u{i}@example.com"}, message()) for i in range(40)))
        assert len(server.messages) == 40
        assert len({m.recipients for m in server.messages}) == 40
        assert server.connections <= 3


async def test_a_connection_that_died_in_between_is_replaced_before_the_mail_is_given() -> None:
    async with MailServer() as server, channel(server.url) as made:
        await made.send(ALICE, message())
        server.disconnect()
        await made.send(ALICE, message())
        assert [m.connection for m in server.messages] == [1, 2]


async def test_a_server_that_restarts_is_found_again() -> None:
    async with MailServer() as server, channel(server.url) as made:
        await made.send(ALICE, message())
        port = server.port
        await server.stop()
        assert not (await failure(made)).permanent
        await server.start(port)
        await made.send(ALICE, message())
        assert len(server.messages) == 2


@pytest.mark.parametrize(("answer", "permanent"), [("550 5.1.1 no such user", True), ("450 4.2.1 busy", False)])
async def test_a_refused_recipient(answer: str, permanent: bool) -> None:
    async with MailServer() as server, channel(server.url) as made:
        server.refuse["bob@example.com"] = answer
        error = await failure(made, "bob@example.com")
        assert (error.permanent, answer in str(error)) == (permanent, True)
        await made.send(ALICE, message())
        assert server.connections == 1, "a no is no reason to hang up"


@pytest.mark.parametrize(("answer", "permanent"), [("554 5.7.1 spam", True), ("451 4.3.0 later", False)])
async def test_refused_content(answer: str, permanent: bool) -> None:
    async with MailServer() as server, channel(server.url) as made:
        server.answers.append(answer)
        error = await failure(made)
        assert (error.permanent, answer in str(error)) == (permanent, True)
        await made.send(ALICE, message())


@pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_server_that_hangs_costs_no_more_than_the_timeout(stage: str) -> None:
    async with MailServer() as server, channel(server.url, timeout=0.4) as made:
        server.hang_at = stage
        start = time.monotonic()
        error = await failure(made)
        assert time.monotonic() - start < 1.2
        assert (error.permanent, "0.4 s" in str(error)) == (False, True)
        server.hang_at = ""
        await made.send(ALICE, message())
        assert len(server.messages) == 1


@pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_server_that_hangs_up(stage: str) -> None:
    async with MailServer() as server, channel(server.url) as made:
        server.drop_at = stage
        assert not (await failure(made)).permanent
        server.drop_at = ""
        await made.send(ALICE, message())


async def test_nobody_listens() -> None:
    async with MailServer() as server:
        url = server.url
    async with channel(url) as made:
        error = await failure(made)
        assert (error.permanent, "cannot connect" in str(error)) == (False, True)


async def test_cancelled_sends_leave_the_pool_whole() -> None:
    async with MailServer() as server, channel(server.url, timeout=5, concurrency=2) as made:
        for stage in ("EHLO", "RCPT", "DATA"):
            server.hang_at = stage
            tasks = [asyncio.create_task(made.send(ALICE, message())) for _ in range(4)]
            await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(e, asyncio.CancelledError) for e in ended)
        server.hang_at = ""
        await asyncio.gather(*(made.send(ALICE, message()) for _ in range(4)))
        assert len(server.messages) == 4


async def test_without_a_mail_server_it_says_what_to_set() -> None:
    async with channel("") as made:
        error = await failure(made)
        assert (error.permanent, "set TOCSIN_SMTP_URL" in str(error)) == (True, True)


async def test_starttls_is_used_when_offered(tmp_path: Path) -> None:
    async with MailServer(tls=Authority(tmp_path).server()) as server, channel(server.url) as made:
        await made.send(ALICE, message())
        await made.send(ALICE, message())
        assert [m.encrypted for m in server.messages] == [True, True]
    async with MailServer(tls=Authority(tmp_path).server()) as server:
        async with channel(server.url + "?starttls=never") as made:
            await made.send(ALICE, message())
            assert not server.messages[0].encrypted


async def test_a_user_signs_in_over_tls(tmp_path: Path) -> None:
    auth = ("tocsin@corp", "p@ss:w/rd")
    async with MailServer(auth=auth, tls=Authority(tmp_path).server()) as server, channel(server.url) as made:
        await made.send(ALICE, message())
        assert (server.messages[0].user, server.messages[0].encrypted) == (auth[0], True)


async def test_a_user_signs_in_on_this_machine_without_tls() -> None:
    async with MailServer(auth=("u", "p")) as server, channel(server.url) as made:
        await made.send(ALICE, message())
        assert server.messages[0].user == "u"


async def test_a_wrong_password_is_permanent_and_stays_hidden() -> None:
    async with MailServer(auth=("alice", "right")) as server:
        async with channel(server.url.replace("right", "hunter2")) as made:
            error = await failure(made)
            assert error.permanent
            assert "refused our user and password" in str(error)
            assert "hunter2" not in str(error)


async def test_implicit_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    async with MailServer(tls=authority.server(), implicit=True) as server:
        async with channel(server.url + "?verify=yes") as made:
            error = await failure(made)
            assert (error.permanent, "certificate" in str(error)) == (True, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        async with channel(server.url + "?verify=yes") as made:
            await made.send(ALICE, message())


async def test_starttls_checks_the_certificate_when_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    async with MailServer(tls=authority.server()) as server:
        async with channel(server.url + "?starttls=always&verify=yes") as made:
            error = await failure(made)
            assert (error.permanent, "certificate" in str(error)) == (True, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        async with channel(server.url + "?starttls=always&verify=yes") as made:
            await made.send(ALICE, message())


async def test_a_server_without_the_starttls_that_was_asked_for() -> None:
    async with MailServer() as server, channel(server.url + "?starttls=always") as made:
        error = await failure(made)
        assert (error.permanent, "offers no STARTTLS" in str(error)) == (True, True)
        assert server.messages == []


async def test_a_user_for_a_server_that_knows_no_sign_in() -> None:
    async with MailServer() as server, channel(server.url.replace("//", "//bob:hunter2@")) as made:
        error = await failure(made)
        assert (error.permanent, "sign in" in str(error)) == (True, True)


def test_a_password_travels_only_over_trusted_tls_unless_told_otherwise() -> None:
    far = parse_server("smtp://u:p@mail.example.com:587")
    assert (far.starttls, far.verify) == (True, True)
    open_relay = parse_server("smtp://mail.example.com")
    assert (open_relay.port, open_relay.starttls, open_relay.verify) == (25, None, False)
    told = parse_server("smtp://u:p@mail.example.com?starttls=never")
    assert (told.starttls, told.verify) == (False, False)
    near = parse_server("smtp://u:p@127.0.0.1:25")
    assert (near.starttls, near.verify) == (None, False)
    implicit = parse_server("smtps://u%40x:p%3Aq@mail.example.com")
    assert (implicit.port, implicit.tls, implicit.verify, implicit.user, implicit.password) == (
        465, True, True, "u@x", "p:q",
    )  # fmt: skip
    assert parse_server("smtps://mail.example.com?verify=no").verify is False


@pytest.mark.parametrize(
    "url",
    ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:99999", "smtp://u:hunter2@h:x", "smtp://h/path",
     "smtp://h?starttls=maybe", "smtp://h?tls=1"],
)  # fmt: skip
def test_an_address_that_is_no_mail_server(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_server(url)
    assert "TOCSIN_SMTP_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_sender_that_is_no_address() -> None:
    for sender in ("", "nobody", "Tocsin <>", "a@b\r\nBcc: x@y"):
        with pytest.raises(Invalid, match="TOCSIN_MAIL_FROM"):
            EmailChannel("", sender)


def test_how_we_introduce_ourselves() -> None:
    assert helo_name("") != ""
    assert " " not in helo_name("example.com")


@pytest.mark.parametrize(
    "address", ["alice@example.com", "a.b+c@sub.example.co", "x@localhost", "o'hara@xn--bcher-kva.example"]
)
def test_what_is_an_address(address: str) -> None:
    assert EmailChannel("", "t@example.com").problem({"address": address}) is None


@pytest.mark.parametrize(
    "address",
    ["", "alice", "@example.com", "alice@", "a@b@c", "a b@example.com", "alice@example.com\r\nBcc: eve@example.com",
     "<alice@example.com>", "a..b@example.com", ".a@example.com", "alice@-example.com", "ålice@example.com"],
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    problem = EmailChannel("", "t@example.com").problem({"address": address})
    assert problem is not None
    assert problem.startswith("address:")
