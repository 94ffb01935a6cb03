"""The policy of wording: which rules of the language check stop an update to an audience. Without one they only advise. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import msgspec

from tocsin.core.errors import Invalid, Problem
from tocsin.core.language.text import Finding, Rule
from tocsin.core.spelling import Written

ANY = "any"
"""Every finding stops; hints only when they are named."""
RULES: tuple[str, ...] = get_args(Rule)[:11]
"""The rules that an update can trip."""


class WordingRule(Written, frozen=True, kw_only=True):
    """What stops an update to the audience `id`. Whoever publishes may say why it goes out all the same, unless it is `strict`."""

    id: str
    block: tuple[str, ...] = ()
    strict: bool = False

    def stops(self, rule: str, level: str) -> bool:
        return rule in self.block or (ANY in self.block and level != "hint")


class Unfit(Invalid):
    """The policy stops this text. `findings`: what is to be mended, as JSON; `strict`: no reason helps."""

    def __init__(self, audience: str, stopping: Sequence[Finding], strict: bool) -> None:
        said = [Problem(f"line {one.line}: {one.message} ({one.rule})", "/message") for one in stopping]
        way = "" if strict else ", or say why it is published all the same (`overrule`)"
        text = (
            f"The wording for {audience} is stopped by policy. Mend it{way}: {'; '.join(one.message for one in said)}"
        )
        if not strict:
            said.append(Problem("or say here why it is published all the same", "/overrule"))
        super().__init__(text, "/message", tuple(said))
        self.findings: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in stopping]
        self.strict = strict


def stopping(rule: WordingRule | None, found: Iterable[Finding]) -> list[Finding]:
    """Those of the findings that stop the text."""
    return [one for one in found if rule is not None and rule.stops(one.rule, one.level)]
