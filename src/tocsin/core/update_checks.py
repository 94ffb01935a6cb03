"""What can be wrong with a channel, an update template or the policy of wording; references: core/validation.py. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tocsin.core.audience import AUDIENCES, FIELDS, Channel
from tocsin.core.errors import Invalid
from tocsin.core.severity import parse
from tocsin.core.shape import Fault, unknown
from tocsin.core.update_template import UpdateTemplate, lacking
from tocsin.core.wording import ANY, RULES, WordingRule
from tocsin.core.words_template import TemplateError, check


def template_faults(one: UpdateTemplate) -> Iterator[Fault]:
    """What is wrong with a template; references are checked elsewhere."""
    yield from _severities(one.severities)
    if not one.body.strip():
        yield Fault(
            ("body",), "this template says nothing: write a text, or remove it so that the built-in one is used"
        )
        return
    try:
        used = check(one.body)
    except TemplateError as error:
        yield Fault(("body",), str(error))
    else:
        yield from (Fault(("body",), message) for message in lacking(one.moment, used))


def channel_faults(one: Channel) -> Iterator[Fault]:
    """What is wrong with a channel of communication, but for what its type of channel says."""
    yield from _severities(one.severities)
    for name in one.settings:
        if name not in FIELDS[one.type]:
            yield Fault(
                (name,), f"a channel of the type {one.type} has no {name}: it has {', '.join(FIELDS[one.type])}"
            )


def wording_faults(rule: WordingRule) -> Iterator[Fault]:
    """What is wrong with a rule of the policy."""
    if rule.id not in AUDIENCES:
        yield Fault(("id",), f"{unknown('audience', rule.id, AUDIENCES)}: the id names who reads it")
    for position, name in enumerate(rule.block):
        if name not in (*RULES, ANY):
            yield Fault(("block", position), unknown("rule of the language check", name, (*RULES, ANY)))


def _severities(names: Iterable[str]) -> Iterator[Fault]:
    for position, name in enumerate(names):
        try:
            parse(name)
        except Invalid as error:
            yield Fault(("severities", position), str(error))
