"""Odd input gets a polite page, never a 500; a database that is away gets a page too."""

from __future__ import annotations

import re

import pytest

from tocsin.core.configuration import Service
from tocsin.core.directory import Directory

from .visitor import Site, text_of

ODD = [
    "%00",
    "%ff",
    "%ed%a0%80",
    "%F0%9F%94%94",
    "'",
    "<script>",
    "%25",
    "a" * 3000,
    "-1",
    "99999999999999999999",
    "..%2f..",
]


@pytest.mark.parametrize("odd", ODD)
async def test_odd_words_in_addresses_are_answered_politely(site: Site, odd: str) -> None:
    ada = await site.someone("ada")
    room = await site.room()
    for path in (
        "/incidents/{}", "/incidents/{}/state", "/alerts/{}", "/services/{}", "/a/{}", "/sign-in/{}", "/static/x/{}", "/{}",
        "/incidents?q={}", "/incidents?status={}", "/incidents?severity={}", "/incidents?service={}", "/incidents?from={}",
        "/incidents?cursor={}", "/alerts?q={}", "/alerts?status={}", "/alerts?service={}", "/palette?q={}", "/incidents/new?service={}",
        "/sign-in?next={}", room + "/earlier?before={}",
    ):  # fmt: skip
        answer = await ada.http.get(path.format(odd))
        assert answer.status_code < 500, path
        assert "<script>" not in answer.text


@pytest.mark.parametrize("odd", ["\0", "\ud800", "é" * 2000, "\x1b[31m", "🔔", ""])
async def test_odd_words_in_forms_are_answered_politely(site: Site, odd: str) -> None:
    room = await site.room()
    ada, stranger = await site.someone("ada"), site.stranger()
    value = odd.encode("utf-8", "surrogatepass")
    await ada.get("/account")
    token = re.search(r'name="_csrf" value="([^"]+)"', ada.seen)
    assert token
    names = ("user", "password", "again", "current", "name", "role", "title", "description", "severity", "service", "text",
             "reason", "notes", "theme", "zone", "integration")  # fmt: skip
    body = b"_csrf=" + token[1].encode() + b"".join(b"&" + n.encode() + b"=" + _quoted(value) for n in names)
    for path in (
        "/incidents/new", f"{room}/note", f"{room}/escalate", f"{room}/assign", f"{room}/resolve", f"{room}/reopen",
        "/services/api/test", "/tokens", "/tokens/revoke", "/tokens/link", "/account/password", "/account/view", "/sign-in",
    ):  # fmt: skip
        answer = await ada.http.post(path, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
        assert answer.status_code < 500, (path, text_of(answer.text))
    await stranger.get("/sign-in")
    answer = await stranger.send("/sign-in", {"user": odd.encode("utf-8", "replace").decode(), "password": "x"})
    assert answer.status_code in (401, 429)


def _quoted(value: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in value)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("application/json", b"{"),
        ("text/plain", b"\xff\xfe"),
        ("", b"_csrf=1"),
        ("application/x-www-form-urlencoded", b"%%%&&&===" * 50),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 300_000),
        ("application/x-www-form-urlencoded", b"&a=b" * 20_000),
    ],
)
async def test_bodies_that_are_no_form_are_refused(site: Site, kind: str, body: bytes) -> None:
    ada = await site.someone("ada")
    for path in ("/account/view", "/sign-in", "/incidents/1/acknowledge"):
        answer = await ada.http.post(path, content=body, headers={"content-type": kind} if kind else {})
        assert answer.status_code in (400, 403, 413), (path, answer.status_code)


async def test_the_link_in_a_page_takes_any_body(site: Site) -> None:
    await site.room()
    link = site.world.phone("alice").last.acknowledge_url
    answer = await site.stranger().http.post(
        link, content=b"--x\r\nbroken", headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 200


async def test_a_database_that_is_away_is_a_page_that_says_so(site: Site) -> None:
    alice = await site.someone("alice")
    await site.world.db.close()
    answer = await alice.http.get("/")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "Try again" in text_of(answer.text)
    live = await alice.http.get("/", headers={"hx-request": "true"})
    assert (live.status_code, live.headers["hx-retarget"]) == (503, "#messages")
    await site.world.db.open()


async def test_names_that_are_markup_are_shown_as_they_are(site: Site) -> None:
    ctx = site.world.ctx
    ctx.directory = Directory.of(
        {"users": ctx.directory.users.values(), "services": [Service(id="api", name="<img src=x onerror=alert(1)>")]}
    )
    page = await (await site.someone("ada")).get("/services")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
