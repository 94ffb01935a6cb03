"""What can be wrong with a rule for tags. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.core.shape import Fault, short
from tocsin.core.tag import TOKEN, TagRule


def rule_faults(rule: TagRule) -> Iterator[Fault]:
    """Words that could never be found, because they are no single words."""
    for position, word in enumerate(rule.words):
        if not TOKEN.fullmatch(word):
            yield Fault(("words", position), f"{short(word)} is not a single word of letters and digits: write one")
