"""Console and portal in a browser: both stories clicked through, and every page at three widths in both schemes.

Pictures of all pages are left in HUB_PICTURES, or where pytest keeps its temporary files.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, expect

from api.web.areas import CONSOLE, PORTAL, Area
from hub import passwords
from tests.support.browser import axe_source, chromium, fits, sign_in, troubles, violations
from tests.support.stack import Hub
from tests.support.traffic import Traffic, send_traffic
from tests.support.web import invite
from tests.support.webhooks import Receiver, receiving

Scheme = Literal["light", "dark"]
PASSWORD = "correct horse battery"
WIDTHS = (1280, 800, 380)
READ = {(1280, "light"), (380, "light"), (1280, "dark")}  # both layouts, and the colours of both schemes
WITH_AND_WITHOUT_SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
DELIVERED_MS = 30_000


@dataclass
class Scene:
    """Five tenants, what they sent, and the partner's receiver, which answers 500 until it is mended."""

    hub: Hub
    tenants: dict[str, Any]
    traffic: Traffic
    receiver: Receiver

    async def link(self, area: Area) -> str:
        """A new person's, of the operators or of the partner with the receiver. Opening it asks for no password."""
        partner = self.tenants["partner_api"]["id"] if area.portal else None
        return str((await asyncio.to_thread(invite, self.hub, "admin", partner))["link"])

    def submit(self) -> None:
        """A lead of the partner with the receiver, which is told of it."""
        lead = {"name": "Ann Lee", "phone": self.hub.number()}
        key = self.tenants["partner_api"]["key"]
        assert self.hub.post("/api/leads/partner-transfer", key, {"leads": [lead]}).status_code == 200


