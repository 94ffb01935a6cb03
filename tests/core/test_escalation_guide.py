"""The guide to escalation names every reason for a page."""

from __future__ import annotations

import re
from pathlib import Path

from tocsin.core.escalation import PageReason

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "escalation.md"


def test_the_guide_explains_each_reason_and_no_other() -> None:
    section = GUIDE.read_text(encoding="utf-8").split("## Why someone is paged")[1].split("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [reason.value for reason in PageReason]
