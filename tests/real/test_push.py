"""Web push of a whole Tocsin: one key for all its life, and no calls into the network around it."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import httpx

from ..fakes.browser import Browser
from ..test_up import Tocsin, tocsin

CONFIGURATION = {"version": 1, "users": [{"id": "alice", "name": "Alice Ng", "role": "admin"}]}


def signed_in(one: Tocsin) -> httpx.Client:
    """A browser that used the link of the first start."""
    client = httpx.Client(base_url=one.url, follow_redirects=True)
    link = one.wait_for(r"Sign in with this link, once: (\S+)")[1]
    assert client.post(link, data={"_csrf": form_token(client.get(link).text)}).status_code == 200
    return client


def form_token(page: str) -> str:
    found = re.search(r'name="_csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


def test_the_key_is_made_once_and_only_public_push_services_are_called(place: Path) -> None:
    (place / "tocsin.yml").write_text(json.dumps(CONFIGURATION))
    keys = []
    for _ in range(2):
        arguments = ("up", "--data", str(place / "data"), "--port", "0", "--config", str(place / "tocsin.yml"))
        with tocsin(*arguments) as one, closing(signed_in(one)) as alice:
            page = alice.get("/account").text
            key = re.search(r'data-key="([\w-]{87})"', page)
            assert key, page
            keys.append(key[1])
            for endpoint in (f"{one.url}/inside", "https://169.254.169.254/latest", "https://localhost/x"):
                form = {"_csrf": form_token(page), "name": "x", "endpoint": endpoint, **Browser("").keys}
                answer = alice.post("/account/devices", data=form, headers={"HX-Request": "true"})
                assert "must be a public address that begins with https://" in answer.text
            for path in ("/app.webmanifest", "/sw.js", "/offline"):
                assert alice.get(path).status_code == 200
            assert one.stop() == 0, one.said
    assert keys[0] == keys[1]
