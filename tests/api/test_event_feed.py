"""`GET /v1/partner/events`: every event once, in whatever order transactions commit."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
import requests

from hub.store import events
from hub.store.db.engine import Database
from hub.store.events import NewEvent
from tests.support.stack import Hub

PATH = "/v1/partner/events"


def read(hub: Hub, key: str, after: str | None = None, **more: Any) -> dict[str, Any]:
    query = {**more, **({"after": after} if after else {})}
    answer = requests.get(hub.url + PATH, params=query, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def numbers(page: dict[str, Any]) -> list[int]:
    return [event["body"]["data"]["endpoint_id"] for event in page["data"]]


def new(*numbers: int) -> list[NewEvent]:
    return [NewEvent("endpoint.test", {"endpoint_id": number}, impersonal=True) for number in numbers]


async def test_what_commits_late_is_read_though_later_ids_were_read_before(hub: Hub) -> None:
    partner, vault = hub.partner(), hub.settings.vault()
    after = read(hub, partner["key"])["next"]
    database = Database(hub.database_url, 2)
    async with database.begin() as slow:
        await events.record(slow, vault, partner["id"], new(1))
        async with database.begin() as quick:
            await events.record(quick, vault, partner["id"], new(2))
        page = read(hub, partner["key"], after)
        assert numbers(page) == [2]
    await database.close()
    page = read(hub, partner["key"], page["next"])
    assert numbers(page) == [1]
    assert numbers(read(hub, partner["key"], page["next"])) == []


async def test_many_events_come_in_pages_each_once(hub: Hub) -> None:
    partner, vault = hub.partner(), hub.settings.vault()
    after, found = read(hub, partner["key"])["next"], []
    database = Database(hub.database_url, 1)
    async with database.begin() as tx:
        await events.record(tx, vault, partner["id"], new(*range(230)))
    sizes = []
    for extra in (300, 301, 302, 303):  # written between the pages
        page = read(hub, partner["key"], after)
        after = page["next"]
        found += numbers(page)
        sizes.append(len(page["data"]))
        async with database.begin() as tx:
            await events.record(tx, vault, partner["id"], new(extra))
    found += numbers(read(hub, partner["key"], after))
    await database.close()
    assert sizes[:3] == [100, 100, 30]
    assert found == [*range(230), 300, 301, 302, 303]


def test_a_partner_reads_its_own_events_and_waits_for_them(hub: Hub) -> None:
    partner, other = hub.partner(), hub.partner()
    after = read(hub, partner["key"])["next"]
    read(hub, other["key"])
    hub.post("/api/leads/partner-transfer", other["key"], {"leads": [{"name": "Bob", "phone": hub.number()}]})
    number = hub.number()
    hub.post("/api/leads/partner-transfer", partner["key"], {"leads": [{"name": "Ann", "phone": number}]})
    page = read(hub, partner["key"], after, wait=25)
    assert {event["body"]["data"]["lead"]["phone"] for event in page["data"]} == {number}


def test_events_are_kept_only_while_somebody_listens_or_an_endpoint_is_there(hub: Hub) -> None:
    partner = hub.partner()
    count = "SELECT count(*) > 0 FROM event WHERE partner_id = $1"
    submit = lambda: hub.post(  # noqa: E731 - said twice below
        "/api/leads/partner-transfer", partner["key"], {"leads": [{"name": "Ann", "phone": hub.number()}]}
    )
    submit()
    assert hub.query(count, partner["id"]) == [(False,)]
    read(hub, partner["key"])
    submit()
    assert hub.query(count, partner["id"]) == [(True,)]


def cursor(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": cursor("5:4:||0")},
        {"after": cursor("0:4:||0")},
        {"after": cursor("3:9:9||0")},
        {"after": cursor("3:9:5,4||0")},
        {"after": cursor("3:9:|1:|0")},
        {"after": cursor("٣:٩:||0")},  # digits that PostgreSQL does not read
        {"after": "é"},
        {"after": "a" * 5000},
        {"wait": "26"},
        {"wait": "nan"},
        {"since": "1"},
    ],
)
def test_a_query_that_can_not_be_is_refused_by_its_name(hub: Hub, query: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {hub.partner()['key']}"}
    answer = requests.get(hub.url + PATH, params=query, headers=headers, timeout=30)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.text
