"""A form that was refused comes back as it was filled in: what was typed and chosen is put into the page that is drawn anew.

The room has some forty forms. None of them has to know of this: the one that was sent is found by where it leads and by its hidden
fields, its fields are filled from what was sent, what it stands folded in is opened, and each problem is told at its field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

TOKEN = "_csrf"
TYPED, LINES = ("input", "textarea", "select"), ("label", "p")
CHOSEN, PRESSED = ("checkbox", "radio"), ("submit", "button", "image", "reset", "file", "hidden")

Attributes = dict[str, str | None]


@dataclass
class Tag:
    """A start tag as it stands in the text, from `start` to `end`; `close` is where its element's content ends, `host` where the
    line of text begins that it stands in (a paragraph may not stand in one)."""

    name: str
    attributes: Attributes
    start: int
    end: int
    close: int = 0
    host: int | None = None

    def of(self, name: str) -> str:
        return self.attributes.get(name) or ""

    def written(self) -> str:
        said = (
            f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in self.attributes.items()
        )
        return f"<{self.name}{''.join(said)}>"


@dataclass
class Form:
    """A form, what it stands folded in, and its parts in order (fields and options)."""

    tag: Tag
    folds: list[Tag]
    parts: list[Tag] = field(default_factory=list)

    def likeness(self, path: str, given: Mapping[str, str]) -> tuple[int, int]:
        """How surely it is the one that was sent: (0, 0) when it is not."""
        hidden = {one.of("name"): one.of("value") for one in self.parts if one.of("type") == "hidden"}
        hidden.pop(TOKEN, None)
        if urlsplit(self.tag.of("action")).path != path or any(
            given.get(name) != said for name, said in hidden.items()
        ):
            return 0, 0
        fields = {one.of("name") for one in self.parts if one.name in TYPED}
        return 1 + len(fields & given.keys()), len(hidden)


class Reader(HTMLParser):
    """Finds the forms of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=False)
        self.lines, self.forms, self._form = [0], [], None  # type: list[int], list[Form], Form | None
        self._folds, self._lines = [], []  # type: list[Tag], list[int]
        for line in html.split("\n"):
            self.lines.append(self.lines[-1] + len(line) + 1)
        self.feed(html)
        self.close()

    def _place(self) -> int:
        line, column = self.getpos()
        return self.lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        start = self._place()
        found = Tag(tag, dict(attrs), start, start + len(self.get_starttag_text() or ""))
        if tag == "details":
            self._folds.append(found)
        elif tag == "form":
            self._form = Form(found, list(self._folds))
            self.forms.append(self._form)
        elif tag in LINES:
            self._lines.append(start)
        elif self._form is not None and tag in (*TYPED, "option"):
            found.host = self._lines[0] if self._lines else None
            self._form.parts.append(found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details" and self._folds:
            self._folds.pop()
        elif tag == "form":
            self._form, self._lines = None, []
        elif tag in LINES and self._lines:
            self._lines.pop()
        elif self._form is not None and tag in TYPED:
            last = next((one for one in reversed(self._form.parts) if one.name == tag), None)
            if last is not None:
                last.close = self._place()


Tell = Callable[[str, str], str]
"""(id, problem) -> the paragraph that tells of it."""


def refilled(
    html: str, path: str, given: Mapping[str, str], problems: Sequence[tuple[str, str]], tell: Tell
) -> str | None:
    """The page with the form that leads to `path` as it was sent. `problems`: (name of the field, what is wrong); what belongs to no
    field of the form is told at its beginning. None when the page does not have this form (any more)."""
    forms = Reader(html).forms
    best = max(forms, key=lambda one: one.likeness(path, given), default=None)
    if best is None or best.likeness(path, given) == (0, 0):
        return None
    said: dict[str, list[str]] = {}
    names = {one.of("name") for one in best.parts if one.name in TYPED and one.of("type") not in PRESSED}
    for name, problem in problems:
        said.setdefault(name if name in names else "", []).append(problem)
    changes = [*_opened(best), *_filled(best, given, said, tell)]
    for start, end, text in sorted(changes, reverse=True):
        html = html[:start] + text + html[end:]
    return html


Change = tuple[int, int, str]


def _opened(form: Form) -> list[Change]:
    for fold in form.folds:
        fold.attributes["open"] = None
    return [(fold.start, fold.end, fold.written()) for fold in form.folds]


def _filled(form: Form, given: Mapping[str, str], said: Mapping[str, list[str]], tell: Tell) -> list[Change]:
    form.tag.attributes["data-refused"] = None
    seen = any(one.of("type") not in PRESSED for one in form.parts)  # a button alone has the sentence at the top
    general = "".join(tell("", problem) for problem in said.get("", ())) if seen else ""
    changes: list[Change] = [(form.tag.start, form.tag.end, form.tag.written() + general)]
    select, told = "", set()
    for one in form.parts:
        name, after = one.of("name"), ""
        if one.name == "option":
            _mark(one, "selected", _value(one) == given.get(select))
            if select in given:
                changes.append((one.start, one.end, one.written()))
            continue
        if one.of("type") in PRESSED:
            continue
        if name in said and name not in told:
            told.add(name)
            id = f"refused-{one.of('id') or name}"
            one.attributes |= {"aria-invalid": "true", "aria-describedby": f"{one.of('aria-describedby')} {id}".strip()}
            after = "".join(tell(id, problem) for problem in said[name])
        select = name if one.name == "select" else ""
        changes += _field(one, given.get(name), after)
    return changes


def _field(one: Tag, text: str | None, after: str) -> list[Change]:
    """The field with what was typed; `after` stands behind it, or before the line that it is in."""
    if one.of("type") in CHOSEN:
        _mark(one, "checked", text is not None and text == (one.of("value") or "on"))
    elif one.name == "input" and text is not None:
        one.attributes["value"] = text
    tail = one.host if one.host is not None else one.end if one.name == "input" else one.close + len(f"</{one.name}>")
    changes = [(one.start, one.end, one.written()), (tail, tail, after)]
    if one.name == "textarea" and text is not None:
        changes.append(
            (one.end, one.close, "\n" + escape(text, quote=False))
        )  # a browser leaves the first line break out
    return changes


def _value(option: Tag) -> str | None:
    return option.attributes.get("value")


def _mark(one: Tag, name: str, on: bool) -> None:
    one.attributes.pop(name, None)
    if on:
        one.attributes[name] = None
