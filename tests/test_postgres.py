"""The embedded PostgreSQL, with real processes in real folders."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import tocsin
from tocsin.postgres import binaries as binaries_module
from tocsin.postgres.server import DatabaseError, Server, running

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

STARTER = """
import asyncio, sys
from pathlib import Path
from tocsin.postgres.server import DatabaseError, Server

async def main():
    server = Server(Path(sys.argv[1]))
    try:
        await server.start()
    except DatabaseError as error:
        print("refused", error, flush=True)
        return
    print("ready", server.pid, server.url, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()

asyncio.run(main())
"""


@asynccontextmanager
async def started(data: Path) -> AsyncIterator[Server]:
    server = Server(data)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def ask(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def another_tocsin(data: Path, *command: str, **options: Any) -> subprocess.Popen[str]:
    """A process of its own that starts the server, prints what became of it, and stops it when its input ends."""
    return subprocess.Popen(
        [*(command or (sys.executable,)), "-c", STARTER, str(data)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def first_word(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    for line in process.stdout:
        if (words := line.split())[:1] in (["ready"], ["refused"]):
            return words
    raise AssertionError("it ended without a word")


async def test_it_is_ready_within_6_seconds_and_later_within_2(place: Path) -> None:
    for limit in (6.0, 2.0):
        began = time.monotonic()
        async with started(place / "data"):
            assert time.monotonic() - began < limit


async def test_it_is_a_durable_utf8_postgresql_18_with_the_builtin_locale(place: Path) -> None:
    async with started(place / "data") as server:
        assert (await ask(server.url, "SHOW server_version")).startswith("18.")
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await ask(server.url, f"SHOW {setting}") == "on", setting
        sql = "SELECT datlocprovider::text || ' ' || datlocale || ' ' || pg_encoding_to_char(encoding) FROM pg_database"
        assert await ask(server.url, f"{sql} WHERE datname = current_database()") == "b C.UTF-8 UTF8"


async def test_the_first_storm_finds_its_log_in_store(place: Path) -> None:
    """A segment of the write-ahead log that has to be made first holds up every commit for a while."""
    async with started(place / "data") as server:
        current = "pg_walfile_name(pg_current_wal_lsn())"
        ahead = await ask(
            server.url, f"SELECT count(*) FROM pg_ls_waldir() WHERE length(name) = 24 AND name > {current}"
        )
    assert ahead >= 7


async def test_only_the_socket_leads_in_and_only_for_us(place: Path) -> None:
    async with started(place / "data") as server:
        assert await ask(server.url, "SHOW listen_addresses") == ""
        assert (place / "data" / "run").stat().st_mode & 0o777 == 0o700
        assert (place / "data" / "postgres").stat().st_mode & 0o777 == 0o700
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await ask(server.url.replace("tocsin@", "postgres@"), "SELECT 1")


async def test_an_operator_may_tune_it_with_alter_system(place: Path) -> None:
    async with started(place / "data") as server:
        await ask(server.url, "ALTER SYSTEM SET work_mem = '9MB'")
    async with started(place / "data") as server:
        assert await ask(server.url, "SHOW work_mem") == "9MB"


async def test_a_second_tocsin_on_the_folder_is_refused_by_name_and_process(place: Path) -> None:
    data = place / "data"
    first = another_tocsin(data)
    try:
        assert first_word(first)[0] == "ready"
        with pytest.raises(DatabaseError, match=rf"{data} is in use by another Tocsin \(process {first.pid}\)"):
            await Server(data).start()
    finally:
        first.communicate("")
    assert running(data / "postgres") is None


async def test_after_kill_9_the_orphaned_server_is_adopted_with_all_it_holds(place: Path) -> None:
    first = another_tocsin(place / "data")
    _, pid, url = first_word(first)
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    first.kill()
    first.wait()
    async with started(place / "data") as server:
        assert server.pid == int(pid)
        assert await ask(server.url, "SELECT answer FROM kept") == 42
    assert running(place / "data" / "postgres") is None


async def test_a_server_killed_with_our_process_recovers(place: Path) -> None:
    first = another_tocsin(place / "data")
    _, pid, url = first_word(first)
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    first.kill()
    os.kill(int(pid), signal.SIGKILL)  # its backends still live for a moment
    first.wait()
    async with started(place / "data") as server:
        assert server.pid != int(pid)
        assert await ask(server.url, "SELECT answer FROM kept") == 42
    connection.terminate()


async def test_a_server_that_dies_is_started_again(place: Path) -> None:
    async with started(place / "data") as server:
        watch = asyncio.create_task(server.watch())
        before = server.pid
        os.kill(before, signal.SIGKILL)
        until = time.monotonic() + 10
        while server.pid == before:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        assert await ask(server.url, "SELECT 1") == 1
        watch.cancel()


@linux
async def test_a_left_over_pid_file_that_names_a_strangers_process_does_not_matter(place: Path) -> None:
    data = place / "data"
    async with started(data):
        lines = (data / "postgres" / "postmaster.pid").read_text().splitlines()
    owner = (data / "postgres").stat()
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **({"user": owner.st_uid} if os.geteuid() == 0 else {}))
    try:
        left = data / "postgres" / "postmaster.pid"
        left.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        os.chown(left, owner.st_uid, owner.st_gid)
        async with started(data) as server:
            assert server.pid != stranger.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_first_start_that_was_killed_half_way_is_done_again(place: Path) -> None:
    half = place / "data" / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with started(place / "data") as server:
        assert await ask(server.url, "SELECT current_database()") == "tocsin"
    assert not half.exists()


async def test_a_cluster_of_another_postgresql_is_refused(place: Path) -> None:
    async with started(place / "data"):
        pass
    (place / "data" / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(
        DatabaseError, match=rf"{place}/data was made by PostgreSQL 16; this Tocsin brings PostgreSQL 18"
    ):
        await Server(place / "data").start()


async def test_a_server_that_cannot_start_says_its_last_words(place: Path) -> None:
    async with started(place / "data") as server:
        await ask(server.url, "ALTER SYSTEM SET shared_preload_libraries = 'no_such_library'")
    with pytest.raises(DatabaseError, match="no_such_library"):
        await Server(place / "data").start()


async def test_a_data_folder_that_is_a_file_is_refused(place: Path) -> None:
    (place / "data").write_text("")
    with pytest.raises(DatabaseError, match=r"data is not a folder"):
        await Server(place / "data").start()


async def test_a_path_too_long_for_a_socket_gets_a_short_one(place: Path) -> None:
    data = place / ("deep" * 20) / "data"
    async with started(data) as server:
        socket = Path(await ask(server.url, "SHOW unix_socket_directories"))
        assert len(str(socket)) < 60
        assert socket.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(socket)


@as_root
async def test_root_runs_it_as_another_user(place: Path) -> None:
    async with started(place / "data") as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid not in (0,)
        assert pwd.getpwuid(Path(f"/proc/{server.pid}").stat().st_uid).pw_name == "tocsin"


@as_root
async def test_a_folder_in_the_way_is_named_and_left_as_it_was(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(DatabaseError, match=rf"'tocsin' cannot enter {closed}, and the data folder is {closed}/data"):
        await Server(closed / "data").start()
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
async def test_a_given_data_folder_keeps_its_permissions(place: Path) -> None:
    data = place / "data"
    data.mkdir(mode=0o711)
    data.chmod(0o711)
    async with started(data):
        pass
    assert data.stat().st_mode & 0o777 == 0o711
    assert data.stat().st_uid == 0


@as_root
async def test_programs_out_of_the_users_reach_are_copied_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = binaries_module._installed()
    closed = place / "closed" / "site-packages"
    closed.mkdir(parents=True)
    (place / "closed").chmod(0o700)
    package = closed / installed.parent.name
    shutil.copytree(installed, package / installed.name, symlinks=True)
    libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, closed / libraries.name, symlinks=True)
    monkeypatch.setattr(binaries_module, "_installed", lambda: package / installed.name)
    async with started(place / "data") as server:
        program = Path(os.readlink(f"/proc/{server.pid}/exe"))
        assert program.is_relative_to(place / "data" / "bin")
    copied = program.stat()
    async with started(place / "data"):
        assert program.stat().st_ino == copied.st_ino
    assert (place / "closed").stat().st_mode & 0o777 == 0o700


@as_root
def test_an_ordinary_user_runs_it_as_himself(place: Path) -> None:
    python = Path("/usr/bin/python3")
    if not python.exists() or sys.version_info[:2] != _version(python):
        pytest.skip("needs the system's Python of the same version, which other users can reach")
    source = Path(tocsin.__file__).parents[1]
    packages = Path(asyncpg.__file__).parents[1]
    nobody = pwd.getpwnam("nobody")
    home = place / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    process = another_tocsin(
        home / "share" / "tocsin", str(python), user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/",
        env={"PYTHONPATH": f"{source}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    words = first_word(process)
    assert words[0] == "ready", words
    assert Path(f"/proc/{words[1]}").stat().st_uid == nobody.pw_uid
    assert (home / "share" / "tocsin").stat().st_mode & 0o777 == 0o700
    process.communicate("")
    assert process.returncode == 0
    refused = another_tocsin(
        place / "of-root", str(python), user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/",
        env={"PYTHONPATH": f"{source}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert "cannot be made: Permission denied" in refused.communicate("")[0]


def _version(python: Path) -> tuple[int, int]:
    code = "import sys; print(*sys.version_info[:2])"
    major, minor = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return int(major), int(minor)
