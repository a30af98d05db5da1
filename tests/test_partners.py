"""Every partner API has what its registry value promises, and a further one needs nothing but its value."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from activities.failures import translate
from api.app import create_app
from api.envelopes import envelope
from hub import phones
from hub.contracts import registry
from hub.contracts.registry import PARTNER_APIS, PartnerApi, Reports, UnknownPartnerApi
from hub.errors import Invalid
from hub.store.db.engine import Database
from hub.store.provisioning import NewPartner, create_partner
from infra import api_table
from tests.support.dialing import eventually
from tests.support.in_process import running_in_process
from tests.support.sixth_partner import SIXTH
from tests.support.stack import PEPPER, Hub, environment

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
every_api = pytest.mark.parametrize("api", PARTNER_APIS, ids=registry.names())


@pytest.fixture(scope="session")
def openapi() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment("postgresql://127.0.0.1/none", "127.0.0.1:1").items():
            patch.setenv(name, value)
        return create_app().openapi()


def operations(openapi: dict[str, Any], api: PartnerApi) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of all that /docs shows of an API."""
    return [
        (method, path, operation)
        for path, methods in openapi["paths"].items()
        if path.startswith(api.prefixes)
        for method, operation in methods.items()
    ]


def send(
    hub: Hub, openapi: dict[str, Any], api: PartnerApi, tenant: dict[str, Any], *, key: str | None
) -> requests.Response:
    """The documented example of the API's first operation, with the tenant's own ids where the example has others."""
    method, path, operation = operations(openapi, api)[0]
    [scheme] = [openapi["components"]["securitySchemes"][name] for name in operation["security"][0]]
    body = operation["requestBody"]["content"]["application/json"]["example"]
    if isinstance(body, dict):
        own = {re.sub("_(.)", lambda found: found[1].upper(), name): value for name, value in tenant.items()}
        body = {name: own.get(name, value) for name, value in body.items()}
    sent: dict[str, dict[str, str]] = {"headers": {}, "params": {}}
    if key is not None and scheme["type"] == "http":
        sent["headers"]["Authorization"] = f"Bearer {key}"
    elif key is not None:
        sent["params" if scheme["in"] == "query" else "headers"][scheme["name"]] = key
    url = hub.url + path.format(**tenant)
    return requests.request(method, url, json=body, timeout=60, **sent)  # type: ignore[arg-type]


def key_of(api: PartnerApi, tenant: dict[str, Any]) -> str:
    [name] = [name for name, field in api.tenant.client_fields.items() if field is registry.ClientField.KEY]
    return str(tenant[name])


@every_api
def test_one_word_names_its_files_in_every_layer(api: PartnerApi) -> None:
    assert (ROOT / "hub" / "contracts" / f"{api.name}.py").is_file()
    assert (ROOT / "api" / "routes" / f"{api.name}.py").is_file()
    assert list((ROOT / api.samples).glob("*.json"))
    assert (ROOT / api.page).is_file()


def test_the_readme_lists_them_with_their_pages() -> None:
    assert f"\n\n{api_table.table()}\n" in README, "replace its table by what `python -m infra.api_table` prints"
    assert f"hub partner create NAME --api {'|'.join(registry.names())}" in README


@every_api
def test_its_page_says_where_and_how_to_send(api: PartnerApi) -> None:
    page = (ROOT / api.page).read_text(encoding="utf-8")
    assert f"--api {api.name}" in page
    for prefix in api.prefixes:
        assert prefix in page


def test_no_two_have_a_path_a_name_or_a_page_in_common() -> None:
    prefixes = [prefix for api in PARTNER_APIS for prefix in api.prefixes]
    assert not [(a, b) for i, a in enumerate(prefixes) for j, b in enumerate(prefixes) if i != j and a.startswith(b)]
    assert len(set(registry.names())) == len({api.title for api in PARTNER_APIS}) == len(PARTNER_APIS)


@every_api
def test_it_is_handled_by_what_it_names(api: PartnerApi) -> None:
    if isinstance(api.handling, Reports):
        assert asyncio.iscoroutinefunction(api.handling.handler)
    if api.payload:
        assert api.tenant.campaigns


@every_api
def test_its_routes_are_served_under_its_prefixes_alone(api: PartnerApi, openapi: dict[str, Any]) -> None:
    mine = operations(openapi, api)
    assert mine
    tags = {tag for _, _, operation in mine for tag in operation["tags"]}
    assert len(tags) == 1
    tagged = {path for path, methods in openapi["paths"].items() for one in methods.values() if tags & set(one["tags"])}
    assert tagged == {path for _, path, _ in mine}


@every_api
def test_its_key_goes_where_its_owner_documented(api: PartnerApi, openapi: dict[str, Any]) -> None:
    """Two APIs whose keys have one scheme in common would have /docs send one's key in the other's header."""
    schemes = {name for _, _, operation in operations(openapi, api) for each in operation["security"] for name in each}
    described = [openapi["components"]["securitySchemes"][name] for name in schemes]
    places = {(each["type"], each.get("in"), each.get("name", each.get("scheme"))) for each in described}
    assert all(name == api.name or name.startswith(f"{api.name}_") for name in schemes)
    assert (
        places
        == {
            "partner_api": {("apiKey", "header", "X-API-Key")},
            "margav": {("apiKey", "header", "X-Dialer-Api-Key")},
            "squadiq": {("http", None, "bearer")},
            "leanpub": {("apiKey", "header", "x-api-key")},
            "comunik8": {("apiKey", "query", "key"), ("apiKey", "header", "X-API-Key")},
        }[api.name]
    )


