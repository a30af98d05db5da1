"""/agent-dashboard: where a Margav dialer sends its agent after "Interested". Shows the lead to a logged-in agent.

Of the query only `lead_id` is read: a link can't make the page say anything about anybody.
"""

from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader

from api.agents.sessions import PATH, agent_of, end_session, start_session
from api.auth import require_https
from api.body import read_body
from api.services import Services, services
from hub.contracts.margav import StoredLead
from hub.errors import Forbidden
from hub.store.partners.margav import load

router = APIRouter(include_in_schema=False)
Hub = Annotated[Services, Depends(services)]
PAGES: Final = Environment(loader=FileSystemLoader(Path(__file__).parent.parent / "templates"), autoescape=True)
ADDRESS: Final = ("address1", "address2", "address3", "city", "state", "province", "postal_code", "country_code")
NAME: Final = ("title", "first_name", "middle_initial", "last_name", "full_name")
SHOWN_ABOVE: Final = frozenset((*NAME, *ADDRESS, "phone", "phone_number", "email", "comments"))
LONGEST_ID: Final = 18


@router.get(PATH)
async def show_lead(request: Request, hub: Hub) -> Response:
    """The lead, or the way to log in."""
    require_https(request, hub)
    lead_id = _lead_id(request.query_params.get("lead_id", ""))
    agent = await agent_of(request, hub)
    if agent is None:
        return _page("login.html", lead_id=lead_id)
    async with hub.database.begin() as tx:
        lead = await load(tx, hub.vault, agent.partner_id, lead_id) if lead_id else None
    if lead is None:
        return _page("no_lead.html", 404, agent=agent)
    return _page("lead.html", agent=agent, lead=lead, address=_address(lead), rest=_rest(lead))


@router.post(f"{PATH}/login")
async def log_in(request: Request, hub: Hub) -> Response:
    """From the form; on to the clean address of the lead."""
    require_https(request, hub)
    _require_own_form(request)
    form = parse_qs((await read_body(request)).decode(errors="replace"), max_num_fields=10)
    lead_id, username, password = (form.get(name, [""])[0] for name in ("lead_id", "username", "password"))
    known = _lead_id(lead_id)
    agent = await hub.login_throttle.admit(hub.database, known, username, password) if known else None
    if agent is None:
        return _page("login.html", 401, lead_id=known, username=username, failed=True)
    response = RedirectResponse(f"{PATH}?lead_id={known}", 303)
    start_session(response, hub, agent)
    return response


@router.post(f"{PATH}/logout")
async def log_out(request: Request) -> Response:
    _require_own_form(request)
    response = RedirectResponse(PATH, 303)
    end_session(response)
    return response


def _require_own_form(request: Request) -> None:
    """Raises Forbidden for a form on somebody else's page: browsers say where a request comes from."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("Please use the form of the dashboard itself.")


def _lead_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID else None


def _address(lead: StoredLead) -> list[str]:
    return [str(lead.fields[name]) for name in ADDRESS if name in lead.fields]


def _rest(lead: StoredLead) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in lead.fields.items() if name not in SHOWN_ABOVE)


def _page(template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    nonce = token_urlsafe(16)
    html = PAGES.get_template(template).render(nonce=nonce, path=PATH, **facts)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",  # the address that led here holds personal data
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status, headers)
