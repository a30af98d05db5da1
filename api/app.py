"""The ASGI application: one router per partner API, one place for errors, one for logs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import errors
from api.agents import dashboard
from api.observe import Observe, TrailingSlash
from api.routes import comunik8, dialer, health, leanpub, margav, partner_api, squadiq
from api.services import close_services, open_services
from hub.logs import configure
from hub.settings import Settings

ROUTERS = (
    partner_api.router,
    margav.router,
    dashboard.router,
    squadiq.router,
    leanpub.router,
    comunik8.router,
    dialer.router,
    health.router,
)
ABOUT = """Leads and discount requests in, durable workflows behind them, calls and webhooks out.

Each partner API answers exactly as its owner documented it. `Idempotency-Key` works on every POST."""


def create_app() -> FastAPI:
    """Settings come from the environment; nothing is connected before the server starts it."""
    configure()
    app = FastAPIOffline(
        title="Integration Hub",
        version="0.1.0",
        description=ABOUT,
        lifespan=_lifespan(Settings()),
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.include_router(router)
    errors.install(app)
    app.add_middleware(TrailingSlash)
    app.add_middleware(Observe)
    return app


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = await open_services(settings)
        yield
        await close_services(app.state.services)

    return lifespan
