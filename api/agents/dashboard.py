"""/agent-dashboard: where a Margav dialer sends its agent after "Interested". Shows the lead to a logged-in agent.

Of the query only `lead_id` is read, so that a forged link can't put content on the page.
"""

from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.agents.sessions import PATH, agent_of, end_session, start_session
from api.auth import require_https
from api.body import read_body
from api.pages import html_page
from api.services import Services, services
from hub.contracts.margav import StoredLead
from hub.errors import Forbidden
from hub.store.partners.margav import load

router = APIRouter(include_in_schema=False)
Hub = Annotated[Services, Depends(services)]
ADDRESS_FIELDS: Final = ("address1", "address2", "address3", "city", "state", "province", "postal_code", "country_code")
NAME_FIELDS: Final = ("title", "first_name", "middle_initial", "last_name", "full_name")
SHOWN_ABOVE: Final = frozenset((*NAME_FIELDS, *ADDRESS_FIELDS, "phone", "phone_number", "email", "comments"))
MAX_ID_DIGITS: Final = 18


@router.get(PATH)
async def show_lead(request: Request, hub: Hub) -> Response:
    """The lead, or the login form."""
    require_https(request, hub)
    lead_id = _lead_id(request.query_params.get("lead_id", ""))
    agent = await agent_of(request, hub)
    if agent is None:
        return _page("login.html", lead_id=lead_id)
    async with hub.database.begin() as tx:
        lead = await load(tx, hub.vault, agent.partner_id, lead_id) if lead_id else None
    if lead is None:
        return _page("no_lead.html", 404, agent=agent)
    return _page("lead.html", agent=agent, lead=lead, address=_address(lead), other_fields=_other_fields(lead))


@router.post(f"{PATH}/login")
async def log_in(request: Request, hub: Hub) -> Response:
    """Check the form's credentials; redirect to the lead without the rest of the query."""
    require_https(request, hub)
    _require_own_form(request)
    form = parse_qs((await read_body(request)).decode(errors="replace"), max_num_fields=10)
    lead_text, username, password = (form.get(name, [""])[0] for name in ("lead_id", "username", "password"))
    lead_id = _lead_id(lead_text)
    agent = await hub.login_throttle.log_in(hub.database, lead_id, username, password) if lead_id else None
    if agent is None:
        return _page("login.html", 401, lead_id=lead_id, username=username, failed=True)
    response = RedirectResponse(f"{PATH}?lead_id={lead_id}", 303)
    start_session(response, hub, agent)
    return response


@router.post(f"{PATH}/logout")
async def log_out(request: Request) -> Response:
    _require_own_form(request)
    response = RedirectResponse(PATH, 303)
    end_session(response)
    return response


def _require_own_form(request: Request) -> None:
    """Raises Forbidden for a form on another site; browsers send Sec-Fetch-Site."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("Please use the form of the dashboard itself.")


def _lead_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS else None


def _address(lead: StoredLead) -> list[str]:
    return [str(lead.fields[name]) for name in ADDRESS_FIELDS if name in lead.fields]


def _other_fields(lead: StoredLead) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in lead.fields.items() if name not in SHOWN_ABOVE)


def _page(template: str, status: int = 200, **context: Any) -> HTMLResponse:
    return html_page(template, status, path=PATH, **context)
