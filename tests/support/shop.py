"""A Leanpub partner with the hub, a fake Leanpub and a mail server."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.support.dialing import eventually
from tests.support.outside import Outside
from tests.support.stack import Hub

PATH = "/api/v2/PartnerDiscountRequest"
SANDBOX = "sandbox@example.org"


@dataclass
class Shop:
    """A production-ready partner, with the hub, Leanpub and the mail server."""

    hub: Hub
    outside: Outside
    partner: dict[str, Any]

    def ask(self, email: str, **more: Any) -> str:
        """Ask for a discount; the request's id."""
        answer = self.send(email, **more).json()
        assert answer["code"] == 0, answer
        return str(answer["requestId"])

    def send(self, email: str, key: str | None = None, headers: dict[str, str] | None = None, **more: Any) -> Any:
        person = {"firstName": "Zoë", "lastName": "Smith", "email": email}
        facts = {"partnerId": "partner_id", "origin": "origin", "productId": "product_id"}
        body = {name: self.partner[own] for name, own in facts.items()} | {"sandboxMode": False, "recipient": person}
        headers = {"x-api-key": key or self.partner["key"], **(headers or {})}
        return requests.post(
            self.hub.url + PATH,
            json={name: value for name, value in (body | more).items() if value is not ...},
            headers=headers,
            timeout=30,
        )

    def state(self, request_id: str) -> tuple[Any, ...]:
        [row] = self.hub.query("SELECT state, why FROM discount WHERE public_id = $1", request_id)
        return row

    def becomes(self, request_id: str, state: str) -> None:
        eventually(lambda: self.state(request_id)[0] == state)

    def code(self, request_id: str) -> str:
        sql = "SELECT code FROM coupon JOIN discount ON discount.id = discount_id WHERE public_id = $1"
        return str(self.hub.query(sql, request_id)[0][0])
