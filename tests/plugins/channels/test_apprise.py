"""Apprise with its real library against a real HTTP server, and with a stand-in for what the library cannot be made to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator

import pytest
from tests.fakes.messages import brief, message
from tests.fakes.sink import CLOSE, HANG, Sink, status

from tocsin.plugins.channels.apprise import AppriseChannel, Outcome, Tone
from tocsin.plugins.channels.apprise_library import library
from tocsin.plugins.channels.base import DeliveryError


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as sink:
        sink.always("/hook", status(200))
        yield sink


def settings(sink: Sink, more: str = "") -> dict[str, str]:
    return {"url": f"json://bob:hunter2@127.0.0.1:{sink.port}/hook{more}"}


async def failure(channel: AppriseChannel, given: dict[str, str]) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(given, message())
    assert "hunter2" not in str(caught.value)
    return caught.value


async def test_a_page_is_accepted(sink: Sink) -> None:
    receipt = await AppriseChannel(library).send(settings(sink), message())
    assert receipt.text == "accepted by JSON"
    sent = sink.requests[0].json()
    assert sent["title"] == "[SEV1] Checkout is failing (INC-2026-041)"
    assert sent["type"] == "failure"
    assert "Acknowledge: https://tocsin.example.com/a/77.sig" in sent["message"]


async def test_texts_arrive_as_they_are(sink: Sink) -> None:
    title = "disk :fire: <b>full</b> \\n ☃ & more"
    await AppriseChannel(library).send(settings(sink), message(incident=brief(title=title, severity="sev4_low")))
    sent = sink.requests[0].json()
    assert (sent["title"], sent["type"]) == (f"[SEV4] {title} (INC-2026-041)", "info")


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [(status(500), False), (status(429), False), (CLOSE, False), (status(401), True), (status(404), True)],
)
async def test_what_is_worth_trying_again(sink: Sink, answer: object, permanent: bool) -> None:
    sink.always("/hook", answer)  # type: ignore[arg-type]
    error = await failure(AppriseChannel(library), settings(sink))
    assert error.permanent is permanent
    assert len(sink.requests) == 1, "retries are ours, not the library's"


async def test_retries_in_the_url_are_not_the_librarys(sink: Sink) -> None:
    sink.always("/hook", status(500))
    await failure(AppriseChannel(library), settings(sink, "?retry=3&wait=0.1"))
    assert len(sink.requests) == 1


async def test_a_hanging_provider_ends_at_the_timeout(sink: Sink) -> None:
    sink.always("/hook", HANG)
    start = time.monotonic()
    error = await failure(AppriseChannel(library, timeout=0.5), settings(sink, "?rto=60"))
    assert time.monotonic() - start < 2
    assert not error.permanent


@pytest.mark.parametrize("url", ["nonsense", "nosuchservice://host", "json://", "slack://hunter2", "http:///"])
async def test_a_url_that_no_service_knows_is_permanent(url: str) -> None:
    channel = AppriseChannel(library)
    problem = channel.problem({"url": url})
    assert problem is not None
    assert problem.startswith("url:")
    assert "hunter2" not in problem
    assert (await failure(channel, {"url": url})).permanent


def test_a_url_that_a_service_knows() -> None:
    channel = AppriseChannel(library)
    for url in (
        "json://localhost/x",
        "ntfys://ntfy.example.com/topic",
        "mailto://u:p@example.com",
        "gotify://h/tokentoken",
    ):
        assert channel.problem({"url": url}) is None


@pytest.mark.parametrize(
    ("url", "lane"),
    [
        ("json://u:p@Sink.example.com:8080/secret", "json://sink.example.com:8080"),
        ("json://127.0.0.1:9000/x", "json://127.0.0.1:9000"),
        ("ntfys://localhost/topic", "ntfys://localhost"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", "tgram"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord"),
        ("json://u:p@[::1]:9/x", "json://[::1]:9"),
        ("", "invalid"),
    ],
)
def test_a_lane_names_the_provider_and_never_a_token(url: str, lane: str) -> None:
    assert AppriseChannel(library).lane({"url": url}) == lane


class _Stuck:
    """A library whose provider never comes back, until `free`."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.started = 0

    def problem(self, url: str) -> str | None:
        return None

    def notify(self, url: str, title: str, body: str, tone: Tone, timeout: float) -> Outcome:
        self.started += 1
        if "stuck" in url:
            self.free.wait(10)
        return Outcome("accepted", "Test")


async def test_threads_of_a_stuck_provider_are_bounded_and_harm_no_neighbour() -> None:
    stuck = _Stuck()
    channel = AppriseChannel(lambda: stuck, concurrency=8, lane_limit=2, timeout=0.2)
    slow = {"url": "json://stuck.example.com/"}
    for _ in range(2):
        assert "may still arrive" in str(await failure(channel, slow))
    third = await failure(channel, slow)
    assert ("still under way" in str(third), third.permanent, stuck.started) == (True, False, 2)
    assert (await channel.send({"url": "json://other.example.com/"}, message())).text == "accepted by Test"
    stuck.free.set()
    await asyncio.sleep(0.1)
    assert (await channel.send(slow, message())).text == "accepted by Test"


async def test_the_librarys_own_timeout_is_temporary() -> None:
    class Late(_Stuck):
        def notify(self, url: str, title: str, body: str, tone: Tone, timeout: float) -> Outcome:
            return Outcome("timeout", "Test")

    late = Late()
    error = await failure(AppriseChannel(lambda: late), {"url": "json://other.example.com/"})
    assert not error.permanent


def test_the_library_is_loaded_only_when_somebody_uses_it() -> None:
    script = (
        "import sys; from tocsin.plugins.channels.registry import create; from tocsin.settings import Settings\n"
        "channels = create(Settings()); assert 'apprise' not in sys.modules\n"
        "assert channels['apprise'].problem({'url': 'json://localhost'}) is None; assert 'apprise' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_stuck_provider_does_not_keep_the_process() -> None:
    script = (
        "import asyncio, time\n"
        "from tocsin.plugins.channels.threads import in_thread\n"
        "async def main(): in_thread(lambda: time.sleep(60), 'stuck')\n"
        "asyncio.run(main())\n"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], timeout=30, check=False)
    assert done.returncode == 0
    assert time.monotonic() - start < 20
