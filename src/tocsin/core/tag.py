"""Tags of an incident: its services, and groups of words found whole in its texts; what people add and remove. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from tocsin.core.errors import Invalid
from tocsin.core.spelling import Written

SECTION = "tags"
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "database": ("database", "db", "sql"),
    "network": ("network", "connectivity", "dns"),
    "infrastructure": ("memory", "cpu", "disk", "resource"),
    "api": ("api", "endpoint", "service"),
}
"""Tag -> the words that give it (requirement S0-56), as long as nobody configures that tag otherwise."""

MOST_TAGS = 50
LONGEST_TAG = 60
TOKEN = re.compile(r"[^\W_]+")


class TagRule(Written, frozen=True, kw_only=True):
    """Incidents whose texts hold one of `words` get the tag `id`. A rule with the id of a built-in one replaces it; without words
    it gives that tag no more."""

    id: str
    words: tuple[str, ...] = ()


class Configured(Protocol):
    """What holds the rules: the directory."""

    @property
    def tags(self) -> Mapping[str, TagRule]: ...
    @property
    def memo(self) -> dict[Any, Any]: ...


def rules(directory: Configured) -> dict[str, tuple[str, ...]]:
    """Every tag with its words: the built-in ones, replaced and joined by the configured ones."""
    return {**DEFAULTS, **{rule.id: rule.words for rule in directory.tags.values()}}


def _compiled(directory: Configured) -> tuple[dict[str, str], dict[str, int]]:
    """Word -> tag, and the order of the tags."""
    if "tags" not in directory.memo:
        known = rules(directory)
        words = {word.lower(): tag for tag, group in known.items() for word in group}
        directory.memo["tags"] = words, {tag: place for place, tag in enumerate(known)}
    found: tuple[dict[str, str], dict[str, int]] = directory.memo["tags"]
    return found


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    """A storm brings the same labels again and again."""
    return tuple(dict.fromkeys(TOKEN.findall(text.lower())))


def tags(directory: Configured, texts: Iterable[str], services: Iterable[str]) -> list[str]:
    """Services first, then the tags whose words stand in `texts` as whole words, in the order of the rules; no tag twice.

    Underscores and hyphens part words, so `disk_usage` holds `disk`; `dbms` does not hold `db`.
    """
    tag_of, order = _compiled(directory)
    found = {tag_of[word] for text in texts for word in _words(text) if word in tag_of}
    return list(dict.fromkeys([*services, *sorted(found, key=order.__getitem__)]))


def retagged(
    directory: Configured,
    present: Collection[str],
    before: Iterable[str],
    after: Iterable[str],
    hand: Mapping[str, Any],
) -> list[str]:
    """The tags once the words are `after`: what they give is added, what only the words `before` gave goes.

    What people gave stays, what they took stays away (`hand`: {added, removed}), and so does what no words gave.
    """
    old, new = set(tags(directory, before, ())), tags(directory, after, ())
    added, removed = hand.get("added", ()), hand.get("removed", ())
    kept = [tag for tag in present if tag not in old or tag in new or tag in added]
    return [tag for tag in dict.fromkeys([*kept, *new]) if tag not in removed]


def read_tag(text: str, pointer: str = "/tag") -> str:
    """A tag that a person gives: lower case, no spaces around. Raises Invalid."""
    tag = " ".join(text.replace("\0", "").lower().split())
    if not tag or not tag.isprintable():
        raise Invalid("write a tag of letters, digits and hyphens", pointer)
    if len(tag) > LONGEST_TAG or "," in tag:
        raise Invalid(f"a tag has at most {LONGEST_TAG} characters, and no comma", pointer)
    return tag


def by_hand(hand: Mapping[str, Any], add: Iterable[str], remove: Iterable[str]) -> dict[str, list[str]]:
    """What people gave and took, once they gave and took these, too."""
    added, removed = list(hand.get("added", ())), list(hand.get("removed", ()))
    for tag in add:
        removed = [one for one in removed if one != tag]
        added = [*(one for one in added if one != tag), tag]
    for tag in remove:
        added = [one for one in added if one != tag]
        removed = [*(one for one in removed if one != tag), tag]
    return {"added": added, "removed": removed}
