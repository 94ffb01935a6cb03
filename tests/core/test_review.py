"""The report and the review as documents: headings to the letter, unknown never 0, nothing that people wrote makes markup."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core import report, review, review_text
from tocsin.core.answers import span
from tocsin.core.business import Hours
from tocsin.core.due import business_days_after, due
from tocsin.core.markup import block, line, prose
from tocsin.core.record import Record, Sent, Told, measured
from tocsin.core.review import Action, Factor, FollowUp, Written
from tocsin.core.severity import Severity
from tocsin.manage.rendering import html_of, in_zone

START = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
BERLIN = Hours(time_zone="Europe/Berlin")


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def record(**more: Any) -> Record:
    given: dict[str, Any] = {
        "id": "INC-1A2B3C4D", "title": "Pool exhausted", "severity": "sev1_critical", "status": "resolved", "created_at": START,
        "detected_at": START, **more,
    }  # fmt: skip
    return Record(**given)


def test_what_is_not_known_is_said() -> None:
    text = review_text.markdown(record(status="closed"), review.NOTHING, START)
    for said in (
        "**Time to Detection:** Unknown",
        "**Time to Response:** Unknown",
        "**Services Affected:** Unknown",
        "**Customer Impact:** Unknown",
    ):
        assert said in text, said
    assert "0.0 minutes" not in text


def test_figures_count_from_the_times_that_are_known() -> None:
    figures = measured(
        record(
            impact_started_at=at(-3), acknowledged_at=at(2), restored_at=at(43), resolved_at=at(60), assigned_at=at(0.5),
            certainty={"impact_started": "estimated"},
            communications=[
                Sent(at=at(10), actor="a", channel="public", message="x", kept=None),
                Sent(at=at(35), actor="a", channel="public", message="y", kept=False),
            ],
        )
    )  # fmt: skip
    assert (figures.to_detect, figures.to_respond, figures.to_restore, figures.to_resolve, figures.impact) == (
        3,
        2,
        43,
        60,
        46,
    )
    assert (figures.to_assign, figures.first_word, figures.longest_silence) == (0.5, 10, 25)
    assert (figures.promises, figures.promises_kept) == (1, 0)
    assert figures.estimated == ("to_detect", "impact")


def test_measured_answers_say_the_target_and_whether_it_was_met() -> None:
    text = review_text.markdown(
        record(impact_started_at=at(-3), restored_at=at(150), acknowledged_at=at(20)), review.NOTHING, START
    )
    for said in (
        "- **Detection:** detected in 3 min; target 5 min: met", "- **Response:** somebody answered in 20 min; target 15 min: missed",
        "- **Resolution:** restored in 2 h 30 min; target 2 h: missed",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "0 s"),
        (0.75, "45 s"),
        (1.5, "1 min 30 s"),
        (3, "3 min"),
        (59.9, "59 min"),
        (65, "1 h 5 min"),
        (1440, "1 d"),
        (1500, "1 d 1 h"),
    ],
)
def test_spans_read_well(minutes: float, said: str) -> None:
    assert span(minutes) == said


def test_the_timeline_of_a_review_is_merged_and_without_noise() -> None:
    entries = [
        Told(at=at(0), kind="incident_created", actor="x", details="Pool exhausted"),
        Told(at=at(0), kind="notified", actor="tocsin", details="noise"),
        Told(at=at(1), kind="paged", actor="tocsin", details="Alice (primary)"),
    ]
    change = Told(at=at(-20), kind="change", actor="", details="Change on api: v2")
    text = review_text.markdown(
        record(timeline=entries, surroundings=[change], impact_started_at=at(-5)), review.NOTHING, START
    )
    told = re.findall(r"^- \*\*(2026-[^*]*)\*\* - (.*)$", text, re.MULTILINE)
    assert [details for _, details in told] == [
        "Change on api: v2",
        "Impact began",
        "Pool exhausted",
        "Paged: Alice (primary)",
    ]


def test_days_stand_in_a_timeline_that_spans_several() -> None:
    entries = [Told(at=at(60 * hour), kind="note_added", actor="a", details="x") for hour in (0, 1, 12)]
    lines = report.timeline(entries)
    assert [text for text in lines if text.startswith("###")] == ["### 2026-11-20", "### 2026-11-21"]


def test_names_become_roles_where_causes_are_told() -> None:
    written = Written(
        sections={"root_cause": "Alice Ng and Bob saw no limit", "what_happened": "Alice Ng called"},
        factors=[Factor(id=1, kind="process", text="Only Bob knew")],
    )
    text = review_text.markdown(
        record(people={"Alice Ng": "the incident commander", "Bob": "a responder"}), written, START
    )
    assert "the incident commander and a responder saw no limit" in text
    assert "Only a responder knew" in text
    assert "Alice Ng called" in text


def test_the_same_data_have_the_same_hash() -> None:
    one, other = record(), record(title="Pool exhausted ")
    assert review.snapshot(one, review.NOTHING) == review.snapshot(record(), review.NOTHING)
    assert review.snapshot(one, review.NOTHING) != review.snapshot(other, review.NOTHING)
    assert review.snapshot(one, review.NOTHING) in review_text.markdown(one, review.NOTHING, START)


def test_follow_ups_that_can_be_seen_to_be_done_are() -> None:
    actions = [Action(id=1, action="x", due_on=date(2026, 12, 1), state="done", ended_at=at(60))]
    marked = [FollowUp(task="timeline", done_at=at(30), done_by="alice")]
    made = review.follow_ups(
        marked, actions, timeline_by=at(120), meet_by=None, publish_by=at(900), published_at=at(500)
    )
    assert {one.task: (one.done_at, one.done_by) for one in made} == {
        "timeline": (at(30), "alice"), "meeting": (None, ""), "actions": (at(60), "tocsin"), "runbooks": (None, ""),
        "share": (at(500), "tocsin"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "missing"),
    [("sev1_critical", 3), ("sev2_high", 3), ("sev3_medium", 2), ("sev4_low", 0)],
)
def test_what_a_review_needs_depends_on_the_severity(severity: str, missing: int) -> None:
    assert len(review.incomplete(severity, review.NOTHING)) == missing


def test_a_long_timeline_is_the_same_as_a_page() -> None:
    """What is drawn in a hurry reads like what is drawn by the renderer."""
    nasty = "a_b & <b>bold</b> [x](javascript:1) *y* # z | `c` ~d~ 1. \\ &amp;"
    lines = [f"- **10:00:{at:02}** [{line('al_ice')}] note_added: {line(nasty)}" for at in range(10)]
    slow, fast = (html_of("## Timeline\n\n" + "\n".join(lines * times) + "\n\n## End\n") for times in (1, 30))
    item = re.findall(r"<li>.*</li>", slow)[0]
    assert fast.count(item) == 30
    assert fast.count("<li>") == 300
    assert (fast.count("<h2>"), fast.count("<ul>")) == (2, 1)


EVIL = st.text(st.sampled_from("<>&[]()!#*_`~|-+=.:/\\ \n\r\t1aZ\u202e\u200b\0\"'{}^$@;"), max_size=60)


@settings(max_examples=80, deadline=None)
@given(EVIL)
def test_nothing_that_is_written_makes_markup(text: str) -> None:
    """A whole document keeps its own headings, whatever stands in it."""
    made = html_of(f"# {line(text)}\n\n- {line(text)}\n\n{block(text)}\n\n## End\n")
    tags = set(re.findall(r"<(\w+)", made))
    assert tags <= {"h1", "h2", "ul", "li", "p", "br"}, made
    assert (made.count("<h1>"), made.count("<h2>")) == (1, 1)


@settings(max_examples=80, deadline=None)
@given(EVIL)
def test_prose_may_have_lists_but_no_html_and_no_headings(text: str) -> None:
    made = html_of(f"{prose(text)}\n\n## End\n") if "```" not in text and "~~~" not in text else html_of(prose(text))
    assert not re.search(r"<(script|img|iframe|h1|h3|h4|h5|h6|style)", made)
    assert not re.search(r'href="(?!https?:|mailto:|[^:]*$)', made) or "javascript" not in made


# --- dates ------------------------------------------------------------------------------------------------------------


def test_dates_follow_the_business_calendar() -> None:
    friday = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
    sev1, sev2 = due(Severity.SEV1, "required", BERLIN, friday), due(Severity.SEV2, "required", BERLIN, friday)
    assert sev1.timeline_by == friday + timedelta(hours=2)
    assert sev1.meet_by == friday + timedelta(hours=48)
    assert sev1.publish_by == datetime(2026, 11, 27, 16, 0, tzinfo=UTC), "the end of the fifth business day"
    assert sev1.meeting_at == datetime(2026, 11, 22, 14, 0, tzinfo=UTC), "48 hours do not wait for Monday"
    assert (sev2.meet_by, sev2.meeting_at) == (sev2.publish_by, datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    assert due(Severity.SEV3, "short", BERLIN, friday).meet_by is None


def test_no_meeting_is_proposed_for_the_middle_of_the_night() -> None:
    saturday = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    proposed = due(Severity.SEV1, "required", BERLIN, saturday).meeting_at
    assert proposed == datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


def test_holidays_and_clock_changes_do_not_shorten_the_days() -> None:
    thursday = datetime(2026, 3, 26, 9, 0, tzinfo=UTC)
    assert business_days_after(BERLIN, thursday, 5) == datetime(2026, 4, 2, 15, 0, tzinfo=UTC)
    closed = Hours(time_zone="Europe/Berlin", holidays=(date(2026, 4, 2),))
    assert business_days_after(closed, thursday, 5) == datetime(2026, 4, 3, 15, 0, tzinfo=UTC)
    never = Hours(days=(), time_zone="UTC")
    assert business_days_after(never, thursday, 5) == thursday + timedelta(days=5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 350 * 24 * 60))
def test_a_meeting_is_always_in_time_and_by_day(minutes: int) -> None:
    resolved = at(minutes)
    dates = due(Severity.SEV1, "required", BERLIN, resolved)
    assert dates.meeting_at is not None
    assert dates.meet_by is not None
    assert resolved < dates.meeting_at <= dates.meet_by


def test_a_page_shows_the_viewers_zone_and_keeps_the_time_in_utc() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    told = [Told(at=START + timedelta(seconds=n), kind="paged", actor="tocsin", details=f"Bob {n}") for n in range(300)]
    text = (
        report.markdown(record(timeline=told), START, dated=True)
        + "\n`2026-01-05 09:00:00 UTC` 2026-13-45 09:00:00 UTC"
    )
    made = in_zone(html_of(text), berlin)
    shown = START.astimezone(berlin)
    assert f'title="{START:%Y-%m-%d %H:%M:%S} UTC">{shown:%Y-%m-%d %H:%M:%S} UTC+01:00</time></strong>' in made
    last = (START + timedelta(seconds=299)).astimezone(berlin)
    assert re.search(rf"entries until <time[^>]*>{last:%Y-%m-%d %H:%M:%S} UTC\+01:00</time>", made)
    assert "<code>2026-01-05 09:00:00 UTC</code> 2026-13-45 09:00:00 UTC" in made, "code, and what is no time, stay"
    assert "UTC+" not in report.markdown(record(timeline=told), START)
