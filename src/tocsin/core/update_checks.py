"""What can be wrong with a channel of communication or an update template; references are checked in core/validation.py. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tocsin.core.audience import FIELDS, Channel
from tocsin.core.errors import Invalid
from tocsin.core.severity import parse
from tocsin.core.shape import Fault
from tocsin.core.update_template import UpdateTemplate, lacking
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


def _severities(names: Iterable[str]) -> Iterator[Fault]:
    for position, name in enumerate(names):
        try:
            parse(name)
        except Invalid as error:
            yield Fault(("severities", position), str(error))
