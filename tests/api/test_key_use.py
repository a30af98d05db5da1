"""`last_used_at` tells of requests that passed every check of their key, and of no other."""

from datetime import datetime

import requests

from tests.support.dialing import eventually
from tests.support.stack import Hub

TRANSFER = "/api/leads/partner-transfer"


def last_used(hub: Hub, key: str) -> datetime | None:
    [(moment,)] = hub.query("SELECT last_used_at FROM api_key WHERE id = $1", key.split("_")[2])
    return moment


def test_a_key_was_used_only_when_its_whole_check_passed(hub: Hub) -> None:
    body = {"leads": [{"name": "Ann Lee", "phone": hub.number()}]}
    key, other, elsewhere, disabled = (hub.partner()["key"] for _ in range(4))
    hub.query("UPDATE api_key SET cidrs = '{192.0.2.0/24}' WHERE id = $1", elsewhere.split("_")[2])
    sql = "UPDATE partner SET disabled_at = now() FROM api_key WHERE partner_id = partner.id AND api_key.id = $1"
    hub.query(sql, disabled.split("_")[2])
    # The public half of a key with another's secret half, so that only the digest tells.
    forged = _with_the_secret_of(key, other)
    leases = hub.url + "/v1/dialer/calls:lease"
    assert hub.post(TRANSFER, forged, body).status_code == 401
    assert requests.post(leases, json={}, headers={"Authorization": f"Bearer {key}"}, timeout=30).status_code == 401
    assert hub.post(TRANSFER, elsewhere, body).status_code == 403
    assert hub.post(TRANSFER, disabled, body).status_code == 403

    assert hub.post(TRANSFER, other, body).status_code == 200
    eventually(lambda: last_used(hub, other) is not None)
    # Notes are written in the order of their requests: any of the refused ones would be there by now.
    assert [last_used(hub, refused) for refused in (key, elsewhere, disabled)] == [None, None, None]


def _with_the_secret_of(key: str, other: str) -> str:
    from hub.keys import _checksum  # noqa: PLC0415 - what a forger can work out too

    body = f"{'_'.join(key.split('_')[:3])}_{other.split('_')[3][:-6]}"
    return body + _checksum(body)
