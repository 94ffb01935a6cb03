"""Cleaning what strangers send: everything stored afterwards is valid text of bounded size that PostgreSQL can hold."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

TITLE = 1024
"""Characters of a title; longer ones are cut (a long sentence is no reason to lose a page)."""
LABEL = 1024
"""Characters of a label's value that came from `custom_details`; longer ones are cut. The details keep the whole."""
LABEL_NAME = 255
"""Entries of `custom_details` with longer names do not become labels."""
DEPTH = 64
"""How deep details may nest."""

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def without_nul(body: bytes) -> bytes:
    """JSON text with every escaped NUL character replaced by U+FFFD: PostgreSQL can hold everything but NUL."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", body) if b"\\u0000" in body else body


def launder(body: bytes) -> bytes | None:
    """The same JSON with invalid UTF-8 and lone surrogates replaced by U+FFFD, or None when it is no JSON at all."""
    try:
        value = json.loads(body.decode("utf-8", "replace"), parse_constant=_no_constant)
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def link(url: str | None) -> str:
    """`url` when a browser may follow it from our pages (http, https), else empty."""
    return url[:4096] if url and url[:8].lower().startswith(("http://", "https://")) else ""


def deep(body: bytes, value: Any) -> bool:
    """Does `value` (decoded from `body`) nest deeper than DEPTH? Cheap for ordinary bodies."""
    return body.count(b"[") + body.count(b"{") > DEPTH and _deeper(value, DEPTH)


def _deeper(value: Any, left: int) -> bool:
    if isinstance(value, dict):
        return left == 0 or any(_deeper(v, left - 1) for v in value.values())
    if isinstance(value, list):
        return left == 0 or any(_deeper(v, left - 1) for v in value)
    return False


def scalars(details: Any) -> dict[str, str]:
    """The scalar entries of an object as labels (`true`, `42`, `0.5`); null and nested values are left out."""
    labels: dict[str, str] = {}
    if type(details) is not dict:
        return labels
    for name, value in details.items():
        kind = type(value)
        if kind is str:
            labels[name] = value if len(value) <= LABEL else value[:LABEL]
        elif kind is bool:
            labels[name] = "true" if value else "false"
        elif kind is int or kind is float:
            labels[name] = str(value)[:LABEL]
    if any(len(name) > LABEL_NAME for name in labels):
        labels = {name: value for name, value in labels.items() if len(name) <= LABEL_NAME}
    return labels


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time in UTC (without offset: UTC); None for anything else and for Go's zero time."""
    if type(value) is not str:
        return None
    try:
        return in_utc(datetime.fromisoformat(value))
    except ValueError:
        return None


def in_utc(value: datetime | None) -> datetime | None:
    """The same instant in UTC (naive means UTC); None for Go's zero time and for what UTC cannot express."""
    if value is None or not 1900 <= value.year <= 9998:
        return None
    if value.tzinfo is UTC:
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)
