"""Finding leads and telling their stories: each by an index, and a tenant's never to another."""

from typing import Any

import pytest
from sqlalchemy import event, text

from hub.actors import Actor, ActorKind
from hub.errors import Conflict, Invalid, NotFound
from hub.seal import Vault
from hub.store import lead_actions, lead_search, timelines
from hub.store.db.engine import Database, Tx
from hub.store.lead_search import LeadQuery
from hub.store.paging import PageWanted
from hub.store.provisioning import NewPartner, create_partner

VAULT = Vault([b"k" * 32], b"p" * 32)
OPERATOR = Actor(ActorKind.OPERATOR, "ann")
PAGE = PageWanted(2)


async def new_partner(tx: Tx, api: str = "squadiq") -> int:
    partner: dict[str, Any] = await create_partner(tx, b"p" * 32, NewPartner("Acme", api), 600)
    return int(partner["id"])


async def new_leads(tx: Tx, partner_id: int, number: int) -> list[int]:
    """Waiting leads of which nothing personal is known."""
    rows = text("""
        INSERT INTO lead (partner_id, api, submission_id, state, dial_at)
        SELECT :partner_id, 'squadiq', 0, 'scheduled', now() + interval '1 day' FROM generate_series(1, :number)
        RETURNING id
    """)
    return list((await tx.execute(rows, {"partner_id": partner_id, "number": number})).scalars())


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (LeadQuery(phone="+447840123456"), "ix_lead_phone_hash"),
        (LeadQuery(email="ann@example.com"), "ix_contact_email"),
        (LeadQuery(reference="A-1"), "uq_lead_dedupe_key"),
        (LeadQuery(request_id="r-1"), "ix_submission_request_id"),
        (LeadQuery(event_id="evt_1"), "uq_event_public_id"),
        (LeadQuery(delivery_id=1), "pk_delivery"),
        (LeadQuery(partner_id=1), "ix_lead_partner"),
        (LeadQuery(), "pk_lead"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_search_is_by_an_index(tx: Tx, query: LeadQuery, index: str) -> None:
    await new_partner(tx)
    await tx.execute(text("SET LOCAL enable_seqscan = off"))  # tables of a test are too small for the planner's taste
    plans: list[str] = []

    def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if "FROM lead\n" in statement and not statement.startswith("EXPLAIN"):
            plans.extend(row[0] for row in connection.exec_driver_sql("EXPLAIN " + statement, parameters))

    event.listen(tx.sync_connection, "before_cursor_execute", explain)
    await lead_search.find_leads(tx, VAULT, query, PAGE)
    assert any(index in line for line in plans), "\n".join(plans)
    assert not any("Seq Scan on lead" in line for line in plans), "\n".join(plans)


async def test_pages_go_on_where_the_last_one_ended(tx: Tx) -> None:
    partner_id = await new_partner(tx)
    leads = await new_leads(tx, partner_id, 3)
    first = await lead_search.find_leads(tx, VAULT, LeadQuery(partner_id=partner_id), PAGE)
    rest = await lead_search.find_leads(tx, VAULT, LeadQuery(partner_id=partner_id), PageWanted.of(2, first.next))
    assert [each.id for each in [*first.items, *rest.items]] == leads[::-1]
    assert rest.next is None


async def test_another_tenants_lead_is_as_one_that_is_not_there(tx: Tx) -> None:
    owner, other = await new_partner(tx), await new_partner(tx)
    [lead] = await new_leads(tx, owner, 1)
    assert (await timelines.lead_story(tx, VAULT, lead, owner)).id == lead
    missing = lead + 1
    for refused in (
        lambda lead_id: timelines.lead_story(tx, VAULT, lead_id, other),
        lambda lead_id: lead_actions.reveal_lead(tx, VAULT, OPERATOR, lead_id, other),
    ):
        with pytest.raises(NotFound) as of_another:
            await refused(lead)
        with pytest.raises(NotFound) as of_nobody:
            await refused(missing)
        assert of_another.value.message.replace(str(lead), "") == of_nobody.value.message.replace(str(missing), "")
    found = await lead_search.find_leads(tx, VAULT, LeadQuery(lead_id=lead, partner_id=other), PAGE)
    assert found.items == []


async def test_a_partner_is_not_told_of_operators_and_dialers(tx: Tx) -> None:
    partner_id = await new_partner(tx)
    [lead] = await new_leads(tx, partner_id, 1)
    await tx.execute(text("UPDATE lead SET why = 'cannot be judged: ValueError' WHERE id = :id"), {"id": lead})
    waits = await timelines.lead_story(tx, VAULT, lead, partner_id)
    assert waits.now.text == "not called because: it waits for the operator of this service"
    await lead_actions.stop_lead(tx, VAULT, OPERATOR, lead)
    told = (await timelines.lead_story(tx, VAULT, lead, partner_id)).as_json()
    assert [entry["by"] for entry in told["timeline"]] == ["hub", "hub", "operator"]
    assert "ValueError" not in str(told)
    told = (await timelines.lead_story(tx, VAULT, lead)).as_json()
    assert [entry["by"] for entry in told["timeline"]] == ["hub", "hub", OPERATOR.label]
    assert "ValueError" in str(told)


@pytest.mark.parametrize(
    "query",
    [
        LeadQuery(phone="07840 123456", region="nowhere"),
        LeadQuery(phone=""),
        LeadQuery(reference="a\ud800"),
        LeadQuery(event_id="x" * 600),
        LeadQuery(lead_id=2**63),
        LeadQuery(delivery_id=-1),
        LeadQuery(partner_id=0),
    ],
    ids=str,
)
async def test_unusable_questions_name_their_field(tx: Tx, query: LeadQuery) -> None:
    with pytest.raises(Invalid) as refused:
        await lead_search.find_leads(tx, VAULT, query, PAGE)
    assert getattr(query, refused.value.field or "") is not None


async def test_who_acts_is_forgotten_with_the_transaction(database: str) -> None:
    """The connection is the same, as a pool's and PgBouncer's are."""
    opened = Database(database, 1)
    async with opened.begin() as tx:
        partner_id = await new_partner(tx)
        first, second = await new_leads(tx, partner_id, 2)
        await lead_actions.stop_lead(tx, VAULT, OPERATOR, first)
    async with opened.begin() as tx:
        await tx.execute(text("UPDATE lead SET why = 'by hand' WHERE id = :id"), {"id": second})
        told = await timelines.lead_story(tx, VAULT, second)
    await opened.close()
    assert [(entry.what, entry.by) for entry in told.timeline] == [("lead.created", "hub"), ("lead.waiting", "hub")]


async def test_a_closed_lead_is_not_called_now(tx: Tx) -> None:
    [lead] = await new_leads(tx, await new_partner(tx), 1)
    await lead_actions.stop_lead(tx, VAULT, OPERATOR, lead)
    with pytest.raises(Conflict, match="it is disabled: stopped by an operator"):
        await lead_actions.call_now(tx, OPERATOR, lead)
