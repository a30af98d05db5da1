"""The hub's own API for pull dialers: lease due calls, keep them, report how they ended."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import openapi
from api.auth import authenticate
from api.body import INLINE_BYTES, read_model, read_parsed, validated
from api.cpu import off_loop
from api.dialer_models import (
    AllOutcomes,
    CallOutcome,
    CallStarted,
    Heartbeat,
    Heartbeaten,
    Leased,
    LeasedCall,
    LeaseRequest,
    Number,
    OutcomeAccepted,
    OutcomeReport,
    OutcomeReports,
    Person,
    ReportResults,
    StartRequest,
)
from api.envelopes import DETAIL
from api.services import Services, services
from hub.contracts.limits import check_single_row
from hub.errors import Conflict, HubError, Invalid
from hub.leads import LeadState
from hub.seal import SealError, Vault
from hub.store import leases, outcomes, starts
from hub.store.call_reports import CallReport

log = structlog.get_logger()
router = APIRouter(prefix="/v1/dialer", tags=["Dialer"])
bearer = HTTPBearer(scheme_name="dialer", auto_error=False, description="The dialer's key")
ERRORS = openapi.errors(DETAIL, 400, 401, 403, 413, 503)
Hub = Annotated[Services, Depends(services)]
LEASE = {"max": 10, "lease_seconds": 60, "wait_seconds": 25, "confirm_start": True}
START = {"token": 1}
HEARTBEAT = {"calls": [{"id": 1, "token": 1}], "lease_seconds": 60}
OUTCOME = {"token": 1, "outcome": "interested", "responses": {"wants": "a visit"}}
REPORTS = {"outcomes": [{"id": 1, **OUTCOME}]}
LOOK_SECONDS = 1.0  # how often a long poll looks for calls without a notification, and whether its dialer is there
MOST_LOOKS = 5  # in a row, while calls are taken back in the place of being leased


async def dialer_id(
    request: Request,
    hub: Hub,
    token: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> int:
    """The dialer whose key this is."""
    holder = await authenticate(request, hub, token.credentials if token else None, "dialer")
    assert holder.dialer_id is not None  # noqa: S101 - a dialer's key, by its scope
    return holder.dialer_id


Dialer = Annotated[int, Depends(dialer_id)]


@router.post(
    "/calls:lease",
    response_model=Leased,
    responses=ERRORS,
    openapi_extra=openapi.body(LeaseRequest, LEASE, idempotency_key=False),
)
async def lease_calls(request: Request, hub: Hub, dialer: Dialer) -> Response:
    """Take due calls, oldest first. Each is this dialer's alone until its lease ends."""
    asked = await read_model(request, LeaseRequest)
    wanted = asked.wanted()
    async with hub.call_notifier.subscribe(dialer) as call_ready:
        taken = await _lease(hub, dialer, wanted)
        until = monotonic() + asked.wait_seconds
        while not taken and (left := until - monotonic()) > 0 and not await request.is_disconnected():
            await call_ready(min(left, LOOK_SECONDS))
            taken = await _lease(hub, dialer, wanted)
    encode = partial(_encoded, hub.vault, taken)
    large = sum(len(lease.sealed) for lease in taken) > INLINE_BYTES
    return Response(await off_loop(encode) if large else encode(), media_type="application/json")


async def _lease(hub: Services, dialer: int, wanted: leases.Wanted) -> list[leases.Lease]:
    """Look again at once where all calls found were taken back."""
    for _ in range(MOST_LOOKS):
        async with hub.database.begin() as tx:
            leased = await leases.lease(tx, dialer, wanted)
        if leased.calls or not leased.taken_back:
            return leased.calls
    return []


def _encoded(vault: Vault, taken: Sequence[leases.Lease]) -> bytes:
    """`Leased` as JSON, call by call: the interpreter turns to other threads between two, but not within one."""
    calls = (_readable(vault, lease) for lease in taken)
    return b'{"calls":[' + b",".join(call.model_dump_json().encode() for call in calls if call) + b"]}"


def _readable(vault: Vault, lease: leases.Lease) -> LeasedCall | None:
    """None for one whose person can't be read: its lease is lost in time, and the others are their dialer's."""
    try:
        return _leased(vault, lease)
    except (SealError, ValueError, TypeError, KeyError) as error:
        log.warning("lease", call=lease.call_id, lead=lease.lead_id, failure=type(error).__name__)
        return None


