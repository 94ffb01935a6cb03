"""Readers of status pages that others wrote, and a real mail server, against a whole Tocsin: npm `statuspage.io`, `feedparser`, aiosmtpd.

The npm client asks for upcoming maintenance where it says active or all (its own mistake), so those are asked for by plain HTTP.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import httpx
import pytest

from ..fakes.mail import MailServer
from .conftest import TOKEN, Server, until

CLIENT = "statuspage.io@3.1.1"
SCRIPT = """
const {Statuspage} = require('statuspage.io');
const client = new Statuspage('anything');
client.setApiUrl(process.argv[2]);
(async () => {
  const summary = await client.api.getSummary(), status = await client.api.getStatus(), components = await client.api.getComponents();
  const all = await client.api.incidents.getAll(), open = await client.api.incidents.getUnresolved();
  const upcoming = await client.api.scheduledMaintenances.getUpcoming();
  console.log(JSON.stringify({summary, status, components, all, open, upcoming}));
})().catch(error => { console.error(error); process.exit(1); });
"""
PAGE = {
    "id": "public", "name": "Example Status", "public": True,
    "components": [{"id": "payments", "name": "Payments", "services": ["events"]}, {"id": "shop", "name": "Shop", "group": "Front"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[Path]:
    """The npm client, installed into a folder of its own."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm: apt-get install npm")
    folder = Path(tempfile.mkdtemp(prefix="tocsin-statuspage-"))
    try:
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", CLIENT]
        done = subprocess.run(command, capture_output=True, text=True, timeout=110)
        if done.returncode:
            pytest.skip(f"npm cannot install {CLIENT} here: {done.stderr.strip()[-200:]}")
        (folder / "read.js").write_text(SCRIPT)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=10) as made:
        answer = made.post("/api/v1/status_pages", json=PAGE)
        assert answer.status_code in (201, 409), answer.text
        yield made


def declared(api: httpx.Client, title: str) -> str:
    answer = api.post("/api/v1/incidents", json={"title": title, "severity": "SEV2", "service": "events"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def says(api: httpx.Client, incident: str, message: str, **more: Any) -> None:
    body = {"audience": "public", "message": message, **more}
    answer = api.post(f"/api/v1/incidents/{incident}/updates", json=body)
    assert answer.status_code == 201, answer.text


def shown(api: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/status/api/v2/summary.json").json()
    return found


def read(client: Path, url: str) -> dict[str, Any]:
    done = subprocess.run(
        ["node", "read.js", f"{url}/status"], cwd=client, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_npm_client_reads_the_whole_page(server: Server, api: httpx.Client, client: Path) -> None:
    assert shown(api)["status"]["indicator"] == "none"
    starts = datetime.now(UTC) + timedelta(hours=3)
    window = {
        "kind": "maintenance", "services": ["events"], "reason": "disk", "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=1)).isoformat(), "announce": {"title": "Payments pause", "message": "Shortly."},
    }  # fmt: skip
    assert api.post("/api/v1/mutes", json=window).status_code == 201
    incident = declared(api, "Cards are refused")
    says(api, incident, "We look into it.", status="investigating", components={"payments": "major_outage"})
    said = time.monotonic()
    until(lambda: shown(api)["incidents"], 2)
    assert time.monotonic() - said < 2, "right within two seconds of a change"
    found = read(client, server.url)
    assert found["status"]["status"]["indicator"] == "critical"
    assert [one["name"] for one in found["components"]["components"]] == ["Payments", "Front", "Shop"]
    [one] = found["open"]["incidents"]
    assert (one["name"], one["status"], one["impact"]) == ("Cards are refused", "investigating", "critical")
    assert one["incident_updates"][0]["body"] == "We look into it."
    assert found["upcoming"]["scheduled_maintenances"][0]["name"] == "Payments pause"
    assert found["summary"]["page"] == found["components"]["page"]
    assert api.get("/status/api/v2/scheduled-maintenances/active.json").json()["scheduled_maintenances"] == []
    assert api.post(f"/api/v1/incidents/{incident}/resolve", json={}).status_code == 200
    until(lambda: not shown(api)["incidents"], 2)
    assert read(client, server.url)["all"]["incidents"][0]["status"] == "resolved"


def test_feeds_are_read_without_a_complaint(server: Server, api: httpx.Client) -> None:
    incident = declared(api, "Tom & Jerry <b>fail</b>")
    says(
        api,
        incident,
        "It <script>alert(1)</script> & more\nsecond line",
        components={"payments": "degraded_performance"},
    )
    until(lambda: any("Tom" in one["name"] for one in shown(api)["incidents"]), 2)
    for name, version in (("history.rss", "rss20"), ("history.atom", "atom10")):
        answer = api.get(f"/status/{name}")
        found = feedparser.parse(answer.content)
        assert not found.bozo, found.get("bozo_exception")
        assert found.version == version
        [entry] = [one for one in found.entries if "Tom" in one.title]
        assert entry.title == "Tom & Jerry <b>fail</b>" or "<b>" not in entry.title
        assert entry.link.startswith(f"{server.url}/status/incidents/")
        assert "second line" in entry.summary
        assert "<script" not in entry.summary
        assert entry.published_parsed[0] >= 2026
        assert api.get(f"/status/{name}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    calendar = api.get("/status/maintenance.ics").text
    assert calendar.startswith("BEGIN:VCALENDAR")
    api.post(f"/api/v1/incidents/{incident}/resolve", json={})


async def test_letters_go_to_a_real_mail_server_after_double_opt_in(
    server: Server, api: httpx.Client, mail: MailServer
) -> None:
    kim = {"address": "kim@example.com"}
    assert httpx.post(f"{server.url}/status/subscribe", data=kim).status_code == 200
    [asked] = await mail.wait(1, "kim@example.com")
    link = re.search(r"http://\S+/status/confirm/\S+", asked.text)
    assert link
    assert "Confirm" in httpx.get(link[0]).text
    assert httpx.post(link[0]).status_code == 200
    incident = declared(api, "Cards are slow")
    says(api, incident, "We look into it.", status="investigating", components={"payments": "degraded_performance"})
    told = (await mail.wait(2, "kim@example.com"))[1]
    assert told.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert str(told.message["From"]).startswith("Example Status <")
    assert "Investigating - Cards are slow" in told.text
    assert "Payments: degraded performance" in told.text
    for secret in ("INC-", "SEV2", "alice"):
        assert secret not in told.raw.decode()
    leave = str(told.message["List-Unsubscribe"]).strip("<>")
    assert httpx.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert api.get("/api/v1/subscribers").json()["items"] == []
    api.post(f"/api/v1/incidents/{incident}/resolve", json={})
