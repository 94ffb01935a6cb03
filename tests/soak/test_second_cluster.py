"""The stories once more: on a PostgreSQL of another version given by URL, told by two nodes."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.ports import free_port

pytestmark = pytest.mark.soak

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def cluster(place: Path) -> Iterator[str]:
    """The system's own PostgreSQL, started here and stopped afterwards."""
    if not BINARIES:
        pytest.skip("install the system package `postgresql`")
    data = place / "cluster"
    data.mkdir()
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    shutil.chown(data, user)
    port = free_port()

    def run(*command: str) -> None:
        ids = {"user": user, "group": user} if os.geteuid() == 0 else {}
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **ids)  # type: ignore[call-overload]

    run(str(BINARIES[-1] / "initdb"), "-D", str(data), "-U", "tocsin", "-A", "trust", "-E", "UTF8", "--locale=C")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c max_connections=200"
    run(str(BINARIES[-1] / "pg_ctl"), "-D", str(data), "-l", str(data / "log"), "-o", options, "-w", "start")
    try:
        yield f"postgresql://tocsin@127.0.0.1:{port}/postgres"
    finally:
        run(str(BINARIES[-1] / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("nodes", [1, 2])
def test_every_story_is_the_same_there(cluster: str, nodes: int) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/story", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"],
        env={**os.environ, "TOCSIN_TEST_DATABASE_URL": cluster, "TOCSIN_TEST_NODES": str(nodes)},
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=1100, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-3000:]
    assert " passed" in told.stdout or "[100%]" in told.stdout
