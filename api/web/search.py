"""One box for whatever is known of a lead: what the text may be, and what each of that finds."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from hub.errors import Invalid, NotFound
from hub.seal import Vault
from hub.store import lead_search, requests
from hub.store.db.engine import Tx
from hub.store.lead_search import FoundLead, LeadQuery
from hub.store.paging import PageWanted

LONGEST: Final = 320
_HEX: Final = re.compile(r"[0-9a-fA-F]{32}")
_ID: Final = re.compile(r"[0-9]{1,18}")
_SHORTEST_NUMBER: Final = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What a text led to. `by`: as what it was read; `request_id`: of a request without a lead."""

    leads: list[tuple[str, FoundLead]]
    request_id: str | None


async def search(tx: Tx, vault: Vault, text: str, partner_id: int | None) -> Found:
    """The leads that `text` may mean, of this partner if one is given. Raises Invalid for an empty or too long one."""
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise Invalid(f"Type 1 to {LONGEST} characters: a phone number, a mail address, or an id.")
    found: dict[int, tuple[str, FoundLead]] = {}
    for by, query in _readings(text):
        try:
            page = await lead_search.find_leads(tx, vault, replace(query, partner_id=partner_id), PageWanted())
        except Invalid:
            continue  # it can't be read so
        for lead in page.items:
            found.setdefault(lead.id, (by, lead))
    request_id = None
    if not found and _HEX.fullmatch(text):
        with suppress(NotFound):
            request_id = (await requests.show_request(tx, vault, text, partner_id)).request_id
    return Found(sorted(found.values(), key=lambda each: -each[1].id), request_id)


def _readings(text: str) -> Iterator[tuple[str, LeadQuery]]:
    if text.startswith("evt_"):
        yield "event", LeadQuery(event_id=text)
        return
    if "@" in text:
        yield "mail address", LeadQuery(email=text)
        return
    if _ID.fullmatch(text):
        yield "lead id", LeadQuery(lead_id=int(text))
        yield "delivery id", LeadQuery(delivery_id=int(text))
    if _HEX.fullmatch(text):
        yield "request id", LeadQuery(request_id=text)
    if sum(char.isdigit() for char in text) >= _SHORTEST_NUMBER:
        yield "phone number", LeadQuery(phone=text)
    yield "reference", LeadQuery(reference=text)
