"""Our answers beside those of the real Alertmanager 0.25, request by request."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tocsin.clock import Clock
from tocsin.store.database import Database

from ..api.house import PROMS, House, furnished
from ..fakes.ports import free_port

pytestmark = pytest.mark.skipif(shutil.which("prometheus-alertmanager") is None, reason="Alertmanager is not installed")

CONFIG = "route: {receiver: payments-api, group_by: ['...'], group_wait: 0s}\nreceivers: [{name: payments-api}]\n"


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """The address of a real one with its own folder."""
    (tmp_path / "am.yml").write_text(CONFIG)
    port = free_port()
    process = subprocess.Popen(
        [
            "prometheus-alertmanager", f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(100):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with furnished(db) as made:
        made.ctx.clock = Clock()
        yield made


class Pair:
    """Sends each request to both. `ids` maps the UUIDs that each gave out to names, in order."""

    def __init__(self, house: House, real: str, session: aiohttp.ClientSession) -> None:
        self._house, self._real, self._session = house, real, session
        self._ids: tuple[list[str], list[str]] = ([], [])

    async def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
        """Both answers, made comparable; `{N}` in path and body is the N-th silence."""
        given = {"Content-Type": "application/json"} if headers is None else headers
        ours = await self._house.call(
            method, f"/integrations/{PROMS}{self._named(path, 0)}", self._named(body.decode("latin-1"), 0).encode("latin-1"),
            {"Accept": "*/*", **given},
        )  # fmt: skip
        async with self._session.request(
            method, self._real + self._named(path, 1), data=self._named(body.decode("latin-1"), 1).encode("latin-1"),
            headers=given, skip_auto_headers=("Content-Type",),
        ) as reply:  # fmt: skip
            theirs = (reply.status, await reply.read(), reply.headers.get("Allow", ""))
        return (
            self._comparable(ours.status, ours.body, ours.headers.get("allow", ""), 0),
            self._comparable(*theirs, 1),
        )

    def _named(self, text: str, side: int) -> str:
        return re.sub(r"\{(\d+)\}", lambda m: self._ids[side][int(m[1])], text)

    def _comparable(self, status: int, body: bytes, allow: str, side: int) -> Any:
        text = body.decode()
        for found in re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text):
            if found not in self._ids[side] and "0000-0000" not in found:
                self._ids[side].append(found)
        for number, id in enumerate(self._ids[side]):
            text = text.replace(id, f"<{number}>")
        text = re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"<time>"', text)
        text = text.replace("[POST,GET]", "[GET,POST]").replace(
            "[DELETE,GET]", "[GET,DELETE]"
        )  # Go's maps have no order
        methods = sorted(allow.split(","))
        return status, json.loads(text) if text.strip() else "", methods if status == 405 else []


def ts(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def silence(**changes: Any) -> bytes:
    full = {
        "matchers": [{"name": "x", "value": "1", "isRegex": False, "isEqual": True}],
        "startsAt": ts(0), "endsAt": ts(60), "createdBy": "me", "comment": "c",
    }  # fmt: skip
    return json.dumps({k: v for k, v in {**full, **changes}.items() if v != "absent"}).encode()


A, S = "/api/v2/alerts", "/api/v2/silences"
OK = b'[{"labels":{"alertname":"a","x":"1"},"generatorURL":"http://x/y","annotations":{"summary":"s"}}]'

ALERT_BODIES = [
    OK, b'[{"labels":{}}]', b'[{"labels":{"a":', b"[{}]", b'[{"annotations":{}},{"annotations":{}}]', b"[]", b"null", b"", b" ",
    b"{}", b"5", b'"x"', b"nul", b'{"a":1',
    b'[{"labels":{"alertname":"good"}},{"labels":{}}]', b'[{"labels":{"alertname":"good2"}},{"labels":{"":"x"}}]',
    b'[{"labels":{}},{"labels":{"alertname":"good3"}},{"labels":{"":"x"}}]',
    b'[{"labels":{"alertname":""}}]', b'[{"labels":{"alertname":"b","empty":""}}]', b'[{"labels":{"a":null}}]',
    b'[{"labels":{"alertname":"\\ud800"}}]', b'[{"labels":{"alertname":"\xff!"}}]',
    b'[{"labels":{"a":1}}]', b'[{"labels":[]}]', b'[{"labels":null}]', b'[{"labels":{"a":"1"},"annotations":null}]',
    b'[{"labels":{"a":"1"},"annotations":{"x":5}}]', b'[{"labels":{"a":"1"},"startsAt":5}]',
    b'[{"labels":{"a":"1"},"startsAt":"xx"}]', b'[{"labels":{"a":"2"},"generatorURL":""}]',
    b'[{"labels":{"a":"3"},"startsAt":"2026-01-01 00:00:00"}]', b'[{"labels":{"a":"4"},"startsAt":"0001-01-01T00:00:00Z"}]',
    b'[{"labels":{"a":"5"},"startsAt":"2030-01-01T00:00:00Z","endsAt":"2020-01-01T00:00:00Z"}]',
    b'[{"x":' + b"[" * 20_000,
]  # fmt: skip

REQUESTS: list[tuple[str, str, bytes, dict[str, str] | None]] = [
    *(("POST", A, body, None) for body in ALERT_BODIES),
    ("POST", A + "/", OK, None),
    *(
        ("POST", A, OK, headers)
        for headers in (
            {"Content-Type": "text/plain"}, {}, {"Content-Type": "garbage"}, {"Content-Type": "APPLICATION/JSON; charset=utf-8"},
        )
    ),
    *((method, A, b"", None) for method in ("PUT", "DELETE", "OPTIONS")),
    *(
        ("GET", f"{A}{place}?{query}", b"", None)
        for place in ("", "/groups")
        for query in (
            "", "filter=x%3D1", "filter=x%3D%221%22", "filter=alertname%3D~%22a%7Cb%22", "filter=x%21%3D1", "filter=bad",
            "filter=%7Ba%3D1%7D", "filter=x%3D~%22(%22", "filter=", "receiver=payments-api", "receiver=payments", "receiver=.*",
            "receiver=(", "active=false", "active=x", "active=", "active=TRUE", "silenced=false", "inhibited=false",
            "unprocessed=false", "filter=alertname%3Da&filter=x%3D1", "filter=a%3D%221%22%2Cx%3D%221%22", "nosuch=1",
        )
    ),
    ("GET", "/api/v2/receivers", b"", None), ("POST", "/api/v2/status", b"", None),
    ("GET", "/api/v2/nope", b"", None),
]  # fmt: skip


async def test_alerts(house: House, alertmanager: str) -> None:
    async with aiohttp.ClientSession() as session:
        pair = Pair(house, alertmanager, session)
        different = []
        for request in REQUESTS:
            ours, theirs = await pair.ask(*request)
            if ours != theirs:
                different.append((request[:2], request[2][:80], ours, theirs))
        assert not different, "\n".join(map(str, different))


async def test_silences(house: House, alertmanager: str) -> None:
    steps: list[tuple[str, str, bytes]] = [
        ("POST", A, OK),
        ("POST", S, silence()),
        ("GET", S, b""), ("GET", "/api/v2/silence/{0}", b""), ("GET", A, b""), ("GET", f"{A}?silenced=false", b""),
        ("POST", S, silence(id="{0}", endsAt=ts(120), comment="longer")),
        ("GET", S, b""),
        ("POST", S, silence(id="{0}", matchers=[{"name": "x", "value": "2", "isRegex": False}])),
        ("GET", S, b""), ("GET", A, b""),
        ("POST", S, silence(id="nope")), ("POST", S, silence(id="00000000-0000-0000-0000-000000000000")),
        ("POST", S, silence(id="", comment="another")),
        ("DELETE", "/api/v2/silence/{1}", b""), ("DELETE", "/api/v2/silence/{1}", b""), ("GET", "/api/v2/silence/{1}", b""),
        ("GET", "/api/v2/silence/nope", b""), ("DELETE", "/api/v2/silence/nope", b""),
        ("GET", "/api/v2/silence/00000000-0000-0000-0000-000000000000", b""),
        ("POST", S, silence(id="{1}", comment="from the dead")),
        ("POST", S, silence(startsAt=ts(60), endsAt=ts(120), comment="later")),
        ("POST", S, silence(startsAt=ts(-10), endsAt=ts(5), comment="earlier")),
        *(("POST", S, silence(**changes)) for changes in (
            {"matchers": []}, {"matchers": "absent"}, {"createdBy": "absent"}, {"comment": "absent"}, {"startsAt": "absent"},
            {"endsAt": "absent"}, {"endsAt": ts(-5)}, {"startsAt": ts(10), "endsAt": ts(5)},
            {"startsAt": ts(-10), "endsAt": ts(-5)}, {"startsAt": "bad"},
            *({"matchers": [matcher]} for matcher in (
                {"name": "", "value": "1", "isRegex": False}, {"name": "x", "value": "", "isRegex": False},
                {"name": "x", "value": "(", "isRegex": True}, {"name": "x", "value": ".*", "isRegex": True},
                {"name": "x", "value": "(?=a)", "isRegex": True}, {"name": "x", "value": "*", "isRegex": True},
                {"name": "x", "value": "1"}, {"name": "x", "isRegex": False}, {"value": "x", "isRegex": False},
                {"name": "x", "value": "9", "isRegex": False, "isEqual": False},
            )),
        )),
        ("POST", S, b""), ("POST", S, b'{"a":'), ("POST", S, b"null"),
        ("PUT", S, b""), ("DELETE", S, b""), ("PUT", "/api/v2/silence/{1}", b""),
        ("GET", f"{S}?filter=bad", b""), ("GET", f"{S}?filter=x%3D2", b""), ("GET", f"{S}?filter=x%21%3D9", b""),
        ("GET", f"{S}?filter=x%3D~%22.*%22", b""),
    ]  # fmt: skip
    async with aiohttp.ClientSession() as session:
        pair = Pair(house, alertmanager, session)
        different = []
        for step in steps:
            ours, theirs = await pair.ask(*step)
            if ours != theirs:
                different.append((step[:2], step[2][:200], ours, theirs))
        assert not different, "\n".join(map(str, different))


async def test_health(house: House, alertmanager: str) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/-/healthy", "/-/ready"):
            ours = await house.call("GET", f"/integrations/{PROMS}{path}")
            async with session.get(alertmanager + path) as theirs:
                assert (ours.status, ours.body) == (theirs.status, await theirs.read())
                assert ours.headers["content-type"] == theirs.headers["Content-Type"]
