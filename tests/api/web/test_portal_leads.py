"""A partner's leads in its portal: how they stand, without what is the operator's or another partner's matter."""

import csv

import pytest

from tests.api.web.test_pages import signed_in, submitted
from tests.support.stack import Hub


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("cannot be judged: the campaign's policy is damaged", "it waits for the operator of this service"),
        ("dialer 77 has no key", "it waits for the operator of this service"),
        ("the number was called 3 times for partner 9", "the number has had all calls that it may have in 24 hours"),
        ("the number is on a do-not-call list", "the number is on a do-not-call list"),
    ],
)
def test_list_and_export_tell_a_partner_its_own_reasons(hub: Hub, why: str, told: str) -> None:
    partner = hub.partner()
    lead, _ = submitted(hub, partner)
    hub.query("UPDATE lead SET state = 'refused', why = $2 WHERE id = $1", lead, why)
    own, boss = signed_in(hub, "viewer", partner["id"]), signed_in(hub, "viewer")
    [row] = csv.DictReader(own.get("/leads.csv").text.splitlines())
    assert (row["id"], row["state"], row["why"]) == (str(lead), "refused", told)
    page = own.get("/leads").text
    assert told in page
    if why != told:
        assert why.replace("'", "&#39;") not in page
        assert why.replace("'", "&#39;") in boss.get("/leads").text
