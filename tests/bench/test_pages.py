"""How long each page of console and portal takes over a month's rows: `make bench ARGS="-k pages"`."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import requests

from api.web.areas import CONSOLE, PORTAL
from tests.bench.rows import Report, ms
from tests.bench.seed import Seeded, known_email, known_phone
from tests.support.stack import Hub, environment, running_api
from tests.support.web import Browser, invite

pytestmark = pytest.mark.bench
ROUNDS = 15
AIM = "200 ms"


@pytest.fixture(scope="module")
def shown(seeded: Seeded, temporal_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """An API over the seeded database. No worker: nothing is to change while pages are timed."""
    folder = tmp_path_factory.mktemp("pages")
    env = environment(seeded.url, temporal_address, HUB_DATABASE_POOL="5")
    with running_api(env, folder) as url:
        yield Hub(url, seeded.url, temporal_address, env, folder)


def test_pages(shown: Hub, seeded: Seeded, report: Report) -> None:
    boss, own = _signed_in(shown), _signed_in(shown, seeded.main)
    for browser, pages in ((boss, _console(shown, seeded)), (own, _portal(shown, seeded))):
        area = browser.base.removeprefix(shown.url)
        for path in pages:
            _row(report, area + path, partial(browser.get, path))
        for name, text in _searches(shown, seeded).items():
            form = {"csrf": browser.token("/account"), "q": text}
            headers = {"Origin": shown.url}
            search = partial(
                browser.session.post, f"{browser.base}/leads", form, headers=headers, allow_redirects=False
            )
            _row(report, f"{area}/leads, searched by {name}", search)


def _signed_in(hub: Hub, partner: int | None = None) -> Browser:
    person = invite(hub, "admin", partner)
    browser = Browser(hub, person["area"])
    browser.use(person["link"])
    return browser


def _row(report: Report, name: str, ask: Callable[[], requests.Response]) -> None:
    """Times of answers as the client sees them, over a connection that stays, after a first one."""
    first = ask()
    assert first.status_code in {200, 303}, (name, first.status_code)
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    figures = f"{ms(seconds, 0.5)} / {ms(seconds, 1)}, {len(first.content) // 1024} KB"
    report.row(f"{name}: p50 / max", figures, aim=AIM)


def _console(hub: Hub, seeded: Seeded) -> list[str]:
    [(few,)] = hub.query("SELECT max(partner_id) FROM submission")
    [(discount,)] = hub.query("SELECT max(public_id) FROM discount")
    return [
        *(entry.path for entry in CONSOLE.pages),
        *_details(hub, seeded),
        f"/partners/{seeded.main}",
        f"/requests?partner={few}",
        f"/requests?partner={few}&refused=1",
        f"/calls?dialer={seeded.quiet_dialer}",
        "/discounts?state=failed",
        "/discounts?state=taken",
        f"/discounts/{discount}",
    ]


def _portal(hub: Hub, seeded: Seeded) -> list[str]:
    return [*(entry.path for entry in PORTAL.pages), *_details(hub, seeded)]


def _details(hub: Hub, seeded: Seeded) -> list[str]:
    """One of each kind, of the partner that has most, and what is on further pages."""
    [(endpoint,)] = hub.query("SELECT min(id) FROM endpoint WHERE partner_id = $1", seeded.main)
    [(delivery,)] = hub.query("SELECT max(id) FROM delivery WHERE endpoint_id = $1", endpoint)
    lead = seeded.known[len(seeded.known) // 2]
    return [
        f"/leads/{lead}",
        f"/leads?cursor={urlsafe_b64encode(str(lead).encode()).decode().rstrip('=')}",
        "/leads.csv",
        f"/requests/{_request(hub, lead)}",
        "/requests?refused=1",
        f"/webhooks/{endpoint}",
        "/deliveries",
        "/deliveries?state=failed",
        "/deliveries?state=waiting",
        "/deliveries?event=endpoint.disabled",
        f"/deliveries?endpoint={endpoint}&state=failed",
        f"/deliveries/{delivery}",
        "/account",
    ]


def _request(hub: Hub, lead: int) -> str:
    sql = "SELECT request_id FROM submission WHERE id = (SELECT submission_id FROM lead WHERE id = $1)"
    [(request_id,)] = hub.query(sql, lead)
    return str(request_id)


def _searches(hub: Hub, seeded: Seeded) -> dict[str, str]:
    lead = seeded.known[len(seeded.known) // 3]
    return {
        "a number": known_phone(lead),
        "a mail address": known_email(lead),
        "a reference or lead id": str(lead),
        "a request": _request(hub, lead),
        "an event": f"evt_{lead}",
        "a delivery": str(seeded.delivery(lead)),
        "nothing that is there": "no such thing",
    }
