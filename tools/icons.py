"""Makes the icons of the application from `bell.svg`: `.venv/bin/python tools/icons.py` (needs Chromium). What it made is committed."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

STATIC = Path(__file__).parents[1] / "src" / "tocsin" / "web" / "static"
CHROMIUM = "/usr/bin/chromium"
GROUND = "#1b2230"


def page(bell: str, size: int, scale: float, ground: str) -> str:
    """The bell in the middle of a square."""
    picture = base64.b64encode(bell.encode()).decode()
    return (
        f'<body style="margin:0;width:{size}px;height:{size}px;background:{ground};display:grid;place-items:center">'
        f'<img src="data:image/svg+xml;base64,{picture}" style="width:{scale:.0%};height:{scale:.0%}">'
    )


def draw(browser: Browser, html: str, size: int, path: Path) -> None:
    window = browser.new_page(viewport={"width": size, "height": size})
    window.set_content(html)
    window.screenshot(path=path, omit_background=True)
    window.close()


def main() -> None:
    bell = (STATIC / "bell.svg").read_text(encoding="utf-8")
    bare = bell.replace('<rect width="32" height="32" rx="7" fill="#1b2230"/>', "")
    white = bare.replace("#f4f6fa", "#ffffff")
    assert bare != bell
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, size, scale, ground, picture in (
            ("icon-192.png", 192, 1.0, "transparent", bell),
            ("icon-512.png", 512, 1.0, "transparent", bell),
            ("maskable-512.png", 512, 0.72, GROUND, bare),  # a phone may cut it to a circle of 80 %
            ("touch-180.png", 180, 0.9, GROUND, bare),
            ("badge-96.png", 96, 1.2, "transparent", white),  # only its outline is shown
        ):
            draw(browser, page(picture, size, scale, ground), size, STATIC / "icons" / name)
        browser.close()


if __name__ == "__main__":
    main()
