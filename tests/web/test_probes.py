"""The probes of a service in the browser: tried, added, changed, removed; never of what stands beside us."""

from __future__ import annotations

from tocsin.manage import configuration, objects
from tocsin.plugins.probes import registry

from ..story.quiet import configure
from ..story.world import ORGANISATION
from .visitor import Site, text_of

FORM = {"type": "tcp", "id": "db", "host": "db.example.invalid", "port": "5432", "samples": "3", "interval": "1s"}


async def test_a_probe_from_try_to_removal(site: Site) -> None:
    site.world.ctx.probes = registry.create()
    users = [{**one, "role": "manager" if one["id"] == "erin" else "responder"} for one in ORGANISATION["users"]]
    await configure(site.world, users=users)
    await objects.create(site.world.ctx, configuration.ITSELF, "services", {"id": "shop"})
    page = "/services/shop/new-probe?type=tcp"
    manager = await site.someone("erin")
    tried = await manager.send("/services/shop/new-probe", {**FORM, "act": "try"}, page=page)
    assert "Tried: bad (it cannot be reached" in text_of(tried.text)
    assert 'value="db.example.invalid"' in tried.text, "what was typed stays"
    for wrong, said in (
        ({"host": "127.0.0.1"}, "leads into a private network"),
        ({"port": "x"}, "write a number from 1 to 65535"),
        ({"samples": "99"}, "write a number from 1 to 10"),
        ({"id": ""}, "Give it an id"),
    ):
        refused = await manager.send("/services/shop/new-probe", {**FORM, **wrong, "act": "save"}, page=page)
        assert (refused.status_code, said in text_of(refused.text)) == (422, True), wrong
    assert "None: whether it works again" in text_of(await manager.get("/services/shop"))
    made = await manager.send("/services/shop/new-probe", {**FORM, "act": "save"}, page=page)
    assert "Saved: db looks at db.example.invalid:5432." in await manager.says(made)
    taken = await manager.send("/services/shop/new-probe", {**FORM, "act": "save"}, page=page)
    assert (taken.status_code, "There already is a probe db" in text_of(taken.text)) == (422, True)
    place = "/services/shop/probes/db"
    saved = await manager.send(place, {**FORM, "samples": "5", "act": "save"}, page=place)
    assert "Saved" in await manager.says(saved)
    alice = await site.someone("alice")
    shown = await alice.get("/services/shop")
    assert "TCP db.example.invalid:5432" in text_of(shown)
    assert "5 good in a row" in text_of(shown)
    assert place + '"' not in shown, "a responder tries it, and changes nothing"
    assert "db: bad" in await alice.says(await alice.send(f"{place}/try", page="/services/shop"))
    assert "Removed the probe db." in await manager.says(await manager.send(f"{place}/delete", page=place))
    assert site.world.ctx.directory.services["shop"].probes == ()
    held = await manager.get("/services/api/new-probe")
    assert "is written in tocsin.yml" in text_of(held)
    assert "<form class" not in held