@pytest.fixture(scope="module")
def scene(hub: Hub) -> Iterator[Scene]:
    tenants = {api: hub.partner(api) for api in ("partner_api", "comunik8", "squadiq", "margav", "leanpub")}
    with receiving(500) as receiver:
        numbers = [hub.number() for _ in range(5)]
        yield Scene(hub, tenants, send_traffic(hub.url, tenants, receiver.url, numbers), receiver)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("HUB_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def visit(browser: Browser, scene: Scene, area: Area, **how: Any) -> tuple[Page, list[str]]:
    """A page of a person who has signed in, and what goes wrong on it."""
    page = await browser.new_page(**how)
    found = troubles(page)
    await sign_in(page, await scene.link(area))
    await page.goto(scene.hub.url + area.path)
    return page, found


@WITH_AND_WITHOUT_SCRIPT
async def test_an_operator_learns_in_two_clicks_why_somebody_was_not_called(
    browser: Browser, scene: Scene, script: bool
) -> None:
    page, wrong = await visit(browser, scene, CONSOLE, java_script_enabled=script)
    await page.get_by_role("link", name="Leads").click()
    await page.get_by_role("textbox").fill(scene.traffic.waiting)
    await page.get_by_role("button", name="Search").click()
    await expect(page).to_have_url(re.compile(r"/console/leads/\d+$"))
    now = page.get_by_text("Now:").locator("..")
    await expect(now).to_contain_text("not called because")
    await expect(now).to_contain_text(re.compile(r"next look at .* in Europe/London\)"))
    assert wrong == []
    await page.close()


@WITH_AND_WITHOUT_SCRIPT
async def test_a_partner_mends_the_receiver_and_sends_again(browser: Browser, scene: Scene, script: bool) -> None:
    scene.receiver.status = 500
    await asyncio.to_thread(scene.submit)  # what was refused before may have arrived by itself meanwhile
    page, wrong = await visit(browser, scene, PORTAL, java_script_enabled=script)
    await page.get_by_role("link", name="Webhooks").click()
    failed = page.locator("#latest tr", has=page.get_by_text("pending"), has_text="500").first
    await reloaded_until(page, failed, script)
    await failed.get_by_role("link").first.click()
    await expect(page.locator("#attempts")).to_contain_text("500")
    scene.receiver.status = 200
    await page.get_by_role("button", name="Send now").click()
    await expect(page.get_by_role("status")).to_contain_text("being sent again")
    if not script:
        await page.get_by_role("link", name="See how it goes").click()
    await reloaded_until(page, page.locator("#attempts .badge", has_text="200"), script)
    await reloaded_until(page, page.locator(".heading", has_text="delivered"), script)
    assert wrong == []
    await page.close()


async def test_a_page_that_refreshes_itself_does_not_keep_its_session(browser: Browser, scene: Scene) -> None:
    page, wrong = await visit(browser, scene, CONSOLE)
    idle = """UPDATE web_session SET seen_at = now() - interval '1 hour'
              WHERE number = (SELECT max(number) FROM web_session) RETURNING number"""
    async with page.expect_response(lambda response: response.request.resource_type == "fetch"):
        [(session,)] = await asyncio.to_thread(scene.hub.query, idle)
    seen = "SELECT seen_at < now() - interval '59 minutes' FROM web_session WHERE number = $1"
    assert await asyncio.to_thread(scene.hub.query, seen, session) == [(True,)]
    assert wrong == []
    await page.close()


async def reloaded_until(page: Page, wanted: Any, script: bool) -> None:
    """Live parts show news by themselves; without scripts somebody reloads the page."""
    if script:
        await wanted.wait_for(timeout=DELIVERED_MS)
        return
    async with asyncio.timeout(DELIVERED_MS / 1000):
        while not await wanted.count():
            await page.reload()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("area", [CONSOLE, PORTAL], ids=["console", "portal"])
async def test_every_page_fits_and_can_be_read_by_all(
    browser: Browser, scene: Scene, pictures: Path, area: Area, scheme: Scheme
) -> None:
    axe = await axe_source()
    page, wrong = await visit(browser, scene, area, color_scheme=scheme)
    for path in await paths(page, scene, area):
        await page.goto(scene.hub.url + area.path + path)
        name = f"{area.name}{re.sub(r'[0-9a-f]{32}', 'id', path).replace('/', '-')}"
        await look_at(page, axe, scheme, pictures / name)
        assert (path, wrong) == (path, [])
    await page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_agents_dashboard_fits_and_can_be_read_by_all(
    browser: Browser, scene: Scene, pictures: Path, scheme: Scheme
) -> None:
    axe, digest = await axe_source(), passwords.digest(PASSWORD)
    sql = "UPDATE agent SET password_digest = $2 WHERE partner_id = $1 AND username = 'agent1'"
    scene.hub.query(sql, scene.tenants["margav"]["id"], digest)
    page = await browser.new_page(color_scheme=scheme)
    wrong = troubles(page)
    await page.goto(scene.traffic.dashboard)
    await look_at(page, axe, scheme, pictures / "agent-login")
    await page.get_by_label("Username").fill("agent1")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Eve Hart")
    await look_at(page, axe, scheme, pictures / "agent-lead")
    assert wrong == []
    await page.close()


async def look_at(page: Page, axe: str, scheme: Scheme, picture: Path) -> None:
    """At every width: a picture, nothing beyond the edge, nothing that axe-core finds."""
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        await page.screenshot(path=f"{picture}-{width}-{scheme}.png", full_page=True)
        assert await fits(page), f"{picture.name} is wider than {width}"
        if (width, scheme) in READ:
            assert (picture.name, width, await violations(page, axe)) == (picture.name, width, [])


async def paths(page: Page, scene: Scene, area: Area) -> list[str]:
    """The navigation's, and one of each kind of page that they lead to."""
    request, endpoint = scene.traffic.request_id, scene.traffic.endpoint
    await page.goto(f"{scene.hub.url}{area.path}/deliveries?endpoint={endpoint}")
    delivery = await page.locator("td[data-label=Delivery] a").first.inner_text()
    await page.goto(f"{scene.hub.url}{area.path}/requests/{request}")
    lead = await page.locator(f'a[href^="{area.path}/leads/"]').first.inner_text()
    details = [f"/leads/{lead}", f"/requests/{request}", f"/webhooks/{endpoint}", "/deliveries",
               f"/deliveries/{delivery}", "/account"]  # fmt: skip
    if area.portal:
        return [*(entry.path for entry in area.pages), *details, "/sessions"]
    of = {api: f"/partners/{tenant['id']}" for api, tenant in scene.tenants.items()}
    [(product,)] = scene.hub.query("SELECT id FROM product WHERE partner_id = $1", scene.tenants["leanpub"]["id"])
    own = [of["partner_api"], f"{of['partner_api']}/people", f"{of['partner_api']}/sessions", f"{of['margav']}/agents",
           f"/discounts/{scene.traffic.discount}", f"{of['leanpub']}/products",
           f"{of['leanpub']}/products/{product}", await imported(page, scene)]  # fmt: skip
    return [entry.path for entry in area.pages] + details + own


async def imported(page: Page, scene: Scene) -> str:
    """The page of an import that has ended."""
    await page.goto(f"{scene.hub.url}{CONSOLE.path}/do-not-call")
    file = {"name": "numbers.csv", "mimeType": "text/csv", "buffer": f"{scene.hub.number()}\nnonsense".encode()}
    await page.get_by_label("CSV or text").set_input_files([file])
    await page.get_by_role("button", name="Import").click()
    await expect(page.locator("#progress")).to_contain_text("Ended", timeout=DELIVERED_MS)
    await expect(page.locator("#progress")).to_contain_text("not a phone number")
    return page.url.removeprefix(scene.hub.url + CONSOLE.path)
