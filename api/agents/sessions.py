"""Sessions of agents: a signed cookie that holds who and until when, and ends with the password it was given for."""

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
LASTS_SECONDS: Final = 12 * 3600
_VALUE: Final = re.compile(r"(\d{1,18})\.(\d{1,12})\.([0-9a-f]{64})", re.ASCII)


async def agent_of(request: Request, services: Services) -> Agent | None:
    """The agent whose session the request carries, None when there is none (any more)."""
    match = _VALUE.fullmatch(request.cookies.get(COOKIE, ""))
    if match is None or int(match[2]) < time():
        return None
    async with services.database.begin() as tx:
        agent = await agent_by_id(tx, int(match[1]))
    genuine = agent and hmac.compare_digest(match[3], _sign(services, agent, int(match[2])))
    return agent if genuine else None


def start_session(response: Response, services: Services, agent: Agent) -> None:
    until = int(time()) + LASTS_SECONDS
    response.set_cookie(
        COOKIE,
        f"{agent.id}.{until}.{_sign(services, agent, until)}",
        max_age=LASTS_SECONDS,
        path=PATH,
        secure=not services.settings.development,
        httponly=True,
        samesite="lax",  # the dialer's page leads here by a link
    )


def end_session(response: Response) -> None:
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")


def _sign(services: Services, agent: Agent, until: int) -> str:
    password = (agent.password_digest or b"").hex()
    return services.vault.index("agent session", f"{agent.id} {until} {password}").hex()