def phones_in(value: Any) -> list[str]:
    if isinstance(value, list):
        return [phone for each in value for phone in phones_in(each)]
    if not isinstance(value, dict):
        return []
    named = [str(value[name]) for name in ("phone", "phone_number", "mobile") if name in value]
    return named + [phone for each in value.values() for phone in phones_in(each)]


@every_api
def test_the_numbers_of_its_examples_may_be_dialled(api: PartnerApi, openapi: dict[str, Any]) -> None:
    described = [operation.get("requestBody", {}) for _, _, operation in operations(openapi, api)]
    written = [phone for body in described for phone in phones_in(body.get("content", {}).get("application/json"))]
    numbers = [phone for phone in written if any(char.isdigit() for char in phone) and "type" not in phone]
    assert api.name == "leanpub" or numbers
    for number in numbers:
        phone = phones.parse(number, "IN" if api.name == "squadiq" else "GB")
        assert (phone.grade, phone.refusal) == (phones.Grade.VALID, None)


@every_api
def test_its_errors_come_in_its_own_form(hub: Hub, openapi: dict[str, Any], api: PartnerApi) -> None:
    tenant = hub.partner(api.name)
    answer = send(hub, openapi, api, tenant, key="hub_partner_unknown")
    assert answer.status_code in {200, 401, 403}
    assert isinstance(answer.json()[api.error_key], str)
    assert answer.status_code == 200 or set(answer.json()) == {api.error_key}
    for prefix in api.prefixes:
        assert envelope(prefix, "text") == {api.error_key: "text"}


@every_api
def test_a_new_tenants_documented_example_is_answered(hub: Hub, openapi: dict[str, Any], api: PartnerApi) -> None:
    tenant = hub.partner(api.name)
    assert set(tenant) == {"id", *api.tenant.client_fields}
    assert None not in tenant.values()
    answer = send(hub, openapi, api, tenant, key=key_of(api, tenant))
    assert answer.status_code in {200, 201}, answer.text
    assert answer.json().get("code", 0) == 0


async def test_a_partner_of_an_unknown_api_is_not_made(database: str) -> None:
    hub = Database(database, 1)
    with pytest.raises(UnknownPartnerApi, match="nosuch"):
        async with hub.begin() as tx:
            await create_partner(tx, PEPPER.encode(), NewPartner("Acme", "nosuch"), 600)
    with pytest.raises(Invalid):
        async with hub.begin() as tx:
            await create_partner(tx, PEPPER.encode(), NewPartner(" ", "margav"), 600)
    await hub.close()


def test_an_unknown_api_is_a_final_failure() -> None:
    with pytest.raises(UnknownPartnerApi) as raised:
        registry.find("nosuch")
    assert translate(raised.value).non_retryable


async def test_a_sixth_partner_needs_only_its_value(
    database: str, temporal_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the tuple alone: provisioned, documented, answered, its lead registered and started by real workers."""
    monkeypatch.setattr(registry, "PARTNER_APIS", (*PARTNER_APIS, SIXTH))
    async with running_in_process(database, temporal_address, tmp_path, monkeypatch) as hub:
        await asyncio.to_thread(_sixth_partner_at_work, hub)


def _sixth_partner_at_work(hub: Hub) -> None:
    tenant = hub.partner("sixth")
    assert set(tenant) == {"id", "secret", "queue"}
    assert hub.query("SELECT rate_limit FROM partner") == [(7,)]
    openapi = requests.get(f"{hub.url}/openapi.json", timeout=30).json()
    refused = send(hub, openapi, SIXTH, tenant, key="hub_partner_unknown")
    assert (refused.status_code, refused.json()) == (401, {"reason": "Invalid API key"})
    elsewhere = requests.get(f"{hub.url}/callbacks", timeout=30)
    assert (elsewhere.status_code, elsewhere.json()) == (404, {"reason": "There is only POST."})
    known = requests.get(f"{hub.url}/v1/partner", headers={SIXTH.key_header: tenant["secret"]}, timeout=30)
    assert known.json()["title"] == SIXTH.title
    made = send(hub, openapi, SIXTH, tenant, key=tenant["secret"])
    assert made.status_code == 202, made.text
    [(lead, api)] = hub.query("SELECT id, api FROM lead")
    assert (made.status_code, made.json(), api) == (202, {"ticket": lead}, "sixth")
    again = send(hub, openapi, SIXTH, tenant, key=tenant["secret"])
    assert (again.status_code, again.json()) == (409, {"reason": "We call this number already."})
    assert hub.query("SELECT state, weight FROM submission ORDER BY id") == [("done", 1), ("rejected", 0)]
    eventually(lambda: hub.query("SELECT id FROM lead WHERE started"))
