"""One file per partner API: its wire models and their translation. What each file offers is LeadContract.

A contract reads one request's rows and words the answer; what lies between, storing and deduping, is the same for all.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hub.contracts import comunik8, partner_api, squadiq
from hub.leads import ApiResponse, Record, Result, Row, Tenant


class LeadContract(Protocol):
    """What the intake needs of a lead API. Both functions are pure."""

    def read(self, body: Any, tenant: Tenant, campaign_id: int | None, /) -> list[Row]:
        """Translate a decoded body that the route found well-formed into rows, in order."""

    def answer(self, body: Any, results: Sequence[Result], /) -> ApiResponse:
        """Word what became of the rows. A status of 400 or more takes back all that was stored of them."""


LEAD_CONTRACTS: dict[str, LeadContract] = {
    "comunik8": comunik8,
    "partner_api": partner_api,
    "squadiq": squadiq,
}

# APIs whose campaigns' endpoints are told of a processed lead in the API's own words.
OWN_PAYLOADS: dict[str, Callable[[Record], dict[str, Any]]] = {"squadiq": squadiq.result}
