"""The data folder of the embedded PostgreSQL.

DATA/lock       held by the one Tocsin that uses the folder
DATA/postgres   the cluster, PostgreSQL's own files
DATA/run        the socket, for the database user and us only
DATA/log        what the server has to say, a week of it
DATA/bin        copies of the server's programs, when its user cannot reach the installed ones
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from tocsin.postgres.account import Account, DatabaseError
from tocsin.postgres.binaries import MAJOR

ROLE = DATABASE = "tocsin"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All that the server's programs get to see of the environment: no secrets, no preloaded libraries."""

_SOCKET = ".s.PGSQL.5432"
_SOCKET_LIMIT = 107
"""Bytes that the path of a Unix socket may have."""

_INITDB = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--username={ROLE}",
           "--auth-local=peer", "--auth-host=scram-sha-256", "--no-instructions")  # fmt: skip

_CONFIGURATION = """\
# Written by Tocsin at each start; changes made here are lost. Use ALTER SYSTEM, which wins over this file.
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 60

fsync = on
synchronous_commit = on
full_page_writes = on
wal_compression = on
max_wal_size = 2GB
min_wal_size = 192MB
checkpoint_timeout = 10min
checkpoint_completion_target = 0.9

shared_buffers = 128MB
random_page_cost = 1.1
jit = off
timezone = 'UTC'

logging_collector = on
log_directory = '{log}'
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""

_FIRST_WORDS = (
    f"CREATE DATABASE {DATABASE};\n"
    + 8 * "SELECT pg_logical_emit_message(false, 'tocsin', ''), pg_switch_wal();\n"
    + "CHECKPOINT;\n"
)
"""What a new cluster is told: make the database; then lay 128 MB of log in store. A segment of the log that must first be made holds
up every commit for some 15 ms, which the first storm would meet every second; segments that were used before are used again."""

_HBA = f"""\
# Written by Tocsin at each start. Only the socket, and only those whom the operating system names (pg_ident.conf).
local  all  {ROLE}  peer  map={ROLE}
"""


class Cluster:
    """The files of one data folder. Nothing here starts a server, except `make`, briefly and without a door."""

    def __init__(self, data: Path, account: Account) -> None:
        self.data, self.account = data, account
        self.folder = data / "postgres"
        self.log = data / "log"
        self.socket = _socket_folder(data, account)

    def check(self) -> None:
        """Raise DatabaseError when the server's user cannot get here, or the cluster is of another PostgreSQL."""
        if (barrier := self.account.barrier(self.data)) is not None:
            raise DatabaseError(
                f"The database user {self.account.name!r} cannot enter {barrier}, and the data folder is {self.data}. PostgreSQL does "
                "not run as root. Choose another folder (--data, TOCSIN_DATA), or let that user through: "
                f"chmod o+x {barrier}"
            )
        found = self.version()
        if found is not None and found != str(MAJOR):
            raise DatabaseError(
                f"The data folder {self.data} was made by PostgreSQL {found or '(unknown version)'}; this Tocsin brings PostgreSQL "
                f"{MAJOR}. Start the Tocsin that made it and take a backup there, or choose another folder (--data, TOCSIN_DATA)."
            )

    def version(self) -> str | None:
        """The major version of the cluster's files; empty when there are files but no version; None: no cluster yet."""
        if not self.folder.exists() or not any(self.folder.iterdir()):
            return None
        try:
            return (self.folder / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return ""

    def make(self, bin: Path) -> None:
        """initdb and the database, in a folder beside, then renamed: the cluster is there whole or not at all."""
        unfinished = self.data / "postgres.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)  # an earlier first start was killed here
        self._folder(unfinished)
        initdb, server = str(bin / "initdb"), str(bin / "postgres")
        self._run([initdb, "-D", str(unfinished), "--no-sync", *_INITDB])
        self._write(unfinished / "tocsin.conf", "")
        configuration = (unfinished / "postgresql.conf").read_text()
        self._write(unfinished / "postgresql.conf", f"{configuration}\ninclude 'tocsin.conf'\n")
        # Until the one synchronisation at the end nothing here needs to last (-F, --no-sync).
        self._run(
            [server, "--single", "-F", "-c", "min_wal_size=192MB", "-D", str(unfinished), "postgres"], _FIRST_WORDS
        )
        self._run([initdb, "-D", str(unfinished), "--sync-only"])
        if self.folder.exists():
            self.folder.rmdir()  # empty, or version() would have found something
        os.rename(unfinished, self.folder)
        _sync(self.data)

    def configure(self) -> None:
        """Write our part of the configuration and who may come in; make the socket and log folders."""
        self._folder(self.socket)
        self._folder(self.log)
        users = dict.fromkeys((self.account.name, "root" if self.account.switch else self.account.name))
        self._write(
            self.folder / "tocsin.conf", _CONFIGURATION.format(socket=_quoted(self.socket), log=_quoted(self.log))
        )
        self._write(self.folder / "pg_hba.conf", _HBA)
        self._write(self.folder / "pg_ident.conf", "".join(f'{ROLE}  "{user}"  {ROLE}\n' for user in users))

    def create(self, path: Path) -> int:
        """A new file of the database user's, open for writing. Never follows a link that this user may have laid there."""
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if self.account.switch:
            os.fchown(descriptor, self.account.uid, self.account.gid)
        return descriptor

    def last_words(self) -> str:
        """The end of what the server wrote before it gave up."""
        logs = sorted(self.log.glob("*.log"), key=lambda path: path.stat().st_mtime)[-2:]
        lines = [line for path in logs for line in path.read_text(errors="replace").splitlines()[-6:]]
        return "\n  ".join(lines) or "(it said nothing)"

    def _write(self, path: Path, text: str) -> None:
        with os.fdopen(self.create(path), "w") as file:
            file.write(text)

    def _folder(self, path: Path) -> None:
        try:
            path.mkdir(mode=0o700)
            self.account.own(path)
        except FileExistsError:
            if path.is_symlink() or not path.is_dir() or path.stat().st_uid != self.account.uid:
                raise DatabaseError(
                    f"{path} is not a folder of the database user {self.account.name!r}: remove it."
                ) from None

    def _run(self, command: list[str], text: str = "") -> None:
        done = subprocess.run(command, check=False, input=text, capture_output=True, text=True, cwd="/", env=ENVIRONMENT,
                              **self.account.popen)  # fmt: skip
        if done.returncode != 0 or "FATAL" in done.stderr or "ERROR" in done.stderr:
            said = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-6:])
            raise DatabaseError(f"Making the database in {self.data} failed:\n  {said}")


def url(socket: Path) -> str:
    """The address of the embedded database, as asyncpg reads it."""
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(socket), safe='/')}"


def _socket_folder(data: Path, account: Account) -> Path:
    """DATA/run; or a short path of its own below /tmp when that is too long for a Unix socket."""
    usual = data / "run"
    if len(os.fsencode(usual / _SOCKET)) <= _SOCKET_LIMIT:
        return usual
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tocsin-{account.uid}-{name}"


def _sync(folder: Path) -> None:
    """Make a rename within `folder` last through a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
