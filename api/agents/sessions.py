"""Sessions of agents: a row with a random id, and a cookie that signs it together with the agent's password.

So a session ends at logout wherever its cookie went, with the password, and while agent or partner are disabled.
"""

import hmac
import re
from datetime import timedelta
from secrets import token_hex
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.known_browsers import keep, presented
from api.services import Services
from hub.store import agents, known_browsers
from hub.store.agents import Agent

COOKIE: Final = "hub_agent"
PATH: Final = "/agent-dashboard"
LIFETIME: Final = timedelta(hours=12)
_VALUE: Final = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


async def agent_of(request: Request, services: Services) -> Agent | None:
    """The agent whose session the request carries; None without a session, and for an invalid or ended one."""
    match = _VALUE.fullmatch(request.cookies.get(COOKIE, ""))
    if match is None:
        return None
    async with services.database.begin() as tx:
        agent = await agents.agent_of_session(tx, match[1])
    genuine = agent and hmac.compare_digest(match[2], _sign(services, agent, match[1]))
    return agent if genuine else None


async def start_session(request: Request, response: Response, services: Services, agent: Agent) -> None:
    """Remember the session and the browser, and give their cookies with the response."""
    session_id = token_hex(16)
    async with services.database.begin() as tx:
        await agents.open_session(tx, agent.id, session_id, LIFETIME)
        known = await known_browsers.remember(tx, presented(request, COOKIE), agent_id=agent.id)
    secure = not services.settings.development
    keep(response, COOKIE, known, PATH, secure=secure)
    response.set_cookie(
        COOKIE,
        f"{session_id}.{_sign(services, agent, session_id)}",
        max_age=int(LIFETIME.total_seconds()),
        path=PATH,
        secure=secure,
        httponly=True,
        samesite="lax",  # sent with the link on the dialer's page, not with another site's forms
    )


async def end_session(request: Request, response: Response, services: Services) -> None:
    """End the session that the request carries, if it is one, and have its cookie deleted."""
    if await agent_of(request, services):
        async with services.database.begin() as tx:
            await agents.close_session(tx, request.cookies[COOKIE].partition(".")[0])
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")


def _sign(services: Services, agent: Agent, session_id: str) -> str:
    password = (agent.password_digest or b"").hex()
    return services.vault.index("agent session", f"{agent.id} {session_id} {password}").hex()
