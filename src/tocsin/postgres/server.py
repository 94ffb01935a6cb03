"""Supervises the embedded PostgreSQL: one data folder, one Tocsin, one server."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from tocsin.postgres.account import Account, DatabaseError, account
from tocsin.postgres.binaries import binaries
from tocsin.postgres.cluster import ENVIRONMENT, Cluster, url

log = structlog.get_logger("tocsin.postgres")

_LOOK = 0.02
"""Seconds between looks at a server that is starting or stopping."""

_WATCH = 0.25
"""Seconds between looks at a server that should be running."""

_SAY = 5.0
"""Seconds between two remarks about something that takes long."""

_PATIENCE = 60.0
"""Seconds for a server to stop in good order before it is told to stop at once (it then recovers at the next start)."""

_PROC = Path("/proc/self/cwd").exists()
"""Whether the system tells in which folder a process works (Linux does)."""


@dataclass(frozen=True)
class Postmaster:
    """What the server says of itself in `postmaster.pid`. `status`: starting, stopping, ready or standby."""

    pid: int
    socket: Path
    status: str


class Server:
    """The embedded PostgreSQL of one data folder.

    `extra`: settings for the server's command line (tests trade safety for speed with it; nobody else should).
    All methods raise DatabaseError with a sentence for the operator.
    """

    def __init__(self, data: Path, extra: Mapping[str, str] | None = None) -> None:
        self.data = data.absolute()
        self._extra = dict(extra or {})
        self._lock = -1
        self._cluster: Cluster | None = None
        self._bin = Path()
        self._child: subprocess.Popen[bytes] | None = None
        self._socket = Path()
        self._pid = 0

    @property
    def url(self) -> str:
        """Where the database is, once started."""
        return url(self._socket)

    @property
    def pid(self) -> int:
        """The server's process id, once started."""
        return self._pid

    async def start(self) -> None:
        """Make the cluster if there is none, start its server or adopt the one that is running, wait until it is ready.

        Crash recovery may take long: it is waited for without limit, saying so.
        """
        try:
            try:
                await asyncio.to_thread(self._prepare)
            except OSError as error:  # no space, a read-only disk, a mount in the way
                where = error.filename or self.data
                raise DatabaseError(
                    f"The data folder {self.data} cannot be used: {error.strerror} ({where})."
                ) from error
            await self._run()
        except BaseException:
            await self.stop()
            raise

    async def watch(self) -> None:
        """Start the server again whenever it is gone. Runs until cancelled."""
        while True:
            await asyncio.sleep(_WATCH)
            if self._alive():
                continue
            log.error("the database server is gone; starting it again", pid=self._pid)
            try:
                await self._run()
                log.info("the database server is back", pid=self._pid)
            except DatabaseError as error:
                log.error("the database server does not start", error=str(error))
                await asyncio.sleep(_SAY)

    async def stop(self) -> None:
        """Stop the server in good order and let go of the data folder. Does nothing when there is none."""
        if (pid := self._living()) is not None:
            _signal(pid, signal.SIGINT)
            if not await self._gone(pid):
                log.warning("the database server does not stop in good order; stopping it at once")
                _signal(pid, signal.SIGQUIT)
                await self._gone(pid)
        self._child = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _living(self) -> int | None:
        """The process id of the server, ours or one that we have not adopted yet."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        postmaster = running(self._cluster.folder) if self._cluster is not None else None
        return postmaster.pid if postmaster is not None else None

    def _prepare(self) -> None:
        made = _data_folder(self.data)
        self._lock = _locked(self.data)
        who = account(self.data / "postgres")
        for folder in made:
            folder.chmod(0o755 if who.switch else 0o700)
        cluster = Cluster(self.data, who)
        cluster.check()
        self._bin = binaries(who, self.data)
        if cluster.version() is None:
            log.info("making a new database", data=str(self.data))
            cluster.make(self._bin)
        self._cluster = cluster

    async def _run(self) -> None:
        assert self._cluster is not None
        began = said = time.monotonic()
        child: subprocess.Popen[bytes] | None = None
        self._child = None
        while True:
            postmaster = running(self._cluster.folder)
            if postmaster is not None and postmaster.status in ("ready", "standby"):
                self._accept(postmaster)
                return
            if postmaster is None and child is None and not _busy(self._cluster.folder):
                child = self._child = self._launch(self._cluster)
            elif postmaster is None and child is not None and child.poll() is not None:
                words = self._cluster.last_words()
                raise DatabaseError(f"PostgreSQL did not start in {self.data}. Its last words:\n  {words}")
            await asyncio.sleep(_LOOK)
            if (now := time.monotonic()) - said >= _SAY:
                said = now
                status = postmaster.status if postmaster is not None else "starting"
                log.info("waiting for the database server", status=status, seconds=round(now - began))

    def _accept(self, postmaster: Postmaster) -> None:
        self._pid, self._socket = postmaster.pid, postmaster.socket
        if self._child is None or self._child.pid != postmaster.pid:
            self._child = None
            log.info("adopted the database server that was still running", pid=postmaster.pid)

    def _launch(self, cluster: Cluster) -> subprocess.Popen[bytes]:
        cluster.configure()
        _clear_left_over(cluster)
        options = [part for name, value in self._extra.items() for part in ("-c", f"{name}={value}")]
        with os.fdopen(cluster.create(cluster.log / "start.log"), "wb") as output:
            # A session of its own: Ctrl-C in our terminal reaches us, and we stop the server after the last transaction.
            return subprocess.Popen(
                [self._bin / "postgres", "-D", cluster.folder, *options], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd="/", env=ENVIRONMENT, start_new_session=True, **cluster.account.popen,
            )  # fmt: skip

    def _alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self._cluster is not None and _is_postmaster(self._pid, self._cluster.folder)

    async def _gone(self, pid: int) -> bool:
        """Wait until the process `pid` has ended; False when it has not within our patience."""
        assert self._cluster is not None
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._child is not None and self._child.pid == pid:
                ended = self._child.poll() is not None
            else:
                ended = not _is_postmaster(pid, self._cluster.folder)
            if ended:
                return True
            await asyncio.sleep(_LOOK)
        return False


def running(folder: Path) -> Postmaster | None:
    """The live server of the cluster in `folder`, by its `postmaster.pid`; None when there is none, or the file is left over."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].lstrip("-").isdigit():
        return None
    pid = abs(int(lines[0]))
    if not _is_postmaster(pid, folder):
        return None
    return Postmaster(
        pid, Path(lines[4]) if len(lines) > 4 else Path(), lines[7].strip() if len(lines) > 7 else "starting"
    )


