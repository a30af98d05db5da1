"""A SquadIQ client for tests."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.support.stack import Hub


@dataclass(frozen=True, slots=True)
class Sender:
    """A tenant with its campaign, sending as the documented clients do."""

    hub: Hub
    partner: dict[str, Any]

    def send(self, operation: str, body: Any, **headers: str) -> requests.Response:
        method = "PATCH" if operation == "update" else "POST"
        return requests.request(method, self._url(operation), json=body, headers=self._headers(headers), timeout=60)

    def responses(self, *, stream: bool = False, **query: Any) -> requests.Response:
        """`stream`: whose body is still to be read."""
        headers = self._headers({})
        return requests.get(self._url("responses"), params=query, headers=headers, timeout=30, stream=stream)

    def results(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.responses(**query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    def create(self, *lead_ids: str, **more: Any) -> None:
        """Leads with a number of their own each."""
        answer = self.send("create", [self.lead(lead_id, **more) for lead_id in lead_ids])
        assert answer.status_code == 201, answer.text

    def lead(self, lead_id: Any, **more: Any) -> dict[str, Any]:
        return {"lead_id": lead_id, "phone_number": self.number(), "contact_name": "John Doe", **more}

    def number(self) -> str:
        """A valid Indian mobile number, new at each call."""
        return f"+91984{self.hub.number()[-7:]}"

    def rows(self) -> list[tuple[Any, ...]]:
        """LeadState and reason of all its leads, oldest first."""
        return self.hub.query("SELECT state, why FROM lead WHERE partner_id = $1 ORDER BY id", self.partner["id"])

    def _url(self, operation: str) -> str:
        return f"{self.hub.url}/api/v4/leads/{operation}/{self.partner['campaign_id']}/"

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.partner['token']}", **more}
