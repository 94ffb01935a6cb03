"""The language of a review (S1-54, S1-66, S2-8, S2-47): systems, not people; what was, not what should have been."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from tocsin.core.language.blame import Blame, blame_of, short
from tocsin.core.language.text import Finding, Rule, Text, compiled

_WHO = compiled(
    r"who(?:se)?\s+(?P<what>(?:\w+\s+){0,2}?(?:caused|broke|did|made|pushed|deployed|deleted"
    r"|forgot|missed|approved|changed|introduced|merged|messed|failed|let|allowed|ran|fault|mistake"
    r"|error|is\s+(?:responsible|to\s+blame|at\s+fault|accountable)|was\s+(?:responsible|to\s+blame"
    r"|at\s+fault|accountable|behind)))(?P<rest>[^.?!\n]*)\?"
)
_HUMAN = compiled(
    r"(?:human|operator|user|pilot|manual|operational|personnel|engineer(?:ing)?|procedural|clerical"
    r"|individual)\s+errors?|(?:human|personal)\s+(?:mistake|failure|failing|negligence)s?|careless(?:ness"
    r"|ly)?|negligen(?:ce|t|tly)|incompeten(?:ce|t)|sloppy|sloppiness|lazy|laziness|inattention"
    r"|lack\s+of\s+(?:attention|care|diligence|discipline|competence|common\s+sense)|(?:be|been"
    r"|being)\s+more\s+(?:careful|diligent|attentive|vigilant|thorough)|pa(?:y|id|ying)\s+(?:more"
    r"|closer|better|enough)\s+attention"
    r"|fat[- ]finger(?:ed)?|wasn't\s+paying\s+attention|at\s+fault|to\s+blame"
)
_PEOPLE = (
    r"(?:we|they|he|she|you|i|someone|somebody|anyone|(?:an?|the|our)\s+(?:[\w-]+\s+){0,3}?(?:team"
    r"|engineers?|developers?|operators?|on-?call|responders?|commander|admins?|administrators?"
    r"|reviewers?|staff|managers?|dbas?|leads?|author|person)|{names})"
)
_COUNTER = (
    rf"{_PEOPLE}\s+(?:really\s+|clearly\s+|simply\s+|also\s+)?(?:should|could|ought\s+to|must)(?:\s+(?:not"
    rf"|never|easily|at\s+least|simply|also))*\s+have\b"
    r"|\bshould(?:\s+not|n't|\s+never)?\s+(?:also\s+)?have\s+(?:been\s+)?(?:caught|noticed|tested"
    r"|checked|reviewed|known|realised|realized|seen|spotted|done|escalated|communicated|verified"
    r"|followed|prevented|detected|documented|alerted|paged|told|asked|read|\w+ed)\b"
    rf"|\b(?:had|if)\s+{_PEOPLE}\s+(?:only\s+|just\s+)?(?:been\s+|had\s+)?(?:\w+ed|been|known"
    rf"|seen|read|taken|followed|paid|caught|done|written)\b[^.!?\n]{{0,80}}\bwould\b"
    r"|\bif\s+only\b|\bwould\s+(?:never\s+have|not\s+have|have\s+never)\s+(?:happened|occurred"
    r"|been\s+a\s+problem)\b|\b(?:could|should)\s+have\s+(?:easily\s+)?been\s+(?:avoided|prevented"
    r"|caught)\b|\bcould\s+easily\s+have\b|\ball\s+(?:\w+\s+){{1,3}}had\s+to\s+do\s+was\b|\bneeded\s+only\s+to\b"
    r"|\bonly\s+had\s+to\b"
    rf"|\b{_PEOPLE}\s+(?:failed|neglected|omitted)\s+to\b"
)
_HINDSIGHT = compiled(
    r"obvious(?:ly)?|clearly(?=\s+(?:\w+\s+){0,2}(?:wrong|a\s+mistake|should|was|were|knew|visible"
    r"|the))|in\s+hindsight|in\s+retrospect|with\s+(?:the\s+benefit\s+of\s+)?hindsight|(?:knew"
    r"|known)\s+better|everyone\s+knows|anyone\s+could|it\s+was\s+(?:easy|simple|clear|plain"
    r"|evident)\s+(?:to\s+see|that)|was\s+inevitable|inevitably|bound\s+to\s+(?:happen|fail|break)"
    r"|any\s+(?:competent|good|reasonable|experienced)\s+\w+|of\s+course|common\s+sense|a\s+matter\s+of\s+time"
    r"|foreseeable|how\s+could\s+(?:\w+\s+){1,4}not|just\s+needed\s+to|simply\s+needed\s+to|simply\s+had\s+to"
)


def find(text: Text, people: Collection[str]) -> Iterator[Finding]:
    """Every finding; a place that one rule names is not named by another."""
    blame, taken = blame_of(frozenset(people)), _Taken(text)
    for found in text.find(_WHO):
        rest = found["rest"].rstrip()
        instead = (
            f"What caused {rest.strip()}?"
            if found["what"].lower() == "caused" and rest.strip()
            else "What caused this?"
        )
        yield from taken.made(found, "blame", "error", "asks for a person", f"Ask: “{instead}”")
    for found in text.find(_counterfactual(frozenset(people))):
        yield from taken.made(
            found, "counterfactual", "warning", "tells of a past that was not",
            "Say what was done and why it made sense then: “What made this the reasonable thing to do at the time?”",
        )  # fmt: skip
    for found, instead in blame.find(text):
        if not _HUMAN.search(found[0]):
            yield from taken.made(found, "blame", "error", "is about a person", f"Write about the system: “{instead}”")
    for found in text.find(_HUMAN):
        yield from taken.made(
            found, "human_error", "error", "ends the search at a person",
            "Ask what made the mistake easy and its effect large: “The system allowed this to happen because …”",
        )  # fmt: skip
    for found in text.find(_HINDSIGHT):
        yield from taken.made(
            found, "hindsight", "warning", "judges with what is known only now",
            "Say what could be seen at the time, and where",
        )  # fmt: skip


@lru_cache(maxsize=8)
def _counterfactual(people: frozenset[str]) -> re.Pattern[str]:
    names = Blame.names(people)
    return re.compile(
        r"(?<![\w-])(?:" + _COUNTER.replace("{names}", names).replace("{{", "{").replace("}}", "}") + ")", re.IGNORECASE
    )


class _Taken:
    def __init__(self, text: Text) -> None:
        self._text = text
        self._spans: list[tuple[int, int]] = []

    def made(self, found: re.Match[str], rule: Rule, level: str, message: str, suggestion: str) -> Iterator[Finding]:
        if any(start < found.end() and found.start() < end for start, end in self._spans):
            return
        self._spans.append(found.span())
        said = short(found[0])
        yield Finding(
            level="error" if level == "error" else "warning", line=self._text.line(found.start()), rule=rule, excerpt=said,
            message=f"“{said}” {message}", suggestion=suggestion,
        )  # fmt: skip