def _is_postmaster(pid: int, folder: Path) -> bool:
    """Whether `pid` lives and works in `folder`: a process id alone may long belong to somebody else."""
    try:
        if _PROC:
            return os.path.samefile(f"/proc/{pid}/cwd", folder)
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _busy(folder: Path) -> bool:
    """Whether processes of a server that was killed still work in `folder`; they notice within moments and end."""
    if not _PROC:
        return False
    return any(_is_postmaster(int(entry), folder) for entry in os.listdir("/proc") if entry.isdigit())


def _clear_left_over(cluster: Cluster) -> None:
    """Remove lock files of a dead server whose process id is now somebody else's, or a zombie's: PostgreSQL would refuse to start.

    Safe because we hold the data folder's lock and nobody works in the cluster (`_busy`). Without /proc we cannot know that:
    PostgreSQL decides.
    """
    if _PROC and running(cluster.folder) is None:
        for left in (cluster.folder / "postmaster.pid", *cluster.socket.glob(".s.PGSQL.*.lock")):
            left.unlink(missing_ok=True)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _data_folder(data: Path) -> list[Path]:
    """Make the data folder and its missing parents; the folders that were made."""
    missing = [folder for folder in (data, *data.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir()
    except OSError as error:
        raise DatabaseError(
            f"The data folder {data} cannot be made: {error.strerror} ({error.filename}). {_CHOOSE}"
        ) from error
    if not data.is_dir():
        raise DatabaseError(f"The data folder {data} is not a folder. {_CHOOSE}")
    return missing


_CHOOSE = "Choose another one with --data or TOCSIN_DATA."


def _locked(data: Path) -> int:
    """Lock the data folder until the returned descriptor is closed or this process ends, however it ends."""
    try:
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseError(f"The data folder {data} cannot be written: {error.strerror}. {_CHOOSE}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise DatabaseError(
            f"The data folder {data} is in use by another Tocsin (process {holder or 'unknown'}). Stop it first, or choose another "
            "folder with --data or TOCSIN_DATA."
        ) from None
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


__all__ = ["Account", "DatabaseError", "Postmaster", "Server", "running"]
