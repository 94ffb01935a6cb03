"""What the public is told of maintenance when what is planned and what it was told differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tocsin.core.mute import Mute
from tocsin.core.status_page import Component, StatusPage
from tocsin.flow.maintenance import changes, windows_of
from tocsin.store.status import Announced
from tocsin.store.subscribers import ToldWindow

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
PAGE = StatusPage(id="p", components=(Component(id="cards", services=("api",)),))
WORDS = {"title": "Pause"}


def planned(start: float, end: float, mute: int = 1, rule: str | None = None, **announce: str) -> Announced:
    """A window from `start` to `end` hours from now."""
    return Announced(
        Mute(
            id=mute, public_id=f"uuid-{mute}", service="api", matchers=(), starts_at=NOW + timedelta(hours=start),
            ends_at=NOW + timedelta(hours=end), created_by="x", comment="", created_at=NOW, updated_at=NOW, kind="maintenance",
            rule=rule,
        ),
        {**WORDS, **announce},
    )  # fmt: skip


def told(one: Announced, state: str, key: str | None = None) -> dict[str, ToldWindow]:
    mute = one.mute
    made = ToldWindow(
        key=key or mute.public_id, mute=mute.id, state=state, starts_at=mute.starts_at, ends_at=mute.ends_at, announce=one.announce,
    )  # type: ignore[arg-type]  # fmt: skip
    return {made.key: made}


def news(announced: list[Announced], before: dict[str, ToldWindow]) -> list[tuple[str, str, bool]]:
    """(key, what is told, whether it is remembered)."""
    found = changes(announced, windows_of(PAGE, announced), before, NOW)
    return [(one.key, one.what, one.told is not None) for one in found]


def test_new_ones_are_scheduled_or_have_begun() -> None:
    assert news([planned(1, 2)], {}) == [("uuid-1", "scheduled", True)]
    assert news([planned(-1, 2)], {}) == [("uuid-1", "in_progress", True)]


def test_what_was_told_and_is_so_is_not_told_again() -> None:
    assert news([planned(1, 2)], told(planned(1, 2), "scheduled")) == []
    assert news([planned(-1, 2)], told(planned(-1, 2), "in_progress")) == []


def test_new_times_and_new_words_are_a_change() -> None:
    before = told(planned(1, 2), "scheduled")
    assert news([planned(1, 3)], before) == [("uuid-1", "changed", True)]
    assert news([planned(1, 2, message="Longer.")], before) == [("uuid-1", "changed", True)]
    assert news([planned(-1, 3)], told(planned(-1, 2), "in_progress")) == [("uuid-1", "changed", True)]


def test_it_begins_and_it_is_completed() -> None:
    assert news([planned(-0.1, 2)], told(planned(-0.1, 2), "scheduled")) == [("uuid-1", "in_progress", True)]
    assert news([planned(-2, -0.1)], told(planned(-2, -0.1), "in_progress")) == [("uuid-1", "completed", False)]


def test_what_vanished_before_it_began_was_called_off() -> None:
    assert news([], told(planned(1, 2), "scheduled")) == [("uuid-1", "cancelled", False)]


def test_a_plan_that_is_changed_is_changed_maintenance() -> None:
    """The window of a plan is another row then."""
    before = told(planned(1, 2, mute=1, rule="weekly"), "scheduled", "rule:weekly")
    assert news([planned(3, 4, mute=2, rule="weekly")], before) == [("rule:weekly", "changed", True)]
    same = news([planned(1, 2, mute=2, rule="weekly")], before)
    assert same == [("rule:weekly", "", True)], "nothing to tell, but another row to remember"


def test_the_next_window_of_a_plan_is_news_of_its_own() -> None:
    before = told(planned(-2, -0.001, mute=1, rule="weekly"), "in_progress", "rule:weekly")
    both = [planned(-2, -0.001, mute=1, rule="weekly"), planned(166, 168, mute=2, rule="weekly")]
    assert news(both, before) == [("rule:weekly", "completed", False), ("rule:weekly", "scheduled", True)]


def test_without_named_components_those_of_its_services_are_concerned() -> None:
    [window] = windows_of(PAGE, [planned(1, 2)])
    assert window.components == ("cards",)
