"""Static files: pinned, small, kept for ever under their hash."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

from tocsin.web.assets import assets

from .visitor import Site

STATIC = Path(__file__).parents[2] / "src" / "tocsin" / "web" / "static"
VENDORS = (STATIC / "vendor", Path(__file__).parents[1] / "browser" / "vendor")


async def test_a_file_under_its_hash_is_kept_for_ever_and_under_another_only_shortly(site: Site) -> None:
    stranger = site.stranger()
    answer = await stranger.http.get(assets().url("tocsin.css"), headers={"accept-encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    same = await stranger.http.get(assets().url("tocsin.css"), headers={"if-none-match": answer.headers["etag"]})
    assert same.status_code == 304
    old = await stranger.http.get("/static/0123456789ab/tocsin.css")
    assert old.headers["cache-control"] == "public, max-age=300"
    for wrong in (
        "/static/x/nothing.css",
        "/static/x/../app.py",
        "/static/x/vendor/VENDORED.md",
        "/static/x/%2e%2e/pages.py",
    ):
        assert (await stranger.http.get(wrong)).status_code == 404, wrong


def test_vendored_files_are_the_ones_that_are_written_down() -> None:
    for folder in VENDORS:
        told = dict(re.findall(r"\| (\S+\.js) \|.*\| ([0-9a-f]{64}) \|", (folder / "VENDORED.md").read_text()))
        assert told == {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.glob("*.js")}


def test_a_first_visit_is_small_enough_for_a_bad_link() -> None:
    layout = (STATIC.parent / "templates" / "layout.html").read_text()
    needed = {name for name in re.findall(r"asset\('([^']+)'\)", layout) if name.endswith((".js", ".css", ".svg"))}
    assert {"tocsin.css", "tocsin.js"} < needed, "what every page loads"
    assert sum(len(gzip.compress((STATIC / name).read_bytes())) for name in needed) < 45_000


def test_nothing_comes_from_elsewhere() -> None:
    for template in (STATIC.parent / "templates").rglob("*.html"):
        assert not re.search(r'(?:src|href)="(?:https?:)?//', template.read_text()), template
