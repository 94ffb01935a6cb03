"""What holds for every channel in the list, also for the one that is added tomorrow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.fakes.browser import Browser
from tests.fakes.mail import MailServer
from tests.fakes.messages import brief, message
from tests.fakes.sink import HANG, Answer, Sink, status

from tocsin.core.errors import Invalid
from tocsin.plugins.channels.base import Channel, DeliveryError
from tocsin.plugins.channels.registry import FIELDS, create
from tocsin.settings import Settings

TYPES = sorted(FIELDS)
LIMITS = " ".join(f"{kind}.timeout=0.5" for kind in TYPES)
SECRET = "hunter2"
ACCOUNT = "AC00000000000000000000000000000000"
BROWSER = Browser("").settings


class Bench(NamedTuple):
    """Every channel, opened, with servers behind them."""

    channels: dict[str, Channel]
    sink: Sink
    mail: MailServer

    def settings(self, kind: str, path: str = "/ok") -> dict[str, str]:
        """Settings that work, holding a secret wherever one can stand."""
        at = f"127.0.0.1:{self.sink.port}{path}"
        return {
            "webhook": {"url": f"http://bob:{SECRET}@{at}?token={SECRET}"},
            "email": {"address": "alice@example.com"},
            "apprise": {"url": f"json://bob:{SECRET}@{at}?+X-Token={SECRET}"},
            "sms": {"number": "+1 212 555 0123"},
            "voice": {"number": "+1 212 555 0123"},
            "webpush": BROWSER | {"endpoint": f"http://{at}?token={SECRET}"},
        }[kind]

    def _answer(self, answer: Answer) -> None:
        for path in (
            "/ok",
            f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
            f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json",
        ):
            self.sink.always(path, answer)

    def break_providers(self) -> None:
        self._answer(status(500))
        self.mail.refuse["alice@example.com"] = "450 4.2.1 busy"

    def refuse(self) -> None:
        self._answer(status(404))
        self.mail.refuse["alice@example.com"] = "550 5.1.1 nobody"

    def hang(self) -> None:
        self._answer(HANG)
        self.mail.hang_at = "DATA"

    def mend(self) -> None:
        self._answer(status(200))
        self.mail.hang_at = ""
        self.mail.refuse.clear()

    @property
    def arrived(self) -> int:
        return len(self.sink.requests) + len(self.mail.messages)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Sink() as sink, MailServer(auth=("tocsin", SECRET)) as mail:
        channels = create(
            Settings(
                smtp_url=mail.url, mail_from="tocsin@example.com", channel_limits=LIMITS, twilio_url=sink.url(""),
                twilio_account_sid=ACCOUNT, twilio_auth_token=SECRET, twilio_from="+12125550100",
            ),
            "7" * 64,
        )  # fmt: skip
        for channel in channels.values():
            await channel.open()
        bench = Bench(channels, sink, mail)
        bench.mend()
        yield bench
        for channel in channels.values():
            await channel.close()


async def failure(channel: Channel, settings: dict[str, str]) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(settings, message())
    assert SECRET not in str(caught.value)
    assert "/ok" not in str(caught.value)
    assert caught.value.__cause__ is None or SECRET not in repr(caught.value.__cause__)
    return caught.value


@pytest.mark.parametrize("kind", TYPES)
async def test_it_describes_itself(bench: Bench, kind: str) -> None:
    channel = bench.channels[kind]
    assert channel.type == kind
    assert channel.label
    assert channel.fields == FIELDS[kind]
    assert any(field.required for field in channel.fields)
    assert len({field.name for field in channel.fields}) == len(channel.fields)
    assert all(field.label and field.help and field.name.isidentifier() for field in channel.fields)
    assert all(field.name not in ("id", "type") for field in channel.fields), "these are the contact method's own"
    assert channel.timeout == 0.5
    assert 0 < channel.lane_limit <= channel.concurrency


@pytest.mark.parametrize("kind", TYPES)
async def test_it_says_what_is_missing_and_what_is_unknown(bench: Bench, kind: str) -> None:
    channel, good = bench.channels[kind], bench.settings(kind)
    assert channel.problem(good) is None
    for field in channel.fields:
        without = {name: value for name, value in good.items() if name != field.name}
        problem = channel.problem(without)
        assert (problem is not None and problem.startswith(f"{field.name}: ")) == field.required
    for nonsense in ({}, {**good, "colour": "red"}, dict.fromkeys(good, ""), dict.fromkeys(good, "\x00\r\n")):
        assert channel.problem(nonsense)
    assert "colour" in (channel.problem({**good, "colour": "red"}) or "")


@pytest.mark.parametrize("kind", TYPES)
async def test_it_delivers_whatever_the_texts_hold(bench: Bench, kind: str) -> None:
    nasty = "a\r\nBcc: x\x00\x1b ☃ \ud83d <script> {{ 7*7 }} %s " + "y" * 3000
    sent = message(reason=nasty, user_name=nasty, incident=brief(title=nasty, description=nasty, service_name=nasty))
    receipt = await bench.channels[kind].send(bench.settings(kind), sent)
    assert receipt.text
    assert receipt.text.isprintable()
    assert SECRET not in receipt.text
    assert bench.arrived == 1


@pytest.mark.parametrize("kind", TYPES)
async def test_it_tells_patience_from_permanence(bench: Bench, kind: str) -> None:
    channel, settings = bench.channels[kind], bench.settings(kind)
    bench.break_providers()
    assert not (await failure(channel, settings)).permanent
    bench.refuse()
    assert (await failure(channel, settings)).permanent
    assert (await failure(channel, {})).permanent


@pytest.mark.parametrize("kind", TYPES)
async def test_nobody_listening_is_temporary(bench: Bench, kind: str) -> None:
    settings = bench.settings(kind)
    await bench.sink.stop()
    await bench.mail.stop()
    assert not (await failure(bench.channels[kind], settings)).permanent


@pytest.mark.parametrize("kind", TYPES)
async def test_a_hanging_provider_is_bounded_and_a_mended_one_is_used_again(bench: Bench, kind: str) -> None:
    channel, settings = bench.channels[kind], bench.settings(kind)
    bench.hang()
    start = time.monotonic()
    assert not (await failure(channel, settings)).permanent
    assert time.monotonic() - start < 2
    bench.mend()
    assert (await channel.send(settings, message())).text


@pytest.mark.parametrize("kind", TYPES)
async def test_cancelled_sends_break_nothing(bench: Bench, kind: str) -> None:
    channel, settings = bench.channels[kind], bench.settings(kind)
    bench.hang()
    tasks = [asyncio.create_task(channel.send(settings, message())) for _ in range(channel.lane_limit)]
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    # On a machine that stands still for a moment, some may have met their own timeout before.
    assert all(isinstance(e, asyncio.CancelledError | DeliveryError) for e in ended)
    assert any(isinstance(e, asyncio.CancelledError) for e in ended)
    bench.mend()
    await asyncio.sleep(0.6)  # a thread that hangs keeps its place until its own timeout
    assert (await channel.send(settings, message())).text


@pytest.mark.parametrize("kind", TYPES)
async def test_its_lane_hides_secrets_and_never_raises(bench: Bench, kind: str) -> None:
    channel = bench.channels[kind]
    lane = channel.lane(bench.settings(kind))
    assert lane == channel.lane(bench.settings(kind, "/other"))
    assert SECRET not in lane
    for nonsense in ({}, dict.fromkeys(bench.settings(kind), "http://[::1")):
        assert channel.lane(nonsense) in ("invalid", lane)


@pytest.mark.parametrize("kind", TYPES)
def test_the_guide_tells_its_fields_and_its_ceilings(kind: str) -> None:
    guide = (Path(__file__).parents[3] / "docs/guide/channels.md").read_text()
    channel = create(Settings())[kind]
    assert f"\n## {kind}\n" in guide
    assert all(f"`{field.name}`" in guide for field in channel.fields)
    assert f"| `{kind}` | {channel.timeout:g} | {channel.concurrency} | {channel.lane_limit} |" in guide


def test_limits_are_read_and_wrong_ones_named() -> None:
    made = create(Settings(channel_limits="webhook.timeout=1.5, webhook.concurrency=9 email.lane_limit=2"))
    assert (made["webhook"].timeout, made["webhook"].concurrency, made["email"].lane_limit) == (1.5, 9, 2)
    for wrong in (
        "fax.timeout=1",
        "webhook.speed=1",
        "webhook.timeout=",
        "webhook.timeout=-1",
        "webhook",
        "email.timeout=nan",
    ):
        with pytest.raises(Invalid, match="TOCSIN_CHANNEL_LIMITS"):
            create(Settings(channel_limits=wrong))


def test_a_wrong_mail_setting_is_named_without_its_password() -> None:
    with pytest.raises(Invalid) as caught:
        create(Settings(smtp_url=f"smtp://u:{SECRET}@host:99999"))
    assert "TOCSIN_SMTP_URL" in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_this_is_the_servers_event_loop() -> None:
    assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
