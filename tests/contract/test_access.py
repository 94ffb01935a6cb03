"""Contract: tokens, the five roles, and the 401, 403 and 404 of "Answers"; the browser's side: sign-in, CSRF, headers."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest

from .world import TOKEN, Api, House, Http, fresh, until

ROLES = ("admin", "manager", "responder", "observer", "stakeholder")


def test_no_or_a_wrong_token_is_401(house: House) -> None:
    for told in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer "},
                 {"Authorization": f"Bearer {TOKEN[:-1]}"}, {"Authorization": "Bearer tocsin_" + "x" * 43}):  # fmt: skip
        for method, path in (("GET", "/incidents"), ("POST", "/incidents"), ("GET", "/users"), ("POST", "/apply")):
            reply = house.http.call(method, f"/api/v1{path}", headers=told)
            reply.problem(401)
            assert "bearer" in reply.headers["www-authenticate"].lower()


def test_without_a_token_nobody_learns_what_exists(house: House, api: Api) -> None:
    made = api.declare()["id"]
    for id in (made, "INC-00000000"):
        house.http.get(f"/api/v1/incidents/{id}").problem(401)


READS = {
    "/incidents": ROLES,
    "/alerts": ROLES[:4],
    "/events": ROLES[:4],
    "/oncall": ROLES[:4],
    "/schedules/solo/shifts": ROLES[:4],
    "/services": ROLES[:4],
    "/users": ROLES[:4],
    "/export": ROLES[:2],
    "/tokens": ROLES[:1],
}


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_may_read(of_role: dict[str, Api], role: str) -> None:
    made = of_role["admin"].declare()["id"]
    reads = {**READS, f"/incidents/{made}": ROLES, f"/incidents/{made}/timeline": ROLES,
             f"/incidents/{made}/pages": ROLES[:4], f"/incidents/{made}/explain": ROLES[:4]}  # fmt: skip
    for path, roles in reads.items():
        reply = of_role[role].get(path)
        if role in roles:
            assert reply.status == 200, path
        else:
            reply.problem(403)


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_may_do(of_role: dict[str, Api], role: str) -> None:
    made = of_role["admin"].declare()["id"]
    writes: list[tuple[str, str, Any, tuple[str, ...]]] = [
        ("POST", "/incidents", {"title": fresh(), "severity": "sev4_low", "service": "listed"}, ROLES[:3]),
        ("POST", f"/incidents/{made}/acknowledge", {}, ROLES[:3]),
        ("POST", f"/incidents/{made}/notes", {"text": "x"}, ROLES[:3]),
        ("POST", f"/incidents/{made}/assign", {"user": "bob"}, ROLES[:3]),
        ("PATCH", f"/incidents/{made}", {"title": "y"}, ROLES[:3]),
        ("POST", f"/incidents/{made}/resolve", {}, ROLES[:3]),
        ("POST", f"/incidents/{made}/reopen", {}, ROLES[:3]),
        ("POST", "/teams", {"id": fresh("team"), "members": ["bob"]}, ROLES[:2]),
        ("POST", "/apply?dry_run=true", {"files": [{"name": "a.yml", "text": "version: 1\n"}]}, ROLES[:2]),
        ("POST", "/tokens", {"name": fresh(), "role": "observer"}, ROLES[:1]),
    ]
    for method, path, body, roles in writes:
        reply = of_role[role].call(method, path, body)
        if role in roles:
            assert reply.status in (200, 201), f"{path}: {reply.text}"
        else:
            assert role in reply.problem(403)["detail"]


def test_a_token_is_shown_once_and_can_be_revoked(house: House, api: Api) -> None:
    name = fresh("token")
    made = api.post("/tokens", {"name": name, "role": "observer"}).ok(201)
    assert made["token"]
    mine = Api(house.url, made["token"])
    assert mine.get("/incidents").status == 200
    listed = next(t for t in api.items("/tokens") if t["name"] == name)
    assert made["token"] not in str(listed)
    assert listed["role"] == "observer"
    api.post("/tokens", {"name": name}).problem(409)
    api.post("/tokens", {"name": fresh(), "role": "king"}).points_at("/role")
    assert api.call("DELETE", f"/tokens/{name}").status == 200
    mine.get("/incidents").problem(401)


def test_a_responder_sees_neither_keys_nor_addresses(of_role: dict[str, Api]) -> None:
    told = of_role["responder"].get("/services").text + of_role["responder"].get("/users").text
    assert "0123456789abcdef0123456789abcdef" not in told
    assert "http://127.0.0.1" not in told
    assert "0123456789abcdef0123456789abcdef" in of_role["manager"].get("/services").text


# --- the browser ------------------------------------------------------------------------------------------------------


class Browser(Http):
    """Keeps cookies."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.jar: dict[str, str] = {}

    def visit(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Any:
        raw = urlencode(form).encode() if form is not None else None
        told = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.jar.items()), **headers}
        if raw is not None:
            told["Content-Type"] = "application/x-www-form-urlencoded"
        reply = self.call(method, path, headers=told, raw=raw)
        for name, morsel in SimpleCookie(reply.headers.get("set-cookie", "")).items():
            self.jar[name] = morsel.value
        return reply

    def send(self, path: str, form: dict[str, str], page: str | None = None) -> Any:
        """Fill the form on a page of ours, and send it."""
        token = re.search(r'name="_csrf" value="([^"]+)"', self.visit("GET", page or path).text)
        assert token is not None
        return self.visit("POST", path, {**form, "_csrf": token[1]})


