"""What hides what: rules by labels, and services that others depend on."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.configuration import Service
from tocsin.core.directory import Directory
from tocsin.core.inhibition import Causes, dependencies, rules_of
from tocsin.core.planned import Inhibition
from tocsin.core.spelling import decode


def rules(*raw: dict[str, Any]) -> Any:
    return rules_of(
        Directory.of({"inhibitions": [decode({"id": f"r{n}", **one}, Inhibition) for n, one in enumerate(raw)]})
    )


DOWN = {"source": ['alertname="Down"'], "target": ['severity="warning"'], "equal": ["cluster", "zone"]}


def test_labels_must_be_equal_and_absent_ones_count_as_empty() -> None:
    causes: Causes[int] = Causes(rules(DOWN))
    causes.add(1, {"alertname": "Down", "cluster": "eu"})
    assert causes.of({"severity": "warning", "cluster": "eu", "zone": ""}) is not None
    assert causes.of({"severity": "warning", "cluster": "eu", "zone": "a"}) is None
    assert causes.of({"severity": "critical", "cluster": "eu"}) is None


def test_the_first_rule_and_the_oldest_cause_are_told() -> None:
    causes: Causes[int] = Causes(rules({**DOWN, "equal": ()}, DOWN))
    causes.add(1, {"alertname": "Down", "cluster": "us"})
    causes.add(2, {"alertname": "Down", "cluster": "eu"})
    found = causes.of({"severity": "warning", "cluster": "eu"})
    assert found is not None
    assert (found[0].id, found[1]) == ("r0", 1)


def test_dependencies_reach_far_and_circles_end() -> None:
    arrows = {"a": ["b"], "b": ["c"], "c": ["a", "gone"], "d": []}
    directory = Directory.of(
        {
            "services": [
                Service(id=name, depends_on=tuple(to), hidden_by_dependencies=True) for name, to in arrows.items()
            ]
        }
    )
    assert dependencies(directory, "a") == {"b", "c", "gone"}
    assert dependencies(directory, "c") == {"a", "b", "gone"}
    assert dependencies(directory, "d") == dependencies(directory, "unknown") == frozenset()


NAMES = st.sampled_from("abcdef")


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=6))
def test_nothing_ever_depends_on_itself(arrows: dict[str, list[str]]) -> None:
    directory = Directory.of(
        {
            "services": [
                Service(id=name, depends_on=tuple(to), hidden_by_dependencies=True) for name, to in arrows.items()
            ]
        }
    )
    for name in arrows:
        reach = dependencies(directory, name)
        assert name not in reach
        assert set(arrows[name]) - {name} <= reach
        assert all(set(arrows.get(one, ())) - {name} <= reach for one in reach)


LABELS = st.fixed_dictionaries({"n": st.sampled_from("abc"), "c": st.sampled_from("12")})
RULES = st.lists(
    st.builds(
        lambda s, t, equal: {"source": [f'n="{s}"'], "target": [f'n="{t}"'], "equal": equal},
        st.sampled_from("abc"), st.sampled_from("abc"), st.sampled_from([[], ["c"]]),
    ),
    max_size=5,
)  # fmt: skip


@given(RULES, st.lists(LABELS, min_size=1, max_size=8))
def test_however_rules_point_some_alert_is_always_seen(raw: list[dict[str, Any]], alerts: list[dict[str, str]]) -> None:
    """Alerts come one by one and are then let go in turn, as a silence does that held them back: never are all of them hidden."""
    hidden: dict[int, int] = {}

    def known() -> Causes[int]:
        causes: Causes[int] = Causes(rules(*raw))
        for number, labels in enumerate(alerts, 1):
            if number in seen:
                causes.add(number, labels, hidden.get(number))
        return causes

    seen: set[int] = set()
    for number, labels in enumerate(alerts, 1):
        if (found := known().of(labels, number)) is not None:
            hidden[number] = found[1]
        seen.add(number)
    for number, labels in enumerate(alerts, 1):
        hidden.pop(number, None)
        if (found := known().of(labels, number)) is not None:
            hidden[number] = found[1]
        assert len(hidden) < len(alerts)
