"""The older name of the module is importable here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _older_name() -> Iterator[None]:
    shim = str(Path(__file__).parent / "shim")
    sys.path.insert(0, shim)
    yield
    sys.path.remove(shim)
