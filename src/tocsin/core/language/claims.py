"""What an update says that it cannot know: guesses about the cause (S1-50) and promises (S1-52)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tocsin.core.language.text import Finding, Rule, Text, compiled

_CAUSED = (
    r"(?:been\s+)?(?:caused|due|related|connected|linked|attributable|triggered|a\s+result|the\s+result"
    r"|because|down\s+to|rooted|to\s+blame|the\s+(?:\w+\s+)?(?:cause|culprit|reason))"
)
_BE = r"(?:be|been|is|was|are|were)"
_FALLS = (
    r"(?:problem|issue|fault|failure|bug|glitch|error|attack|change|update|overload|outage|misconfiguration"
    r"|upgrade|spike)"
)
GUESSES = compiled(
    rf"(?:we|i|they|our\s+(?:\w+\s+)?(?:engineers?|team|teams|provider))\s+(?:currently\s+|now\s+"
    rf"|still\s+|strongly\s+|initially\s+|tend\s+to\s+)?(?:think|believe|suspect|assume|guess"
    rf"|suppose|presume|speculate|reckon)(?!\s+(?:the\s+)?(?:impact|that\s+(?:the\s+)?impact))"
    rf"|(?:might|may|could)\s+(?:well\s+|possibly\s+|also\s+|have\s+)?{_BE}\s+(?:\w+ly\s+)?{_CAUSED}"
    rf"|(?:might|could|may)\s+be\s+(?:an?|the|some)\s+(?:[\w-]+\s+){{0,3}}{_FALLS}"
    rf"|(?:might|could|may)\s+have\s+(?:caused|triggered|led\s+to|broken|introduced|originated"
    rf"|come\s+from|started\s+(?:with|when))"
    rf"|(?:probably|possibly|presumably|perhaps|maybe|likely|apparently|supposedly|potentially"
    rf"|conceivably)\s+(?:\w+ly\s+)?(?:{_BE}\s+)?(?:{_CAUSED}|an?\s+(?:[\w-]+\s+){{0,3}}{_FALLS}"
    rf"|the\s+(?:[\w-]+\s+){{0,3}}{_FALLS}|something|from|in\s+the|our|happened|came\s+from|comes\s+from)"
    rf"|{_BE}\s+(?:most\s+|very\s+|quite\s+)?(?:probably|likely|possibly|presumably|apparently)\s+(?:{_BE}\s+)?(?:an?"
    rf"|the|our|some|something|in|from|{_CAUSED})"
    r"|(?:probable|likely|possible|potential|suspected|presumed|probably\s+the)\s+(?:root\s+)?(?:cause"
    r"|culprit|reason|trigger)"
    rf"|(?:seems?|appears?|looks?)\s+(?:to\s+(?:have\s+)?be(?:en)?\s+(?:\w+ly\s+)?(?:{_CAUSED}"
    rf"|an?\s+|the\s+|our\s+|something|in\s+the|coming\s+from)|like\s+(?:an?|the|it(?:'s|\s+(?:is"
    rf"|was))|one|our|some|something)|as\s+(?:if|though))"
    rf"|(?:seems?|appears?)\s+to\s+(?:come|stem|originate|result|have\s+(?:come|started|originated|stemmed))"
    r"|(?:our|the|one|a)\s+(?:\w+\s+)?(?:best\s+guess|guess|theory|hypothesis|suspicion|hunch)"
    r"|(?:fairly|pretty|quite|almost|reasonably)\s+(?:sure|certain|confident)(?=\s+(?:that\s+)?(?:it|this|the))"
    r"|(?:suspect|suspected)\s+(?:that|it|this|an?)"
    r"|(?<=[.!?]\s)(?:probably|possibly|presumably|perhaps|maybe)\s+(?:an?|the|some|our)\b"
    r"|(?:probably|possibly|perhaps|maybe)\b[^.!?\n]{0,40}\b(?:to\s+blame|at\s+fault|the\s+(?:cause|culprit|reason))\b"
    r"|we\s+are\s+(?:guessing|speculating|assuming)|must\s+have\s+been|no\s+doubt"
    r"|(?:probably|presumably)(?=[^.!?\n]{0,40}\b(?:caus|because|due|after\s+(?:the|a|our|last)))"
)
_TIME = (
    r"(?:(?:the\s+)?(?:next\s+)?(?:\d+|an?|one|two|three|four|five|ten|fifteen|twenty|thirty"
    r"|half\s+an|a\s+few|a\s+couple\s+of)[\s-]*(?:second|minute|min|hour|hr|h|day)s?\b|(?:the\s+)?(?:hour"
    r"|next\s+hour)|\d{1,2}[:.]\d{2}|\d{1,2}\s*(?:am|pm|a\.m|p\.m|o'clock|utc|gmt|cet|est|pst)"
    r"|noon|midday|midnight|tonight|tomorrow|today|end\s+of\s+(?:the\s+)?(?:day|business|week)"
    r"|the\s+end\s+of\s+(?:the\s+)?(?:day|business|week)|(?:this|the)\s+(?:morning|afternoon"
    r"|evening)|monday|tuesday|wednesday|thursday|friday|saturday|sunday|lunchtime|the\s+top\s+of)"
)
_WELL = (
    r"(?:be\s+)?(?:completely\s+|fully\s+|all\s+)?(?:fixed|resolved|restored|repaired|solved"
    r"|sorted(?:\s+out)?|recovered|back(?!\s+(?:with|here|to\s+you|in\s+touch))(?:\s+(?:up|online|to\s+normal|in\s+service|in\s+action))?"
    r"|up(?:\s+and\s+running)?|online|working|operational|running|available)(?:\s+again)?"
)
_FIX = (
    r"(?:fix|resolv|restor|repair|solv|recover|return\s+to\s+normal|bring\s+(?:\w+\s+){1,3}back"
    r"|get\s+(?:\w+\s+){1,3}(?:back|working|running)|have\s+(?:\w+\s+){1,4}(?:fixed|resolved"
    r"|restored|back|working|running|solved|sorted))"
)
_SOON = (
    r"(?:very\s+)?(?:soon|shortly|momentarily|asap|as\s+soon\s+as\s+possible|immediately|in\s+no\s+time"
    r"|any\s+(?:minute|moment)(?:\s+now)?)"
)
PROMISES = compiled(
    r"(?:we|i)\s+(?:can\s+|do\s+|hereby\s+|will\s+)?(?:guarantee|promise|assure\s+you|swear|vow)"
    r"|guarantee[ds]?|guaranteed"
    r"|(?:never|not|won't|cannot|can't)\s+(?:ever\s+)?(?:be\s+able\s+to\s+)?(?:happen|occur|recur"
    r"|repeat(?:\s+itself)?|see\s+this|be\s+repeated)(?:\s+ever)?(?:\s+again)?(?=\s*(?:again"
    r"|in\s+(?:the\s+)?future|[.!,;]|$))"
    r"|never\s+again|no\s+chance\s+of|impossible\s+(?:for\s+this|to\s+(?:happen|occur|recur))"
    r"|(?:100|one\s+hundred)\s*(?:%|percent|per\s+cent)\s+(?:sure|certain|fixed|resolved|safe"
    r"|secure|confident|uptime|reliable|guaranteed)"
    r"|(?:permanently|once\s+and\s+for\s+all|for\s+good)\s+(?:fix\w*|resolv\w*|solv\w*)|(?:fix\w*"
    r"|resolv\w*|solv\w*|gone)\s+(?:\w+\s+)?(?:permanently|once\s+and\s+for\s+all|for\s+good"
    r"|forever)"
    r"|(?:absolutely|totally)\s+(?:nothing|no\s+(?:risk|data|chance))|no\s+(?:need|reason)\s+to\s+worry"
    r"|nothing\s+to\s+worry\s+about"
    rf"|(?:will|\w+'ll|should|is\s+going\s+to|are\s+going\s+to|is\s+expected\s+to|are\s+expected\s+to"
    rf"|is\s+due\s+to|ought\s+to)\s+(?:all\s+|now\s+)?{_WELL}\s+(?:\w+\s+){{0,3}}?(?:in|within"
    rf"|by|at|before|inside|no\s+later\s+than|until)\s+(?:about\s+|around\s+|approximately\s+"
    rf"|roughly\s+|less\s+than\s+|under\s+|the\s+next\s+|at\s+most\s+)?{_TIME}"
    rf"|(?:will|\w+'ll|should|going\s+to)\s+(?:all\s+|now\s+|definitely\s+|certainly\s+|surely\s+)?{_WELL}\s+{_SOON}"
    rf"|(?:will|\w+'ll|going\s+to)\s+(?:definitely|certainly|surely|absolutely|undoubtedly)\s+(?:be\s+)?\w+"
    rf"|(?:we|our\s+\w+)\s+(?:will|\w+'ll|shall|are\s+going\s+to|should|expect\s+to|plan\s+to|hope\s+to"
    rf"|aim\s+to)\s+(?:definitely\s+)?{_FIX}[^.!?\n]{{0,50}}?\s(?:in|within|by|before|inside)\s+(?:about\s+"
    rf"|around\s+|approximately\s+|less\s+than\s+|under\s+|the\s+next\s+)?{_TIME}"
    rf"|we'll\s+{_FIX}[^.!?\n]{{0,50}}?\s(?:in|within|by|before|inside)\s+(?:about\s+|around\s+"
    rf"|less\s+than\s+|the\s+next\s+)?{_TIME}"
    rf"|(?:expect|expecting|anticipate|estimate|hope\s+for)\s+(?:an?\s+|the\s+|full\s+|that\s+"
    rf"|everything\s+|all\s+|service\s+|services\s+|this\s+|it\s+|things\s+|normal\s+)*(?:\w+\s+){{0,2}}?(?:fix"
    rf"|resolution|recovery|restoration|repair|to\s+(?:{_WELL}|resolve|recover|return))\s*(?:\w+\s+){{0,2}}?(?:in"
    rf"|within|by|at|before)\s+(?:about\s+|around\s+|approximately\s+|the\s+next\s+)?{_TIME}"
    rf"|(?:fix|fixed|repair|resolution|restoration|recovery|eta)(?:\s+eta)?\s*(?::|is|of|in|within)\s*(?:in\s+"
    rf"|about\s+|around\s+|approximately\s+)?{_TIME}"
    rf"|(?:back|fixed|resolved|restored)\s+(?:online\s+|up\s+)?(?:in|within)\s+(?:about\s+|around\s+"
    rf"|less\s+than\s+)?{_TIME}(?!\s*(?:of|after|ago))(?=\s*[.!]|\s*,|$)"
)
_SOURCED = compiled(
    r"based\s+on|according\s+to|our\s+(?:provider|supplier|vendor|carrier|partner|bank)\w*\s+(?:estimates?"
    r"|expects?|says?|tells|told|has\s+told|reports?|confirms?|gives?)"
    r"|(?:provider|supplier|vendor|carrier|partner|utility|operator)\s+(?:estimates?|expects?"
    r"|says?|told|reports?|confirms?)|they\s+(?:estimate|expect|say)|estimated\s+by|(?:was|were|has\s+been|have\s+been|had\s+been)\s+(?:fully\s+)?(?:fixed"
    r"|resolved|restored|back|repaired)"
    r"|scheduled|planned|maintenance|to\s+be\s+determined|not\s+(?:yet\s+)?(?:know|give|have)"
)


def speculation(text: Text) -> Iterator[Finding]:
    for found in _once(text, GUESSES):
        yield _made(
            text, found, "speculation", "is a guess about the cause",
            "Leave the cause out until it is identified: say what readers notice, and that you are looking for the cause",
        )  # fmt: skip


def promises(text: Text) -> Iterator[Finding]:
    for found in _once(text, PROMISES):
        if not _SOURCED.search(text.sentence_at(found.start())):
            yield _made(
                text, found, "over_promise", "promises more than you can know",
                "Promise when you will write again, not when it will be mended; or say whose estimate it is",
            )  # fmt: skip


def _once(text: Text, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """One finding a sentence is enough."""
    seen: set[str] = set()
    for found in text.find(pattern):
        sentence = text.sentence_at(found.start())
        if sentence not in seen:
            seen.add(sentence)
            yield found


def _made(text: Text, found: re.Match[str], rule: Rule, message: str, suggestion: str) -> Finding:
    said = " ".join(found[0].split())
    return Finding(
        level="error",
        line=text.line(found.start()),
        rule=rule,
        excerpt=said,
        message=f"“{said}” {message}",
        suggestion=suggestion,
    )
