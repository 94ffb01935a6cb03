"""The operating-system user under which the embedded PostgreSQL runs. PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.core.errors import TocsinError

NAME = "tocsin"
"""The system user that is made when Tocsin runs as root and no cluster exists yet."""


class DatabaseError(TocsinError):
    """The embedded database cannot run here; the message says why and what to do."""

    title = "The embedded database cannot start"


@dataclass(frozen=True)
class Account:
    """Who runs the server: `uid`, `gid`, and whether we must become that user to do so (we are root)."""

    name: str
    uid: int
    gid: int
    switch: bool

    @property
    def popen(self) -> Mapping[str, Any]:
        """Arguments for `subprocess` that make the child run as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def own(self, path: Path) -> None:
        """Give this user a file or folder that we have just made."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this user may enter the folder or read the file `path`, given that it can reach its parent."""
        flag = "-x" if path.is_dir() else "-r"
        mode = path.stat()
        bits = 0o1 if flag == "-x" else 0o4
        if not self.switch or mode.st_mode & bits:
            return not self.switch or bool(mode.st_mode & bits)
        # The plain bits say no; an access control list or group may still say yes, and only the system knows.
        command = [shutil.which("test") or "/usr/bin/test", flag, str(path)]
        return subprocess.run(command, check=False, cwd="/", **self.popen).returncode == 0

    def barrier(self, path: Path) -> Path | None:
        """The outermost existing folder on the way to `path` (itself included) that this user cannot enter."""
        if not self.switch:
            return None
        real = path.resolve()
        for folder in (*reversed(real.parents), real):
            if folder.exists() and not self.reaches(folder):
                return folder
        return None


def account(cluster: Path) -> Account:
    """Who runs the server of `cluster`: ourselves; or, when we are root, the owner of the cluster, else the system user `tocsin`."""
    if os.geteuid() != 0:
        return _ourselves()
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(_name(owner.st_uid), owner.st_uid, owner.st_gid, switch=True)
    entry = _system_user()
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def _ourselves() -> Account:
    try:
        entry = pwd.getpwuid(os.geteuid())
    except KeyError:
        raise DatabaseError(
            f"This process runs as user id {os.geteuid()}, which has no name (no line in /etc/passwd), and PostgreSQL insists "
            "on one. Run Tocsin as a named user, or set TOCSIN_DATABASE_URL to use a PostgreSQL of your own."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=False)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    advice = f"make a system user named {NAME!r}, or run Tocsin as an ordinary user, or set TOCSIN_DATABASE_URL"
    if useradd is None:
        raise DatabaseError(
            f"PostgreSQL does not run as root, and there is no useradd here to make a user for it: {advice}."
        )
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
               "--shell", "/usr/sbin/nologin", NAME]  # fmt: skip
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        return pwd.getpwnam(NAME)  # also when somebody else made it in this very moment
    except KeyError:
        raise DatabaseError(
            f"PostgreSQL does not run as root, and useradd failed ({made.stderr.strip()}): {advice}."
        ) from None
