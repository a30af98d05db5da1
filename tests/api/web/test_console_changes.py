"""What operators change on the console's pages: campaigns, dialers, agents, lists of numbers."""

import re

import requests

from tests.api.web.test_pages import signed_in
from tests.support.dialing import eventually
from tests.support.stack import Hub


def shown_secret(text: str) -> str:
    return re.search(r'<pre id="secret">(\S+)</pre>', text)[1]


def test_a_campaign_is_made_and_changed(hub: Hub) -> None:
    partner, boss = hub.partner("squadiq"), signed_in(hub)
    made = boss.post(f"/partners/{partner['id']}/campaigns", name="summer")
    path = "/campaigns/" + made.url.rpartition("/")[2]
    dialer = boss.post("/dialers", name=f"room {partner['id']}")
    [(dialer_id,)] = hub.query("SELECT id FROM dialer WHERE name = $1", f"room {partner['id']}")
    assert shown_secret(dialer.text).startswith("hub_dialer_")
    saved = boss.post(
        path, dialer=str(dialer_id), language="hi", required_fields="city\nage", policy='{"max_per_day": 2}'
    )
    assert (saved.status_code, "shared dialer" in saved.text) == (200, False)
    kept = "SELECT dialer_id, language, required_fields, policy ->> 'max_per_day' FROM campaign WHERE id = $1"
    assert hub.query(kept, int(path.rpartition("/")[2])) == [(dialer_id, "hi", ["city", "age"], "2")]
    assert "summer" in boss.get(f"/dialers/{dialer_id}").text
    assert "summer" in boss.get(f"/partners/{partner['id']}").text
    for wrong, why in (
        ('{"max_attempts": 0}', "policy: max_attempts: Input should be greater than or equal to 1"),
        ('{"calls": 1}', "policy: calls: there is no such setting"),
        ("[1]", "policy: must be a JSON object"),
        ("{", "policy: is not JSON"),
    ):
        refused = boss.post(path, dialer=str(dialer_id), language="de", policy=wrong)
        assert (refused.status_code, why in refused.text) == (400, True), refused.text
        assert "de" in refused.text  # what was typed is still there
    assert boss.post(path, dialer="999999999").status_code == 400
    assert hub.query(kept, int(path.rpartition("/")[2])) == [(dialer_id, "hi", ["city", "age"], "2")]
    assert boss.get("/campaigns/999999999").status_code == 404
    assert boss.post(f"/partners/{partner['id']}/campaigns", name="a/b").status_code == 400
    assert boss.post("/partners/999999999/campaigns", name="b").status_code == 404
    written = (
        "SELECT count(*) FROM audit WHERE action LIKE 'campaign.%' AND partner_id = $1 AND actor LIKE 'operator:acc%'"
    )
    assert hub.query(written, partner["id"]) == [(2,)]


def test_a_dialer_is_renamed_and_its_keys_end(hub: Hub) -> None:
    boss, name = signed_in(hub), f"floor {hub.number()}"
    key = shown_secret(boss.post("/dialers", name=name).text)
    [(dialer,)] = hub.query("SELECT id FROM dialer WHERE name = $1", name)
    assert boss.post("/dialers", name=name).status_code == 400
    assert boss.post("/dialers", name=" ").status_code == 400
    assert f"{name} b" in boss.post(f"/dialers/{dialer}/rename", name=f"{name} b").text
    assert boss.post(f"/dialers/{dialer}/rename", name="").status_code == 400
    boss.post("/dialers", name=f"{name} c")
    taken = boss.post(f"/dialers/{dialer}/rename", name=f"{name} c")
    assert (taken.status_code, f"there is a dialer {name} c already" in taken.text) == (400, True)
    assert boss.post("/dialers/999999999/rename", name="x").status_code == 404
    assert boss.post(f"/dialers/{dialer}/sell").status_code == 404
    further = shown_secret(boss.post(f"/dialers/{dialer}/key").text)
    assert further != key
    assert further not in boss.get(f"/dialers/{dialer}").text
    assert boss.post(f"/keys/{key.split('_')[2]}/revoke").url.endswith(f"/dialers/{dialer}")
    assert hub.query("SELECT count(*) FROM api_key WHERE dialer_id = $1 AND revoked_at IS NULL", dialer) == [(1,)]
    assert name in boss.get("/dialers").text


