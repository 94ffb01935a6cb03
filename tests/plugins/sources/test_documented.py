"""docs/guide/integrations.md tells of every source, its door and its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.plugins.sources.base import Source
from tocsin.plugins.sources.registry import TYPES, sources

GUIDE = (Path(__file__).parents[3] / "docs/guide/integrations.md").read_text()


@pytest.mark.parametrize("source", sources().values(), ids=lambda s: s.name)
def test_the_table_has_the_source(source: Source) -> None:
    types = ", ".join(f"`{kind}`" for kind in sorted(source.types))
    assert f"| `{source.name}` | {types} | `POST {source.door}` | {source.accepted_status} |" in GUIDE


def test_every_type_has_a_source() -> None:
    assert set(TYPES) == {kind for source in sources().values() for kind in source.types}
