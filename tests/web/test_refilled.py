"""A refused form comes back as it was filled in."""

from __future__ import annotations

from html import escape, unescape

from hypothesis import given as drawn
from hypothesis import strategies as st

from tocsin.web.refilled import refilled

PAGE = """<main><details class="act"><summary>Severity</summary>
<form method="post" action="/i/1/severity?from=x"><input type="hidden" name="_csrf" value="t">
<div class="field"><select id="sv" name="severity"><option value="a" selected>A</option><option value="b">B</option></select></div>
<textarea id="why" name="reason" aria-describedby="hint"></textarea><input name="more" value="old &amp; tidy">
<label><input type="checkbox" name="confirm" value="yes" checked> Yes</label>
<button name="act" value="go">Go</button></form></details>
<form action="/i/1/task"><input type="hidden" name="task" value="1"><textarea name="note"></textarea></form>
<details><form action="/i/1/task"><input type="hidden" name="task" value="2"><textarea name="note"></textarea></form></details></main>
"""


def tell(id: str, problem: str) -> str:
    return f'<p id="{id}">{escape(problem)}</p>'


def test_what_was_typed_and_chosen_is_there_and_the_problem_stands_at_its_field() -> None:
    given = {"_csrf": "t", "severity": "b", "reason": "<b>\nsecond", "more": '"', "act": "go"}
    problems = [("reason", "shorten this"), ("nowhere", "it is closed")]
    page = refilled(PAGE, "/i/1/severity", given, problems, tell)
    assert page is not None
    assert '<details class="act" open>' in page
    assert '<option value="a">A</option><option value="b" selected>B' in page
    assert (
        '<textarea id="why" name="reason" aria-describedby="hint refused-why" aria-invalid="true">\n&lt;b&gt;\nsecond</textarea>'
        in page
    )
    assert '</textarea><p id="refused-why">shorten this</p>' in page
    assert '<input name="more" value="&quot;">' in page
    assert '<input type="checkbox" name="confirm" value="yes">' in page, "it was not ticked"
    assert 'data-refused><p id="">it is closed</p>' in page
    asked = refilled(PAGE, "/i/1/severity", given, [("confirm", "mean it?")], tell)
    assert asked is not None
    assert (
        '<p id="refused-confirm">mean it?</p><label><input type="checkbox" name="confirm" value="yes" aria-invalid'
        in asked
    )
    assert page.count("<textarea") == 3
    assert page.endswith(PAGE[PAGE.index('<form action="/i/1/task">') :])


def test_of_forms_that_lead_to_one_place_it_is_the_one_that_was_sent() -> None:
    page = refilled(PAGE, "/i/1/task", {"task": "2", "note": "going on"}, [("note", "too late")], tell)
    assert page is not None
    first, second = page.split('value="2"')
    assert "going on" not in first
    assert "going on" in second
    assert first.rstrip().endswith(
        '<details open><form action="/i/1/task" data-refused><input type="hidden" name="task"'
    )
    assert refilled(PAGE, "/i/1/task", {"task": "3", "note": "x"}, [], tell) is None, "that one is gone"
    assert refilled(PAGE, "/i/1/other", {}, [], tell) is None


@drawn(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_every_text_comes_back_as_it_was(text: str) -> None:
    page = refilled(PAGE, "/i/1/severity", {"reason": text, "more": text}, [], tell)
    assert page is not None
    area = page.split('aria-describedby="hint">')[1].split("</textarea>")[0]
    assert unescape(area.removeprefix("\n")) == text
    assert unescape(page.split('name="more" value="')[1].split('"')[0]) == text
