"""One request of a partner while it is answered: what its routes and the error handlers find out about it.

Whatever was not stored as a submission by the time it is answered goes to the request log.
"""

from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.request_log import LARGEST, RequestLog
from hub import reasons
from hub.contracts import registry
from hub.reasons import Reason
from hub.store.keys import KeyHolder
from hub.store.requests import RequestState
from hub.store.unadmitted import UnadmittedRequest

LONGEST_ROUTE: Final = 255


@dataclass(slots=True)
class Exchange:
    """`holder`: whose key it is, even if the key is of no use any more. `stored`: it has a submission's row.

    `reading`: the submission that it was counted as, which says that it was answered 200.
    """

    holder: KeyHolder | None = None
    body: bytes | None = None
    state: RequestState = RequestState.REFUSED
    reasons: tuple[Reason, ...] = ()
    stored: bool = False
    replay_of: int | None = None
    reading: int | None = None

    def replays(self, submission_id: int) -> None:
        """It is given the response of this earlier submission."""
        self.state, self.replay_of = RequestState.REPLAYED, submission_id

    def tests(self) -> None:
        """It only asked whether it would be accepted: nothing that it holds may be kept."""
        self.state, self.reasons = RequestState.DONE, (Reason(reasons.TEST),)

    def is_recorded(self, status: int) -> bool:
        """Whether it has a row already."""
        return self.stored if self.reading is None else status == HTTPStatus.OK


def exchange_of(request: Request) -> Exchange:
    """What is known of `request`; of one that is not for a partner API nothing is kept."""
    found: Exchange = getattr(request.state, "exchange", None) or Exchange()
    return found


class RecordExchanges:
    """Middleware: hands each request of a partner that has no submission's row to the request log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or registry.serving(scope["path"]) is None:
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        exchange = scope["state"]["exchange"] = Exchange()
        status, answer = int(HTTPStatus.INTERNAL_SERVER_ERROR), bytearray()

        async def listen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not exchange.stored and len(answer) <= LARGEST:
                answer.extend(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, listen)
        except Exception:
            exchange.reasons = (Reason("an unexpected failure"),)
            raise
        finally:
            unadmitted = _unadmitted(scope, exchange, status, bytes(answer), perf_counter() - began)
            if unadmitted is not None:
                log: RequestLog = scope["app"].state.services.request_log
                log.note(unadmitted)


def _unadmitted(
    scope: Scope, exchange: Exchange, status: int, answer: bytes, seconds: float
) -> UnadmittedRequest | None:
    holder = exchange.holder
    if holder is None or holder.partner_id is None or holder.api is None or exchange.is_recorded(status):
        return None
    refused = exchange.state is RequestState.REFUSED
    return UnadmittedRequest(
        request_id=scope["state"]["request_id"],
        partner_id=holder.partner_id,
        key_id=holder.key_id,
        api=holder.api,
        route=f"{scope['method']} {_path(scope, status)}",
        state=exchange.state,
        status=status,
        duration_ms=round(1000 * seconds),
        reasons=exchange.reasons,
        body=_kept(exchange.body) if refused else None,
        answer=_kept(answer) if refused else None,
        replay_of=exchange.replay_of,
        failed_read=exchange.reading,
    )


def _path(scope: Scope, status: int) -> str:
    """As it was sent, once it was seen to name what is the caller's; else the route's template."""
    path: str = scope["path"].rstrip("/")
    named = status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and path.isprintable()
    return path if named and len(path) <= LONGEST_ROUTE else getattr(scope.get("route"), "path", "")


def _kept(contents: bytes | None) -> bytes | None:
    return contents if contents and len(contents) <= LARGEST else None
