"""Two at once: each number becomes one lead."""

import random
from concurrent.futures import ThreadPoolExecutor

from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"


def test_two_racing_batches_create_each_number_once(hub: Hub) -> None:
    partners = [hub.partner(), hub.partner()]
    numbers = [hub.number() for _ in range(100)]
    batches = [[{"name": "Ann Lee", "phone": number} for number in numbers] for _ in partners]
    random.Random(7).shuffle(batches[1])  # noqa: S311 - a fixed disorder

    with ThreadPoolExecutor(2) as both:
        answers = list(
            both.map(
                lambda pair: hub.post(PATH, pair[0]["key"], {"leads": pair[1]}).json(),
                zip(partners, batches, strict=True),
            )
        )

    assert sum(answer["created"] for answer in answers) == 100
    assert sum(answer["skipped"] for answer in answers) == 100
    created = "SELECT count(*), count(DISTINCT phone_hash) FROM lead WHERE partner_id = ANY($1)"
    assert hub.query(created, [partner["id"] for partner in partners]) == [(100, 100)]


def test_fifty_identical_requests_with_one_key_have_one_effect(hub: Hub) -> None:
    partner = hub.partner()
    body = {"leads": [{"name": "Ann Lee", "phone": hub.number()}]}

    with ThreadPoolExecutor(50) as crowd:
        answers = list(
            crowd.map(lambda _: hub.post(PATH, partner["key"], body, **{"Idempotency-Key": "k1"}), range(50))
        )

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert hub.query("SELECT count(*) FROM submission WHERE partner_id = $1 AND weight > 0", partner["id"]) == [(1,)]
    assert hub.query("SELECT count(*) FROM lead WHERE partner_id = $1", partner["id"]) == [(1,)]
