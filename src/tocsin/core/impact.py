"""The impact of an incident on people: who, how many, what they cannot do. Pure.

Severity follows from this, not from the technical cause (requirements S0-109 to S0-113, S1-6, S1-28, default C-8); every field may
be left out, and "still unknown" is an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tocsin.core.errors import Invalid, Problem
from tocsin.core.wrong_kind import in_words

Line = Annotated[str, Meta(max_length=1000)]
Name = Annotated[str, Meta(max_length=100)]
Ids = Annotated[tuple[Name, ...], Meta(max_length=50)]


class Impact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """As stored in `incidents.impact` and spelled in the API.

    `what` people cannot do, `who` they are, how many `users`, what `percent` of all users (0 to 100), in which `regions`, what
    helps meanwhile (`workaround`), what it costs (`money_per_hour` in `currency`), and where these figures come from (`source`).
    `criteria`: the questions of the severity guide answered yes, `unsure`: those nobody can answer yet (core/criteria.py has the
    ids). `unknown`: nobody knows the scope yet.
    """

    what: Line = ""
    who: Line = ""
    users: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    regions: Ids = ()
    workaround: Line = ""
    money_per_hour: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    currency: Annotated[str, Meta(max_length=10)] = ""
    source: Line = ""
    criteria: Ids = ()
    unsure: Ids = ()
    unknown: bool = False

    def plain(self) -> dict[str, Any]:
        """As plain data, without the fields that say nothing."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    def __bool__(self) -> bool:
        return self != NOTHING

    def sentence(self) -> str:
        """What is known, for people: `Cannot pay; card holders in the EU; about 1200 users (12%)`. Empty when nothing is."""
        count = ", ".join(part for part in (f"about {self.users:,} users" if self.users is not None else "",
                                            f"{number(self.percent)}% of users" if self.percent is not None else "") if part)  # fmt: skip
        where = f"in {', '.join(self.regions)}" if self.regions else ""
        scope = "scope still unknown" if self.unknown and not count else ""
        return "; ".join(part for part in (self.what, self.who, count, where, scope) if part)


NOTHING = Impact()
TEXTS = ("what", "who", "workaround", "currency", "source")
NUMBERS = ("users", "percent", "money_per_hour")
LISTS = ("regions", "criteria", "unsure")


def number(value: float) -> str:
    """`12` for 12.0, `0.1` for 0.1."""
    return f"{value:.10g}"


def read_impact(raw: Any, criteria: Collection[str], pointer: str = "/impact") -> Impact:
    """An impact that somebody sent as JSON. `criteria`: the ids of the questions there are.

    None stands for a field that is left out. Raises Invalid with the pointer of the field.
    """
    if not isinstance(raw, dict):
        raise Invalid("write the impact as fields, like {what: ..., percent: 12}", pointer)
    given = {name: _cleaned(value) for name, value in raw.items() if value is not None}
    try:
        impact = msgspec.convert(given, Impact)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        field = place.strip("`.").replace("[...]", "").split(".")[0].split("[")[0]
        raise Invalid(in_words(message), f"{pointer}/{field}" if field else pointer) from None
    problems = _unknown(impact.criteria, criteria, f"{pointer}/criteria")
    problems += _unknown(impact.unsure, criteria, f"{pointer}/unsure")
    if problems:
        raise Invalid(problems[0].message, problems[0].pointer, tuple(problems))
    return tidied(impact)


def stored_impact(raw: Any) -> Impact:
    """What stands in the database, also when another release wrote it: what this one does not know is left out."""
    known = {name: value for name, value in (raw or {}).items() if name in Impact.__struct_fields__}
    try:
        return msgspec.convert(known, Impact)
    except msgspec.ValidationError:
        return NOTHING


def tidied(impact: Impact) -> Impact:
    """Trimmed texts, no name twice; a question answered yes is not unsure."""
    texts = {name: getattr(impact, name).strip() for name in TEXTS}
    yes = tuple(dict.fromkeys(impact.criteria))
    return msgspec.structs.replace(
        impact, **texts, regions=tuple(dict.fromkeys(r.strip() for r in impact.regions if r.strip())), criteria=yes,
        unsure=tuple(one for one in dict.fromkeys(impact.unsure) if one not in yes),
    )  # fmt: skip


def _cleaned(value: Any) -> Any:
    """Texts without what no database and no terminal can hold."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return [_cleaned(one) for one in value] if isinstance(value, list) else value


def _unknown(given: Iterable[str], known: Collection[str], pointer: str) -> list[Problem]:
    wrong = [(position, one) for position, one in enumerate(given) if one not in known]
    return [Problem(f"there is no criterion {one!r}: use {', '.join(known)}", f"{pointer}/{at}") for at, one in wrong]
