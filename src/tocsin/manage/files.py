"""YAML as we read it: every scalar is text, everything knows its line, and nothing in a file can make us work without end.

Reading goes event by event, so that duplicate keys, aliases, tags, depth and size are ours to decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from tocsin.core.configuration import KINDS
from tocsin.core.directory import Directory
from tocsin.core.errors import Problem
from tocsin.core.shape import Path, short
from tocsin.core.spelling import plain

MOST_CHARACTERS = 2_000_000
MOST_NODES = 500_000
DEEPEST = 32

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_DUMPER = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
_TAGS = {None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))}


class File(NamedTuple):
    """A configuration file as somebody gave it: its name (for messages and origins) and its text."""

    name: str
    text: str


class Node(NamedTuple):
    """A value and the line on which it begins: text, None (nothing written), a list, or fields with the line of each key.

    `weight` counts the nodes within, aliases expanded.
    """

    line: int
    value: str | list[Node] | dict[str, tuple[int, Node]] | None
    weight: int = 1

    def plain(self) -> Any:
        """Plain dicts, lists and text. A field with nothing written after it counts as left out."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, (_, node) in self.value.items() if node.value is not None}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def line_of(self, path: Path) -> int:
        """The line of the field or item at `path`, or of the nearest thing around it that is written."""
        node, line = self, self.line
        for step in path:
            if isinstance(node.value, dict) and str(step) in node.value:
                line, node = node.value[str(step)]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.line
            else:
                break
        return line


class _Stop(Exception):
    """This file cannot be read any further."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def read(file: File) -> tuple[Node | None, list[Problem]]:
    """The file's one document (None when it cannot be read to its end), and all that is wrong with it as YAML."""
    reader = _Reader()
    try:
        node = reader.document(_text(file))
    except _Stop as stop:
        node = None
        reader.found.append((stop.line, stop.message))
    return node, [Problem(message, "", file.name, line) for line, message in reader.found]


def _text(file: File) -> str:
    if len(file.text) > MOST_CHARACTERS:
        raise _Stop(1, f"this file has {len(file.text)} characters: split it, one file may have {MOST_CHARACTERS}")
    for number, line in enumerate(file.text.split("\n"), 1):
        if not line.isprintable() and (bad := next((c for c in line if _unreadable(c)), None)):
            raise _Stop(number, f"there is a control character (U+{ord(bad):04X}) here: remove it")
    return file.text.removeprefix("\ufeff")


def _unreadable(character: str) -> bool:
    return (
        (character < " " and character not in "\t\r")
        or "\x7f" <= character <= "\x9f"
        or "\ud800" <= character <= "\udfff"
    )


@dataclass
class _Open:
    """A list or a mapping that has begun and not ended yet."""

    line: int
    anchor: str | None
    items: list[Node] | None = None
    fields: dict[str, tuple[int, Node]] | None = None
    key: tuple[int, str] | None = None
    weight: int = 1

    def close(self) -> Node:
        return Node(self.line, self.items if self.fields is None else self.fields, self.weight)


