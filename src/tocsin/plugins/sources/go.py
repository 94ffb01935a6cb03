"""The words in which Go's decoder refuses, as Alertmanager passes them on to its clients."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from tocsin.plugins.sources.base import Refused
from tocsin.plugins.sources.text import encode, launder, moment

_WRONG_TYPE = re.compile(r"Expected `(?P<want>[^`]+)`, got `(?P<got>\w+)`(?: - at `(?:key in )?\$(?P<path>.*)`)?")
_INDEX = re.compile(r"\[[^\]]*\]")
_TYPES = {"int": "number", "float": "number", "str": "string"}


def coded(status: int, message: str, code: int | None = None) -> Refused:
    """`{"code": ..., "message": ...}`; the code is the status unless a validation says which of its own it is."""
    return Refused(status, encode({"code": status if code is None else code, "message": message}))


def quoted(status: int, message: str) -> Refused:
    """The message as a JSON string, as Alertmanager's handlers (not its decoder) refuse."""
    return Refused(status, encode(message) + b"\n")


def unparsable(what: str, problem: str) -> Refused:
    """`what`: alerts, silence."""
    return coded(400, f'parsing {what} body from "" failed, because {problem}')


def json(body: bytes) -> bytes:
    """The body as Go would read it: broken text mended. Raises msgspec.DecodeError, UnicodeDecodeError or RecursionError when
    it is no JSON, whatever type was expected."""
    washed = launder(body)
    if washed is None:
        msgspec.json.decode(body)
    return body if washed is None else washed


class BadTime(ValueError):
    """A text that is no time."""


def time(text: str | None) -> datetime | None:
    """None for an absent one, an empty one and Go's zero time. Raises BadTime."""
    if not text:
        return None
    found = moment(text)
    if found is None and not text.startswith("0001-"):
        shown = text[:64]
        raise BadTime(f'parsing time "{shown}" as "2006-01-02 15:04:05": cannot parse "{shown}" as "2006"')
    return found


def problem(error: Exception, whole: str, field: str = "") -> str:
    """What is wrong with a body that msgspec could not decode into `whole` (a Go type), or into `field` of that type."""
    said = str(error)
    if isinstance(error, RecursionError):
        return "invalid character '[' exceeded max depth"
    if not isinstance(error, msgspec.ValidationError):
        return "unexpected EOF" if "truncated" in said else f"invalid JSON: {said}"
    match = _WRONG_TYPE.match(said)
    if match is None:
        return said
    got = _TYPES.get(match["got"], match["got"])
    path = _INDEX.sub("", match["path"] or "")
    if field and match["path"]:
        return f"json: cannot unmarshal {got} into Go struct field {field} of type string"
    if path:
        return f"json: cannot unmarshal {got} into Go struct field {path} of type string"
    target = f"struct field {field} of type {whole}" if field else f"value of type {whole}"
    return f"json: cannot unmarshal {got} into Go {target}"
