"""The pictures of docs/console.md and docs/portal.md, of a `hub dev` with invented traffic: `make pictures`."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from playwright.async_api import Page

from tests.support.browser import chromium, sign_in
from tests.support.traffic import Traffic, send_traffic
from tests.support.webhooks import receiving

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "docs" / "pictures"
NUMBERS: Final = [f"+44784025882{last}" for last in range(5)]
WIDTH: Final = 1280
READY_SECONDS: Final = 180.0


@contextmanager
def hub_dev() -> Iterator[dict[str, Any]]:
    """What dev.json of a `hub dev` on a new directory says, until the block ends."""
    with TemporaryDirectory() as folder:
        argv = (sys.executable, "-m", "cli", "dev", "--data", folder, "--lead-processes", "1")
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            facts, deadline = Path(folder) / "dev.json", time.monotonic() + READY_SECONDS
            while not facts.exists():
                assert process.poll() is None, "hub dev ended while starting"
                assert time.monotonic() < deadline, "hub dev did not get ready"
                time.sleep(0.1)
            try:
                yield json.loads(facts.read_text())
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)


async def take_all(dev: dict[str, Any], traffic: Traffic) -> None:
    """One file for each page that the two texts speak of."""
    async with chromium() as browser:
        size = {"width": WIDTH, "height": 720}
        console = await browser.new_page(viewport=size, color_scheme="light")
        await sign_in(console, dev["console"])
        await take(console, "console-health", dev["api"] + "/console")
        await take(console, "console-leads", dev["api"] + "/console/leads")
        await console.get_by_role("textbox").fill(traffic.waiting)
        await console.get_by_role("button", name="Search").click()
        await take(console, "console-lead")
        portal = await browser.new_page(viewport=size, color_scheme="light")
        await sign_in(portal, dev["portal"])
        await take(portal, "portal-start", dev["api"] + "/portal")
        await portal.goto(dev["api"] + "/portal/deliveries")
        await portal.locator("td[data-label=Delivery] a").first.click()
        await portal.locator("#attempts .badge", has_text="500").first.wait_for()
        await take(portal, "portal-delivery")


async def take(page: Page, name: str, address: str | None = None) -> None:
    if address:
        await page.goto(address)
    await page.screenshot(path=FOLDER / f"{name}.png", full_page=True)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with hub_dev() as dev, receiving(500) as receiver:
        asyncio.run(take_all(dev, send_traffic(dev["api"], dev["tenants"], receiver.url, NUMBERS)))


if __name__ == "__main__":
    main()
