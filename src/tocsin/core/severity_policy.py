"""What the organisation and each service decide about severities: changes of the matrix, as the declarative file spells them.

core/matrix.py says what each field means and what it is when nobody writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from tocsin.core.audience import Audiences
from tocsin.core.errors import Invalid
from tocsin.core.severity import Severity, parse
from tocsin.core.spelling import Duration, Spelled, Written, decode, plain
from tocsin.core.tier import Tier


class Timeout(Spelled):
    """A duration, or `off`."""

    __slots__ = ("after",)

    def __init__(self, after: Duration | None) -> None:
        self.after = after

    @classmethod
    def read(cls, value: Any) -> Self:
        if not isinstance(value, str):
            raise ValueError("write it as text, like 30m or off")
        return cls(None if value == "off" else Duration.parse(value))

    def plain(self) -> str:
        return "off" if self.after is None else str(self.after)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeout) and self.after == other.after

    def __hash__(self) -> int:
        return hash(self.after)

    def __repr__(self) -> str:
        return f"Timeout({self.plain()})"


class Percent(Spelled):
    """A share of users from 0 to 100, written `50%` or `0.1%`."""

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = value

    @classmethod
    def read(cls, value: Any) -> Self:
        text = str(value).strip().removesuffix("%").strip()
        if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", text, re.ASCII) or float(text) > 100:
            raise ValueError("write a share of users from 0% to 100%, like 50% or 0.1%")
        return cls(float(text))

    def plain(self) -> str:
        return f"{self.value:.10g}%"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Percent) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Percent({self.plain()})"


Paging = Literal["now", "business_hours", "never"]
Progress = Literal["automatic", "prompt", "off"]
Review = Literal["required", "short", "optional"]
AtDeclare = Literal["off", "draft", "publish"]
AtResolve = Literal["draft", "publish"]


class RowChange(Written, frozen=True, kw_only=True):
    """What the organisation or a service decides otherwise for one severity. What is left out stays as it is below.

    core/matrix.py says what each field means and what it is when nobody writes it.
    """

    description: str | None = None
    response_time: Duration | None = None
    escalation_time: Duration | None = None
    communication_frequency: Duration | None = None
    resolution_target: Duration | None = None
    page: Paging | None = None
    progress: Progress | None = None
    top: Tier | None = None
    inform_manager: Timeout | None = None
    acknowledge_timeout: Timeout | None = None
    review: Review | None = None
    audiences: Audiences | None = None
    at_declare: AtDeclare | None = None
    at_resolve: AtResolve | None = None
    users_from: Percent | None = None
    users_from_tier_1: Percent | None = None
    who: str | None = None
    how: str | None = None


class Severities(Spelled):
    """Changes of the severity matrix, by severity. In file and JSON its keys are any names of severities."""

    __slots__ = ("rows",)

    def __init__(self, rows: Mapping[Severity, RowChange]) -> None:
        self.rows = {severity: rows[severity] for severity in sorted(rows) if rows[severity] != RowChange()}

    @classmethod
    def read(cls, value: Any) -> Self:
        if not isinstance(value, dict):
            raise ValueError("write severities as fields, like {sev1_critical: {response_time: 5m}}")
        rows: dict[Severity, RowChange] = {}
        for name, row in value.items():
            try:
                severity = parse(name)
            except Invalid as error:
                raise ValueError(str(error)) from None
            if severity in rows:
                raise ValueError(f"{severity.key} stands here twice: join them")
            rows[severity] = decode(row, RowChange)
        return cls(rows)

    def plain(self) -> dict[str, Any]:
        return {severity.key: plain(row) for severity, row in self.rows.items()}

    def __bool__(self) -> bool:
        return bool(self.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Severities) and self.rows == other.rows

    def __hash__(self) -> int:
        return hash(tuple(self.rows.items()))

    def __repr__(self) -> str:
        return f"Severities({self.plain()})"
