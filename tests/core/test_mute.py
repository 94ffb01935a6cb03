"""Silences: what matches, what can be a matcher, and that nothing can hang us."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tocsin.core.errors import Invalid
from tocsin.core.mute import (
    LONGEST_PATTERN,
    MOST_MATCHERS,
    Matcher,
    Mute,
    check_matchers,
    check_times,
    may_change,
    order,
    parse_matcher,
)
from tocsin.core.silencer import Silencer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def mute(*matchers: Matcher, **changes: Any) -> Mute:
    fields: dict[str, Any] = {
        "public_id": "x", "service": "api", "matchers": matchers or (Matcher("a", "1"),), "starts_at": NOW - HOUR,
        "ends_at": NOW + HOUR, "created_by": "me", "comment": "", "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Mute(**{**fields, **changes})


@pytest.mark.parametrize(
    ("matcher", "value", "hit"),
    [
        ('a="1"', "1", True), ('a="1"', "11", False), ('a="1"', None, False), ('a=""', None, True), ('a=""', "x", False),
        ('a!="1"', "1", False), ('a!="1"', "2", True), ('a!="1"', None, True),
        ('a=~"1|2"', "2", True), ('a=~"1|2"', "12", False), ('a=~".+"', None, False), ('a=~".*"', None, True),
        ('a!~"1|2"', "2", False), ('a!~"1|2"', "12", True), ('a!~".+"', None, True),
        ('a=~"db.*"', "db1\n", False), ('a=~"(?s)db.*"', "db1\n", True), ('a=~"(?i)DB"', "db", True),
    ],
)  # fmt: skip
def test_the_four_operators_match_the_whole_value(matcher: str, value: str | None, hit: bool) -> None:
    labels = {} if value is None else {"a": value}
    assert parse_matcher(matcher).matches(labels) is hit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", "1"), (' a = "1" ', "1"), ('a=""', ""), ("a=", ""), ('a="x y"', "x y"), ("a=x y", "x y"),
        (r'a="q\"q"', 'q"q'), (r'a="back\\slash"', "back\\slash"), (r'a="two\nlines"', "two\nlines"), (r"a=\d", r"\d"),
        (r'a="\d\\n"', r"\d\n"), ("a==1", "=1"),
    ],
)  # fmt: skip
def test_matchers_are_written_with_or_without_quotes(text: str, value: str) -> None:
    assert parse_matcher(text) == Matcher("a", value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bad", "bad matcher format: bad"),
        ("", "bad matcher format: "),
        ("{a=1}", "bad matcher format: {a=1}"),
        ('a="1",x="1"', 'matcher value contains unescaped double quote: "1",x="1"'),
        ('a="', 'matcher value contains unescaped double quote: "'),
        ('a=1"', 'matcher value contains unescaped double quote: 1"'),
        ('x=~"("', "error parsing regexp: missing closing ): `^(?:()$`"),
        ("x=~a)", "error parsing regexp: unexpected ): `^(?:a))$`"),
        ("x=~a)|(?:b", "error parsing regexp: unexpected ): `^(?:a)|(?:b)$`"),
        ("a=" + "x" * 5000, f"matcher value is longer than {LONGEST_PATTERN} characters"),
    ],
)
def test_what_is_no_matcher_is_refused_in_alertmanagers_words(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_matcher(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "matcher", [Matcher("a", 'q"\n\\'), Matcher("b", "x|y", True, False), Matcher("c", "", False, False)]
)
def test_the_text_of_a_matcher_reads_back(matcher: Matcher) -> None:
    assert parse_matcher(str(matcher)) == matcher


def test_a_pattern_that_hangs_other_engines_does_not_hang_us() -> None:
    evil = [Matcher("a", pattern, True) for pattern in ("(a+)+b", "(a|aa)+b", "a*" * 20 + "b", "(.*)*x")]
    began = time.perf_counter()
    assert not any(matcher.matches({"a": "a" * 50_000}) for matcher in evil)
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(", "missing closing ): `"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        (r"(a)\1", "invalid escape sequence: `"),
        ("((a{100}){100}){100}", "invalid repeat count: `"),
        ("((((a{10}){10}){10}){10}){10}", ""),
    ],
)
def test_patterns_without_linear_time_or_bounded_size_are_refused(pattern: str, fault: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_matchers([Matcher("a", pattern, True)])
    assert str(caught.value).startswith("silence invalid: invalid label matcher 0: invalid regular expression")
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("matchers", "said"),
    [
        ([], "at least one matcher required"),
        ([Matcher("a", "")], "at least one matcher must not match the empty string"),
        (
            [Matcher("a", ".*", True), Matcher("b", "")],
            "at least one matcher must not match the empty string",
        ),
        ([Matcher("a", "1"), Matcher("", "x")], 'invalid label matcher 1: invalid label name ""'),
        ([Matcher("a", "1")] * (MOST_MATCHERS + 1), f"more than {MOST_MATCHERS} matchers"),
    ],
)
def test_a_silence_must_not_match_everything(matchers: list[Matcher], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_matchers(matchers)
    assert str(caught.value) == f"silence invalid: {said}"


def test_everything_but_one_value_may_be_silenced() -> None:
    check_matchers([Matcher("a", "1", False, False)])


def test_a_silence_mutes_from_its_start_until_just_before_its_end() -> None:
    silence = mute()
    times = (silence.starts_at - HOUR, silence.starts_at, silence.ends_at - timedelta(microseconds=1), silence.ends_at)
    assert [Silencer([silence]).find({"a": "1"}, "api", at) is not None for at in times] == [False, True, True, False]
    assert [silence.state(at) for at in times] == ["pending", "active", "active", "expired"]


def test_a_silence_stays_within_its_service() -> None:
    everywhere, here = mute(service=None, public_id="e", id=2), mute(public_id="h", id=1)
    assert Silencer([here]).find({"a": "1"}, "search", NOW) is None
    assert Silencer([here, everywhere]).find({"a": "1"}, "search", NOW) is everywhere
    assert Silencer([here, everywhere]).find({"a": "1"}, "api", NOW) is here


def test_all_matchers_must_match() -> None:
    silence = mute(Matcher("a", "1"), Matcher("b", "2", False, False))
    assert Silencer([silence]).find({"a": "1"}, "api", NOW) is silence
    assert Silencer([silence]).find({"a": "1", "b": "2"}, "api", NOW) is None


def test_what_has_been_muted_stays_true() -> None:
    active, matchers = mute(), (Matcher("a", "1"),)
    assert may_change(active, matchers, active.starts_at, NOW + 2 * HOUR, NOW)
    assert may_change(active, matchers, active.starts_at, NOW, NOW)
    assert not may_change(active, matchers, active.starts_at, NOW - timedelta(minutes=1), NOW)
    assert not may_change(active, matchers, NOW, NOW + HOUR, NOW)
    assert not may_change(active, (Matcher("a", "2"),), active.starts_at, NOW + HOUR, NOW)
    pending = mute(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    assert may_change(pending, matchers, NOW, NOW + HOUR, NOW)
    assert not may_change(pending, matchers, NOW - timedelta(minutes=1), NOW + HOUR, NOW)
    over = mute(ends_at=NOW)
    assert not may_change(over, matchers, over.starts_at, NOW + HOUR, NOW)


def test_impossible_times_are_refused() -> None:
    check_times(NOW - HOUR, NOW + HOUR, NOW)
    for starts, ends, said in (
        (NOW, NOW, "start time must be before end time"),
        (NOW + HOUR, NOW, "start time must be before end time"),
        (NOW - 2 * HOUR, NOW - HOUR, "end time can't be in the past"),
    ):
        with pytest.raises(Invalid) as caught:
            check_times(starts, ends, NOW)
        assert str(caught.value) == f"Failed to create silence: {said}"


def test_silences_are_listed_as_alertmanager_lists_them() -> None:
    def named(name: str, starts: int, ends: int) -> Mute:
        return mute(public_id=name, starts_at=NOW + starts * HOUR, ends_at=NOW + ends * HOUR)

    silences = [
        named("expired-first", -5, -3), named("expired-last", -5, -1), named("pending-late", 3, 4), named("pending-soon", 1, 9),
        named("active-long", -1, 5), named("active-short", -1, 2),
    ]  # fmt: skip
    assert [m.public_id for m in order(silences, NOW)] == [
        "active-short", "active-long", "pending-soon", "pending-late", "expired-last", "expired-first",
    ]  # fmt: skip


def test_matchers_are_stored_in_alertmanagers_spelling() -> None:
    assert msgspec.to_builtins(Matcher("a", "b", True, False)) == {
        "name": "a", "value": "b", "isRegex": True, "isEqual": False,
    }  # fmt: skip
