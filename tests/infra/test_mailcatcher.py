"""The development mail catcher over its own two doors: SMTP in, a page and JSON out."""

import asyncio
import shutil
import smtplib
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, async_playwright
from pytest_httpserver import HTTPServer

from activities.mailer import Mailer, SmtpServer
from hub.mail import Mailbox, build_message, preview
from infra.mailcatcher import KEPT, Ports, catching

CHROMIUM = shutil.which("chromium")


@pytest.fixture
async def catcher() -> AsyncIterator[Ports]:
    async with catching() as ports:
        yield ports


@pytest.fixture
async def http(catcher: Ports) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{catcher.http}") as session:
        yield session


async def send(catcher: Ports, to: str = "john@example.com", number: int = 1) -> None:
    message = build_message(
        preview(),
        to=Mailbox(to, "Jörg"),
        sender=Mailbox("discounts@example.com", "Discounts"),
        message_id=f"<discount.{number}@example.com>",
        date=datetime(2026, 11, 1, tzinfo=UTC),
    )
    await Mailer(SmtpServer("127.0.0.1", catcher.smtp)).send(message)


async def send_raw(catcher: Ports, *messages: bytes) -> None:
    def deliver() -> None:
        with smtplib.SMTP("127.0.0.1", catcher.smtp) as smtp:
            for message in messages:
                smtp.sendmail("a@example.com", ["b@example.com"], message)

    await asyncio.to_thread(deliver)


async def caught(http: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with http.get("/messages") as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        found: list[dict[str, Any]] = await answer.json()
        return found


async def test_a_mail_is_shown_with_its_parts_decoded(catcher: Ports, http: aiohttp.ClientSession) -> None:
    await send(catcher)
    (mail,) = await caught(http)
    assert (mail["from"], mail["to"]) == ("discounts@example.com", "john@example.com")
    assert mail["subject"] == preview().subject
    assert mail["text"] == preview().text
    assert mail["html"].strip() == preview().html
    assert mail["headers"]["Message-ID"] == "<discount.1@example.com>"
    assert mail["headers"]["To"] == "Jörg <john@example.com>"


async def test_smtputf8_addresses_are_taken_and_shown(catcher: Ports, http: aiohttp.ClientSession) -> None:
    await send(catcher, "jörg@example.com")
    (mail,) = await caught(http)
    assert mail["to"] == "jörg@example.com"
    assert mail["headers"]["To"] == "Jörg <jörg@example.com>"


async def test_mails_are_listed_oldest_first_and_cleared_by_delete(catcher: Ports, http: aiohttp.ClientSession) -> None:
    for number in range(3):
        await send(catcher, number=number)
    assert [mail["headers"]["Message-ID"][:11] for mail in await caught(http)] == [
        "<discount.0",
        "<discount.1",
        "<discount.2",
    ]
    async with http.delete("/messages") as answer:
        assert answer.status == 204
    assert await caught(http) == []
    await send(catcher, number=9)
    assert len(await caught(http)) == 1


async def test_only_the_last_thousand_are_kept(catcher: Ports, http: aiohttp.ClientSession) -> None:
    await send_raw(catcher, *(f"Subject: {number}\r\n\r\nx".encode() for number in range(KEPT + 5)))
    mails = await caught(http)
    assert len(mails) == KEPT
    assert (mails[0]["subject"], mails[-1]["subject"]) == ("5", str(KEPT + 4))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: =?utf-8?b?broken\r\n\r\nx",
        b"Content-Type: text/plain; charset=klingon\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        b"To: a@b\r\nTo: c@d\r\nSubject: \xff\r\n\r\n\xff\xfe",
    ],
)
async def test_whatever_comes_is_shown(catcher: Ports, http: aiohttp.ClientSession, raw: bytes) -> None:
    await send_raw(catcher, raw)
    assert len(await caught(http)) == 1


async def test_asking_again_costs_nothing_until_there_is_news(catcher: Ports, http: aiohttp.ClientSession) -> None:
    async with http.get("/messages") as first:
        seen = {"If-None-Match": first.headers["ETag"]}
    async with http.get("/messages", headers=seen) as again:
        assert again.status == 304
    await send(catcher)
    async with http.get("/messages", headers=seen) as news:
        assert news.status == 200


async def test_as_a_program_it_stops_when_told() -> None:
    argv = [sys.executable, "-m", "infra.mailcatcher", "--smtp-port", "0", "--http-port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220 - nothing else runs here
        assert process.stdout is not None
        assert "http://127.0.0.1:" in await asyncio.to_thread(process.stdout.readline)
        process.terminate()
        assert await asyncio.to_thread(process.wait, 10) == 0


@pytest.fixture
async def page(catcher: Ports) -> AsyncIterator[Page]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{catcher.http}/")
        yield page
        await browser.close()


async def test_the_page_shows_new_mail_without_being_reloaded(catcher: Ports, page: Page) -> None:
    await page.get_by_text("No mail yet").wait_for()
    await send(catcher)
    await page.get_by_role("heading", name=preview().subject).wait_for()
    assert "Hi Zoë," in await page.frame_locator("iframe").locator("body").inner_text()
    await page.get_by_role("tab", name="Headers").click()
    await page.get_by_role("cell", name="auto-generated").wait_for()
    await page.get_by_role("button", name="Clear").click()
    await page.get_by_text("No mail yet").wait_for()


async def test_a_mails_scripts_do_not_run_and_it_loads_nothing(
    catcher: Ports, page: Page, httpserver: HTTPServer
) -> None:
    image = f"<img src='{httpserver.url_for('/x.png')}' onerror='x()'>"
    evil = f"<script>parent.document.title='owned'</script>{image}<p>seen</p>"
    await send_raw(catcher, f"Subject: <b>x</b>\r\nContent-Type: text/html\r\n\r\n{evil}".encode())
    await page.frame_locator("iframe").get_by_text("seen").wait_for()
    assert await page.title() == "Caught mail"
    assert await page.locator("#subject").inner_text() == "<b>x</b>"
    await page.wait_for_load_state("networkidle")
    assert not httpserver.log
