"""Who calls a management route: an operator, or a partner for what is its own. Keys decide, before all else is read."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, TypeAdapter

from api.auth import client_address, identify
from api.body import read_body, validated
from api.services import Services, services
from api.submit import idempotency_key
from hub import strictjson
from hub.actors import Actor, ActorKind
from hub.contracts import registry
from hub.contracts.limits import check_single_row
from hub.errors import Forbidden, Invalid
from hub.keys import READ_ONLY
from hub.store import kept_answers
from hub.store.db.engine import Tx
from hub.store.kept_answers import Answer, KeyedRequest
from hub.store.keys import KeyHolder

ALL_TENANTS: Final = 0  # the operators' place among the partners' turns: no partner has this id
READING_POSTS: Final = frozenset({"/v1/leads/search", "/v1/suppressions/check"})
"""They change nothing: they are POST because what they ask for must not stand in a URL."""

Hub = Annotated[Services, Depends(services)]
Model = TypeVar("Model", bound=BaseModel)
Work = Callable[[Tx], Awaitable[Any]]
_JSON: Final = TypeAdapter(Any)

_admin = HTTPBearer(scheme_name="operator", auto_error=False, description="An operator's key")
_bearer = HTTPBearer(scheme_name="partner", auto_error=False, description="The partner's key, whatever its API")
_header = APIKeyHeader(
    name="X-API-Key", scheme_name="partner_header", auto_error=False, description="Or where the API itself has the key"
)
Bearer = HTTPAuthorizationCredentials | None


class Nothing(BaseModel):
    """The body of a route that needs none: empty, or `{}`."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `partner_id` fixes the tenant; None for operators, who see all."""

    hub: Services
    request: Request
    holder: KeyHolder
    actor: Actor
    partner_id: int | None

    def begin(self) -> AbstractAsyncContextManager[Tx]:
        """One transaction: within the partner's share of the connections, or the operators'."""
        return self.hub.turns.begin(self.partner_id or ALL_TENANTS)

    async def read(self, model: type[Model]) -> tuple[bytes, Model]:
        """The body as it came, and as `model`; none is as `{}`. Raises TooLarge, BadJson, Invalid."""
        body = await read_body(self.request)
        value = strictjson.loads(body or b"{}")
        check_single_row(value)
        return body, validated(model, value)

    async def change(
        self, work: Work, status: int = 200, *, body: bytes | None = None, kept: timedelta = kept_answers.KEPT
    ) -> Response:
        """Do `work` in one transaction and answer what it returns as JSON; with an Idempotency-Key only once in `kept`.

        `body` as it was read; None where there must be none. The answer is kept with the change: it must hold nothing
        personal. Raises KeyReused, Invalid, and what `work` raises.
        """
        if body is None:
            body, _ = await self.read(Nothing)
        key = idempotency_key(self.request)
        vault = self.hub.vault
        async with self.begin() as tx:
            if key is None:
                return _response(Answer(status, _json(await work(tx))))
            whose = f"{self.actor.kind}:{self.partner_id or self.actor.id}"
            asked = f"{self.request.method} {self.request.url.path}?{self.request.url.query} ".encode() + body
            claimed = await kept_answers.claim(tx, vault, KeyedRequest(whose, key, asked), kept)
            if isinstance(claimed, Answer):
                return _response(claimed)
            answer = Answer(status, _json(await work(tx)))
            await kept_answers.keep(tx, vault, claimed, answer)
        return _response(answer)


def _json(value: object) -> bytes:
    return _JSON.dump_json(value)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type="application/json")


async def operator(request: Request, hub: Hub, token: Annotated[Bearer, Security(_admin)]) -> Caller:
    """Raises Unauthorized, Forbidden for a change by a key that may only read, Invalid for a query no route takes."""
    holder = await identify(
        request, hub, token.credentials if token else None, lambda key: not {"admin", READ_ONLY}.isdisjoint(key.scopes)
    )
    reads = request.method == "GET" or request.url.path in READING_POSTS
    if not reads and "admin" not in holder.scopes:
        raise Forbidden("This key may only read: it was made with --read-only.")
    return _admitted(request, hub, holder, ActorKind.OPERATOR)


async def partner(
    request: Request,
    hub: Hub,
    token: Annotated[Bearer, Security(_bearer)],
    _key: Annotated[str | None, Security(_header)],  # for /docs: any API's header is taken
) -> Caller:
    """Raises Unauthorized, Forbidden, RateLimited, Invalid for a query that no route takes."""
    presented = token.credentials if token else _own_header(request)
    holder = await identify(request, hub, presented, lambda key: key.api in key.scopes)
    assert holder.partner_id is not None  # noqa: S101 - it has an API, so that it is a partner's
    hub.management_limit.count(holder.partner_id)
    return _admitted(request, hub, holder, ActorKind.PARTNER)


def _own_header(request: Request) -> str | None:
    """The key where one of the partner APIs has it."""
    found = (request.headers.get(api.key_header) for api in registry.PARTNER_APIS if api.key_header != "Authorization")
    return next(filter(None, found), None)


def _admitted(request: Request, hub: Services, holder: KeyHolder, kind: ActorKind) -> Caller:
    route = request.scope["route"]
    if request.query_params and isinstance(route, APIRoute) and not route.dependant.query_params:
        raise Invalid("is unknown here; leave it out", field=next(iter(request.query_params)))
    address = client_address(request, hub)
    actor = Actor(kind, holder.key_id, str(address) if address else None)
    caller = Caller(hub, request, holder, actor, holder.partner_id)
    request.state.management_caller = caller
    return caller


async def caller(request: Request) -> Caller:
    """Whom the router's own dependency, `operator` or `partner`, has found."""
    found: Caller = request.state.management_caller
    return found


By = Annotated[Caller, Depends(caller)]
