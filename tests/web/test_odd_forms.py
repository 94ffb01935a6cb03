"""Forms that no page of ours sends: numbers in other digits, and far too long ones."""

from __future__ import annotations

import pytest

from tocsin.core.incident import public_id
from tocsin.flow import closing
from tocsin.plugins.probes.tcp import TcpProbe

from .visitor import Site

ODD = ("²", "٣", "9" * 30, "9" * 5000, "-1")


@pytest.mark.parametrize("odd", ODD)
async def test_odd_numbers_never_fail_a_page(site: Site, odd: str) -> None:
    await site.room(severity="critical")
    await closing.resolve(site.world.ctx, 1, "user:alice")
    ada = await site.someone("ada")
    review = f"/incidents/{public_id(1)}/review"
    for place, form in (
        (f"{review}/section", {"section": "root_cause", "text": "The pool was small.", "version": odd}),
        (f"{review}/factor", {"remove": odd}),
        (f"{review}/action", {"id": odd, "state": "done"}),
        ("/subscriptions", {"end": odd}),
        ("/status-page/edit", {"lines": odd, "name": "Status"}),
    ):
        answer = await ada.send(place, form, page="/account")
        assert answer.status_code < 500, (place, answer.text)
    assert (await ada.http.get("/mutes/new", params={"alert": odd})).status_code < 500


@pytest.mark.parametrize("odd", ODD)
def test_odd_ports_are_refused(odd: str) -> None:
    assert "a number from 1 to 65535" in (TcpProbe().problem({"host": "db.example.com", "port": odd}) or "")
