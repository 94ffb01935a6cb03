"""Automatic tags of an incident: its services, and groups of words found whole in its texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

WORDS: Mapping[str, tuple[str, ...]] = {
    "database": ("database", "db", "sql"),
    "network": ("network", "connectivity", "dns"),
    "infrastructure": ("memory", "cpu", "disk", "resource"),
    "api": ("api", "endpoint", "service"),
}
"""Tag -> the words that give it (requirement S0-56)."""

_TAG_OF = {word: tag for tag, words in WORDS.items() for word in words}
_TOKEN = re.compile(r"[^\W_]+")


def tags(texts: Iterable[str], services: Iterable[str]) -> list[str]:
    """Services first, then the tags whose words stand in `texts` as whole words, in the order of WORDS; no tag twice.

    Underscores and hyphens part words, so `disk_usage` holds `disk`; `dbms` does not hold `db`.
    """
    found = {_TAG_OF[word] for text in texts for word in _TOKEN.findall(text.lower()) if word in _TAG_OF}
    return list(dict.fromkeys([*services, *(tag for tag in WORDS if tag in found)]))