def test_margavs_agents_and_dialer(hub: Hub) -> None:
    partner, boss = hub.partner("margav"), signed_in(hub)
    path = f"/partners/{partner['id']}"
    assert "eve" in boss.post(f"{path}/agents", username="eve", name="Eve").text
    assert boss.post(f"{path}/agents", username="eve", name="Eve").status_code == 400
    assert boss.post(f"{path}/agents", username="", name="Eve").status_code == 400
    [(agent,)] = hub.query("SELECT id FROM agent WHERE partner_id = $1 AND username = 'eve'", partner["id"])
    assert "disabled" in boss.post(f"/agents/{agent}/disable").text
    assert f"/agents/{agent}/disable" in boss.post(f"/agents/{agent}/enable").text
    assert boss.post("/agents/999999999/disable").status_code == 404
    other = hub.partner()
    assert boss.get(f"/partners/{other['id']}/agents").status_code == 404
    assert boss.post(f"/partners/{other['id']}/agents", username="x", name="X").status_code == 404
    boss.post("/dialers", name=f"desk {partner['id']}")
    [(dialer,)] = hub.query("SELECT id FROM dialer WHERE name = $1", f"desk {partner['id']}")
    tied = "SELECT dialer_id FROM partner WHERE id = $1"
    boss.post(f"{path}/settings", rate_limit="9", dialer=str(dialer))
    assert hub.query(tied, partner["id"]) == [(dialer,)]
    assert boss.post(f"{path}/settings", rate_limit="9", dialer="999999999").status_code == 400
    boss.post(f"{path}/settings", rate_limit="9", dialer="")
    assert hub.query(tied, partner["id"]) == [(None,)]


def test_leanpubs_products_and_origins_are_shown(hub: Hub) -> None:
    page = signed_in(hub).get(f"/partners/{hub.partner('leanpub')['id']}").text
    assert "The Foobar Book" in page
    assert "shop.example.com" in page


def test_only_administrators_change_them(hub: Hub) -> None:
    partner, operator = hub.partner("squadiq"), signed_in(hub, "operator")
    [(campaign, dialer)] = hub.query("SELECT id, dialer_id FROM campaign WHERE partner_id = $1", partner["id"])
    of = f"/partners/{partner['id']}"
    paths = ("/dialers", f"/dialers/{dialer}/rename", f"/campaigns/{campaign}", f"{of}/agents", f"{of}/campaigns",
             "/agents/1", "/agents/1/disable", "/agents/1/password")  # fmt: skip
    for path in paths:
        assert (path, operator.post(path, name="x").status_code) == (path, 403)
    assert f"/campaigns/{campaign}" not in re.findall(
        r'action="/console(\S+)"', operator.get(f"/campaigns/{campaign}").text
    )


def test_discounts_whose_mail_is_doubtful_are_listed(hub: Hub) -> None:
    made, boss = hub.partner("leanpub"), signed_in(hub, "viewer")
    body = {"partnerId": made["partner_id"], "origin": made["origin"], "productId": made["product_id"]}
    ids = []
    for number in range(3):
        recipient = {"firstName": "John", "lastName": "Smith", "email": f"john{number}@example.com"}
        answer = hub.post("/api/v2/PartnerDiscountRequest", made["key"], {**body, "recipient": recipient})
        ids.append(answer.json()["requestId"])
    for request, state, mail in zip(ids, ("failed", "failed", "sent"), ("doubtful", "sending", "sent"), strict=True):
        hub.query("UPDATE discount SET state = $2, mail_state = $3 WHERE public_id = $1", request, state, mail)
    listed = boss.get("/discounts?state=doubtful").text
    assert [request in listed for request in ids] == [True, True, False]
    assert all(request in boss.get("/discounts").text for request in ids)


