"""What can be wrong with a status page, and with what mutes say on it; references are checked in core/validation.py. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tocsin.core.planned import MuteRule
from tocsin.core.shape import Fault, Path, short, unknown
from tocsin.core.status_page import StatusPage

MOST_COMPONENTS = 200
LONGEST_NAME = 200
LONGEST_SILENCE = 86400


def page_faults(page: StatusPage) -> Iterator[Fault]:
    """Each component once, under words that fit on a page."""
    if len(page.components) > MOST_COMPONENTS:
        yield Fault(("components",), f"a page shows at most {MOST_COMPONENTS} components: join some")
    seen: set[str] = set()
    for position, one in enumerate(page.components):
        path: Path = ("components", position)
        if one.id in seen:
            yield Fault((*path, "id"), f"the component {short(one.id)} stands here twice: remove or rename one")
        seen.add(one.id)
        if one.group is not None and not one.group.strip():
            yield Fault((*path, "group"), "a group needs a name: write one, or leave group out")
        for field in ("name", "group"):
            if len(getattr(one, field) or "") > LONGEST_NAME:
                yield Fault((*path, field), f"this is longer than {LONGEST_NAME} characters: shorten it")
    if len(page.name) > LONGEST_NAME:
        yield Fault(("name",), f"this is longer than {LONGEST_NAME} characters: shorten it")
    if page.silence_alarm and not 60 <= page.silence_alarm <= LONGEST_SILENCE:
        yield Fault(("silence_alarm",), f"{page.silence_alarm} is out of range: write 1m to 1d, or 0s for no alarm")


def second_page(pages: Sequence[StatusPage]) -> Iterator[tuple[int, Path, str, tuple[str, int]]]:
    """This release serves one status page: (place, path, message, where the first one stands) for each further one."""
    for place in range(1, len(pages)):
        if pages[place].id != pages[0].id:
            yield place, ("id",), "there is one status page, at /status: put the components of this one there", (
                "status_pages", 0,
            )  # fmt: skip


def announcement_faults(mutes: Sequence[MuteRule], pages: Sequence[StatusPage]) -> Iterator[tuple[int, Path, str]]:
    """What mutes want on the status page, in the terms of that page: (place, path, message)."""
    known: set[str] = {component.id for page in pages for component in page.components}
    for place, rule in enumerate(mutes):
        for path, message in _announcement(rule, known, bool(pages)):
            yield place, path, message


def _announcement(rule: MuteRule, known: set[str], page: bool) -> Iterator[tuple[Path, str]]:
    if rule.announce is None:
        return
    if rule.kind != "maintenance":
        yield ("announce",), "only maintenance is announced: write kind: maintenance, or leave announce out"
    if not page:
        yield ("announce",), "there is no status page to announce it on: add one under status_pages"
        return
    yield from announce_faults(rule.announce, known)


def announce_faults(announce: Any, known: set[str]) -> Iterator[tuple[Path, str]]:
    """What is wrong with the words of one announcement; `known` are the components of the page."""
    if not announce.title.strip() or len(announce.title) > LONGEST_NAME:
        yield ("announce", "title"), f"say in 1 to {LONGEST_NAME} characters what the public reads of this maintenance"
    for position, name in enumerate(announce.components):
        if name not in known:
            yield ("announce", "components", position), unknown("component of the status page", name, known)
