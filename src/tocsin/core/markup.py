"""What people and alerts wrote, as part of a Markdown document: it reads the same and can make no markup of its own."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\`*\[\]<>|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;)")
_STARTS = re.compile(r"^(\s*)([#+\-=](?=[\s#+\-=]|$)|\d{1,9}(?=[.)]))")
_HEADING = re.compile(r"^((?:\s*(?:>|[-+*](?=\s)|\d{1,9}[.)](?=\s)))*\s*)(#{1,6}(?=\s|$)|=+\s*$|-+\s*$)")
"""What makes one, also within quotes and lists."""
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
_UNSEEN = re.compile(
    r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0]+"
)
"""What takes room at most; beside letters it has its uses, so it is left there."""
_LONE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with what cannot be seen, or turns the direction of what follows, taken out. Line breaks stay."""
    return _HIDDEN.sub("", _LONE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))


def blank(text: str) -> bool:
    """Is there nothing in it that anybody could see?"""
    return not _UNSEEN.sub("", visible(text))


def line(text: str) -> str:
    """On one line, every special character escaped."""
    return _STARTS.sub(_escaped_start, _SPECIAL.sub(_escaped, " ".join(visible(text).split())))


def block(text: str) -> str:
    """Paragraphs and line breaks stay, every special character is escaped."""
    lines = [line(one) for one in visible(text).strip().split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(f"{one}  " if one else "" for one in lines)).rstrip()


def cell(text: str) -> str:
    """In a cell of a table."""
    return line(text) or " "


def prose(text: str) -> str:
    """Markdown that a person wrote into a section: lists, emphasis and links stay, HTML and headings do not."""
    lines = [re.sub(r"[<]|&(?=#?\w+;)", r"\\\g<0>", one) for one in visible(text).strip().split("\n")]
    return "\n".join(_HEADING.sub(r"\1\\\2", one) for one in lines)


def _escaped(match: re.Match[str]) -> str:
    return "\\" + match[0]


def _escaped_start(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}\\" if match[2].isdigit() else f"{match[1]}\\{match[2]}"