def _leased(vault: Vault, lease: leases.Lease) -> LeasedCall:
    person = lease.person(vault)
    return LeasedCall(
        id=lease.call_id,
        token=lease.token,
        lead_id=lease.lead_id,
        campaign=lease.campaign,
        attempt=lease.attempt,
        language=lease.language,
        start_before=lease.start_before,
        lease_until=lease.until,
        person=Person(
            phone=person.phone or "",
            extension=person.extension,
            name=person.name,
            given=person.given,
        ),
    )


@router.post(
    "/calls:heartbeat", responses=ERRORS, openapi_extra=openapi.body(Heartbeat, HEARTBEAT, idempotency_key=False)
)
async def keep_calls(request: Request, hub: Hub, dialer: Dialer) -> Heartbeaten:
    """Prolong leases of calls under way."""
    beat = await read_model(request, Heartbeat)
    pairs = [(call.id, call.token) for call in beat.calls]
    async with hub.database.begin() as tx:
        held = await leases.heartbeat(tx, dialer, pairs, timedelta(seconds=beat.lease_seconds))
    return Heartbeaten(held=sorted(held), lost=[call.id for call in beat.calls if call.id not in held])


@router.post(
    "/calls/{call_id}/start",
    responses=openapi.errors(DETAIL, 400, 401, 403, 404, 409, 413, 503),
    openapi_extra=openapi.body(StartRequest, START, idempotency_key=False),
)
async def start_call(request: Request, hub: Hub, dialer: Dialer, call_id: Number) -> CallStarted:
    """Ask right before dialling, of a call leased with `confirm_start`: 409 says not to dial, and why.

    From the 200 on the call counts. Saying it again changes nothing.
    """
    asked = await read_model(request, StartRequest)
    async with hub.database.begin() as tx:
        started = await starts.start(tx, dialer, call_id, asked.token)
    if isinstance(started, starts.TakenBack):
        raise Conflict(f"The call was taken back, do not dial: {started.why}.")
    return CallStarted(lease_until=started.lease_until)


@router.post(
    "/calls:report",
    response_model=ReportResults,
    responses=ERRORS,
    openapi_extra=openapi.body(AllOutcomes, REPORTS, idempotency_key=False),
)
async def report_outcomes(request: Request, hub: Hub, dialer: Dialer) -> Response:
    """Report how calls ended, many at once. Each has its own result; saying it again changes nothing."""
    _, (outcomes_sent, judged) = await read_parsed(request, _judge_all)
    reports = [report for report in judged if isinstance(report, CallReport)]
    async with hub.database.begin() as tx:
        taken = iter(await outcomes.report_all(tx, hub.vault, dialer, reports) if reports else [])
    results = [
        _result(value.get("id"), next(taken) if isinstance(report, CallReport) else report)
        for value, report in zip(outcomes_sent, judged, strict=True)
    ]
    return JSONResponse({"results": results})


def _judge_all(value: Any) -> tuple[list[dict[str, Any]], list[CallReport | HubError]]:
    sent = validated(OutcomeReports, value).outcomes
    return sent, [_judge(outcome) for outcome in sent]


def _judge(value: dict[str, Any]) -> CallReport | HubError:
    try:
        check_single_row(value)
        outcome = validated(CallOutcome, value)
    except Invalid as error:
        return error
    return outcome.of_call(outcome.id)


def _result(call_id: Any, result: LeadState | HubError) -> dict[str, Any]:
    if isinstance(result, HubError):
        return {"id": call_id, "status": result.status, "detail": result.message}
    return {"id": call_id, "status": 200, "lead_state": result}


@router.post(
    "/calls/{call_id}/outcome",
    responses=openapi.errors(DETAIL, 400, 401, 403, 404, 409, 413, 503),
    openapi_extra=openapi.body(OutcomeReport, OUTCOME, idempotency_key=False),
)
async def report_outcome(request: Request, hub: Hub, dialer: Dialer, call_id: Number) -> OutcomeAccepted:
    """Report how a call ended. Saying it again changes nothing; a lost lease is refused with 409."""
    reported = await read_model(request, OutcomeReport)
    async with hub.database.begin() as tx:
        state = await outcomes.report(tx, hub.vault, dialer, reported.of_call(call_id))
    return OutcomeAccepted(lead_state=state)
