"""What msgspec says of a value of the wrong kind, in words for people. Pure."""

from __future__ import annotations

import re

_EXPECTED = re.compile(r"expected `([^`]+)`(?: (<=|>=|<|>) (-?[\d.]+))?(?:, got `(\w+)`)?$", re.IGNORECASE)
_KINDS = {
    "float": "a number", "int": "a whole number", "str": "a text", "array": "a list", "object": "an object",
    "bool": "true or false", "null": "null",
}  # fmt: skip
_BOUNDS = {"<=": "of at most", ">=": "of at least", "<": "below", ">": "above"}


def in_words(message: str) -> str:
    """A message without its place: `Expected `float` <= 100.0` is `write a number of at most 100`. Others begin small and stay."""
    found = _EXPECTED.match(message)
    kinds = [kind for kind in found[1].split(" | ") if kind != "null"] if found else []
    if found is None or not all(kind in _KINDS for kind in kinds):
        return message[:1].lower() + message[1:]
    wanted = " or ".join(_KINDS[kind] for kind in kinds) or "null"
    bound = f" {_BOUNDS[found[2]]} {float(found[3]):g}" if found[2] else ""
    return f"write {wanted}{bound}" + (f", not {_KINDS.get(found[4], found[4])}" if found[4] else "")
