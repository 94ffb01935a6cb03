"""Who may open and do what in the browser: every route has its guard, every form its token, every answer its headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tocsin.core.permission import ROLES, Permission, allowed
from tocsin.web.app import ROUTES
from tocsin.web.authentication import csrf_fits, csrf_token, safe_next

from .visitor import ROLES as PEOPLE
from .visitor import Site, text_of

OPEN = {
    "sign_in",
    "sign_in_form",
    "sign_in_link",
    "use_link",
    "answer",
    "answer_form",
    "suggested",
    "suggested_form",
    "static",
    "favicon",
    "robots",
    "ical",
}
OPEN |= {"push_arrived", "push_renewed", "manifest", "service_worker", "offline"}
SUBSCRIBING = {"status_subscribe", "status_subscribers", "status_confirmed", "status_unsubscribed"}
"""Forms on a page that is the same for everybody, and links in letters: they do nothing in anybody's name."""
OPEN |= {"status", "status_confirm", "status_unsubscribe"} | SUBSCRIBING
WITHOUT_FORM = {"answer_form", "suggested_form", "push_arrived", "push_renewed"} | SUBSCRIBING
"""What telephones, browsers and links send without a form of ours."""


def routes() -> Iterator[tuple[str, str, str, list[Permission | None]]]:
    """Every (method, path with example ids, name, what its guards ask for) of the web application."""
    for handler in ROUTES:
        asked = [guard.permission for guard in handler.guards or [] if hasattr(guard, "permission")]
        for path in handler.paths:
            for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                yield str(method), re.sub(r"\{[^}]*\}", "1", path), handler.name or "", asked


def test_every_page_is_guarded_except_the_few_that_are_open_on_purpose() -> None:
    found = list(routes())
    assert len(found) > 35
    assert {name for _, _, name, asked in found if not asked} == OPEN


async def test_a_stranger_is_sent_to_sign_in_and_comes_back_afterwards(site: Site) -> None:
    stranger = site.stranger()
    for method, path, _, asked in routes():
        if asked and method == "GET":
            answer = await stranger.http.get(f"{path}?q=a b")
            assert answer.status_code == 303, path
            wanted = parse_qs(urlsplit(answer.headers["location"]).query)["next"]
            assert wanted == [f"{path}?q=a%20b"]


async def test_every_form_without_its_token_is_refused_whoever_sends_it(site: Site) -> None:
    ada = await site.someone("ada")
    for method, path, name, _ in routes():
        if method == "POST" and name not in WITHOUT_FORM:
            for headers in ({}, {"x-csrf-token": "0123456789abcdef.0123"}, {"hx-request": "true"}):
                answer = await ada.http.post(path, data={"user": "x"}, headers=headers)
                assert answer.status_code == 403, (path, headers)


async def test_a_form_of_another_site_is_refused_even_with_the_token(site: Site) -> None:
    ada = await site.someone("ada")
    answer = await ada.send("/account/view", {"theme": "dark"}, page="/account", sec_fetch_site="cross-site")
    assert answer.status_code == 403


async def test_each_role_is_refused_what_the_table_refuses(site: Site) -> None:
    for user, role in PEOPLE.items():
        visitor = await site.someone(user)
        await visitor.get("/account")
        for method, path, _, asked in routes():
            if any(wanted and not allowed(role, wanted) for wanted in asked):
                answer = await (visitor.http.get(path) if method == "GET" else visitor.send(path))
                assert answer.status_code == 403, (user, method, path)
                assert f"role {role}" in text_of(answer.text), path


async def test_each_role_opens_what_the_table_allows(site: Site) -> None:
    room = await site.room()
    assert set(PEOPLE.values()) == set(ROLES)
    for user in PEOPLE:
        visitor = await site.someone(user)
        for path in ("/", "/incidents", room, f"{room}/state", "/account", "/welcome", "/palette"):
            await visitor.get(path)


async def test_charlie_the_stakeholder_sees_the_incident_but_not_who_was_paged(site: Site) -> None:
    room = await site.room()
    charlie = await site.someone("charlie")
    for path in ("/", room):
        words = text_of(await charlie.get(path))
        assert "disk is broken" in words
        for hidden in ("Paged", "Escalation", "Acknowledge", "Alerts", "On call now", "phone"):
            assert hidden not in words.replace("Paged first", "").replace("Acknowledgement", ""), (path, hidden)
    await charlie.get("/alerts", 403)


async def test_olga_the_observer_sees_everything_but_no_buttons_and_no_keys(site: Site) -> None:
    room = await site.room()
    olga = await site.someone("olga")
    words = text_of(await olga.get(room))
    assert "Escalation" in words
    assert "Acknowledge" not in words.replace("Acknowledgement", "")
    page = await olga.get("/services/api")
    assert "k" * 32 not in page
    assert "Send a test alert" not in text_of(page)


async def test_erin_the_manager_sees_the_keys_and_how_to_set_up_senders(site: Site) -> None:
    page = await (await site.someone("erin")).get("/services/api")
    assert "k" * 32 in page
    assert "http://tocsin.test/v2/enqueue" in page


async def test_every_page_carries_the_headers_of_a_careful_site(site: Site) -> None:
    ada = await site.someone("ada")
    stranger = site.stranger()
    for visitor, path in (
        (ada, "/"),
        (ada, "/nothing"),
        (ada, "/incidents/INC-00000000"),
        (stranger, "/sign-in"),
        (stranger, "/a/x"),
    ):
        answer = await visitor.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] in ("same-origin", "no-referrer")
        assert answer.headers["cache-control"] in ("private, no-cache", "no-store")
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert not re.search(r"\son\w+=", answer.text)


async def test_over_https_cookies_are_secure_and_the_browser_is_told_to_stay(site: Site) -> None:
    site.world.ctx.settings = type(site.world.ctx.settings)(external_url="https://tocsin.test")
    visitor = site.stranger()
    answer = await visitor.http.get("/sign-in")
    assert "strict-transport-security" in answer.headers
    assert "Secure" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]


def test_a_form_token_fits_only_the_browser_it_was_made_for() -> None:
    token = csrf_token(b"secret", "alice's cookie")
    assert csrf_fits(b"secret", "alice's cookie", token)
    assert not csrf_fits(b"secret", "mallory's cookie", token)
    assert not csrf_fits(b"other", "alice's cookie", token)
    for nonsense in ("", ".", "x.y", "\u2603.\u2603", token[:-1], token.replace(".", "")):
        assert not csrf_fits(b"secret", "alice's cookie", nonsense)
    assert not csrf_fits(b"secret", "", csrf_token(b"secret", ""))
    assert csrf_token(b"secret", "a") != csrf_token(b"secret", "a")


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/a\nb",
        "/sign-out",
        "evil",
    ],
)
def test_after_signing_in_nobody_is_sent_to_another_site(path: str) -> None:
    assert safe_next({"next": path}) == "/"
    assert safe_next({"next": "/incidents?q=x"}) == "/incidents?q=x"
