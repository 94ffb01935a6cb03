"""A person and what they are said to have done wrong (S1-49, S1-54), with what to say of the system instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from tocsin.core.language.people import NAMES
from tocsin.core.language.text import Finding, Text

_ROLE = (
    r"engineers?|developers?|devs?|operators?|administrators?|admins?|sysadmins?|dbas?|sres?"
    r"|interns?|contractors?|technicians?|employees?|trainees?|apprentices?|rookies?|newbies?|guys?"
    r"|colleagues?|on-?call(?:er)?(?:\s+(?:engineer|person|developer))?|programmers?|testers?"
    r"|analysts?|managers?|staff(?:\s+members?)?"
    r"|team\s+members?|members?\s+of\s+(?:our|the)\s+(?:\w+\s+){0,2}(?:team|staff)|new\s+hires?"
    r"|juniors?|consultants?|supervisors?|reviewers?|leads?"
)
_GROUP = r"(?:\w+\s+)?teams?"
_SOMEONE = (
    r"(?P<who>"
    rf"(?:an?|the|our|one\s+of\s+our|some|another|their|a\s+\w+)\s+(?:[\w-]+\s+){{0,3}}?(?:{_ROLE}"
    rf"|{_GROUP})(?:\s+(?:on\s+(?:call|duty)|in\s+\w+))?"
    r"|(?i:someone|somebody|he|she)(?:\s+(?:on|in)\s+(?:the|our)\s+(?:\w+\s+){0,2}(?:team|staff))?"
    r"|{names}"
    r")(?:\s*,[^,.\n]{{1,40}},)?"
)
_NAME = r"(?-i:(?:{listed})(?:\s+[A-Z](?:\.|[a-z'-]+))?|[A-Z][a-z]{{2,}}\s+[A-Z](?:\.|[a-z'-]{{2,}}))"
_ADVERB = r"(?:(?:had|has|have)\s+)?(?:(?:then|also|again|\w+ly)\s+)?"

_FAULTS = (
    r"broke|forgot|forgotten|misconfigured|mis-configured|mistyped|mishandled|misread|misjudged"
    r"|missed|ignored|overlooked|neglected|botched"
    r"|bungled|messed\s+up|screwed\s+up|caused|deleted|dropped|wiped|erased|overwrote|failed\s+to"
    r"|didn't|did\s+not|wasn't\s+paying|was\s+not\s+paying"
    r"|made\s+(?:an?|the|some)\s+(?:\w+\s+)?(?:mistake|error|typo|blunder)s?|is\s+(?:responsible"
    r"|to\s+blame|at\s+fault)|was\s+(?:responsible\s+for\s+the\s+(?:outage|incident|problem|error"
    r"|failure)|to\s+blame|at\s+fault|careless|negligent)"
    r"|should\s+(?:not\s+)?have|shouldn't\s+have|took\s+down|brought\s+down|crashed|corrupted"
    r"|introduced|unplugged|cut\s+(?:a|the|through)|tripped\s+over|skipped|bypassed|violated"
    r"|violates|never\s+(?:tested|checked|told|documented|reviewed|bothered|looked|noticed|read)"
)
_BAD = (
    r"(?:an?|the|some|his|her|their|our)?\s*(?:\w+\s+){0,2}?(?:bad|broken|wrong|faulty|buggy"
    r"|untested|incorrect|invalid|incomplete|defective|unreviewed|erroneous|flawed|unfinished"
    r"|sloppy|careless|malformed)\b"
)
_ACTS = (
    r"pushed|deployed|released|merged|shipped|ran|entered|typed|applied|committed|uploaded|sent"
    r"|executed|installed|wrote|approved|published|configured|set|selected|used|restarted|rolled\s+out"
)
_WRONG_WAY = (
    r"without\s+(?:\w+ing|approval|permission|review|a\s+review|tests?|checks?)|by\s+(?:mistake"
    r"|accident)|accidentally|mistakenly|in\s+error|incorrectly|carelessly|too\s+(?:early|late"
    r"|soon)|and\s+(?:broke|caused|took\s+down|brought\s+down)|which\s+(?:broke|caused|took|brought)"
    r"|directly\s+(?:to|in|on)\s+production"
)
_MANY = r"(?:our\s+)?(?:engineers|developers|operators|interns|contractors|technicians|programmers|sysadmins|dbas|sres)"
"""Of many without an article only what is plainly a fault: what administrators did not receive is an impact."""
_PLAIN_FAULTS = (
    r"broke|forgot|misconfigured|mistyped|mishandled|overlooked|neglected|botched|messed\s+up|screwed\s+up|failed\s+to"
)
_SLIP = (
    r"accidentally|mistakenly|inadvertently|erroneously|incorrectly|carelessly|negligently|wrongly"
    r"|unintentionally"
)


class Blame:
    """The patterns, with the names of one's own people among them."""

    @staticmethod
    def names(people: Collection[str]) -> str:
        """What matches the name of a person."""
        listed = "|".join(sorted((re.escape(name) for name in {*NAMES, *_spellings(people)}), key=len, reverse=True))
        return _NAME.replace("{listed}", listed).replace("{{", "{").replace("}}", "}")

    def __init__(self, people: Collection[str] = ()) -> None:
        name = self.names(people)
        someone = _SOMEONE.replace("{names}", name).replace("{{", "{").replace("}}", "}")
        parts = (
            rf"{someone}\s+{_ADVERB}(?P<fault>{_FAULTS})(?P<object>[^.!?;\n]*)",
            rf"{someone}\s+{_ADVERB}(?P<act>{_ACTS})\s+(?P<bad>{_BAD}[^.!?;\n]*)",
            rf"{someone}\s+{_ADVERB}(?P<act2>{_ACTS})\s+(?P<rest>[^.!?;\n]{{0,60}}?\b(?:{_WRONG_WAY})[^.!?;\n]*)",
            rf"{someone}\s+(?:had\s+)?(?P<slip>{_SLIP})\s+(?P<did>\w+)(?P<rest2>[^.!?;\n]*)",
            rf"(?:caused|broken|deleted|introduced|misconfigured|triggered|brought\s+down|dropped|overlooked"
            rf"|missed|forgotten|made)\s+by\s+{someone.replace('P<who>', 'P<by>')}(?!\s+(?:provider|vendor"
            rf"|system|change))",
            rf"(?:due\s+to|because\s+of|thanks\s+to)\s+(?:an?\s+|the\s+)?(?:\w+\s+)?(?:mistake|error|negligence"
            rf"|carelessness|oversight|slip|failure)\s+(?:by|of|from|on\s+the\s+part\s+of)\s+{someone.replace('P<who>', 'P<by2>')}",
            rf"(?P<owner>{name}|(?:an?|the|our)\s+(?:\w+\s+)?(?:{_ROLE}|{_GROUP}))'s?\s+(?:\w+\s+)?(?:mistake"
            rf"|error|fault|negligence|carelessness|oversight|blunder|sloppiness|incompetence|typo)",
            r"(?:human|operator|user|pilot|manual)\s+error",
            rf"{_MANY}\s+{_ADVERB}(?P<fault>{_PLAIN_FAULTS})(?P<object>[^.!?;\n]*)",
            rf"(?:the\s+)?(?:fault|mistake|error|carelessness|negligence)\s+of\s+(?:{name}|(?:an?|the|our|one\s+of\s+our)"
            rf"\s+(?:\w+\s+)?(?:{_ROLE}|{_GROUP}))",
            rf"(?:it\s+(?:was|is)|this\s+(?:was|is))\s+(?:{name}|(?:the|our)\s+(?:\w+\s+)?(?:{_ROLE}|{_GROUP}))(?:'s?)?\s+(?:fault"
            rf"|mistake|doing|own\s+fault)",
            rf"(?:blame|fault)\s+(?:lies|rests)\s+with\s+(?:{name}|(?:the|our)\s+\w+)",
        )
        self.patterns = [re.compile(rf"(?<![\w-])(?:{part})", re.IGNORECASE) for part in parts]

    def find(self, text: Text) -> Iterator[tuple[re.Match[str], str]]:
        """Each place once, with what to write instead."""
        taken: list[tuple[int, int]] = []
        for pattern in self.patterns:
            for found in text.find(pattern):
                if not any(start < found.end() and found.start() < end for start, end in taken):
                    taken.append(found.span())
                    yield found, rewritten(found)


