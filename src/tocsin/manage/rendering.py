"""Markdown documents as HTML: nothing but what the renderer makes itself gets through, so whoever wrote a text cannot write markup."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from markdown_it import MarkdownIt

from tocsin.core.markup import visible

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
_BOXES = re.compile(r"(<li>(?:\n<p>)?)\[([ x])\] ")

STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --muted: #59636e; --line: #d5dae0; --paper: #fff; --soft: #f5f7f9 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ed; --muted: #9aa4b0; --line: #39414b; --paper: #14181d; --soft: #1c2229 }
}
body { margin: 0; background: var(--paper); color: var(--text); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; overflow-wrap: anywhere }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1.5rem }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem }
ul { padding-left: 1.2rem; margin: .4rem 0 } li { margin: .2rem 0; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100%; font-size: .95rem }
th, td { text-align: left; padding: .4rem .6rem; border: 1px solid var(--line) }
th { background: var(--soft) } hr { border: 0; border-top: 1px solid var(--line); margin: 2.5rem 0 1rem }
hr ~ p { color: var(--muted); font-size: .9rem }
a { color: inherit }
@media print {
  :root { --text: #000; --muted: #444; --line: #bbb; --paper: #fff; --soft: #f3f3f3 }
  body { font-size: 10.5pt } main { max-width: none; padding: 0 } h1, h2, h3 { break-after: avoid } li, tr { break-inside: avoid }
  @page { margin: 18mm 16mm }
}
"""
POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content policy of a document: its own style and nothing else."""


_CROWD = re.compile(r"(?:^- \*\*[^*\n]+\*\* [^\n]*\n){200,}", re.MULTILINE)
_ENTRY = re.compile(r"^- \*\*([^*\n]+)\*\* ([^\n]*)$", re.MULTILINE)


def html_of(markdown: str) -> str:
    """The body of a document. Links are kept when they lead to http(s) or mail.

    Hundreds of entries of a timeline in a row, which are plain text with its special characters escaped, do not go through the
    renderer: it would take seconds.
    """
    crowds = [_entries(found[0]) for found in _CROWD.finditer(markdown)]
    mark = hashlib.sha256(
        markdown.encode()
    ).hexdigest()  # nobody can have written it into the text that it is made from
    made: str = _MARKDOWN.render(_CROWD.sub(f"\n{mark}\n\n", markdown) if crowds else markdown)
    for crowd in crowds:
        made = made.replace(f"<p>{mark}</p>", crowd, 1)
    return _BOXES.sub(lambda found: f"{found[1]}{'☑' if found[2] == 'x' else '☐'} ", made)


def _entries(lines: str) -> str:
    items = (
        f"<li><strong>{escape(at)}</strong> {escape(_ESCAPE.sub(_unescaped, said))}</li>"
        for at, said in _ENTRY.findall(lines)
    )
    return "<ul>\n" + "\n".join(items) + "\n</ul>"


_ESCAPE = re.compile(r"\\(\W)")


def _unescaped(found: re.Match[str]) -> str:
    return found[1]


_CODE = r"<pre>.*?</pre>|<code>.*?</code>"
_DATED = re.compile(
    rf"{_CODE}|(?P<day>\d{{4}}-\d\d-\d\d) (?P<clock>\d\d:\d\d:\d\d)(?: UTC|(?P<entry></strong>))"
    r"(?P<run>(?: \[[^\]\n]*\])?(?: -)? \d+ entries until (?P<until>\d\d:\d\d:\d\d))?",
    re.DOTALL,
)


def in_zone(html: str, place: ZoneInfo) -> str:
    """Times of a document, which are UTC, in somebody's own zone with its offset; the time in UTC is in the markup, and on hover. What
    stands in code stays."""

    def local(found: re.Match[str]) -> str:
        if found["day"] is None:
            return found[0]
        try:
            shown = _time(found["day"], found["clock"], place) + (found["entry"] or "")
        except (ValueError, OverflowError):  # 2026-13-45 25:00:00, as somebody wrote it
            return found[0]
        if found["run"] is None:
            return shown
        return shown + found["run"][: -len("00:00:00")] + _time(found["day"], found["until"], place)

    return _DATED.sub(local, html)


def _time(day: str, clock: str, place: ZoneInfo) -> str:
    at = datetime.fromisoformat(f"{day}T{clock}+00:00")
    shown = at.astimezone(place)
    offset = f"{shown:%z}"
    name = "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:5]}"
    return (
        f'<time datetime="{at.isoformat()}" title="{at:%Y-%m-%d %H:%M:%S} UTC">{shown:%Y-%m-%d %H:%M:%S} {name}</time>'
    )


def page(title: str, markdown: str, place: ZoneInfo) -> str:
    """A whole document that stands on its own, good to read, keep and print; its times in the zone `place`."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(" ".join(visible(title).split()))}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{in_zone(html_of(markdown), place)}</main>\n</body>\n</html>\n"
    )
