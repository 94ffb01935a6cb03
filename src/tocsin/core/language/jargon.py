"""Words that only those who built it understand (S1-48): terms, code, names of one's own services."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from tocsin.core.language.ordinary import BRANDS, ORDINARY
from tocsin.core.language.terms import SOFT, TERMS
from tocsin.core.language.text import Finding, Level, Text, compiled

_SUFFIXES = (
    "Exception|Error|Service|Handler|Controller|Manager|Factory|Client|Impl|Adapter|Provider"
    "|Repository|Worker|Job|Listener|Pool|Cache|Queue|Proxy|Gateway|Api|Config|Backoff"
)
_MACHINES = (
    "api|svc|srv|db|prod|stg|staging|worker|workers|cluster|node|pod|queue|cache|proxy|backend"
    "|frontend|consumer|producer|primary|replica|master|mq|lb|fe|be"
)
_CODE = re.compile(
    r"(?<![\w.@/-])(?:"
    rf"(?:[A-Z][a-z0-9]+)+(?:{_SUFFIXES})\b"  # NullPointerException
    r"|(?:[A-Z][a-z0-9]+){4,}\b"
    r"|[a-z]{2,}(?:[A-Z][a-z0-9]+)+\b(?:\(\))?"  # getUserById
    r"|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+\b(?:\(\))?"  # user_sessions
    r"|[A-Za-z]\w*(?:\.\w+)*\(\)"  # reload()
    r"|[a-z]{2,}(?:\.[a-z]{2,}){2,}\b"  # com.example.billing
    r"|\w+\.(?:py|js|ts|go|rb|java|yaml|yml|json|conf|cfg|sh|sql|dll|so|exe|toml|ini|env)\b"
    r"|(?:/[a-z][\w.-]*){2,}/?"  # /var/log
    rf"|[a-z][a-z0-9]*(?:-[a-z0-9]+)*-(?:{_MACHINES})(?:-[a-z0-9]+)*\b"  # payments-api
    r"|(?:db|web|app|srv|host|node|redis|kafka|pg|mysql|cache|lb|worker|prod|us|eu|ap)(?:-[a-z]+)*-?\d{1,3}[a-z]?\b"  # db-02, us-east-1
    r"|0x[0-9a-fA-F]{2,}\b"
    r"|(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b"  # a commit
    r"|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"  # an address
    r"|E(?:CONNREFUSED|CONNRESET|TIMEDOUT|NOSPC|OF|PIPE|MFILE|HOSTUNREACH)\b"
    r"|SIG(?:KILL|TERM|SEGV|INT|HUP)\b"
    r"|p(?:50|90|95|99|999)\b"
    r"|x?[45](?:xx|XX)s?\b"
    r")"
)
_STATUS_CODE = compiled(
    r"(?:http\s+|error\s+|status\s+(?:code\s+)?|code\s+)[45]\d\d(?:s|\s+errors?)?|[45]\d\d(?:s"
    r"|\s+(?:errors?|responses?|status|codes?|internal|bad\s+gateway|service\s+unavailable))"
)


def find(text: Text, own_words: Collection[str]) -> Iterator[Finding]:
    """Findings, and hints for words that many people do understand. Each term once for each place; the longest one counts."""
    taken: list[tuple[int, int]] = []
    for pattern, make in ((own(own_words), _own), (_STATUS_CODE, _status_code), (TERMS.pattern, _term), (_CODE, _code)):
        for found in text.find(pattern) if pattern else ():
            span = found.span()
            if not _overlaps(taken, span) and (made := make(text, span)) is not None:
                taken.append(span)
                yield made
    for found in text.find(SOFT.pattern):
        if not _overlaps(taken, found.span()):
            instead = SOFT.instead(found[0])
            yield _made(text, found.span(), "hint", f"“{found[0]}” is a word of the trade", instead)


def _overlaps(taken: list[tuple[int, int]], span: tuple[int, int]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in taken)


def _made(text: Text, span: tuple[int, int], level: Level, message: str, instead: str) -> Finding:
    suggestion = f"Write “{instead}” instead" if instead else "Say what readers notice of it, or leave it out"
    said = " ".join(text.flat[slice(*span)].split())
    return Finding(
        level=level,
        line=text.line(span[0]),
        rule="jargon",
        message=message,
        suggestion=suggestion,
        excerpt=said,
        instead=instead or None,
    )


def _term(text: Text, span: tuple[int, int]) -> Finding | None:
    said = text.flat[slice(*span)]
    return _made(text, span, "error", f"“{' '.join(said.split())}” is jargon", TERMS.instead(said))


def _status_code(text: Text, span: tuple[int, int]) -> Finding | None:
    return _made(text, span, "error", f"“{text.flat[slice(*span)]}” is jargon", "errors")


def _code(text: Text, span: tuple[int, int]) -> Finding | None:
    said = text.flat[slice(*span)]
    if said.lower() in BRANDS:
        return None
    return _made(text, span, "error", f"“{said}” looks like code", "")


def _own(text: Text, span: tuple[int, int]) -> Finding | None:
    return _made(text, span, "error", f"“{text.flat[slice(*span)]}” is a name of ours that readers do not know", "")


def own(names: Collection[str]) -> re.Pattern[str] | None:
    """What matches names of one's own services; ordinary words (`Payments`, `Checkout`) are what readers call it, too."""
    strange = {name.strip() for name in names if _strange(name.strip())}
    return (
        compiled("|".join(re.escape(name).replace(r"\ ", r"\s+") for name in sorted(strange, key=len, reverse=True)))
        if strange
        else None
    )


def _strange(name: str) -> bool:
    """Would a reader not know this name? One word that is not ordinary, or an id of several parts."""
    if len(name) < 3:
        return False
    if re.search(r"\s", name):
        return any(re.search(r"[-_./]|\d", part) for part in name.split())
    parts = re.split(r"[-_./]", name)
    return len(parts) > 1 or name.lower() not in ORDINARY
