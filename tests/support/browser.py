"""Debian's Chromium for tests of pages: what goes wrong in it is kept, and axe-core says who can't read a page."""

import asyncio
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Response, async_playwright

from infra.cache import cache_folder

CHROMIUM: Final = shutil.which("chromium")
AXE: Final = "axe-core@4.14.1"
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
    """The program, of npm or kept from the last time. Skips where it can't be had."""
    kept = cache_folder() / f"{AXE}.js"
    if not kept.exists():
        if shutil.which("npm") is None:
            pytest.skip("needs npm for axe-core")
        try:
            await asyncio.to_thread(_fetch, kept)
        except (subprocess.SubprocessError, OSError):
            pytest.skip("npm has no axe-core for us")
    return kept.read_text(encoding="utf-8")


def _fetch(kept: Path) -> None:
    with TemporaryDirectory() as folder:
        argv = ("npm", "pack", AXE, "--silent", "--pack-destination", folder)
        subprocess.run(argv, check=True, capture_output=True, timeout=60, cwd=folder)
        [package] = Path(folder).glob("*.tgz")
        with tarfile.open(package) as files:
            program = files.extractfile("package/axe.min.js")
            assert program is not None
            whole = kept.with_suffix(".part")
            kept.parent.mkdir(parents=True, exist_ok=True)
            whole.write_bytes(program.read())
            whole.replace(kept)


async def violations(page: Page, axe: str) -> list[str]:
    """Of every rule of axe-core: its name and the first elements."""
    await page.evaluate(axe)
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}" for each in found["violations"]]
