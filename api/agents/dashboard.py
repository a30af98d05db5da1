"""/agent-dashboard: where a Margav dialer sends its agent after "Interested". Shows the lead to a logged-in agent.

Of the query only `lead_id` is read, so that a forged link can't put content on the page.
"""

from typing import Annotated, Any, Final
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.agents.login import LONGEST_NAME
from api.agents.sessions import COOKIE, PATH, agent_of, end_session, start_session
from api.auth import client_address, require_https
from api.body import read_body
from api.known_browsers import presented
from api.services import Services, services
from api.web import pages
from hub.contracts.margav import StoredLead
from hub.errors import Forbidden, Invalid
from hub.store.partners.margav import load

router = APIRouter(include_in_schema=False)
router.include_router(pages.router, prefix=PATH)
Hub = Annotated[Services, Depends(services)]
ADDRESS_FIELDS: Final = ("address1", "address2", "address3", "city", "state", "province", "postal_code", "country_code")
NAME_FIELDS: Final = ("title", "first_name", "middle_initial", "last_name", "full_name")
SHOWN_ABOVE: Final = frozenset((*NAME_FIELDS, *ADDRESS_FIELDS, "email", "comments"))
SHOWN_IF_ALONE: Final = frozenset({"phone", "phone_number", "notes"})
MAX_FORM_FIELDS: Final = 10
MAX_ID_DIGITS: Final = 18
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # a page's address may hold personal data
    "X-Content-Type-Options": "nosniff",
}


@router.get(PATH)
async def show_lead(request: Request, hub: Hub) -> Response:
    """The lead, or the login form."""
    require_https(request, hub)
    lead_id = _lead_id(request.query_params.get("lead_id", ""))
    agent = await agent_of(request, hub)
    if agent is None:
        return _page("agent_login.html", lead_id=lead_id, username="", failed=False)
    async with hub.database.begin() as tx:
        lead = await load(tx, hub.vault, agent.partner_id, lead_id) if lead_id else None
    if lead is None:
        return _page("agent_no_lead.html", 404, agent=agent)
    return _page("agent_lead.html", agent=agent, lead=lead, address=_address(lead), other_fields=_other_fields(lead))


@router.post(f"{PATH}/login")
async def log_in(request: Request, hub: Hub) -> Response:
    """Check the form's credentials; redirect to the lead without the rest of the query."""
    require_https(request, hub)
    _require_own_form(request, hub)
    lead_text, username, password = await _form(request, "lead_id", "username", "password")
    lead_id = _lead_id(lead_text)
    address = client_address(request, hub)
    token = presented(request, COOKIE)
    agent = await hub.login_check.log_in(hub.database, hub.vault, address, lead_id, username, password, token)
    if agent is None:
        return _page("agent_login.html", 401, lead_id=lead_id, username=username[:LONGEST_NAME], failed=True)
    response = RedirectResponse(f"{PATH}?lead_id={lead_id}", 303)
    await start_session(request, response, hub, agent)
    return response


@router.post(f"{PATH}/logout")
async def log_out(request: Request, hub: Hub) -> Response:
    require_https(request, hub)
    _require_own_form(request, hub)
    response = RedirectResponse(PATH, 303)
    await end_session(request, response, hub)
    return response


async def _form(request: Request, *names: str) -> list[str]:
    """The fields' values, "" for those that are missing. Raises Invalid for more fields than any form here has."""
    try:
        form = parse_qs((await read_body(request)).decode(errors="replace"), max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise Invalid(f"The form must have at most {MAX_FORM_FIELDS} fields.") from None
    return [form.get(name, [""])[0] for name in names]


def _require_own_form(request: Request, hub: Services) -> None:
    """Raises Forbidden for a form on another site.

    Browsers say where a form was by Sec-Fetch-Site, older ones by Origin alone. Of these pages' own forms Origin is
    `null`, because their address goes nowhere (Referrer-Policy).
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own_origins = {
        _origin(hub.settings.public_url),
        _own_scheme(request, hub) + request.headers.get("host", "").lower(),
    }
    own_site = site in {None, "same-origin", "none"}
    own_origin = origin is None or origin.lower() in own_origins or (origin == "null" and site is not None)
    if not (own_site and own_origin):
        raise Forbidden("Please use the form of the dashboard itself.")


def _origin(url: str) -> str:
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc}"


def _own_scheme(request: Request, hub: Services) -> str:
    # Behind a proxy the request itself comes by plain HTTP.
    return f"{request.url.scheme}://" if hub.settings.development else "https://"


def _lead_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS else None


def _address(lead: StoredLead) -> list[str]:
    return [str(lead.fields[name]) for name in ADDRESS_FIELDS if name in lead.fields]


def _other_fields(lead: StoredLead) -> list[tuple[str, Any]]:
    """What the page's other parts don't show, or show in another form than it was sent in."""
    shown = {lead.phone, lead.fields.get("comments")}
    return sorted(
        (name, value)
        for name, value in lead.fields.items()
        if name not in SHOWN_ABOVE and (name not in SHOWN_IF_ALONE or value not in shown)
    )


def _page(template: str, status: int = 200, **context: Any) -> HTMLResponse:
    shown = {"agent": None, "lead": None, "path": PATH, **context}
    return HTMLResponse(pages.render(template, PATH, shown), status, HEADERS)
