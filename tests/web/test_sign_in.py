"""Signing in and out, in a browser."""

from __future__ import annotations

from tocsin.manage import access

from .visitor import ADMIN, Site, text_of

GOOD = "staple horse battery"


async def test_a_link_asks_before_it_is_spent_works_once_and_leads_to_what_to_do_first(site: Site) -> None:
    link = await access.create_link(site.world.ctx, ADMIN, "alice")
    preview, alice, mallory = site.stranger(), site.stranger(), site.stranger()
    assert "Sign in as Alice" in text_of(await preview.get(link))
    answer = await alice.send(link, page=link)
    assert answer.headers["location"] == "/welcome"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    words = text_of(await alice.get("/welcome"))
    assert "Set your password" in words
    assert "Pages reach you by phone" in words
    assert "tocsin apply" not in words, "who may not configure is not told how"
    assert "used" in text_of(await mallory.get(link, 410))
    assert (await preview.send(link, {}, page="/sign-in")).status_code == 410


async def test_alice_sets_a_password_signs_out_and_comes_back_where_she_wanted_to_go(site: Site) -> None:
    alice = await site.someone("alice")
    said = await alice.says(
        await alice.send("/account/password", {"password": GOOD, "again": GOOD, "from": "welcome"}, page="/welcome")
    )
    assert "Your password is set" in said
    assert "You are signed out" in await alice.says(await alice.send("/sign-out", page="/account"))
    await alice.get("/", 303)
    await alice.get("/sign-in?next=/oncall")
    assert 'value="/oncall"' in alice.seen
    answer = await alice.send("/sign-in", {"user": "alice", "password": GOOD, "next": "/oncall"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/oncall")
    assert "Alice" in text_of(await alice.get("/oncall"))


async def test_a_wrong_password_is_told_politely_and_too_many_are_429_with_the_time_to_wait(site: Site) -> None:
    stranger = site.stranger()
    for _ in range(access.GUESSES_PAIR):
        answer = await stranger.send("/sign-in", {"user": "alice", "password": "wrong"}, page="/sign-in")
        assert answer.status_code == 401
        assert "The user name or the password is not right." in text_of(answer.text)
        assert 'value="alice"' in answer.text
        assert "wrong" not in answer.text.replace("w-", "")
    answer = await stranger.send("/sign-in", {"user": "alice", "password": GOOD}, page="/sign-in")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900


async def test_the_password_form_says_what_is_wrong_at_its_field(site: Site) -> None:
    alice = await site.someone("alice")
    for given, told in (
        ({"password": "short", "again": "short"}, "at least 12 characters"),
        ({"password": GOOD, "again": "another one entirely"}, "The two passwords differ"),
    ):
        answer = await alice.send("/account/password", given, page="/account")
        assert answer.status_code == 422
        assert told in text_of(answer.text)
        assert 'aria-invalid="true"' in answer.text
        assert GOOD not in answer.text


async def test_a_session_that_ended_leads_back_to_signing_in(site: Site) -> None:
    alice = await site.someone("alice")
    site.world.clock.advance(access.SESSION_IDLE * 1.01)
    answer = await alice.http.get("/incidents")
    assert answer.headers["location"] == "/sign-in?next=/incidents"
    live = await alice.http.get("/incidents", headers={"HX-Request": "true"})
    assert live.headers["hx-redirect"] == "/sign-in"


async def test_an_admin_makes_a_token_that_is_shown_once_and_revokes_it(site: Site) -> None:
    ada = await site.someone("ada")
    answer = await ada.send("/tokens", {"name": "deploy", "role": "observer"}, page="/tokens")
    secret = next(word for word in text_of(answer.text).split() if word.startswith("tocsin_"))
    assert answer.headers["cache-control"] == "no-store"
    assert (await access.principal_of_token(site.world.ctx, secret)).role == "observer"
    assert secret not in await ada.get("/tokens")
    taken = await ada.send("/tokens", {"name": "deploy", "role": "observer"})
    assert taken.status_code == 422
    assert "choose another" in text_of(taken.text)
    assert "is revoked" in await ada.says(await ada.send("/tokens/revoke", {"name": "deploy"}, page="/tokens"))


async def test_an_admin_makes_a_sign_in_link_for_alice(site: Site) -> None:
    ada = await site.someone("ada")
    answer = await ada.send("/tokens/link", {"user": "alice"}, page="/tokens")
    link = next(word for word in text_of(answer.text).split() if "/sign-in/" in word)
    assert "Sign in as Alice" in text_of(await site.stranger().get(link))


async def test_theme_and_zone_are_kept_for_this_browser(site: Site) -> None:
    alice = await site.someone("alice")
    room = await site.room()
    await alice.send("/account/view", {"theme": "dark", "zone": "Asia/Tokyo"}, page="/account")
    page = await alice.get(room)
    assert 'data-theme="dark"' in page
    assert "19:00" in page
    assert "+09:00" in page
    wrong = await alice.send("/account/view", {"theme": "auto", "zone": "Mars/Base"}, page="/account")
    assert wrong.status_code == 422
    assert "is not a time zone" in text_of(wrong.text)
    await alice.send("/account/view", {"theme": "auto", "zone": ""}, page="/account")
    assert "data-theme" not in await alice.get(room)
