"""Real Prometheus, Alertmanager and amtool against a whole Tocsin: a rule fires, a human is paged, answers, and it ends."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tocsin.plugins.sources.pagerduty import PagerDuty

from ..fakes.mail import MailServer
from ..fakes.ports import free_port
from ..fakes.sink import Answer, Received, Sink
from .conftest import Desk, Server, program

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("prometheus", "prometheus-alertmanager", "amtool"))), reason="not installed"
)


async def eventually(ask: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """The first true answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := await ask():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


async def page(sink: Sink, service: str, seconds: float = 20) -> Received:
    """The first page about `service` on Alice's webhook."""

    async def look() -> Received | None:
        return next((r for r in sink.at("/alice") if r.json()["incident"]["service"] == service), None)

    found: Received = await eventually(look, seconds)
    return found


async def status_of(desk: Desk, id: str, status: str) -> dict[str, Any]:
    async def look() -> Any:
        incident = await desk.get(f"/incidents/{id}")
        return incident if incident["status"] == status else None

    found: dict[str, Any] = await eventually(look)
    return found


PROMETHEUS = """\
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]
alerting:
  alertmanagers:
    - {{path_prefix: /integrations/{key}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}
"""
RULES = """\
groups:
  - name: shop
    rules:
      - alert: ShopBroken
        expr: broken == 1
        labels: {severity: critical}
        annotations: {summary: 'The shop at {{ $labels.instance }} is broken'}
"""


def metric(value: int) -> Answer:
    return Answer(200, {"Content-Type": "text/plain"}, b"broken %d\n" % value)


async def test_prometheus_fires_alice_is_paged_she_answers_and_it_ends(
    server: Server, sink: Sink, mail: MailServer, desk: Desk, tmp_path: Path
) -> None:
    sink.always("/metrics", metric(1))
    port = free_port()
    config = PROMETHEUS.format(target=server.sink_port, key=server.key("prometheus"), port=server.port)
    (tmp_path / "prometheus.yml").write_text(config)
    (tmp_path / "rules.yml").write_text(RULES)
    command = (
        "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s",
    )  # fmt: skip
    with program(port, *command):
        got = (await page(sink, "prometheus", 30)).json()
        title = f"The shop at 127.0.0.1:{server.sink_port} is broken"
        assert (got["type"], got["incident"]["title"]) == ("page", title)
        assert got["incident"]["severity"] == "sev1_critical"
        [letter] = await mail.wait(1, "alice@example.com")
        assert title in letter.text

        async with desk._session.post(got["acknowledge_url"]) as reply:
            assert reply.status == 200
        await status_of(desk, got["incident"]["id"], "acknowledged")

        sink.always("/metrics", metric(0))
        incident = await status_of(desk, got["incident"]["id"], "resolved")
    assert incident["alerts_count"] == 1
    assert len(await desk.incidents("prometheus")) == 1


ALERTMANAGER = """\
route: {{receiver: both, group_by: [alertname], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}}
receivers:
  - name: both
    webhook_configs: [{{url: '{hook}', send_resolved: true}}]
    pagerduty_configs: {events}
"""


def amtool(url: str, *arguments: str) -> str:
    done = subprocess.run(
        ["amtool", f"--alertmanager.url={url}", *arguments], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _shown(url: str, key: str) -> Any:
    """What the page of a service says to put into alertmanager.yml."""
    [snippet] = [one for one in PagerDuty().snippets(url, key) if one.title == "Alertmanager"]
    return yaml.safe_load(snippet.text)["receivers"][0]["pagerduty_configs"]


async def test_alertmanager_by_webhook_and_by_events(server: Server, sink: Sink, desk: Desk, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "am.yml").write_text(
        ALERTMANAGER.format(
            hook=f"{server.door('webhook')}/alertmanager", events=json.dumps(_shown(server.url, server.key("events")))
        )
    )
    command = (
        "prometheus-alertmanager", f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    )  # fmt: skip
    with program(port, *command):
        url = f"http://127.0.0.1:{port}"
        for host in ("db1", "db2"):
            amtool(
                url,
                "alert",
                "add",
                "DiskFull",
                "severity=warning",
                f"instance={host}",
                "--annotation=summary=Disk full",
            )

        async def fired() -> Any:
            webhook, events = await desk.incidents("webhook"), await desk.incidents("events")
            return (webhook, events) if len(webhook) == 2 and len(events) == 1 else None

        webhook, [events] = await eventually(fired)
        assert {incident["title"] for incident in webhook} == {"Disk full"}
        assert {incident["severity"] for incident in webhook} == {"sev3_medium"}
        assert (events["title"], events["severity"]) == ("Disk full", "sev3_medium")
        # One alert of the group ends: its own incident ends, the group's goes on.
        ended = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        began = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()

        def end(host: str) -> None:
            amtool(
                url, "alert", "add", "DiskFull", "severity=warning", f"instance={host}", "--annotation=summary=Disk full",
                f"--start={began}", f"--end={ended}",
            )  # fmt: skip

        end("db1")

        async def open_now() -> set[tuple[str, str]]:
            found = [*await desk.incidents("webhook"), *await desk.incidents("events")]
            return {(i["service"], i["id"]) for i in found if i["status"] != "resolved"}

        async def one_ended() -> Any:
            still = await open_now()
            return still if len(still) == 2 else None

        assert {service for service, _ in await eventually(one_ended)} == {"webhook", "events"}
        end("db2")

        async def all_ended() -> bool:
            return not await open_now()

        await eventually(all_ended)


async def test_amtool_adds_asks_silences_and_expires(server: Server, sink: Sink, desk: Desk) -> None:
    url = server.door("amtool")
    amtool(url, "silence", "add", "instance=quiet", "--author=alice", "--comment=testing", "--duration=1h")
    [silence] = amtool(url, "silence", "query", "-q", "instance=quiet").split()
    assert "testing" in amtool(url, "silence", "query", "instance=quiet")

    for host in ("quiet", "loud"):
        amtool(
            url,
            "alert",
            "add",
            "DiskFull",
            "severity=critical",
            f"instance={host}",
            f"--annotation=summary={host} disk",
        )
    got = (await page(sink, "amtool")).json()
    assert got["incident"]["title"] == "loud disk"
    assert "quiet disk" not in amtool(url, "alert", "query")
    assert "loud disk" in amtool(url, "alert", "query", "instance=~l.*")
    assert "suppressed" in amtool(url, "alert", "query", "--silenced", "instance=quiet")
    [incident] = await desk.incidents("amtool")

    amtool(url, "silence", "update", "--duration=2h", "--comment=longer", silence)
    assert "longer" in amtool(url, "silence", "query")
    amtool(url, "silence", "expire", silence)
    assert silence in amtool(url, "silence", "query", "--expired")

    async def unmuted() -> Any:
        """The alert that the silence held back still fires: now it pages."""
        return next((i for i in await desk.incidents("amtool") if i["title"] == "quiet disk"), None)

    assert (await eventually(unmuted))["id"] != incident["id"]
    assert "receiver: amtool" in amtool(url, "config", "routes")
    assert "disabled" in amtool(url, "cluster", "show")