def _spellings(people: Collection[str]) -> set[str]:
    """First names and whole names of users."""
    found: set[str] = set()
    for name in people:
        parts = name.split()
        if parts and parts[0][:1].isupper() and len(parts[0]) > 2:
            found.add(parts[0])
    return found


@lru_cache(maxsize=8)
def blame_of(people: frozenset[str] = frozenset()) -> Blame:
    """The patterns for these people; making them takes a moment."""
    return Blame(people)


def update_findings(text: Text, people: Collection[str]) -> Iterator[Finding]:
    """Blame in an update: readers want to know what happens to them, not who did it."""
    for found, instead in blame_of(frozenset(people)).find(text):
        said = short(found[0])
        yield Finding(
            level="error", line=text.line(found.start()), rule="blame", excerpt=said,
            message=f"“{said}” blames somebody", suggestion=f"Say what happened, not who did it: “{instead}”",
            instead=None if said.endswith("…") else instead,
        )  # fmt: skip


def short(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= 80 else said[:77].rsplit(" ", 1)[0] + " …"


# --- what to write instead --------------------------------------------------------------------------------------------

_PARTICIPLES = {
    "broke": "broken", "forgot": "forgotten", "wrote": "written", "ran": "run",
    "took down": "taken down", "brought down": "brought down",
    "overwrote": "overwritten", "set": "set",
    "sent": "sent", "cut": "cut", "drove": "driven", "threw": "thrown", "hid": "hidden", "gave": "given",
    "rolled out": "rolled out", "did": "done", "chose": "chosen",
    "shut": "shut",
}  # fmt: skip


def rewritten(found: re.Match[str]) -> str:
    """`Bob pushed bad code` -> `The system allowed bad code to be pushed`; never names anybody."""
    said = {name: " ".join(value.split()) for name, value in found.groupdict().items() if value}
    if verb := said.get("act") or said.get("act2"):
        return _allowed(said.get("bad") or _cleaned(said.get("rest", "")), verb)
    if "slip" in said:
        return _allowed(_cleaned(said.get("rest2", "")), said["did"])
    if "fault" in said:
        return _of_fault(said["fault"].lower(), said.get("object", "").strip(" ,"))
    return "The system allowed this to happen"


def _of_fault(verb: str, rest: str) -> str:
    if verb in ("forgot", "forgotten", "failed to", "neglected", "skipped", "didn't", "did not"):
        doing = rest.removeprefix("to ").strip()
        return (
            f"Nothing made sure that somebody would {doing}"
            if doing and verb not in ("skipped",)
            else f"The system allowed {rest or 'it'} to be skipped"
        )
    if verb in ("missed", "overlooked", "ignored", "misread"):
        return f"{_upper(rest) or 'It'} was easy to miss"
    if verb == "caused":
        return f"What allowed {rest or 'this'}?"
    if "have" in verb:
        return "Say what was done and why it made sense at the time; then what would make the better way the easy one"
    if verb.startswith(("made", "is ", "was ", "never", "wasn't")):
        return "The system allowed this to happen"
    return _allowed(_cleaned(rest), verb)


def _allowed(what: str, verb: str) -> str:
    """`The system allowed WHAT to be VERBED`, what comes after the object left where it is."""
    verb, what = " ".join(verb.lower().split()), what.split(",")[0].strip()
    if not what:
        return f"The system allowed it to be {_participle(verb)}"
    parts = re.split(
        r"\s+(?=(?:to|from|into|in|on|during|at|for|while|after|before|without|because)\s)", what, maxsplit=1
    )
    after = f" {parts[1]}" if len(parts) > 1 else ""
    return f"The system allowed {parts[0]} to be {_participle(verb)}{after}"


def _participle(verb: str) -> str:
    return _PARTICIPLES.get(verb, verb)


def _cleaned(text: str) -> str:
    return re.sub(rf"\s*\b(?:{_SLIP}|by\s+(?:mistake|accident)|in\s+error)\b", "", text, flags=re.IGNORECASE).strip(
        " ,"
    )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
