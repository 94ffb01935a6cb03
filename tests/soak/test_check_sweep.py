"""The check against a look at every minute, for many more organisations than there is time for every day."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from tests.core.test_readiness import compare, organisations

from tocsin.core.directory import Directory

pytestmark = pytest.mark.soak


@settings(max_examples=400, deadline=None)
@given(organisations())
def test_the_sweep_finds_every_minute_of_three_days(made: tuple[Directory, datetime]) -> None:
    compare(*made, 3)
