"""What updates say and promise: the same facts in the words of each audience, the next time, and what becomes of promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.audience import AUDIENCES, Audiences, Channel, public_impact
from tocsin.core.briefing import NAMES, example, length, money, retimed, values
from tocsin.core.briefing import public_impact as noticed
from tocsin.core.business import Hours
from tocsin.core.errors import Invalid
from tocsin.core.impact import Impact
from tocsin.core.language import lint_update
from tocsin.core.matrix import DEFAULTS
from tocsin.core.severity import Severity
from tocsin.core.spelling import decode, plain
from tocsin.core.update import Said, cadence, next_by, promises, read_cause, read_next, too_long, unlike
from tocsin.core.update_template import MOMENTS, UpdateTemplate
from tocsin.core.update_words import BUILT_IN, wording
from tocsin.core.words_template import TemplateError, render

NOON = datetime(2024, 3, 15, 14, 45, tzinfo=UTC)
FRIDAY_EVENING = datetime(2024, 3, 15, 17, 30, tzinfo=UTC)
SEV1, SEV3 = DEFAULTS[Severity.SEV1], DEFAULTS[Severity.SEV3]
MINUTE = timedelta(minutes=1)


def told(moment: str, audience: str, **changes: object) -> str:
    material = msgspec.structs.replace(example(NOON), **changes)
    return render(BUILT_IN[moment, audience], values(material, audience))


def test_the_situation_update_has_every_line_of_the_guide_in_its_order() -> None:
    lines = told("update", "stakeholders").splitlines()
    assert lines[0] == "INCIDENT UPDATE - SEV-1 - Card payments fail"
    wanted = [
        "Time: 14:45 UTC (13 min since detection)", "STATUS: Identified", "IMPACT:", "- since 14:30 UTC", "- ~1,200 users",
        "- $15K/hour (source: revenue dashboard)", "WHAT WE KNOW:", "- fact: The connection pool of the database is exhausted",
        "- hypothesis: A deploy at 14:25 leaks connections", "CURRENT ACTIONS:", "- [Alice Ng] Roll back the deploy",
        "NEXT UPDATE: 15:00 UTC or sooner if status changes",
    ]  # fmt: skip
    assert [line for line in lines if line in wanted] == wanted
    assert lines[-2].startswith("INCIDENT CHANNEL: #inc-20240315-payments")
    assert lines[-1] == "IC: Carol Diaz (carol@example.com)"


def test_the_first_and_the_last_word_have_the_fields_of_the_guide() -> None:
    first = told("initial", "stakeholders", status="detected")
    for part in (
        "ID: INC-2024-041",
        "Severity: SEV-1",
        "Impact: ",
        "Status: Investigating",
        "ETA: TBD",
        "Updates: every 15 minutes",
    ):
        assert part in first, part
    last = told("resolution", "stakeholders", status="resolved", ended_at=NOON)
    for part in (
        "ID: ",
        "Duration: 15 minutes",
        "Root Cause: a lack of capacity",
        "Resolution: The deploy was rolled back",
    ):
        assert part in last, part
    assert "Follow-up: PIR scheduled for Sun 17 Mar 2024" in last


@given(
    what=st.text(max_size=40), who=st.text(max_size=40), secret=st.sampled_from(["payments-api", "Billing Core", "zeus"]),
    moment=st.sampled_from(MOMENTS), audience=st.sampled_from(AUDIENCES),
)  # fmt: skip
def test_the_public_never_reads_an_internal_name(what: str, who: str, secret: str, moment: str, audience: str) -> None:
    impact = Impact(what=f"{what} {secret}", who=who, users=1200, money_per_hour=15000)
    text = told(
        moment, audience, impact=impact, title=f"{secret} is down", public_title="", own_words=[secret], cause=None
    )
    if audience == "public":
        for internal in (secret, "$", "Alice", "Carol", "leaks", "inc-2024"):
            assert internal not in text.replace(who, ""), internal


def test_numbers_are_the_same_for_everybody() -> None:
    assert set(values(example(NOON), "public")) == set(values(example(NOON), "responders")) == set(NAMES)
    shared = ("duration", "since", "users", "minutes", "next_update", "severity", "status")
    for name in shared:
        assert len({values(example(NOON), audience)[name] for audience in AUDIENCES}) == 1, name


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("audience", ["executives", "public"])
def test_the_built_in_words_pass_the_language_check(moment: str, audience: str) -> None:
    over = moment == "resolution"
    text = told(
        moment,
        audience,
        status="resolved" if over else "investigating",
        next_update_at=None if over else NOON + 15 * MINUTE,
    )
    found = lint_update(text, status="resolved" if over else "investigating", audience=audience, has_next=not over)
    assert [one for one in found if one.level != "hint"] == []


def test_what_people_notice_reads_as_a_sentence_however_it_was_written() -> None:
    said = [
        noticed(Impact(what=what, who="shoppers"), [], [])
        for what in ("pay by card", "Cannot pay", "cards are declined", "search is slow")
    ]
    assert said == [
        "Shoppers cannot pay by card.", "Shoppers cannot pay.", "Shoppers are affected: cards are declined.",
        "Shoppers are affected: search is slow.",
    ]  # fmt: skip


def test_a_text_is_made_to_name_another_next_time() -> None:
    text = told("update", "stakeholders")
    later = retimed(text, NOON + 15 * MINUTE, NOON + 30 * MINUTE, NOON)
    assert "NEXT UPDATE: 15:15 UTC or sooner" in later
    assert later.replace("15:15", "15:00") == text
    tomorrow = retimed(
        "Next word by 15:00 UTC.\nAt 15:00 UTC a deploy began.", NOON + 15 * MINUTE, NOON + timedelta(days=1), NOON
    )
    assert tomorrow == "Next word by 14:45 UTC on Sat 16 Mar 2024.\nAt 15:00 UTC a deploy began."


def test_money_and_lengths() -> None:
    assert [money(Impact(money_per_hour=m, currency=c)) for m, c in ((15000, ""), (12.5, "EUR"), (2_500_000, "usd"))] == [
        "$15K/hour", "12.5 EUR/hour", "$2.5M/hour",
    ]  # fmt: skip
    assert [length(timedelta(minutes=m)) for m in (0, 1, 43, 125, 1500)] == [
        "less than a minute", "1 minute", "43 minutes", "2 hours 5 minutes", "1 day 1 hour",
    ]  # fmt: skip


# --- templates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__ }}", "{{ titel }}", "{% if %}", "{{ 'a' * 9 }}", "{{ 9 ** 9 }}", "{{ title | attr('__init__') }}",
        "{% include 'x' %}", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "{{ 1 / 0 }}", "{{ known[9].text }}",
        "{% for n in range(99999) %}{{ title }}{% endfor %}", "{{ self._TemplateReference__context }}", "{{ cycler }}",
        "{{ range(999999999) }}",
    ],
)  # fmt: skip
def test_a_template_reaches_plain_data_only(body: str) -> None:
    with pytest.raises(TemplateError):
        render(body, values(example(NOON), "responders"))


def test_the_template_that_names_severities_counts_before_the_one_for_all() -> None:
    one = UpdateTemplate(id="a", audience="public", moment="update", body="x")
    graded = UpdateTemplate(id="b", audience="public", moment="update", body="y", severities=("SEV1",))
    assert wording([one, graded], "public", "update", 1).id == "b"
    assert wording([one, graded], "public", "update", 2).id == "a"
    assert not wording([one], "executives", "update", 1).edited


# --- the next time ----------------------------------------------------------------------------------------------------


def test_the_next_time() -> None:
    assert read_next("15m", None, NOON) == NOON + 15 * MINUTE
    assert read_next(None, None, NOON) is None
    for after, at, pointer in (
        ("0s", None, "/next_update_in"), ("x", None, "/next_update_in"), ("40d", None, "/next_update_in"),
        (None, "2024-03-15T14:45:00Z", "/next_update_at"), (None, "tomorrow", "/next_update_at"), ("5m", "2024-03-16", "/next_update_at"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as caught:
            read_next(after, at, NOON)
        assert caught.value.pointer == pointer


def test_sev3_is_told_in_business_hours_and_a_long_incident_may_be_told_less_often() -> None:
    hours = Hours()
    assert next_by(SEV3, hours, NOON, FRIDAY_EVENING) == datetime(2024, 3, 18, 9, tzinfo=UTC)
    assert cadence(SEV1, NOON, NOON + 60 * MINUTE, 60 * MINUTE) == (15 * MINUTE, False)
    assert cadence(SEV1, NOON, NOON + 121 * MINUTE, 45 * MINUTE) == (45 * MINUTE, True)
    assert cadence(SEV1, NOON, NOON + 121 * MINUTE, 600 * MINUTE) == (60 * MINUTE, True)
    assert too_long(SEV1, hours, NOON, NOON, NOON + 30 * MINUTE)
    assert not too_long(SEV1, hours, NOON, NOON + 150 * MINUTE, NOON + 180 * MINUTE)


def test_a_cause_is_told_once_it_is_identified() -> None:
    assert read_cause("capacity", identified=True) == "capacity"
    for cause, identified in (("capacity", False), ("aliens", True)):
        with pytest.raises(Invalid):
            read_cause(cause, identified)


# --- promises ---------------------------------------------------------------------------------------------------------


def said(*lines: tuple[float, float | None], audience: str = "public", over: float | None = None) -> list[Said]:
    """(published after, promised after) in minutes."""
    return [
        Said(
            1,
            audience,
            NOON + at * MINUTE,
            None if due is None else NOON + due * MINUTE,
            None if over is None else NOON + over * MINUTE,
        )
        for at, due in lines
    ]


def test_what_becomes_of_promises() -> None:
    now = NOON + 100 * MINUTE
    found = promises(said((0, 15), (15, 30), (40, 55), (50, None)), now)
    assert (found.kept, found.broken, found.ahead, found.void) == (2, 1, 0, 0)
    assert found.latest == 600
    assert promises(said((0, 15), over=10), now).void == 1
    assert promises(said((0, 15), over=20), now).broken == 1
    assert promises(said((90, 110)), now).ahead == 1
    both = [*said((0, 15), (10, 120)), *said((0, 15), audience="executives")]
    assert (promises(both, now).kept, promises(both, now).broken, promises(both, now).ahead) == (1, 1, 1)


@given(st.lists(st.tuples(st.floats(0, 90), st.none() | st.floats(0.1, 60)), max_size=8), st.none() | st.floats(0, 200))
def test_every_promise_has_one_outcome(lines: list[tuple[float, float | None]], over: float | None) -> None:
    given_lines = [(at, None if due is None else at + due) for at, due in lines]
    found = promises(said(*given_lines, over=over), NOON + 100 * MINUTE)
    assert found.kept + found.broken + found.ahead + found.void == sum(due is not None for _, due in lines)
    assert found.share is None or 0 <= found.share <= 1


# --- audiences --------------------------------------------------------------------------------------------------------


def test_audiences_are_spelled_as_a_list_or_a_text() -> None:
    both = decode(["public", "responders"], Audiences)
    assert both == decode("responders, public", Audiences)
    assert plain(both) == "responders, public"
    assert plain(decode("nobody", Audiences)) == "nobody"
    assert decode(plain(both), Audiences) == both


def test_which_incidents_a_channel_hears_of() -> None:
    channel = Channel(
        id="x",
        audience="executives",
        type="email",
        address="a@example.com",
        severities=("SEV1", "high"),
        services=("api",),
    )
    assert channel.hears_of(2, ["web", "api"])
    assert not channel.hears_of(3, ["api"])
    assert not channel.hears_of(1, ["web"])
    assert channel.settings == {"address": "a@example.com"}


def test_social_media_hears_of_what_the_world_sees() -> None:
    assert public_impact(1, ["major_outage"], None, None)
    assert public_impact(2, [], 1200, None)
    assert not public_impact(1, ["degraded_performance"], None, None)
    assert not public_impact(3, ["major_outage"], 5, None)


def test_a_template_makes_no_sign_that_a_database_cannot_hold() -> None:
    assert render('{{ "\\ud800a\\x00b" }}{{ title }}', {"title": "\0c"}) == "?abc"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Some cannot pay. Next update in 15 minutes.", "15 minutes"),
        ("Next update within 2 hours", "2 hours"),
        ("next update in 15m", "15 m"),
        ("Next update in 30 minutes.", ""),
        ("Next update by 15:30 UTC.", ""),
        ("It took 15 minutes.", ""),
    ],
)
def test_a_text_that_names_another_time_than_its_promise_is_told(text: str, said: str) -> None:
    told = unlike(text, NOON, NOON + 30 * MINUTE)
    assert (told == "") == (said == "")
    assert f"The text says {said} until" in told or not said