def test_healths_words_lead_to_what_they_are_about(hub: Hub) -> None:
    partner, boss = hub.partner(), signed_in(hub, "viewer")
    hub.query("UPDATE partner SET name = 'Refusing Ltd' WHERE id = $1", partner["id"])
    endpoint = hub.endpoint(partner["id"], "http://127.0.0.1:9/hook")["id"]
    gone = "UPDATE endpoint SET disabled_at = clock_timestamp(), disabled_why = 'it is gone' WHERE id = $1"
    hub.query(gone, endpoint)
    assert hub.post("/api/leads/partner-transfer", partner["key"], {"leads": 1}).status_code == 400
    eventually(lambda: "Refusing Ltd" in boss.get("").text)
    page = boss.get("").text
    assert f'/console/webhooks/{endpoint}">endpoint {endpoint} of partner {partner["id"]}</a>' in page
    assert f'/console/partners/{partner["id"]}">Refusing Ltd</a>' in page
    assert f"/console/requests?partner={partner['id']}&amp;refused=1" in page


def test_an_agent_is_changed_and_its_password_set_anew(hub: Hub) -> None:
    partner, boss = hub.partner("margav"), signed_in(hub)
    body, headers = {"user": "agent1", "full_name": "John Smith"}, {"X-Dialer-Api-Key": partner["key"]}
    made = requests.post(f"{hub.url}/api/leads/from-dialer/", json=body, headers=headers, timeout=60).json()
    [(agent,)] = hub.query("SELECT id FROM agent WHERE partner_id = $1 AND username = 'agent1'", partner["id"])

    def log_in(password: str) -> requests.Session:
        browser = requests.Session()
        form = {"lead_id": made["lead"]["id"], "username": "agent1", "password": password}
        browser.post(f"{hub.url}/agent-dashboard/login", data=form, timeout=60)
        return browser

    def is_in(browser: requests.Session) -> bool:
        return "John" in browser.get(made["redirect_url"], timeout=30).text

    path = f"/agents/{agent}"
    refused = boss.post(f"{path}/password", password="short")
    assert (refused.status_code, "password: must have at least 10 characters." in refused.text) == (400, True)
    assert boss.post(f"{path}/password", password="x" * 1001).status_code == 400
    assert boss.post(f"{path}/password", password=" the first one ").status_code == 200
    first = log_in(" the first one ")
    assert is_in(first)
    boss.post(f"{path}/password", password="the second one")
    assert [is_in(browser) for browser in (first, log_in(" the first one "), log_in("the second one"))] == [
        False, False, True,
    ]  # fmt: skip
    counted = "SELECT count(*) FROM {} WHERE agent_id = $1"
    assert [hub.query(counted.format(table), agent) for table in ("agent_session", "known_browser")] == [[(1,)]] * 2

    boss.post(path, name="Eve Evans", dialer_user_id="vd7")
    kept = "SELECT name, dialer_user_id FROM agent WHERE id = $1"
    assert hub.query(kept, agent) == [("Eve Evans", "vd7")]
    boss.post(f"/partners/{partner['id']}/agents", username="mia", name="Mia", dialer_user_id="vd8")
    for wrong, why in (({"name": "", "dialer_user_id": ""}, "name: must not be blank."),
                       ({"name": "x", "dialer_user_id": "vd8"}, "dialer_user_id: another agent")):  # fmt: skip
        refused = boss.post(path, **wrong)
        assert (refused.status_code, why in refused.text) == (400, True)
    assert hub.query(kept, agent) == [("Eve Evans", "vd7")]
    boss.post(path, name="Eve", dialer_user_id="")
    assert hub.query(kept, agent) == [("Eve", None)]
    assert boss.post("/agents/999999999", name="x").status_code == 404
    assert boss.post("/agents/999999999/password", password="the second one").status_code == 404
    written = "SELECT details FROM audit WHERE action = 'agent.set' AND subject_id = $1"
    assert "second" not in str(hub.query(written, str(agent)))
    assert [details for (details,) in hub.query(written, str(agent))][:1] == [{"changed": ["password"]}]