@pytest.fixture(scope="module")
def browser(house: House) -> Browser:
    """Signed in by the link that the first start printed."""
    found = re.search(r"Sign in with this link, once: (\S+)", until(lambda: house.said()))
    assert found is not None
    path = found[1].removeprefix(house.url)
    made = Browser(house.url)
    for _ in range(2):  # looking at it does not spend it
        assert made.visit("GET", path).status == 200
    reply = made.send(path, {})
    assert reply.status in (302, 303)
    other = Browser(house.url)
    assert other.visit("GET", path).status == 410
    return made


def test_pages_need_a_sign_in(house: House) -> None:
    for path in ("/", "/incidents", "/alerts", "/oncall", "/services"):
        reply = Browser(house.url).visit("GET", path)
        assert reply.status in (302, 303, 401), path
        if reply.status != 401:
            assert reply.headers["location"].startswith("/sign-in")
    assert Browser(house.url).visit("GET", "/sign-in").status == 200


def test_the_web_application_starts_at_the_root(house: House, browser: Browser) -> None:
    made = house.api.declare(title=fresh("Seen"))
    reply = browser.visit("GET", "/")
    assert reply.status == 200
    assert "open incident" in reply.text
    assert made["title"] in browser.visit("GET", "/incidents").text
    assert browser.visit("GET", f"/incidents/{made['id']}").status == 200
    assert browser.visit("GET", "/incidents/INC-00000000").status == 404


def test_a_password_signs_in_and_guessing_is_slowed(house: House, browser: Browser) -> None:
    secret = "correct horse battery staple"
    reply = browser.send("/account/password", {"password": secret, "again": secret}, "/account")
    assert reply.status in (302, 303)
    again = Browser(house.url)
    assert again.send("/sign-in", {"user": "admin", "password": "wrong"}).status == 401
    assert again.send("/sign-in", {"user": "admin", "password": secret}).status in (302, 303)
    assert again.visit("GET", "/").status == 200
    stranger = Browser(house.url)
    heard = [stranger.send("/sign-in", {"user": "bob", "password": f"guess {n}"}).status for n in range(7)]
    assert heard[0] == 401
    assert heard[-1] == 429


def test_a_form_without_its_token_changes_nothing(house: House, browser: Browser) -> None:
    made = house.api.declare()["id"]
    for form in ({}, {"_csrf": "x"}, {"_csrf": "00.11"}):
        assert browser.visit("POST", f"/incidents/{made}/acknowledge", form).status == 403
    assert house.api.incident(made)["status"] == "detected"
    reply = browser.send(f"/incidents/{made}/acknowledge", {}, f"/incidents/{made}")
    assert reply.status in (200, 302, 303)
    assert house.api.incident(made)["acknowledged_by"] == "user:admin"


def test_a_cookie_does_not_write_through_the_api(house: House, browser: Browser) -> None:
    made = house.api.declare()["id"]
    assert browser.visit("GET", f"/api/v1/incidents/{made}").status == 200
    assert browser.visit("POST", f"/api/v1/incidents/{made}/acknowledge").status == 401


def test_sensible_headers(house: House, browser: Browser) -> None:
    headers = browser.visit("GET", "/").headers
    assert "default-src" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"].split("script-src")[-1].split(";")[0]
    assert "frame-ancestors" in headers["content-security-policy"] or "x-frame-options" in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"]
    cookie = Browser(house.url).visit("GET", "/sign-in").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite" in cookie
    assert house.api.get("/incidents").headers["cache-control"] == "no-store"
