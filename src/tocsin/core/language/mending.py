"""One click for a finding: the words that it is about give way to the ones that it proposes."""

from __future__ import annotations

import re

from tocsin.core.language.text import Finding


def mended(text: str, finding: Finding) -> str:
    """The text with `instead` in place of the excerpt, where the finding is; unchanged when there is nothing to put, or no such place."""
    if finding.instead is None or not finding.excerpt:
        return text
    words = (re.escape(word).replace("'", "['\u2019]") for word in finding.excerpt.split())
    pattern = re.compile(r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)", re.IGNORECASE)
    begin = _line_start(text, finding.line)
    found = pattern.search(text, begin) or pattern.search(text)
    if found is None:
        return text
    before, after = text[: found.start()], text[found.end() :]
    instead = _like(found[0], finding.instead, _opens(before))
    if not instead:  # a gap is closed, and what follows may now begin the sentence
        after = after.lstrip(" ")
        after = after[:1].upper() + after[1:] if _opens(before) else after
    return before + instead + after


def _line_start(text: str, line: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
        if not at:
            return 0
    return at


def _opens(before: str) -> bool:
    """Whether what follows begins a sentence."""
    return not before.strip() or before.rstrip(" ").endswith((".", "!", "?", "\n", ":", "- "))


def _like(said: str, instead: str, opens: bool) -> str:
    """Capital where it begins a sentence, as the words before it did."""
    if opens and said[:1].isupper():
        return instead[:1].upper() + instead[1:]
    return instead if opens or instead[:4] != "The " else "the " + instead[4:]