@dataclass
class _Reader:
    """Builds nodes from YAML events. `found` gathers what is wrong but does not keep us from reading on."""

    found: list[tuple[int, str]] = field(default_factory=list)
    anchors: dict[str, Node | None] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    root: Node | None = None

    def document(self, text: str) -> Node:
        """The one document in `text`. Raises _Stop."""
        for event in self._events(text):
            if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
                raise _Stop(
                    _line(event), "a second document begins here: keep one per file, and give several files instead"
                )
            self._take(event)
        if self.root is None or self.root.value is None:
            raise _Stop(1, "this file is empty: begin with `version: 1`")
        return self.root

    def _events(self, text: str) -> Iterator[Any]:
        parser = _LOADER(text)
        try:
            while parser.check_event():
                yield parser.get_event()
        except yaml.MarkedYAMLError as error:
            raise _Stop(*_syntax(error, text)) from None
        except yaml.YAMLError as error:
            raise _Stop(1, f"this is not YAML: {error}") from None
        finally:
            parser.dispose()

    def _take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._check_tag(event)
                written = event.value or event.style or event.tag
                self._add(Node(_line(event), event.value if written else None), event.anchor)
            case yaml.AliasEvent():
                self._add(self._alias(event), None)
            case yaml.MappingStartEvent():
                self._open(event, _Open(_line(event), event.anchor, fields={}))
            case yaml.SequenceStartEvent():
                self._open(event, _Open(_line(event), event.anchor, items=[]))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                done = self.stack.pop()
                self._add(done.close(), done.anchor)

    def _check_tag(self, event: Any) -> None:
        if event.tag not in _TAGS:
            self.found.append((_line(event), f"the tag {short(event.tag)} is not used here: remove it"))

    def _alias(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            why = "names what it stands in" if event.anchor in self.anchors else "names nothing written above"
            raise _Stop(_line(event), f"the alias *{event.anchor} {why}: write the value itself")
        return node._replace(line=_line(event))

    def _open(self, event: Any, opened: _Open) -> None:
        self._check_tag(event)
        if len(self.stack) >= DEEPEST:
            raise _Stop(_line(event), f"this is nested deeper than {DEEPEST} levels: flatten it")
        if self.stack and self.stack[-1].fields is not None and self.stack[-1].key is None:
            raise _Stop(_line(event), "a list or fields cannot be a key: write a name before the colon")
        if opened.anchor:
            self.anchors[opened.anchor] = None
        self.stack.append(opened)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        parent.weight += node.weight
        if parent.weight > MOST_NODES:
            raise _Stop(
                node.line, f"this file has more than {MOST_NODES} values once its aliases are expanded: use fewer"
            )
        if parent.items is not None:
            parent.items.append(node)
        elif parent.fields is not None:
            self._add_field(parent, parent.fields, node)

    def _add_field(self, parent: _Open, fields: dict[str, tuple[int, Node]], node: Node) -> None:
        if parent.key is None:
            if not isinstance(node.value, str | None):
                raise _Stop(node.line, "a list or fields cannot be a key: write a name before the colon")
            parent.key = (node.line, node.value or "")
            return
        (line, key), parent.key = parent.key, None
        if key == "<<":
            self.found.append((line, "merge keys (<<) are not expanded here: write the fields out"))
        elif key in fields:
            self.found.append(
                (line, f"the field {short(key)} stands here twice, first on line {fields[key][0]}: remove one")
            )
        else:
            fields[key] = (line, node)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _syntax(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """The line of a syntax error, and a sentence about it."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return 1, f"this is not YAML: {error.problem}"
    line = int(mark.line) + 1
    written = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return line, "a tab indents this line: use spaces"
    context = (
        f" ({error.context} on line {error.context_mark.line + 1})" if error.context and error.context_mark else ""
    )
    return line, f"this is not YAML: {error.problem}{context}; look at the indentation, quotes and brackets up to here"


def write(directory: Directory) -> str:
    """The whole configuration as one file that reads back as the same."""
    parts = ["version: 1\n"]
    for kind in KINDS:
        if objects := directory.kind(kind):
            parts.append(_dump({kind: [plain(objects[name]) for name in sorted(objects)]}, flow=None))
    if directory.default_escalation_policy is not None:
        parts.append(_dump({"default_escalation_policy": directory.default_escalation_policy}, flow=False))
    if directory.severities:
        parts.append(_dump({"severities": plain(directory.severities)}, flow=None))
    return "".join(parts)


def _dump(section: dict[str, Any], flow: bool | None) -> str:
    """`flow` None: what holds no further lists or fields stands on one line."""
    text: str = yaml.dump(
        section, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=flow, width=1_000_000
    )
    return text


class _Dumper(_DUMPER):  # type: ignore[valid-type, misc]
    """Never writes anchors: what is equal twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
