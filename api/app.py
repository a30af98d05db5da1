"""The ASGI application: one router per partner API, one place for errors, one for logs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from api import errors, management, openapi, site, webhook_docs
from api.agents import dashboard
from api.cpu import tune_garbage_collection
from api.exchange import RecordExchanges
from api.observe import Observe, TrailingSlash
from api.operator_pages import OperatorPages
from api.routes import dialer, health
from api.services import close_services, open_services
from hub.contracts import registry
from hub.logs import configure
from hub.settings import Settings, load_settings
from hub.version import VERSION

OWN_ROUTERS = (dashboard.router, dialer.router, health.router)
ABOUT = """Leads and discount requests in, durable workflows behind them, calls and webhooks out.

Each partner API answers exactly as its owner documented it. `Idempotency-Key` works on every POST.

What operators look up and change is under `/v1`, what partners do of their own under `/v1/partner`."""


def create_app() -> FastAPI:
    """Settings come from the environment; nothing is connected before the server starts it."""
    configure()
    settings = load_settings()
    app = FastAPIOffline(
        title="Integration Hub",
        version=VERSION,
        description=ABOUT,
        lifespan=_lifespan(settings),
        redirect_slashes=False,
    )
    for router in (*_partner_routers(), *OWN_ROUTERS):
        app.include_router(router)
    management.install(app)
    webhook_docs.install(app)
    site.install(app)
    errors.install(app)
    describe = app.openapi
    app.openapi = lambda: openapi.without_own_validation(describe())  # type: ignore[method-assign]  # FastAPI's own way
    app.add_middleware(RecordExchanges)
    app.add_middleware(OperatorPages, settings=settings)
    app.add_middleware(site.ConsolePort, port=settings.console_port)
    app.add_middleware(TrailingSlash)
    app.add_middleware(Observe)
    return app


def _partner_routers() -> list[APIRouter]:
    return [import_module(api.router_module).router for api in registry.PARTNER_APIS]


def _lifespan(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = await open_services(settings)
        tune_garbage_collection()
        yield
        await close_services(app.state.services)

    return lifespan
