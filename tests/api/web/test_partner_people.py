"""A partner's people, invited, changed and disabled at the console; they sign in to the partner's portal."""

import re

from tests.api.web.test_pages import signed_in
from tests.support.stack import Hub
from tests.support.web import Browser


def link_of(hub: Hub, text: str) -> str:
    shown = re.search(r'<pre id="link">(\S+)</pre>', text)[1]
    return hub.url + re.sub(r"^https?://[^/]+", "", shown)


def test_an_operator_invites_a_partners_first_person_and_disables_her(hub: Hub) -> None:
    partner, boss = hub.partner(), signed_in(hub)
    path, email = f"/partners/{partner['id']}/people", f"nina{hub.number()[1:]}@example.com"
    assert f'href="/console{path}"' in boss.get(f"/partners/{partner['id']}").text
    assert "Nobody yet" in boss.get(path).text
    made = boss.post(path, name="Nina", email=email, role="admin")
    own = Browser(hub, "portal")
    link = link_of(hub, made.text)
    assert "/portal/sign-in/link" in link
    assert own.use(link).status_code == 200
    assert email in own.get("/people").text
    listed = boss.get(path).text
    assert (email in listed, "/sign-in/link" in listed) == (True, False)  # the link is shown once
    assert email not in boss.get("/people").text
    [(account,)] = hub.query("SELECT id FROM account WHERE partner_id = $1", partner["id"])
    changed = boss.post(f"{path}/{account}/role", role="viewer")
    assert (changed.url.endswith(path), own.get("/people").status_code) == (True, 200)
    assert "Sign in" in own.get("/people").text  # another role ends the session
    assert "/portal/sign-in/link" in link_of(hub, boss.post(f"{path}/{account}/link").text)
    assert "disabled" in boss.post(f"{path}/{account}/disable").text
    assert "invited" in boss.post(f"{path}/{account}/enable").text
    written = (
        "SELECT action FROM audit WHERE subject_id = $1 AND partner_id = $2 AND actor LIKE 'operator:%' ORDER BY id"
    )
    actions = [row[0] for row in hub.query(written, str(account), partner["id"])]
    assert actions == [
        "account.create",
        "account.set_role",
        "account.reset_password",
        "account.disable",
        "account.enable",
    ]


def test_wrong_input_is_named_and_others_people_are_as_missing_ones(hub: Hub) -> None:
    partner, other, boss = hub.partner(), hub.partner(), signed_in(hub)
    path = f"/partners/{partner['id']}/people"
    person = {"name": "Nina", "email": f"nina{hub.number()[1:]}@example.com", "role": "admin"}
    for field, value in (("email", "none"), ("role", "owner"), ("name", " ")):
        refused = boss.post(path, **{**person, field: value})
        assert (refused.status_code, f"{field}: " in refused.text) == (400, True)
    assert hub.query("SELECT count(*) FROM account WHERE partner_id = $1", partner["id"]) == [(0,)]
    boss.post(path, **person)
    [(account,)] = hub.query("SELECT id FROM account WHERE partner_id = $1", partner["id"])
    for action in ("role", "disable", "enable", "link"):
        answer = boss.post(f"/partners/{other['id']}/people/{account}/{action}", role="viewer")
        assert (action, answer.status_code) == (action, 404)
    for missing in ("999999999", "0", "9" * 30):
        assert boss.get(f"/partners/{missing}/people").status_code == 404
        assert boss.post(f"/partners/{missing}/people", **{**person, "email": "a@example.com"}).status_code == 404
    assert signed_in(hub, "operator").get(path).status_code == 403
    own = signed_in(hub, partner=other["id"])
    assert own.get(path).status_code == 404
    assert person["email"] not in own.get(f"/people?partner_id={partner['id']}").text


def test_whom_an_operator_disabled_their_partner_does_not_enable(hub: Hub) -> None:
    partner, boss = hub.partner(), signed_in(hub)
    path, people = f"/partners/{partner['id']}/people", signed_in(hub, partner=partner["id"])
    boss.post(path, name="Nina", email=f"nina{hub.number()[1:]}@example.com", role="viewer")
    [(account,)] = hub.query("SELECT id FROM account WHERE partner_id = $1 AND name = 'Nina'", partner["id"])
    people.post(f"/people/{account}/disable")
    assert people.post(f"/people/{account}/enable").status_code == 200
    boss.post(f"{path}/{account}/disable")
    for action in ("enable", "disable"):  # nor makes it its own doing
        answer = people.post(f"/people/{account}/{action}")
        assert (answer.status_code, "An operator disabled this account" in answer.text) == (409, True)
    assert boss.post(f"{path}/{account}/enable").status_code == 200
