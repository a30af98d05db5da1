"""/metrics and /docs are the operator's: in production they open by a token, as a bearer or as a browser's password."""

import base64
import binascii
import hmac
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.settings import Settings

METRICS: Final = frozenset({"/metrics"})
DOCS: Final = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"})


class OperatorPages:
    """Answers 401 without the token, and 404 where none is configured. In development all is open."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        token = settings.operator_token
        self._token = token.get_secret_value().encode() if token else None
        self._closed: frozenset[str] = frozenset()
        if not settings.development:
            self._closed = METRICS if settings.public_docs else METRICS | DOCS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self._closed:
            await self._app(scope, receive, send)
        elif self._token is None:
            await JSONResponse({"detail": "Not Found"}, HTTPStatus.NOT_FOUND)(scope, receive, send)
        elif hmac.compare_digest(_presented(Headers(scope=scope).get("authorization", "")), self._token):
            await self._app(scope, receive, send)
        else:
            refusal = {"detail": "Use the operator's token (HUB_OPERATOR_TOKEN)."}
            challenge = {"WWW-Authenticate": 'Basic realm="Integration Hub"'}
            await JSONResponse(refusal, HTTPStatus.UNAUTHORIZED, challenge)(scope, receive, send)


def _presented(authorization: str) -> bytes:
    """The token of a bearer, or the password of `Basic`, whose user name may be any; empty without either."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(value, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
