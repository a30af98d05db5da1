"""Sessions of agents: a signed cookie with agent and expiry, invalid once the agent's password changes."""

import hmac
import re
from time import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.services import Services
from hub.store.agents import Agent, agent_by_id

COOKIE: Final = "hub_agent"
PATH: Final = "/agent-dashboard"
LIFETIME_SECONDS: Final = 12 * 3600
_VALUE: Final = re.compile(r"(\d{1,18})\.(\d{1,12})\.([0-9a-f]{64})", re.ASCII)


async def agent_of(request: Request, services: Services) -> Agent | None:
    """The agent whose session the request carries; None without a session, and for an invalid or expired one."""
    match = _VALUE.fullmatch(request.cookies.get(COOKIE, ""))
    if match is None or int(match[2]) < time():
        return None
    async with services.database.begin() as tx:
        agent = await agent_by_id(tx, int(match[1]))
    genuine = agent and hmac.compare_digest(match[3], _sign(services, agent, int(match[2])))
    return agent if genuine else None


def start_session(response: Response, services: Services, agent: Agent) -> None:
    expires = int(time()) + LIFETIME_SECONDS
    response.set_cookie(
        COOKIE,
        f"{agent.id}.{expires}.{_sign(services, agent, expires)}",
        max_age=LIFETIME_SECONDS,
        path=PATH,
        secure=not services.settings.development,
        httponly=True,
        samesite="lax",  # sent with the link on the dialer's page, not with another site's forms
    )


def end_session(response: Response) -> None:
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")


def _sign(services: Services, agent: Agent, expires: int) -> str:
    password = (agent.password_digest or b"").hex()
    return services.vault.index("agent session", f"{agent.id} {expires} {password}").hex()
