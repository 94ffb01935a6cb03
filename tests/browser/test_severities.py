"""The severity matrix in a real browser: read at both widths, changed with the difference shown first, without any script of its own."""

from __future__ import annotations

import pytest

from tocsin.manage import configuration
from tocsin.manage.files import File, write

from ..web.visitor import ADMIN
from .conftest import DESK, PHONE, Stage
from .test_pages import OVERFLOWING, SMALL, violations


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
async def test_a_manager_changes_what_sev1_means(stage: Stage, size: dict[str, int], theme: str) -> None:
    ctx = stage.site.world.ctx
    text = write(ctx.directory).replace(
        "services:",
        "services:\n- {id: byhand, severities: {sev1: {page: never, response_time: 2m, progress: off}, sev3: {who: Us}}}",
        1,
    )
    await configuration.apply(ctx, ADMIN, [File("tocsin.yml", text)])
    room = await stage.site.room(severity="critical")
    page = await stage.someone("erin", size, color_scheme=theme, reduced_motion="reduce")
    for path in ("/severities", "/services/byhand/severities", "/severities/sev1_critical", room):
        await page.goto(path)
        assert await violations(page) == []
        assert await page.evaluate(OVERFLOWING) == [], path
        assert await page.evaluate(SMALL) == [], path

    await page.goto("/severities")
    assert await page.locator("svg.ruler:visible").count() == 1
    await page.get_by_role("link", name="Change SEV1").locator("visible=true").click()
    await page.get_by_label("Acknowledge within").fill("3m")
    await page.get_by_role("button", name="Show what would change").click()
    assert await page.locator(".preview del").inner_text() == "5m"
    assert await violations(page) == []
    await page.get_by_role("button", name="Save SEV1").click()
    await page.wait_for_url("**/severities")
    assert await page.get_by_text("instead of 5m").locator("visible=true").count() == 1
    assert await page.get_by_text("SEV1 changed: 1 field").is_visible()
