"""Who changed what, when, and from where."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.fields import Text
from api.management.access import By
from api.management.pages import Listed, PageQuery, TenantQuery
from hub.store import audit
from hub.store.audit import Change, ChangeFilter

operators = APIRouter()
partners = APIRouter()


class AuditQuery(TenantQuery):
    """`actor` as the list has it, such as `operator:KEY_ID`; `action` as `endpoint.disable`."""

    actor: Text | None = None
    action: Text | None = None
    subject_id: Text | None = None


@operators.get("/audit")
async def list_changes(by: By, query: Annotated[AuditQuery, Query()]) -> Listed[Change]:
    """What operators and partners changed, by HTTP or by the `hub` command."""
    wanted = ChangeFilter(query.partner_id, False, query.actor, query.action, query.subject_id)
    async with by.begin() as tx:
        return Listed.of(await audit.list_changes(tx, wanted, query.page()))


@partners.get("/audit")
async def list_own_changes(by: By, query: Annotated[PageQuery, Query()]) -> Listed[Change]:
    """What was changed with your keys."""
    async with by.begin() as tx:
        return Listed.of(await audit.list_changes(tx, ChangeFilter(by.partner_id, by_itself=True), query.page()))
