"""What needs no server: files on their own, checked and rehearsed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tocsin.clock import Clock
from tocsin.core.directory import Directory
from tocsin.core.validation import World
from tocsin.manage import foresight, readiness
from tocsin.manage.drafts import directory_of
from tocsin.manage.files import File
from tocsin.plugins.channels import registry as channels
from tocsin.plugins.sources import registry as sources
from tocsin.settings import Settings


def directory(files: Sequence[File]) -> Directory:
    """The configuration that the files hold, checked as it is when applied. Raises Invalid with file and line."""
    return directory_of(files, World(channels.create(Settings()), frozenset(sources.TYPES)))


def check(files: Sequence[File], days: int) -> dict[str, Any]:
    """`manage.readiness.examine` without the facts that only a server knows. Raises Invalid."""
    return readiness.examine(directory(files), Clock().now(), days)


def rehearse(files: Sequence[File], question: foresight.Question) -> dict[str, Any]:
    """`manage.foresight.rehearse` where no silences are known. Raises Invalid."""
    return foresight.rehearse(directory(files), question, Clock().now(), foresight.never_muted)
