"""An hour of five invented partners, so that every page of console and portal has something to show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

DAY: Final = 86_400
SUBMIT: Final = "/api/leads/partner-transfer"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What pages are asked about. `waiting`: a mobile, as people write it, called tomorrow; `dashboard`: an agent's."""

    waiting: str
    endpoint: int
    request_id: str
    discount: str
    dashboard: str


def send_traffic(url: str, tenants: Mapping[str, Any], receiver: str, numbers: list[str]) -> Traffic:
    """Send it to the hub at `url`: a tenant of each API, a webhook endpoint, five UK mobiles in E.164."""
    first, again, waiting, other, spoken = numbers
    leads = {"Authorization": f"Bearer {tenants['partner_api']['key']}", "X-API-Key": tenants["partner_api"]["key"]}
    wanted = {"url": receiver, "types": ["lead.created"], "contact": "ops@example.com"}
    endpoint = _post(url + "/v1/partner/endpoints", wanted, leads, 201).json()["id"]
    rows = [
        {"name": "Ann Lee", "phone": first, "email": "ann@example.com"},
        {"name": "Bo Chen", "phone": again},
        {"name": "Ann Lee", "phone": first},
        {"name": "No Number", "phone": "12"},
    ]
    accepted = _post(url + SUBMIT, {"leads": rows}, leads, 200)
    _post(url + SUBMIT, {"leads": "none"}, leads, 400)
    comunik8, person = tenants["comunik8"], {"email": "cy@example.com", "first_name": "Cy", "surname": "Moss"}
    later = person | {"mobile": waiting, "type": comunik8["type"], "delays": DAY}
    _post(f"{url}/lead/add?key={comunik8['key']}", later, {}, 200)
    squadiq = tenants["squadiq"]
    dated = [{"lead_id": "CRM-1042", "phone_number": f"+91984{other[-7:]}", "contact_name": "Dee Ray"}]
    path, token = f"/api/v4/leads/create/{squadiq['campaign_id']}/", {"Authorization": f"Bearer {squadiq['token']}"}
    _post(url + path, dated, token, 201)
    margav = {"X-Dialer-Api-Key": tenants["margav"]["key"]}
    told = {"user": "agent1", "full_name": "Eve Hart", "phone": spoken}
    reported = _post(url + "/api/leads/from-dialer/", told, margav, 201).json()
    shop, buyer = tenants["leanpub"], {"firstName": "Flo", "lastName": "Kay", "email": "flo@example.com"}
    discount = {"partnerId": shop["partner_id"], "origin": shop["origin"], "productId": shop["product_id"],
                "sandboxMode": True, "recipient": buyer}  # fmt: skip
    asked = _post(url + "/api/v2/PartnerDiscountRequest", discount, {"x-api-key": shop["key"]}, 200).json()
    return Traffic(
        waiting=f"0{waiting[3:7]} {waiting[7:]}",
        endpoint=endpoint,
        request_id=accepted.headers["x-request-id"],
        discount=asked["requestId"],
        dashboard=reported["redirect_url"],
    )


def _post(url: str, body: Any, headers: dict[str, str], status: int) -> requests.Response:
    answer = requests.post(url, json=body, headers=headers, timeout=30)
    assert answer.status_code == status, answer.text
    return answer
