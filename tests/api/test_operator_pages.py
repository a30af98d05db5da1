"""Metrics and documentation are open in development alone; in production to who has the operator's token."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from hub.settings import InvalidSettings, load_settings
from infra.ports import HOST, free_port
from infra.processes import run_until_ready, stop
from tests.support.stack import Hub, api_service

TOKEN = "an operator's token"
PAGES = ("/metrics", "/docs", "/docs/", "/redoc", "/openapi.json")


@contextmanager
def production(hub: Hub, folder: Path, **more: str) -> Iterator[str]:
    port = free_port()
    service = api_service(hub.env | {"HUB_ENV": "production", "HUB_SMTP_TLS": "starttls"} | more, port)
    process = run_until_ready(service, folder / "api.log")
    try:
        yield f"http://{HOST}:{port}"
    finally:
        stop(process, service)


def status(url: str, token: str | None = None) -> int:
    return requests.get(url, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=30).status_code


def test_in_development_all_is_open(hub: Hub) -> None:
    assert {status(hub.url + page) for page in PAGES} == {200}


def test_in_production_the_token_opens_them(hub: Hub, tmp_path: Path) -> None:
    with production(hub, tmp_path, HUB_OPERATOR_TOKEN=TOKEN) as url:
        for page in PAGES:
            assert [status(url + page, token) for token in (None, "wrong", TOKEN)] == [401, 401, 200], page
        assert requests.get(url + "/docs", auth=("anyone", TOKEN), timeout=30).status_code == 200
        assert "Basic" in requests.get(url + "/docs", timeout=30).headers["WWW-Authenticate"]
        assert status(url + "/healthz") == status(url + "/readyz") == 200
        plain = requests.get(url + "/v1/partner", headers={"X-API-Key": hub.partner()["key"]}, timeout=30)
        assert (plain.status_code, plain.json()["detail"]) == (403, "Use HTTPS.")


def test_in_production_without_a_token_there_are_none_but_public_documentation(hub: Hub, tmp_path: Path) -> None:
    with production(hub, tmp_path, HUB_PUBLIC_DOCS="true") as url:
        assert [status(url + page) for page in PAGES] == [404, 200, 200, 200, 200]


def test_production_has_to_say_how_mail_is_encrypted(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (hub.env | {"HUB_ENV": "production"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match="HUB_SMTP_TLS"):
        load_settings()
    monkeypatch.setenv("HUB_SMTP_TLS", "none")
    assert load_settings().smtp_tls == "none"
