"""The severity guide: what answers mean, that it says why, and that nobody's answer makes things look milder than they are."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.criteria import BANDS, BY_ID, CRITERIA, assess, band, suggest, without_answer
from tocsin.core.errors import Invalid
from tocsin.core.impact import NOTHING, Impact, read_impact, stored_impact
from tocsin.core.matrix import DEFAULTS, bands_of
from tocsin.core.severity import Severity

IDS = sorted(BY_ID)
TIER_1_BANDS = bands_of(DEFAULTS, tier_1=True)
answers = st.builds(
    Impact,
    percent=st.none() | st.floats(0, 100, allow_nan=False),
    criteria=st.lists(st.sampled_from(IDS), max_size=4, unique=True).map(tuple),
    unsure=st.lists(st.sampled_from(IDS), max_size=2, unique=True).map(tuple),
    unknown=st.booleans(),
)


def severity(impact: Impact, tier_1: bool = False) -> int:
    """The number of the computed severity; 5 when the answers say nothing."""
    found = assess(impact, TIER_1_BANDS if tier_1 else BANDS)
    return found.severity if found else 5


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda one: one.id)
def test_each_criterion_alone_is_its_severity(criterion):
    found = assess(Impact(criteria=(criterion.id,)))
    assert found is not None
    assert found.severity == criterion.severity
    assert criterion.text in found.sentence


@pytest.mark.parametrize(
    ("percent", "ordinary", "tier_1"),
    [
        (100, 1, 1), (50, 1, 1), (49.9, 2, 1), (10, 2, 1), (9.99, 3, 1), (5, 3, 1),
        (4.9, 3, 2), (1, 3, 2), (0.9, 4, 3), (0.1, 4, 3), (0.09, 4, 4), (0, 4, 4),
    ],
)  # fmt: skip
def test_the_bands_of_c_8(percent, ordinary, tier_1):
    assert band(percent) == ordinary
    assert band(percent, TIER_1_BANDS) == tier_1
    assert severity(Impact(percent=percent)) == ordinary
    assert severity(Impact(percent=percent), tier_1=True) == tier_1


def test_the_sentence_says_why_and_what_would_change_it():
    found = assess(Impact(criteria=("critical_features_out", "workaround"), percent=4))
    assert found is not None
    assert found.sentence == (
        "SEV2, because: critical features out while the core works; SEV1 from 50% of users or with a yes to “complete outage for "
        "all users” or “data loss or corruption of customer data” or “security breach being exploited” or “revenue systems "
        "completely down”; SEV3 without that answer."
    )


def test_whoever_is_unsure_takes_the_higher():
    assert severity(Impact(criteria=("workaround",), unsure=("data_loss",))) == Severity.SEV1
    assert severity(Impact(unknown=True, what="Cannot pay")) == Severity.SEV2
    assert severity(Impact(unknown=True, percent=0.5)) == Severity.SEV4  # known after all


def test_a_breach_is_private_also_when_it_is_only_suspected():
    for impact in (Impact(criteria=("breach",)), Impact(unsure=("breach",))):
        found = assess(impact)
        assert found is not None
        assert found.private
    other = assess(Impact(criteria=("data_loss",)))
    assert other is not None
    assert not other.private


def test_nothing_said_computes_nothing():
    assert assess(NOTHING) is None
    assert assess(Impact(what="Cannot pay", users=1200)) is None


@given(answers, st.sampled_from(IDS), st.booleans())
def test_a_yes_never_makes_it_milder_and_unsure_counts_like_yes(impact, one, tier_1):
    yes = msgspec.structs.replace(impact, criteria=(*impact.criteria, one))
    unsure = msgspec.structs.replace(impact, unsure=(*impact.unsure, one))
    assert severity(yes, tier_1) == severity(unsure, tier_1) == min(severity(impact, tier_1), BY_ID[one].severity)


@given(answers, st.floats(0, 100), st.floats(0, 100))
def test_more_users_never_make_it_milder_and_tier_1_is_never_milder(impact, one, other):
    fewer, more = (msgspec.structs.replace(impact, percent=share) for share in sorted((one, other)))
    assert severity(more) <= severity(fewer)
    assert severity(fewer, tier_1=True) <= severity(fewer)


@given(answers, st.booleans())
def test_what_it_says_would_change_it_does(impact, tier_1):
    found = assess(impact, TIER_1_BANDS if tier_1 else BANDS)
    if found is None:
        return
    assert found.reasons[0].severity == found.severity
    for change in found.changes:
        if change.severity > found.severity:
            assert severity(without_answer(impact, change.field), tier_1) == change.severity
        else:
            edge = {1: 5, 2: 1, 3: 0.1}[change.severity] if tier_1 else {1: 50, 2: 10, 3: 1}[change.severity]
            assert severity(msgspec.structs.replace(impact, percent=float(edge)), tier_1) == change.severity
            asked = next(one.id for one in CRITERIA if one.severity == change.severity)
            assert severity(msgspec.structs.replace(impact, criteria=(asked,)), tier_1) == change.severity


@given(answers, st.sampled_from(list(Severity)))
def test_a_suggestion_is_there_exactly_when_the_impact_says_otherwise(impact, now):
    found, said = suggest(now, impact), severity(impact)
    assert (found is None) == (said in (5, now))
    if found:
        assert (found.severity, found.up) == (said, said < now)
        assert f"SEV{said}" in found.sentence
        assert f"SEV{now.value}" in found.sentence


@given(answers)
def test_what_is_stored_is_read_back(impact):
    again = read_impact(impact.plain(), IDS)
    assert again == stored_impact(again.plain())
    assert assess(again) == assess(impact) or set(impact.criteria) & set(impact.unsure)


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ({"percent": 101}, "/impact/percent"),
        ({"percent": "many"}, "/impact/percent"),
        ({"users": -1}, "/impact/users"),
        ({"criteria": ["breach", "boredom"]}, "/impact/criteria/1"),
        ({"unsure": ["x"]}, "/impact/unsure/0"),
        ({"regions": "EU"}, "/impact/regions"),
        ({"what": "x" * 1001}, "/impact/what"),
        ({"colour": "red"}, "/impact"),
        (["what"], "/impact"),
    ],
)
def test_what_cannot_be_read_names_its_field(raw, pointer):
    with pytest.raises(Invalid) as refused:
        read_impact(raw, BY_ID)
    assert refused.value.pointer == pointer


def test_odd_characters_are_made_harmless():
    impact = read_impact({"what": " a\0b\ud800 ", "regions": [" EU ", "EU", " "]}, IDS)
    assert impact.what == "a\ufffdb?"
    assert impact.regions == ("EU",)


def test_what_another_release_stored_is_read_as_far_as_it_is_known():
    assert stored_impact({"what": "x", "from_the_future": 1}) == Impact(what="x")
    assert stored_impact({"percent": "odd"}) == NOTHING
    assert stored_impact(None) == NOTHING
