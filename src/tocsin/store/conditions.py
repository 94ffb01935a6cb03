"""Conditions of a reading query, gathered together with their values. Texts are ours; what people give is always a value."""

from __future__ import annotations

from typing import Any


class Conditions:
    """`column = $n` texts and the values that belong to them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.values: list[Any] = []

    def value(self, value: Any) -> str:
        """Remember a value; its place in the query (`$3`)."""
        self.values.append(value)
        return f"${len(self.values)}"

    def add(self, text: str, *values: Any) -> None:
        """`text` names its values {0}, {1} ..."""
        for number, value in enumerate(values):
            text = text.replace(f"{{{number}}}", self.value(value))
        self.texts.append(text)

    def add_given(self, text: str, value: Any) -> None:
        """The same, unless `value` is None."""
        if value is not None:
            self.add(text, value)

    @property
    def where(self) -> str:
        """`WHERE ... AND ...`, or nothing."""
        return f"WHERE {' AND '.join(self.texts)}" if self.texts else ""


def like(text: str) -> str:
    """A LIKE pattern for texts that hold `text` anywhere."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
