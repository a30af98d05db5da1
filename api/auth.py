"""Who calls: the key in the API's own place, its scope, its addresses. Revocation is seen within a second."""

from collections.abc import Callable
from time import monotonic

from starlette.requests import Request

from api.exchange import exchange_of
from api.services import Services
from hub import keys
from hub.errors import Forbidden, Unauthorized
from hub.keys import Address
from hub.store.keys import KeyHolder, find_key

REMEMBERED_SECONDS = 0.5
REMEMBERED_KEYS = 10_000
INVALID = "Invalid API key"


async def authenticate(request: Request, services: Services, presented: str | None, scope: str) -> KeyHolder:
    """The holder of the presented key, which must open `scope`.

    Raises Unauthorized for a missing, unknown, expired, revoked or other API's key, Forbidden for a disabled partner,
    an address outside of the key's list, or plain HTTP in production.
    """
    return await identify(request, services, presented, lambda holder: scope in holder.scopes)


async def identify(
    request: Request, services: Services, presented: str | None, opens: Callable[[KeyHolder], bool]
) -> KeyHolder:
    """The holder of the presented key, if it `opens` what is asked for. Raises as `authenticate` does."""
    require_https(request, services)
    parsed = keys.parse(presented or "")
    holder = await _remembered(services, parsed.key_id) if parsed and presented else None
    if holder is None or not presented or not keys.matches(presented, holder.digest, services.pepper):
        raise Unauthorized(INVALID)
    exchange_of(request).holder = holder
    if not holder.live or not opens(holder):
        raise Unauthorized(INVALID)
    if not keys.allowed(client_address(request, services), keys.networks(holder.cidrs)):
        raise Forbidden("This key may not be used from this address.")
    if holder.disabled:
        raise Forbidden("This account is disabled. Please contact support.")
    request.state.caller = holder.key_id
    if holder.partner_id is not None:
        request.state.partner = holder.api, holder.partner_id
    services.key_use.note(holder.key_id)
    return holder


def client_address(request: Request, services: Services) -> Address | None:
    """Who sent the request, seen through the configured proxies; None when that is not known."""
    peer = request.client.host if request.client else None
    return keys.client_ip(peer, ",".join(request.headers.getlist("x-forwarded-for")), services.proxies)


def require_https(request: Request, services: Services) -> None:
    """Raises Forbidden for plain HTTP in production."""
    if request.url.scheme != "https" and not services.settings.development and not _behind_tls(request, services):
        raise Forbidden("Use HTTPS.")


def _behind_tls(request: Request, services: Services) -> bool:
    peer = request.client.host if request.client else None
    trusted = keys.client_ip(peer, None, ()) is not None and keys.allowed(
        keys.client_ip(peer, None, ()), services.proxies
    )
    return bool(services.proxies) and trusted and request.headers.get("x-forwarded-proto") == "https"


async def _remembered(services: Services, key_id: str) -> KeyHolder | None:
    """The key as it was at most half a second ago: bursts cost one query, a revocation still works at once."""
    now = monotonic()
    known = services.keys.get(key_id)
    if known and now - known[0] < REMEMBERED_SECONDS:
        return known[1]
    async with services.database.autocommit() as tx:
        holder = await find_key(tx, key_id)
    if len(services.keys) >= REMEMBERED_KEYS:
        services.keys.clear()
    services.keys[key_id] = (now, holder)
    return holder
