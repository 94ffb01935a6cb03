"""Past incidents as files have them: JSON, lines of JSON, tables; what is wrong is found at its line."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.errors import Invalid, Problem
from tocsin.core.past_file import read_file

TABLE = """\
title;severity;affected services;resolved_at;tags;percent

The pool is full;SEV1;api, web;2025-11-20T15:45:00Z;;80%
"A disk;
of two lines";SEV3;;2025-11-21T15:45:00Z;database;
"""


def test_the_ways_in_which_incidents_are_written() -> None:
    whole = read_file('{"items": [{"title": "a"}, {"title": "b"}], "source": "Jira"}')
    assert (whole.items, whole.places, whole.source) == ([{"title": "a"}, {"title": "b"}], ["Item 1", "Item 2"], "Jira")
    assert read_file('\ufeff[{"title": "a"}]').items == [{"title": "a"}]
    assert read_file('{"title": "a"}').items == [{"title": "a"}]
    lines = read_file('{"title": "a"}\n\n{"title": "b"}\n')
    assert (lines.items, lines.places) == ([{"title": "a"}, {"title": "b"}], ["Line 1", "Line 3"])
    table = read_file(TABLE)
    assert table.items[0] == {
        "title": "The pool is full", "severity": "SEV1", "affected_services": ["api", "web"],
        "resolved_at": "2025-11-20T15:45:00Z", "impact": {"percent": 80},
    }  # fmt: skip
    assert (table.items[1]["title"], table.items[1]["tags"]) == ("A disk;\nof two lines", ["database"])
    assert table.at(Problem("x", "/items/0/resolved_at")) == ("Line 3", "resolved_at")
    assert table.at(Problem("x", "/items/0/impact/percent")) == ("Line 3", "impact.percent")
    assert table.at(Problem("x", "/items")) == ("", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  ", "choose a file"),
        ("{", "not JSON"),
        ('{"items": 3}', "a list of incidents"),
        ('{"title": "a"}\n{"title": ', "line 2 is not JSON"),
        ("name,severity\nx,y", "one of them title"),
        ("title", "one of them title"),
    ],
)
def test_what_is_none_of_these(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_file(text)


@given(st.text(), st.lists(st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text())))
def test_whatever_it_is_it_is_read_or_refused(text: str, items: list[dict[str, object]]) -> None:
    with suppress(Invalid):
        found = read_file(text)
        assert len(found.items) == len(found.places)
    assert read_file(msgspec.json.encode(items).decode()).items == msgspec.json.decode(msgspec.json.encode(items))
