"""The language of updates and reviews, checked by rules: the same text gives the same findings, anywhere, without a server.

`lint_update` reads what goes out to others (S1-43 to S1-53), `lint_review` what is written about an incident afterwards (S1-54,
S1-66). They advise; whether anything is stopped by them is a matter of policy.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from tocsin.core.incident import STATUSES
from tocsin.core.language import blame, claims, elements, jargon, plain, reviewing
from tocsin.core.language.text import Finding, Text

Audience = Literal["responders", "stakeholders", "executives", "public"]

LONGEST = 50_000
"""Characters that are looked at."""


def lint_update(
    text: str, *, status: str | None = None, audience: str = "public", own_words: Collection[str] = (), has_next: bool = False,
    people: Collection[str] = (),
) -> list[Finding]:  # fmt: skip
    """What is to be said about an update, by line; hints last.

    `status`: of the incident; None when it is not known, then the text itself may say that the cause is identified or that all is
    over. `own_words`: ids and names of one's own services. `people`: names of one's own people. `has_next`: the time of the
    next update is said elsewhere. Responders among themselves may use their jargon, and hypotheses.
    """
    read = Text(text[:LONGEST])
    over = status in ("resolved", "closed") or (status is None and elements.is_over(read))
    found = [*blame.update_findings(read, people), *claims.promises(read)]
    guesses, terms = list(claims.speculation(read)), list(jargon.find(read, own_words))
    if audience != "responders":
        found += terms
        found += elements.wished(read, over=over) if audience == "public" else ()
        found += plain.hints(read)
        found += guesses if not (over or _identified(read, status)) else ()
    found += elements.missing(read, over=over, has_next=has_next, findings=[*found, *guesses, *terms])
    return _ordered(found)


def _identified(text: Text, status: str | None) -> bool:
    if status in STATUSES:
        return STATUSES.index(status) >= STATUSES.index("identified")
    return bool(elements.IDENTIFIED.search(text.flat))


def lint_review(text: str, *, people: Collection[str] = ()) -> list[Finding]:
    """What is to be said about the language of a review, by line. Code blocks are not looked at."""
    return _ordered(list(reviewing.find(Text(text[:LONGEST], keep_code=False), people)))


def _ordered(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: (one.level == "hint", one.line, one.rule))


def findings(found: Collection[Finding]) -> list[Finding]:
    """Without the hints."""
    return [one for one in found if one.level != "hint"]
