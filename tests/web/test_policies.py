"""Escalation policies in the browser and over HTTP: a preset or steps, the ladder drawn before it is saved."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from tocsin.core.configuration import EscalationPolicy
from tocsin.core.preset import steps_of
from tocsin.core.spelling import decode, plain
from tocsin.manage import configuration
from tocsin.web import policy_forms as forms

from .visitor import Site, Visitor, text_of


def form_of(html: str) -> dict[str, str]:
    """What the form would send as it stands."""
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", html):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("checkbox" not in tag or " checked" in tag):
            found[name[1]] = unescape(value[1]) if value else ""
    for name, inside in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', html, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', inside)
        found[name] = unescape(chosen[1]) if chosen else ""
    return found


async def press(who: Visitor, page: str, do: str, **typed: str) -> int:
    """Change what stands in the form and push a button; what comes back is what they see."""
    given = {**form_of(who.seen), **{name.replace("__", "."): text for name, text in typed.items()}, "do": do}
    answer = await who.send(page, given)
    if answer.status_code != 303:
        who.seen = answer.text
    else:
        await who.says(answer)
    return answer.status_code


@pytest.fixture
async def house(site: Site) -> Site:
    """The organisation stands in the database, made by hand."""
    ctx = site.world.ctx
    wanted = ctx.directory
    await configuration.change(ctx, configuration.ITSELF, lambda _: wanted)
    return site


def policy(house: Site, id: str) -> EscalationPolicy:
    return house.world.ctx.directory.escalation_policies[id]


@pytest.mark.parametrize(
    "given",
    [
        {"steps": [
            {"targets": [{"schedule": "a"}, {"user": "b"}]},
            {"after": "9m", "tier": "senior", "round_robin": True, "targets": [{"team": "t"}]},
        ]},
        {"preset": "fast", "tiers": {"on_call": [{"user": "b"}], "executive": [{"team": "t"}]}, "secondary_after": "4m", "repeat": 2},
        {"preset": "standard", "tiers": {"architect": [{"user": "b"}]}, "name": "P"},
    ],
)  # fmt: skip
def test_a_form_that_nobody_touched_gives_the_policy_back(given: dict[str, Any]) -> None:
    one = decode({"id": "p", **given}, EscalationPolicy)
    body = {name: value for name, value in forms.body(forms.of(plain(one))).items() if value is not None}
    assert decode({"id": "p", **body}, EscalationPolicy) == one


async def test_a_preset_is_chosen_looked_at_and_made(house: Site) -> None:
    erin = await house.someone("erin")
    await erin.get("/new/policy")
    assert "Choose whom to page" in text_of(erin.seen)
    typed = {"id": "night", "tier__on_call__0": "schedule:primary", "tier__senior__0": "user:bob"}
    assert await press(erin, "/new/policy", "preview", **typed) == 200
    words = text_of(erin.seen)
    assert "On call at once Alice" in words
    assert "after 15 min" in words
    assert "night" not in house.world.ctx.directory.escalation_policies, "nothing is made yet"
    assert await press(erin, "/new/policy", "tier.on_call") == 200
    assert form_of(erin.seen)["tier.on_call.1"] == ""
    assert await press(erin, "/new/policy", "kind.fast", tier__on_call__1="user:carol") == 200
    assert "after 3 min 20 s Carol" in text_of(erin.seen)
    assert await press(erin, "/new/policy", "save") == 303
    assert "Made." in text_of(erin.seen)
    assert policy(house, "night").preset == "fast"
    assert [str(step.after) for step in steps_of(policy(house, "night"))] == ["0s", "200s", "5m"]
    made = await erin.send("/policies/night/use", {"service": "api"})
    assert "Payments API climbs it from now on" in await erin.says(made)
    assert house.world.ctx.directory.services["api"].escalation_policy == "night"
    nothing = await erin.send("/policies/night/use", {"service": ""})
    assert "There is no service" in await erin.says(nothing)
    assert await press(await at(house, "erin", "/new/policy"), "/new/policy", "save", **typed) == 409


async def at(house: Site, user: str, page: str) -> Visitor:
    visitor = await house.someone(user)
    await visitor.get(page)
    return visitor


async def test_steps_are_changed_and_a_preset_is_written_out(house: Site) -> None:
    erin, page = await house.someone("erin"), "/policies/payments/edit"
    await erin.get(page)
    assert form_of(erin.seen)["step.1.target.0"] == "user:bob"
    assert await press(erin, page, "step") == 200
    await press(erin, page, "preview", step__3__after="5m", step__3__target__0="team:payments")
    assert "Step 4: 5m is before the step above (15m): order the steps" in text_of(erin.seen)
    await press(erin, page, "target.3", step__3__after="30m", step__3__tier="senior", step__3__round_robin="yes")
    assert await press(erin, page, "save", step__3__target__1="user:carol") == 303
    last = policy(house, "payments").steps[-1]
    assert (str(last.after), last.tier, last.round_robin, [t.name for t in last.targets]) == (
        "30m", "senior", True, ["team:payments", "user:carol"],
    )  # fmt: skip
    await erin.get(page)
    await press(erin, page, "kind.standard")
    assert form_of(erin.seen)["tier.senior.0"] == "team:payments", "nobody begins anew"
    await press(erin, page, "kind.steps")
    assert form_of(erin.seen)["step.3.after"] == "30m", "what was written stays"
    for odd in ("remove.9", "target.x", "kind.slow", "tier.boss", "", "remove."):
        assert await press(erin, page, odd) == 200
    await press(erin, page, "remove.3")
    assert "step.3.after" not in form_of(erin.seen)


async def test_who_saves_over_another_is_told_and_what_is_needed_stays(house: Site) -> None:
    page = "/policies/payments/edit"
    erin, ada = await at(house, "erin", page), await at(house, "ada", page)
    assert await press(ada, page, "save", name="Ada's") == 303
    assert await press(erin, page, "save", name="Erin's") == 409
    assert "Somebody changed this policy" in text_of(erin.seen)
    assert await press(erin, page, "delete") == 409
    assert "payments" in house.world.ctx.directory.escalation_policies


async def test_it_is_seen_by_who_sees_on_call_and_of_a_file_it_is_only_shown(site: Site) -> None:
    olga = await site.someone("olga")
    assert "payments" in text_of(await olga.get("/policies"))
    words = text_of(await olga.get("/policies/payments"))
    assert "Alice" in words
    assert "Edit" not in words
    await olga.get("/policies/payments/edit", status=403)
    await olga.get("/policies/nothing", status=404)
