"""Operators sign in by an OpenID provider; whoever it does not vouch for, or who has no account, stays out."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc.jwk import RSAKey

from tests.fakes.oidc import CLIENT_ID, CLIENT_SECRET, OidcProvider
from tests.support.stack import Hub, running_api
from tests.support.web import Browser, invite


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as found:
        yield found


@pytest.fixture(scope="module")
def site(hub: Hub, provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """An API of the session's hub that knows the provider."""
    more = {
        "HUB_OIDC_ISSUER": provider.url,
        "HUB_OIDC_CLIENT_ID": CLIENT_ID,
        "HUB_OIDC_CLIENT_SECRET": CLIENT_SECRET,
    }
    with running_api({**hub.env, **more}, tmp_path_factory.mktemp("oidc")) as url:
        yield Hub(url, hub.database_url, hub.temporal, hub.env, hub.logs)


@pytest.fixture
def operator(site: Hub, provider: OidcProvider) -> dict[str, Any]:
    """Somebody with an account, whom the provider knows."""
    person = invite(site)
    provider.person = {"sub": f"id-{person['id']}", "email": person["email"], "email_verified": True}
    provider.claims, provider.signing_key = {}, provider.key
    return person


def come(site: Hub, then: str = "/console/account") -> tuple[Browser, requests.Response]:
    browser = Browser(site)
    return browser, browser.session.get(f"{browser.base}/sign-in/oidc", params={"then": then}, timeout=30)


def test_an_operator_signs_in_and_comes_to_the_page_they_wanted(site: Hub, operator: dict[str, Any]) -> None:
    assert "Sign in with 127.0.0.1" in Browser(site).get("/sign-in").text
    _, answer = come(site)
    assert answer.url == f"{site.url}/console/account"
    assert operator["email"] in answer.text


def test_who_is_known_stays_known_by_another_address(
    site: Hub, provider: OidcProvider, operator: dict[str, Any]
) -> None:
    come(site)
    provider.person = {**provider.person, "email": "married@example.com"}
    assert operator["email"] in come(site)[1].text


def test_nobody_else_gets_an_account_by_its_address(
    site: Hub, provider: OidcProvider, operator: dict[str, Any]
) -> None:
    come(site)
    provider.person = {**provider.person, "sub": "somebody else with the same address"}
    assert come(site)[1].status_code == 403


@pytest.mark.parametrize(
    "person",
    [{"email_verified": False}, {"email_verified": "true"}, {"email": "stranger@example.com"}, {"email": ""}],
    ids=["unverified", "verified as text", "unknown", "none"],
)
def test_only_a_verified_known_address_gets_in(
    site: Hub, provider: OidcProvider, operator: dict[str, Any], person: dict[str, Any]
) -> None:
    provider.person |= person
    browser, answer = come(site)
    assert answer.status_code == 403
    assert "Sign in" in browser.get("/account").text


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"aud": "another"}, {"iss": "https://evil.test"}, {"exp": 1}, {"exp": None}],
    ids=["nonce", "audience", "issuer", "expired", "no end"],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    site: Hub, provider: OidcProvider, operator: dict[str, Any], claims: dict[str, Any]
) -> None:
    provider.claims = claims
    assert come(site)[1].status_code == 403


def test_a_token_of_another_key_is_refused(site: Hub, provider: OidcProvider, operator: dict[str, Any]) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "1"}, auto_kid=False)
    assert come(site)[1].status_code == 403


def test_a_way_back_that_began_elsewhere_is_refused(
    site: Hub, provider: OidcProvider, operator: dict[str, Any]
) -> None:
    attacker = Browser(site)
    begun = attacker.session.get(f"{attacker.base}/sign-in/oidc", timeout=30, allow_redirects=False)
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    way_back = provider.authorize(query)
    assert requests.get(way_back, timeout=30).status_code == 403
    tampered = way_back.replace("state=", "state=x")
    assert attacker.session.get(tampered, timeout=30).status_code == 403
    assert attacker.session.get(way_back, timeout=30).status_code == 200
    assert attacker.session.get(way_back, timeout=30).status_code == 403


def test_a_partners_person_does_not_come_in_by_the_operators_provider(
    site: Hub, provider: OidcProvider, operator: dict[str, Any]
) -> None:
    person = invite(site, partner=site.partner("comunik8")["id"])
    provider.person = {"sub": "p", "email": person["email"], "email_verified": True}
    assert come(site)[1].status_code == 403
    assert requests.get(f"{site.url}/portal/sign-in/oidc", timeout=30).status_code == 404


def test_without_a_provider_there_is_no_such_page(hub: Hub) -> None:
    assert requests.get(f"{hub.url}/console/sign-in/oidc", timeout=30).status_code == 404
    assert "Sign in with" not in Browser(hub).get("/sign-in").text


@pytest.mark.parametrize(("size", "status"), [(200_000, 200), (300_000, 503)], ids=["large", "too large"])
def test_a_providers_answer_is_read_to_its_end(
    site: Hub, provider: OidcProvider, operator: dict[str, Any], monkeypatch: pytest.MonkeyPatch, size: int, status: int
) -> None:
    described = provider.configuration() | {"claims_supported": "x" * size}
    monkeypatch.setattr(provider, "configuration", lambda: described)
    assert come(site)[1].status_code == status


def test_who_is_disabled_does_not_come_in_by_another_account(
    site: Hub, provider: OidcProvider, operator: dict[str, Any]
) -> None:
    assert come(site)[1].status_code == 200
    site.query("UPDATE account SET disabled_at = now() WHERE id = $1", operator["id"])
    provider.person = {**provider.person, "email": invite(site)["email"]}
    assert come(site)[1].status_code == 403


def test_a_provider_that_is_away_is_said_to_be(site: Hub, provider: OidcProvider, operator: dict[str, Any],
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(provider, "configuration", lambda: {"issuer": "https://evil.test"})
    assert come(site)[1].status_code == 503
