"""Debian's Chromium for tests of pages: what goes wrong in it is kept, and axe-core says who can't read a page."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Response, async_playwright

from tests.support.npm import Package

CHROMIUM: Final = shutil.which("chromium")
AXE: Final = Package(
    "axe-core", "4.14.1", "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
ARGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGS])
        yield browser
        await browser.close()


def troubles(page: Page) -> list[str]:
    """Filled from now on: messages on the console, errors of scripts, requests that failed or were refused."""
    found: list[str] = []

    def answered(response: Response) -> None:
        if not response.ok and not 300 <= response.status < 400:
            found.append(f"{response.status} {response.url}")

    def said(message: ConsoleMessage) -> None:
        found.append(message.text)

    page.on("console", said)
    page.on("pageerror", lambda error: found.append(str(error)))
    # A live part's request under way ends when its page is left.
    page.on("requestfailed", lambda r: None if r.failure == "net::ERR_ABORTED" else found.append(f"failed: {r.url}"))
    page.on("response", answered)
    return found


async def sign_in(page: Page, link: str) -> None:
    """Open the link and press its button."""
    await page.goto(link)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Sign out").wait_for()


async def fits(page: Page) -> bool:
    """Whether the page needs no scrolling sideways."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def axe_source() -> str:
    """The program, of npm's registry or kept from the last time. Skips where it can't be had."""
    return (await asyncio.to_thread(AXE.read, "axe.min.js")).decode()


async def violations(page: Page, axe: str) -> list[str]:
    """Of every rule of axe-core: its name and the first elements."""
    await page.evaluate(axe)
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}" for each in found["violations"]]
