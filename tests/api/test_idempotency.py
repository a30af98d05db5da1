"""Repeats: by Idempotency-Key, and after a 503."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.support.dialing import eventually
from tests.support.kept_requests import shown
from tests.support.servers import running_temporal
from tests.support.stack import Hub, environment, running_api, running_worker

PATH = "/api/leads/partner-transfer"


def leads(hub: Hub, count: int = 1) -> dict[str, list[dict[str, str]]]:
    return {"leads": [{"name": "Ann Lee", "phone": hub.number()} for _ in range(count)]}


def test_the_same_key_and_body_get_the_first_answer_again(hub: Hub) -> None:
    partner, body = hub.partner(rate_limit=1), leads(hub)
    first = hub.post(PATH, partner["key"], body, **{"Idempotency-Key": "once"})
    again = hub.post(PATH, partner["key"], body, **{"Idempotency-Key": "once"})
    assert first.json()["created"] == 1
    assert (again.status_code, again.content) == (first.status_code, first.content)


def test_the_same_key_with_another_body_is_refused(hub: Hub) -> None:
    partner = hub.partner()
    hub.post(PATH, partner["key"], leads(hub), **{"Idempotency-Key": "once"})
    other = hub.post(PATH, partner["key"], leads(hub), **{"Idempotency-Key": "once"})
    assert other.status_code == 422
    assert "Idempotency-Key" in other.json()["detail"]


def test_a_key_is_its_partners_own(hub: Hub) -> None:
    body = leads(hub)
    answers = [hub.post(PATH, hub.partner()["key"], body, **{"Idempotency-Key": "once"}).json() for _ in range(2)]
    assert [answer["created"] for answer in answers] == [1, 0]


def test_a_refused_request_leaves_its_key_free(hub: Hub) -> None:
    partner = hub.partner()
    refused = hub.post(PATH, partner["key"], {"leads": "none"}, **{"Idempotency-Key": "once"})
    taken = hub.post(PATH, partner["key"], leads(hub), **{"Idempotency-Key": "once"})
    assert (refused.status_code, taken.status_code) == (400, 200)


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9"])
def test_a_key_that_is_none_is_named(hub: Hub, key: str) -> None:
    answer = hub.post(PATH, hub.partner()["key"], leads(hub), **{"Idempotency-Key": key.encode("latin-1")})  # type: ignore[arg-type]  # raw bytes
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]


def test_after_a_503_the_repeat_gets_the_answer_of_the_first_once(database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        # A Temporal of its own: no other test's worker may take this intake.
        address = stack.enter_context(running_temporal(tmp_path)).address
        env = environment(database, address, HUB_ANSWER_TIMEOUT="PT1S")
        hub = Hub(stack.enter_context(running_api(env, tmp_path)), database, address, env, tmp_path)
        partner, body = hub.partner(), leads(hub, 3)
        late = hub.post(PATH, partner["key"], body)
        assert (late.status_code, "Retry-After" in late.headers) == (503, True)
        stack.enter_context(running_worker(env, tmp_path))
        answers: list[requests.Response] = []

        def twice() -> bool:
            answer = hub.post(PATH, partner["key"], body)
            assert answer.status_code in {200, 503}
            answers.extend([answer] if answer.status_code == 200 else [])
            return len(answers) == 2

        eventually(twice)
        assert [answer.json()["created"] for answer in answers] == [3, 0]
        accepted = "SELECT count(*) FROM submission WHERE partner_id = $1 AND weight > 0"
        assert hub.query(accepted, partner["id"]) == [(2,)]
        first, joined = shown(hub, late), shown(hub, answers[0])
        assert (first["was_late"], first["status"], first["created"]) == (True, 200, 3)
        assert (joined["state"], joined["replay_of"]) == ("replayed", first["request_id"])
