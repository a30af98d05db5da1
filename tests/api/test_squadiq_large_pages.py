"""A page of SquadIQ's responses whose leads are as large as leads may be takes no memory to speak of."""

import asyncio
import re
from collections import deque
from collections.abc import Iterator

import asyncpg
import pytest
import requests

from hub import strictjson
from hub.seal import Vault
from hub.store.contacts import RESPONSES, seal_person
from hub.store.db.url import connect_arguments
from tests.support.servers import Databases
from tests.support.squadiq import Sender
from tests.support.stack import Hub, alive_api

LEADS, ROW = 500, 64 * 1024
MOST_GROWTH = LEADS * ROW  # half of what the leads take, sealed
READ = 1024 * 1024
RESIDENT = re.compile(r"^process_resident_memory_bytes (\S+)$", re.MULTILINE)
PROCESSED = """
    INSERT INTO lead (partner_id, api, campaign_id, submission_id, state, dial_at, started, outcome, processed_at)
    SELECT $1, 'squadiq', (SELECT id FROM campaign WHERE partner_id = $1), 0, 'done', now(), true, 'interested', now()
    FROM generate_series(1, $2::int) RETURNING id
"""


@pytest.fixture(scope="module")
def sender(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    """Of an API of its own, without Temporal: reading needs none."""
    url = databases.fresh()
    with alive_api(url, "127.0.0.1:1", tmp_path_factory.mktemp("api")) as hub:
        found = Sender(hub, hub.partner("squadiq"))
        asyncio.run(_fill(url, hub.settings.vault(), found.partner["id"]))
        yield found
    databases.drop(url)


async def _fill(database: str, vault: Vault, partner_id: int) -> None:
    """Processed leads at the limit of a row, each with what its call brought, at that limit too."""
    key, wrapped = vault.new_key()
    text = "x" * (ROW - 1024)
    person = {"phone": "+919840012345", "reference": "a", "given": {"contact_name": "John Doe", "custom": text}}
    responses = strictjson.dumps({"responses": {"said": text}})
    connection = await asyncpg.connect(**connect_arguments(database))
    try:
        ids = [row["id"] for row in await connection.fetch(PROCESSED, partner_id, LEADS)]
        contacts = (
            (
                lead_id,
                wrapped,
                seal_person(vault, key, lead_id, person)["sealed"],
                key.seal(responses, row=str(lead_id), column=RESPONSES),
            )
            for lead_id in ids
        )
        columns = ("lead_id", "wrapped_key", "sealed", "responses")
        await connection.copy_records_to_table("contact", records=contacts, columns=columns)
    finally:
        await connection.close()


def resident(hub: Hub) -> int:
    """The bytes of memory that the API's process has."""
    found = RESIDENT.search(requests.get(f"{hub.url}/metrics", timeout=30).text)
    if found is None:
        pytest.skip("this system does not tell a process's memory as Linux does")
    return int(float(found[1]))


def test_a_page_of_the_largest_leads_is_never_all_in_memory(sender: Sender) -> None:
    assert len(sender.results(page_size=10)) == 10
    before, most, read = resident(sender.hub), 0, 0
    with sender.responses(page_size=LEADS, stream=True) as answer:
        for piece in answer.iter_content(READ):
            read += len(piece)
            most = max(most, resident(sender.hub))
    assert read > LEADS * (ROW - 1024)
    assert most - before < MOST_GROWTH


def test_a_page_that_can_not_be_read_to_its_end_does_not_look_whole(sender: Sender) -> None:
    with sender.responses(page_size=LEADS, stream=True) as answer:
        pieces = answer.iter_content(READ)
        next(pieces)
        sender.hub.query("ALTER TABLE contact RENAME TO away")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            deque(pieces, maxlen=0)
    sender.hub.query("ALTER TABLE away RENAME TO contact")
    assert len(sender.results(page_size=LEADS)) == LEADS


def test_a_page_in_parts_is_the_same_document(sender: Sender) -> None:
    body = sender.responses(page_size=LEADS).json()
    assert (body["count"], body["next"], body["previous"], len(body["results"])) == (LEADS, None, None, LEADS)
    [(first,)] = sender.hub.query("SELECT min(id) FROM lead")
    damage = "UPDATE contact SET wrapped_key = 'damaged' WHERE lead_id < $1"
    sender.hub.query(damage, first + LEADS // 2)
    assert len(sender.results(page_size=LEADS)) == LEADS // 2
    sender.hub.query(damage, first + LEADS)
    assert sender.results(page_size=LEADS) == []
