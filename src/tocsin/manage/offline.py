"""What needs no server: files on their own, checked and rehearsed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tocsin.clock import Clock
from tocsin.core.directory import Directory
from tocsin.core.validation import World
from tocsin.manage import foresight, holding, readiness
from tocsin.manage.drafts import directory_of
from tocsin.manage.files import File
from tocsin.manage.lists import read_time
from tocsin.plugins.channels import registry as channels
from tocsin.plugins.probes import registry as probes
from tocsin.plugins.rooms import registry as rooms
from tocsin.plugins.sources import registry as sources
from tocsin.settings import Settings

RINGING = foresight.ringing(channels.create(Settings()))


def directory(files: Sequence[File]) -> Directory:
    """The configuration that the files hold, checked as it is when applied. Raises Invalid with file and line."""
    return directory_of(
        files, World(channels.create(Settings()), frozenset(sources.TYPES), rooms.CONFIGURED, probes.create())
    )


def check(files: Sequence[File], days: int) -> dict[str, Any]:
    """`manage.readiness.examine` without the facts that only a server knows. Raises Invalid."""
    return readiness.examine(directory(files), Clock().now(), days)


def rehearse(files: Sequence[File], question: foresight.Question) -> dict[str, Any]:
    """`manage.foresight.rehearse` with the mutes that the files plan. Raises Invalid."""
    known, now = directory(files), Clock().now()
    at = read_time(question.at, "at") or now
    return foresight.rehearse(known, question, now, holding.muted_by(holding.planned(known, at)), RINGING)
