"""A real server on a real socket and a real browser in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tocsin.manage import access
from tocsin.store.database import Database

from ..fakes.ports import free_port
from ..web.visitor import ADMIN, Site, open_site

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}


class Server(uvicorn.Server):
    """Listens on one port, again after a stop."""

    def __init__(self, site: Site, port: int) -> None:
        self.site, self.port = site, port
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        config = uvicorn.Config(
            self.site.app,
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )  # type: ignore[arg-type]
        super().__init__(config)
        self.install_signal_handlers = lambda: None  # type: ignore[method-assign,attr-defined]
        self._task = asyncio.create_task(self.serve())
        while not self.started:
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """As abruptly as a machine that dies: nobody is told."""
        self.should_exit = self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        if self._task is not None:
            await self._task


@dataclass
class Stage:
    """A site on a socket, a browser, and what its pages complained about."""

    site: Site
    server: Server
    browser: Browser
    url: str
    complaints: list[str] = field(default_factory=list)

    async def someone(self, user: str, viewport: dict[str, int] = PHONE, **options: Any) -> Page:
        """A fresh browser window in which somebody signed in by link."""
        window = await self.window(viewport, **options)
        await window.goto(await access.create_link(self.site.world.ctx, ADMIN, user))
        await window.get_by_role("button", name="Continue").click()
        await window.wait_for_url("**/welcome")
        return window

    async def window(self, viewport: dict[str, int] = PHONE, **options: Any) -> Page:
        context: BrowserContext = await self.browser.new_context(viewport=viewport, base_url=self.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        page = await context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "ERR_" not in message.text:
            self.complaints.append(f"{message.location.get('url')}: {message.text}")


@asynccontextmanager
async def open_stage(site: Site) -> AsyncIterator[Stage]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    site.world.ctx.settings = replace(site.world.ctx.settings, external_url=url)
    server = Server(site, port)
    await server.start()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            yield Stage(site, server, browser, url)
            await browser.close()
    finally:
        await server.stop()


@pytest.fixture
async def stage(db: Database) -> AsyncIterator[Stage]:
    """Fails the test when a page complained on its console (a broken script, a policy that was violated)."""
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    async with open_site(db) as site, open_stage(site) as made:
        yield made
        assert made.complaints == []
