"""Hints towards plain words (S1-43, S1-47): long sentences, wordy turns, phrases that nobody believes any more."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tocsin.core.language.text import Finding, Text, compiled

LONGEST_SENTENCE = 30
"""Words; above this a sentence is hard to take in at once (plain-language guides put the limit at 25 to 30)."""

_ROTE = compiled(
    r"(?:we\s+)?(?:sincerely\s+|deeply\s+)?(?:apologi[sz]e|sorry|regret)\s+(?:for\s+)?any\s+(?:\w+\s+)?inconvenience(?:\s+(?:this"
    r"|that|it)\s+(?:may|might)\s+(?:have\s+)?cause[ds]?)?"
    r"|thank\s+you\s+for\s+your\s+(?:patience|understanding|continued\s+\w+)|we\s+appreciate\s+your\s+patience"
    r"|rest\s+assured|valued\s+(?:customers?|users?|members?)"
    r"|take\s+(?:this|these\s+\w+|such\s+\w+)\s+(?:very\s+|extremely\s+)?seriously|abundance\s+of\s+caution"
    r"|working\s+(?:diligently|tirelessly|around\s+the\s+clock|hard)|your\s+\w+\s+is\s+(?:important"
    r"|our\s+(?:top\s+|highest\s+)?priority)"
    r"|(?:top|highest|utmost)\s+priority|small\s+(?:number|subset|percentage)\s+of\s+(?:users|customers)"
)
_WORDY = {
    "in order to": "to", "at this time": "now", "at this point in time": "now", "due to the fact that": "because",
    "in the event that": "if",
    "prior to": "before", "subsequent to": "after", "with regard to": "about", "utilize": "use", "utilise": "use", "utilizing": "using",
    "commence": "begin", "commenced": "began", "terminate": "end", "endeavour": "try", "endeavor": "try", "in the process of": "",
    "is experiencing difficulties": "does not work", "a number of": "some", "facilitate": "help", "ascertain": "find out",
    "expedite": "speed up",
}  # fmt: skip
_WORDY_PATTERN = compiled("|".join(re.escape(one).replace(r"\ ", r"\s+") for one in _WORDY))


def hints(text: Text) -> Iterator[Finding]:
    for found in text.find(_ROTE):
        said = " ".join(found[0].split())
        yield Finding(
            level="hint", line=text.line(found.start()), rule="rote", excerpt=said, message=f"“{said}” is a set phrase",
            suggestion="Say in your own words what people went through, or who exactly is affected",
        )  # fmt: skip
    for found in text.find(_WORDY_PATTERN):
        said = " ".join(found[0].split())
        instead = _WORDY[said.lower()]
        yield Finding(
            level="hint", line=text.line(found.start()), rule="wordy", excerpt=said, message=f"“{said}” can be said more simply",
            suggestion=f"Write “{instead}”" if instead else "Leave it out", instead=instead,
        )  # fmt: skip
    for sentence in text.sentences:
        count = len(sentence[0].split())
        if count > LONGEST_SENTENCE:
            start = sentence.start() + len(sentence[0]) - len(sentence[0].lstrip())
            yield Finding(
                level="hint", line=text.line(start), rule="long_sentence", message=f"A sentence of {count} words is hard to read",
                suggestion="Make two of it", excerpt=" ".join(sentence[0].split()[:8]) + " …",
            )  # fmt: skip
