"""The whole program, as a process: how it starts, what it says when it cannot, how it stops."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from tests.fakes.ports import free_port

from tocsin.postgres.server import running

TOKEN = "0123456789abcdef0123456789abcdef"
CONFIGURATION = """\
version: 1
users:
  - {id: alice, email: alice@example.com}
escalation_policies:
  - {id: main, steps: [{after: 0s, targets: [{user: alice}]}]}
services:
  - id: shop
    escalation_policy: main
    integrations: [{id: events, type: pagerduty, key: 0123456789abcdef0123456789abcdef}]
"""


class Tocsin:
    """One running `tocsin`, with all that it says."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tocsin", *arguments],
            env={**kept, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    def wait_for(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (match := re.search(pattern, self.said)) is not None:
                return match
            if self.process.poll() is not None:
                self._reader.join(5)
                if re.search(pattern, self.said) is None:
                    raise AssertionError(f"it ended with {self.process.returncode}, having said:\n{self.said}")
            time.sleep(0.02)
        raise AssertionError(f"nothing like {pattern!r} within {seconds} s, but:\n{self.said}")

    @property
    def url(self) -> str:
        return self.wait_for(r"is ready: (http://\S+)")[1]

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        self.process.send_signal(number)
        return self.ended(seconds)

    def ended(self, seconds: float = 30) -> int:
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code


@contextmanager
def tocsin(*arguments: str, **environment: str) -> Iterator[Tocsin]:
    one = Tocsin(*arguments, **environment)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def get(url: str, token: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A data folder that is past its first start."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-place-"))
    folder.chmod(0o755)
    with tocsin("migrate", "--data", str(folder / "data")) as one:
        assert one.ended(60) == 0, one.said
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def data(place: Path, prepared: Path) -> str:
    """A copy of it, so that not every test waits for a first start."""
    subprocess.run(["cp", "-a", prepared, place / "data"], check=True)
    return str(place / "data")


@pytest.fixture
def fresh(place: Path) -> str:
    """A data folder that is not there yet."""
    return str(place / "data")


def test_up_starts_everything_and_ctrl_c_stops_it(fresh: str) -> None:
    with tocsin("up", "--data", fresh, "--port", "0") as one:
        url = one.url
        assert get(f"{url}/livez")[0] == 200
        assert get(f"{url}/readyz")[0] == 200
        assert one.wait_for(r"Sign in with this link, once: (\S+)")[1].startswith(f"{url}/sign-in/")
        assert one.stop(signal.SIGINT) == 0
    assert running(Path(fresh) / "postgres") is None
    with pytest.raises(OSError, match="refused"):
        get(f"{url}/livez")


def test_a_taken_port_is_said_before_anything_is_touched(fresh: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with tocsin("up", "--data", fresh, "--port", str(port)) as one:
            assert one.ended() == 1
            assert f"Port {port} on 127.0.0.1 is taken by another program" in one.said
    assert not Path(fresh).exists()


def test_a_second_one_on_the_same_folder_is_refused_and_the_first_goes_on(data: str) -> None:
    with tocsin("up", "--data", data, "--port", "0") as first:
        url = first.url
        with tocsin("up", "--data", data, "--port", "0") as second:
            assert second.ended() == 1
            assert f"{data} is in use by another Tocsin (process {first.process.pid})" in second.said
        assert get(f"{url}/readyz")[0] == 200
        assert first.stop() == 0


def test_after_kill_9_the_next_one_adopts_the_database(data: str) -> None:
    with tocsin("up", "--data", data, "--port", "0", TOCSIN_BOOTSTRAP_TOKEN=TOKEN) as first:
        assert first.url
        orphan = running(Path(data) / "postgres")
        assert orphan is not None
        first.process.kill()
        first.process.wait()
    with tocsin("up", "--data", data, "--port", "0", TOCSIN_BOOTSTRAP_TOKEN=TOKEN) as second:
        url = second.url
        assert re.search(rf"adopted the database server.*pid={orphan.pid}", second.said)
        assert get(f"{url}/readyz")[0] == 200
        assert get(f"{url}/api/v1/incidents", TOKEN)[0] == 200
        assert second.stop() == 0
    assert running(Path(data) / "postgres") is None


def test_a_database_server_that_dies_is_replaced_while_we_run(data: str) -> None:
    with tocsin("up", "--data", data, "--port", "0") as one:
        url = one.url
        server = running(Path(data) / "postgres")
        assert server is not None
        os.kill(server.pid, signal.SIGKILL)
        one.wait_for("the database server is back")
        until = time.monotonic() + 15
        while get(f"{url}/readyz")[0] != 200:
            assert time.monotonic() < until, get(f"{url}/readyz")
            time.sleep(0.1)
        assert one.stop() == 0


def test_a_configuration_file_is_applied_before_the_gate_opens(data: str, tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(CONFIGURATION)
    with tocsin("up", "--data", data, "--port", "0", "--config", str(file)) as one:
        body = f'{{"routing_key": "{TOKEN}", "event_action": "trigger", ' \
               '"payload": {"summary": "down", "source": "db", "severity": "critical"}}'  # fmt: skip
        with urlopen(Request(f"{one.url}/v2/enqueue", data=body.encode()), timeout=5) as answer:
            assert answer.status == 202
        assert one.stop() == 0


def test_a_bad_configuration_file_is_told_by_line_and_nothing_runs_on(data: str, tmp_path: Path) -> None:
    file = tmp_path / "tocsin.yaml"
    file.write_text(CONFIGURATION.replace("user: alice", "user: mallory"))
    with tocsin("up", "--data", data, "--port", "0", "--config", str(file)) as one:
        assert one.ended() == 2
        assert re.search(rf"{file}:5: .*mallory", one.said)
    assert running(Path(data) / "postgres") is None


def test_bad_settings_are_told_all_at_once(fresh: str) -> None:
    with tocsin("up", "--data", fresh, TOCSIN_BOOTSTRAP_TOKEN="short", TOCSIN_LOG_FORMAT="xml") as one:
        assert one.ended() == 2
        assert "TOCSIN_BOOTSTRAP_TOKEN has 5 characters" in one.said
        assert "TOCSIN_LOG_FORMAT must be text or json" in one.said
        assert "Traceback" not in one.said
    assert not Path(fresh).exists()


def test_json_logs_are_json_on_every_line(data: str) -> None:
    with tocsin("up", "--data", data, "--port", "0", TOCSIN_LOG_FORMAT="json") as one:
        assert one.url
        assert one.stop() == 0
        others = [line for line in one.said.splitlines() if not line.startswith("{")]
        assert all(line.startswith(("Tocsin ", "Sign in ")) for line in others), others


def test_serve_needs_a_database() -> None:
    with tocsin("serve") as one:
        assert one.ended() == 2
        assert "needs TOCSIN_DATABASE_URL" in one.said


def test_serve_waits_for_its_database_and_says_so(database_url: str, place: Path) -> None:
    real = Path(parse_qs(urlsplit(database_url).query)["host"][0])
    door = place / "socket"
    port = free_port()
    url = database_url.replace(str(real), str(door))
    with tocsin("serve", "--port", str(port), TOCSIN_DATABASE_URL=url) as one:
        one.wait_for("waiting for the database")
        assert get(f"http://127.0.0.1:{port}/livez")[0] == 200
        assert get(f"http://127.0.0.1:{port}/readyz")[0] == 503
        assert get(f"http://127.0.0.1:{port}/v2/enqueue")[0] == 503
        door.symlink_to(real)
        assert get(f"{one.url}/readyz")[0] == 200
        assert one.stop() == 0


def test_a_node_that_still_waits_for_its_database_can_be_stopped(place: Path) -> None:
    url = f"postgresql://tocsin@/tocsin?host={place}/nowhere"
    with tocsin("serve", "--port", "0", TOCSIN_DATABASE_URL=url) as one:
        one.wait_for("waiting for the database")
        assert one.stop(seconds=5) == 0


def test_a_database_that_does_not_exist_is_refused_at_once(database_url: str) -> None:
    with tocsin("serve", "--port", "0", TOCSIN_DATABASE_URL=database_url.replace("/test_", "/no_such_")) as one:
        assert one.ended() == 1
        assert "The database refuses us" in one.said


def test_an_open_stream_does_not_delay_the_stop(data: str) -> None:
    with tocsin("up", "--data", data, "--port", "0", TOCSIN_BOOTSTRAP_TOKEN=TOKEN) as one:
        request = Request(f"{one.url}/api/v1/stream", headers={"Authorization": f"Bearer {TOKEN}"})
        with urlopen(request, timeout=20) as stream:
            assert stream.status == 200
            began = time.monotonic()
            assert one.stop() == 0
            assert time.monotonic() - began < 5
        assert "Traceback" not in one.said


def test_migrate_does_only_that(fresh: str) -> None:
    with tocsin("migrate", "--data", fresh) as one:
        assert one.ended() == 0
        assert "applied 0001_main" in one.said
    with tocsin("migrate", "--data", fresh) as one:
        assert one.ended() == 0
        assert "nothing to do" in one.said
    assert running(Path(fresh) / "postgres") is None


def test_migrate_without_a_database_says_that_it_cannot_reach_it(place: Path) -> None:
    with tocsin("migrate", TOCSIN_DATABASE_URL=f"postgresql://tocsin@/tocsin?host={place}/nowhere") as one:
        assert one.ended() == 3


def test_ports_and_links_follow_what_is_listened_on(data: str) -> None:
    with tocsin("up", "--data", data, "--port", "0", "--host", "0.0.0.0") as one:
        assert one.url.startswith("http://127.0.0.1:")
        assert "TOCSIN_EXTERNAL_URL is not set" in one.said
        assert one.stop() == 0


def test_the_external_url_wins(data: str) -> None:
    with tocsin("up", "--data", data, "--port", "0", TOCSIN_EXTERNAL_URL="https://tocsin.example.com") as one:
        assert one.wait_for(r"is ready: (\S+)")[1] == "https://tocsin.example.com"
        assert one.stop() == 0


def test_the_demo_is_ready_with_its_month_and_a_link(data: str) -> None:
    with tocsin("up", "--data", data, "--port", "0", "--demo", TOCSIN_BOOTSTRAP_TOKEN=TOKEN) as one:
        status, body = get(f"{one.url}/api/v1/incidents?status=open", TOKEN)
        assert status == 200
        assert len(json.loads(body)["items"]) == 3
        assert "Sign in with this link" in one.said
        assert resident_megabytes(one.process.pid) < 150
        assert one.stop() == 0


def resident_megabytes(pid: int) -> float:
    if not Path(f"/proc/{pid}/status").exists():
        return 0.0
    [kilobytes] = re.findall(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kilobytes) / 1024
