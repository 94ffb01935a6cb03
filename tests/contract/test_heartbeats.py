"""`/ping/{key}` as healthchecks.io answers it, over a real socket."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from .world import Api, House, until

KEY = "8f6c9b3e-6a35-4d7b-9d9b-0c5b6a1f2e11"


def ask(house: House, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{house.url}{path}", method=method, data=body)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(
    ("path", "method", "body", "answer"),
    [(f"/ping/{KEY}", "GET", None, (200, b"OK")), (f"/ping/{KEY}", "HEAD", None, (200, b"")),
     (f"/ping/{KEY}/start", "POST", b"begun", (200, b"OK")), (f"/ping/{KEY}/0", "POST", b"x" * 700_000, (200, b"OK")),
     (f"/ping/{KEY}/log", "GET", None, (200, b"OK")), (f"/ping/{KEY}?rid=6d7e5a4c-0000-4000-8000-0123456789ab", "GET", None, (200, b"OK")),
     (f"/ping/{KEY}/256", "GET", None, (400, b"invalid url format")), (f"/ping/{KEY}?rid=x", "GET", None, (400, b"invalid uuid format")),
     ("/ping/00000000-0000-4000-8000-000000000000", "GET", None, (404, b"not found"))],
)  # fmt: skip
def test_pings(house: House, path: str, method: str, body: bytes | None, answer: tuple[int, bytes]) -> None:
    assert ask(house, path, method, body) == answer


def test_a_failed_job_opens_an_alert_and_the_next_good_ping_resolves_it(house: House, api: Api) -> None:
    assert ask(house, f"/ping/{KEY}/1", "POST", b"disk full") == (200, b"OK")
    one = until(lambda: api.get("/alerts?service=postgres-main&status=open").ok()["items"])[0]
    assert one["title"] == "nightly-backup says that it failed"
    assert one["severity"] == "sev2_high"
    assert api.get("/heartbeats/nightly-backup").ok()["status"] == "down"
    assert ask(house, f"/ping/{KEY}") == (200, b"OK")
    until(lambda: not api.get("/alerts?service=postgres-main&status=open").ok()["items"])
    assert api.get("/heartbeats/nightly-backup").ok()["status"] == "up"
