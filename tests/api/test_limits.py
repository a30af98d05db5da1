"""Who may call, and how much."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.stack import Hub, running_api

PATH = "/api/leads/partner-transfer"


def rows(hub: Hub, count: int) -> dict[str, list[dict[str, str]]]:
    return {"leads": [{"name": "Ann Lee", "phone": hub.number()} for _ in range(count)]}


@pytest.mark.parametrize("key", ["", "wrong", "hub_partner_abcdefghijkl_" + "0" * 38, "\u00e9"])
def test_a_key_that_is_none_opens_nothing(hub: Hub, key: str) -> None:
    answer = hub.post(PATH, key.encode("latin-1"), rows(hub, 1))  # type: ignore[arg-type]  # raw bytes
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid API key"})


def test_another_apis_key_opens_nothing(hub: Hub) -> None:
    assert hub.post(PATH, hub.partner("margav")["key"], rows(hub, 1)).status_code == 401


def test_a_disabled_partner_is_told_so(hub: Hub) -> None:
    partner = hub.partner()
    hub.query("UPDATE partner SET disabled_at = now() WHERE id = $1", partner["id"])
    answer = hub.post(PATH, partner["key"], rows(hub, 1))
    assert answer.status_code == 403
    assert set(answer.json()) == {"detail"}


def test_a_batch_that_does_not_fit_is_refused_whole_with_the_partners_own_number(hub: Hub) -> None:
    partner = hub.partner(rate_limit=5)
    assert hub.post(PATH, partner["key"], rows(hub, 4)).status_code == 200
    refused = hub.post(PATH, partner["key"], rows(hub, 2))
    assert refused.status_code == 429
    assert refused.json() == {"detail": "Rate limit exceeded. Maximum 5 requests per 60 seconds."}
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Policy"] == '"default";q=5;w=60'
    assert refused.headers["RateLimit"].startswith('"default";r=1;')
    assert hub.post(PATH, partner["key"], rows(hub, 1)).status_code == 200
    assert hub.query("SELECT count(*) FROM lead WHERE partner_id = $1", partner["id"]) == [(5,)]


def test_the_window_rolls(hub: Hub) -> None:
    partner = hub.partner(rate_limit=1)
    hub.post(PATH, partner["key"], rows(hub, 1))
    hub.query("UPDATE submission SET created_at = created_at - interval '61 s' WHERE partner_id = $1", partner["id"])
    assert hub.post(PATH, partner["key"], rows(hub, 1)).status_code == 200


def test_a_batch_that_could_never_pass_is_413(hub: Hub) -> None:
    answer = hub.post(PATH, hub.partner(rate_limit=2)["key"], rows(hub, 3))
    assert answer.status_code == 413
    assert "2 per 60 seconds" in answer.json()["detail"]


def test_an_empty_batch_is_answered_with_zeros(hub: Hub) -> None:
    said = hub.post(PATH, hub.partner()["key"], {"leads": []}).json()
    assert (said["success"], said["total_submitted"], said["errors"]) == (True, 0, None)


def test_the_limit_is_exact_over_several_api_processes(hub: Hub, tmp_path: Path) -> None:
    with running_api(hub.env, tmp_path, workers=2) as url:
        both = Hub(url, hub.database_url, hub.temporal, hub.env, tmp_path)
        partner = hub.partner(rate_limit=20)
        bodies = [rows(hub, 1) for _ in range(40)]
        with ThreadPoolExecutor(10) as crowd:
            statuses = list(crowd.map(lambda body: both.post(PATH, partner["key"], body).status_code, bodies))
        assert (statuses.count(200), statuses.count(429)) == (20, 20)
