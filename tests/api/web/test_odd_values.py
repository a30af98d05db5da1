"""Whatever is typed into an address or a form: an answer that says what is wrong, never an error of the hub."""

from typing import Any

import pytest
import requests

from tests.api.web.test_pages import signed_in
from tests.support.stack import Hub
from tests.support.web import Browser

HUGE = 10**30
LONG = "0" * 21 + "9" * 25


@pytest.fixture(scope="module")
def boss(hub: Hub) -> Browser:
    return signed_in(hub)


@pytest.fixture(scope="module")
def partner(hub: Hub) -> dict[str, Any]:
    return hub.partner("comunik8")


@pytest.mark.parametrize("then", ["//[", "http://[", "/console\x00", "\ud800"])
def test_a_stranger_signs_in_with_any_address_to_come_back_to(hub: Hub, then: str) -> None:
    answer = requests.get(f"{hub.url}/console/sign-in", {"then": then.encode(errors="surrogatepass")}, timeout=30)
    assert answer.status_code == 200


@pytest.mark.parametrize("area", ["console", "portal"])
def test_the_blank_fields_of_a_filter_are_no_filter(hub: Hub, partner: dict[str, Any], area: str) -> None:
    browser = signed_in(hub, partner=partner["id"] if area == "portal" else None)
    assert browser.get("/deliveries?endpoint=&state=&event=").status_code == 200
    assert browser.get("/requests?partner=").status_code == 200


def test_a_filter_that_can_not_be_is_named(boss: Browser) -> None:
    for path, field in {"/deliveries?endpoint=x": "endpoint", f"/calls?dialer={HUGE}": "dialer"}.items():
        answer = boss.get(path)
        assert (answer.status_code, field in answer.text) == (400, True)


@pytest.mark.parametrize("action", ["disable", "enable", "role", "link"])
def test_accounts_that_nobody_can_have_are_missing(boss: Browser, action: str) -> None:
    for account in (HUGE, 2**63, 0, -1):
        assert boss.post(f"/people/{account}/{action}", role="viewer").status_code == 404


def test_numbers_that_no_column_holds_are_named(boss: Browser, partner: dict[str, Any]) -> None:
    forms = {
        "/webhooks": {"partner": LONG, "url": "https://example.com/hooks"},
        f"/partners/{partner['id']}/settings": {"rate_limit": LONG},
        "/do-not-call": {"partner": LONG, "numbers": "+442079460123"},
    }
    for path, fields in forms.items():
        answer = boss.post(path, **fields)
        assert (path, answer.status_code, "must be a whole number" in answer.text) == (path, 400, True)
    assert boss.post("/do-not-call", partner="0" * 5000, numbers="+442079460123").status_code == 404
