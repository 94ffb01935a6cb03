"""The wording of updates as it is configured: for which audience and moment a template stands. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, get_args

from tocsin.core.audience import Audience
from tocsin.core.errors import Invalid
from tocsin.core.severity import parse
from tocsin.core.spelling import Written

Moment = Literal["initial", "update", "resolution"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)
"""Which of the templates: S0-101, S1-34..42, S0-102."""


class UpdateTemplate(Written, frozen=True, kw_only=True):
    """The text of updates for one `audience` at one `moment`; `severities`: only of these (none named: of all).

    `body` is a Jinja template; docs/guide/updates.md lists what it may use. Of several that fit, the one that names severities counts,
    then the last by id.
    """

    id: str
    audience: Audience
    moment: Moment
    body: str
    name: str = ""
    severities: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name or self.id

    def fits(self, audience: str, moment: str, severity: int) -> bool:
        graded = not self.severities or severity in {parse(one) for one in self.severities}
        return self.audience == audience and self.moment == moment and graded


def chosen(templates: Iterable[UpdateTemplate], audience: str, moment: str, severity: int) -> UpdateTemplate | None:
    """The configured template that counts; None: the built-in one (core/update_words.py)."""
    fitting = [one for one in templates if one.fits(audience, moment, severity)]
    return max(fitting, key=lambda one: (bool(one.severities), one.id), default=None)


NEEDED: dict[Moment, tuple[tuple[str, ...], ...]] = {
    "initial": (("impact", "impact_lines"), ("next_update",)),
    "update": (("impact", "impact_lines"), ("next_update",)),
    "resolution": (("duration",),),
}
"""What an update of each moment must say: one name of each group (S0-101, S0-102, S1-45, S1-46)."""


def lacking(moment: Moment, used: Collection[str]) -> list[str]:
    """What a template that uses these names does not say although it must, each in a sentence."""
    said = {
        "impact": "what people notice",
        "next_update": "when the next update comes",
        "duration": "how long it lasted",
    }
    return [
        f"it does not say {said[group[0]]}: use {' or '.join(f'{{{{ {name} }}}}' for name in group)}"
        for group in NEEDED[moment]
        if not any(name in used for name in group)
    ]


def read_moment(text: str, pointer: str = "/moment") -> Moment:
    """Raises Invalid for anything else."""
    for moment in MOMENTS:
        if text == moment:
            return moment
    raise Invalid(f"{text[:60]!r} is no moment: use {', '.join(MOMENTS)}", pointer)
