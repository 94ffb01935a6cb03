"""Whatever people can set, call, type or read is written down: the documents and the code name the same things."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest

from tocsin import metrics
from tocsin.core import finding, limits, timeline
from tocsin.core.alert import NoPage, Reason
from tocsin.core.escalation import PageReason
from tocsin.core.language import text as language
from tocsin.plugins.channels import registry as channels
from tocsin.plugins.rooms import registry as rooms
from tocsin.plugins.sources import registry as sources
from tocsin.settings import Settings, names

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def named(name: str) -> set[str]:
    """All that stands in `code` in a document."""
    return set(re.findall(r"`([^`\n]+)`", text(name)))


def first_column(name: str, heading: str) -> set[str]:
    """The codes in the first column of the table below a heading."""
    section = re.split(r"^#+ ", text(name), flags=re.MULTILINE)
    [body] = [part for part in section if part.startswith(f"{heading}\n")]
    return {code for row in re.findall(r"^\|([^|]+)\|", body, re.MULTILINE) for code in re.findall(r"`([^`]+)`", row)}


def missing(wanted: Iterable[str], document: str) -> list[str]:
    return sorted(set(wanted) - named(document))


@pytest.fixture(scope="module")
def document() -> Any:
    spec = importlib.util.spec_from_file_location("document", ROOT / "tools" / "document.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_comes_from_the_code_is_up_to_date(document: Any) -> None:
    stale = [path.name for path in DOCS.rglob("*.md") if document.written(path.read_text()) != path.read_text()]
    assert stale == [], "run `make docs`"


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    assert first_column("operations/settings.md", "Settings") == set(names())


def test_every_route_is_documented(document: Any) -> None:
    routes = list(document.routes())
    assert len(routes) > 20
    assert missing({path for _, path, _ in routes}, "guide/api.md") == []
    assert [path for _, path, summary in routes if not summary] == []


def test_every_command_is_documented_and_helps(document: Any) -> None:
    commands = list(document.commands())
    assert {"tocsin up", "tocsin serve", "tocsin migrate", "tocsin apply"} <= {name for name, _ in commands}
    assert missing({name for name, _ in commands}, "guide/cli.md") == []
    assert [name for name, command in commands if not command.help] == []


def test_every_metric_is_documented() -> None:
    families = [family.name for family in metrics.REGISTRY.collect() if family.name.startswith("tocsin")]
    assert [name for name in families if name not in text("guide/api.md")] == []


def test_every_channel_and_its_fields_are_documented() -> None:
    found = channels.create(Settings())
    assert missing(found, "guide/channels.md") == []
    assert missing({field.name for channel in found.values() for field in channel.fields}, "guide/channels.md") == []


def test_every_source_is_documented() -> None:
    assert missing(sources.TYPES, "guide/integrations.md") == []
    doors = {source.door for source in sources.sources().values()}
    assert [door for door in sorted(doors) if door not in text("guide/integrations.md")] == []


def test_every_room_and_its_fields_are_documented() -> None:
    assert missing((type for type in rooms.CONFIGURED), "guide/rooms.md") == []
    fields = {field.name for room in rooms.CONFIGURED.values() for field in room.fields}
    assert [field for field in sorted(fields) if f"{field}:" not in text("guide/rooms.md")] == []


def test_every_kind_of_timeline_entry_is_documented() -> None:
    assert first_column("guide/timeline.md", "The timeline") == set(get_args(timeline.Kind))


def test_every_reason_is_documented() -> None:
    assert first_column("guide/reasons.md", "What became of an event") == {reason.value for reason in Reason}
    assert first_column("guide/reasons.md", "Why an incident pages nobody") == {reason.value for reason in NoPage}
    assert missing((reason.value for reason in PageReason), "guide/escalation.md") == []


def test_every_kind_of_finding_is_documented() -> None:
    assert first_column("guide/foresight.md", "Check") == set(get_args(finding.Kind))


def test_every_rule_of_fair_shifts_is_documented() -> None:
    assert first_column("guide/fairness.md", "Limits") == set(get_args(limits.Rule))


def test_every_rule_of_the_language_check_is_documented() -> None:
    assert first_column("guide/language.md", "Rules") == set(get_args(language.Rule))
