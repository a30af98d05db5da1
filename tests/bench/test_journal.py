"""What the journal costs: a lead's life with and without its triggers, `make bench ARGS="-k journal"`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import text

from hub import phones
from hub.leads import NewLead, Outcome, Tenant
from hub.people import Person
from hub.store import calls, leases, outcomes
from hub.store.call_reports import CallReport
from hub.store.db.engine import Database
from hub.store.leads import Created, store_leads
from hub.store.leases import Wanted
from hub.store.tenants import load_tenant
from tests.bench.processes import cpu
from tests.bench.rows import Report
from tests.bench.stack import Servers
from tests.support.dialing import Dialer
from tests.support.stack import Hub, environment

pytestmark = pytest.mark.bench
BATCH, BATCHES, ROUNDS = 100, 5, 4
JOURNALLED = ("lead", "call", "contact")


@dataclass
class Line:
    """Leads of one tenant, each called once by a dialer of its own."""

    hub: Hub
    database: Database
    tenant: Tenant
    dialer_id: int
    numbers: "count[int]"

    async def live(self) -> None:
        """A batch from its request to its outcomes, with a lease and a report for each, as a single line does it."""
        vault = self.hub.settings.vault()
        async with self.database.begin() as tx:
            results = await store_leads(tx, vault, self.tenant, 0, self._rows())
        lead_ids = [result.lead_id for result in results if isinstance(result, Created)]
        async with self.database.begin() as tx:
            await calls.advance(tx, vault, lead_ids, always_open=True)
        for _ in lead_ids:
            async with self.database.begin() as tx:
                [call] = (await leases.lease(tx, self.dialer_id, Wanted(1, timedelta(minutes=1)))).calls
            async with self.database.begin() as tx:
                ended = CallReport(call.call_id, call.token, Outcome.INTERESTED)
                await outcomes.report(tx, vault, self.dialer_id, ended)

    def _rows(self) -> Sequence[NewLead]:
        campaign = next(iter(self.tenant.campaigns.values())).id
        rows = []
        for _ in range(BATCH):
            phone = phones.parse(f"+447841{next(self.numbers):06d}", None)
            person = Person.read({}, phone, phone_sent=phone.e164, name="Ann Lee", email="ann@example.com")
            rows.append(NewLead(person.as_json(), phone, phone.e164, campaign))
        return rows


async def test_journal(servers: Servers, report: Report, tmp_path_factory: pytest.TempPathFactory) -> None:
    env = environment(servers.database_url, servers.temporal)
    hub = Hub("", servers.database_url, servers.temporal, env, tmp_path_factory.mktemp("journal"))
    partner = hub.partner()
    dialer, database = Dialer(hub, partner), Database(servers.database_url, 1)
    async with database.begin() as tx:
        line = Line(hub, database, await load_tenant(tx, partner["id"], shared_identity=False), dialer.id, count())
    await line.live()  # warm
    seconds = {True: 0.0, False: 0.0}
    try:
        for _ in range(ROUNDS):
            for journalled in (False, True):
                seconds[journalled] += await _cpu(line, servers, journalled=journalled)
    finally:
        await _switch(database, journalled=True)
    async with database.begin() as tx:
        per_lead = "SELECT count(*) / (count(DISTINCT lead_id))::float FROM journal JOIN lead ON lead.id = lead_id"
        rows = (await tx.execute(text(f"{per_lead} WHERE partner_id = :id"), {"id": partner["id"]})).scalar_one()
    await database.close()
    leads = BATCH * BATCHES * ROUNDS
    whole, without = (1000 * seconds[which] / leads for which in (True, False))
    cost = f"{whole - without:.2f} of {whole:.2f} ms, {rows:.1f} rows"
    report.row("journal: PostgreSQL's CPU for one lead with one call", cost, aim="0.5 ms")


async def _cpu(line: Line, servers: Servers, *, journalled: bool) -> float:
    """Seconds of PostgreSQL's CPU."""
    await _switch(line.database, journalled=journalled)
    mine = {"postgres": servers.groups["postgres"]}
    before = cpu(mine)["postgres"]
    for _ in range(BATCHES):
        await line.live()
    return cpu(mine)["postgres"] - before


async def _switch(database: Database, *, journalled: bool) -> None:
    async with database.begin() as tx:
        for table in JOURNALLED:
            await tx.execute(text(f"ALTER TABLE {table} {'ENABLE' if journalled else 'DISABLE'} TRIGGER USER"))
