"""A text as the rules read it, and what they say about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import msgspec

Level = Literal["error", "warning", "hint"]
Rule = Literal[
    "jargon", "blame", "speculation", "over_promise", "missing_impact", "missing_next", "missing_apology", "missing_start",
    "rote", "long_sentence", "wordy", "hindsight", "counterfactual", "human_error",
]  # fmt: skip
"""docs/guide/language.md says what each means (a test compares)."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says about line `line` (from 1). A `hint` is good advice and no finding: it fails nothing.

    `suggestion` is what to write instead, or what to say; empty when there is nothing better to offer than the message. `excerpt`
    is the words it is about; empty for something that is missing. `instead` is what can stand in their place as it is (empty: nothing);
    None when somebody has to find words.
    """

    level: Level
    line: int
    rule: Rule
    message: str
    suggestion: str = ""
    excerpt: str = ""
    instead: str | None = None


_FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\b[a-z][a-z0-9+]{1,9}://\S+|\bwww\.\S+|\bmailto:\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<=\]\()[^)\s]+")
_SITE = re.compile(r"\b(?:[a-z0-9-]+\.){1,3}(?:com|org|net|io|dev|eu|de|uk|app|example|gov|edu|status)(?:/[\w./-]*)?\b")
_ENDLESS = re.compile(r"\S{80,}")
"""No word of a language: looked at letter by letter it would take long."""
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=[\"')\]]*(?:\s|$))|\n{2,}|[.!?]|$)?")


class Text:
    """`flat` has the same length as the text: line breaks within a paragraph are spaces, links and addresses are blanked out."""

    def __init__(self, source: str, *, keep_code: bool = True) -> None:
        self.source = source.replace("\r\n", "\n").replace("\r", "\n")
        flat = self.source if keep_code else _blank(_FENCE, self.source)
        flat = _blank(_SITE, _blank(_LINK, _blank(_ENDLESS, flat)))
        self.flat = re.sub(r"(?<!\n)\n(?!\s*\n|\s*[-*+#|>]|\s*\d+[.)])", " ", flat).replace("’", "'").replace("`", " ")

    def line(self, offset: int) -> int:
        return self.source.count("\n", 0, offset) + 1

    @cached_property
    def sentences(self) -> list[re.Match[str]]:
        """In order; `start()` is an offset into the text."""
        return [found for found in _SENTENCE.finditer(self.flat) if re.search(r"\w", found[0])]

    def find(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        return pattern.finditer(self.flat)

    def sentence_at(self, offset: int) -> str:
        """The sentence around an offset."""
        for found in self.sentences:
            if found.start() <= offset < found.end():
                return found[0].strip()
        return ""


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def words(*spellings: str) -> str:
    """One alternative for each spelling; spaces match any white space."""
    return "|".join(re.escape(one).replace(r"\ ", r"\s+") for one in sorted(spellings, key=len, reverse=True))


def compiled(pattern: str) -> re.Pattern[str]:
    """Whole words, whatever their case."""
    return re.compile(rf"(?<![\w-])(?:{pattern})(?![\w])", re.IGNORECASE)
