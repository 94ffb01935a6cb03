"""The example files of the README are what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import yaml

from tocsin.core.rehearsal import rehearse
from tocsin.core.severity import Severity
from tocsin.core.validation import World
from tocsin.manage.drafts import directory_of
from tocsin.manage.files import File
from tocsin.plugins.channels import registry as channels
from tocsin.plugins.sources import registry as sources
from tocsin.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
README = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")


def test_the_first_page_of_the_readme_is_alices() -> None:
    world = World(channels.create(Settings()), frozenset(sources.TYPES))
    file = EXAMPLES / "first-page.yaml"
    directory = directory_of([File(str(file), file.read_text(encoding="utf-8"))], world)
    first = rehearse(directory, directory.services["checkout"], Severity.SEV1, datetime(2026, 3, 2, 3, 0, tzinfo=UTC))[
        0
    ]
    assert (first.user, first.method) == ("alice", "pager")
    keys = [i.key for i in directory.services["checkout"].integrations]
    assert keys[0] in README


def test_the_example_alertmanager_sends_to_the_example_service() -> None:
    config = yaml.safe_load((EXAMPLES / "alertmanager.yml").read_text(encoding="utf-8"))
    url = config["receivers"][0]["webhook_configs"][0]["url"]
    first_page = yaml.safe_load((EXAMPLES / "first-page.yaml").read_text(encoding="utf-8"))
    keys = {i["type"]: i["key"] for i in first_page["services"][0]["integrations"]}
    assert url == f"http://127.0.0.1:8420/integrations/{keys['alertmanager']}/alertmanager"
