"""Coupons by Leanpub's author API (leanpub.com/help/api): one attempt per method call, every failure mapped once.

    ShopError
    ├── CouponRefused     bad API key, unknown book, or an invalid coupon: final
    ├── CodeTaken         the code exists: made by an earlier attempt, or by others; look it up
    ├── ShopBusy          429 (with Retry-After) or unreachable: nothing was made, try again later
    └── ShopDoubtful      no response, or a 5xx: it may have been made; look it up

Leanpub takes the API key in the query, so no error holds a URL, a response's text or a cause.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Protocol, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

REQUEST_TIMEOUT: Final = timedelta(seconds=30)
"""For one whole request: listing the coupons of a book that has many takes Leanpub long."""

MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024

_REASONS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "bad API key",
    HTTPStatus.FORBIDDEN: "bad API key",
    HTTPStatus.NOT_FOUND: "no such book",
    HTTPStatus.UNPROCESSABLE_ENTITY: "coupon not valid",
}
_LATER: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)
_TAKEN = re.compile(r"taken|already|duplicate|unique", re.IGNORECASE)


class ShopError(Exception): ...


class CouponRefused(ShopError): ...


class CodeTaken(ShopError): ...


class ShopDoubtful(ShopError): ...


class ShopBusy(ShopError):
    """`retry_after` is Leanpub's, None if it sent none."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon, to be made or as listed. Prices in US cents; valid from `starts_on` through `ends_on`.

    `note` is visible to the author and identifies the coupon: it holds the request's id, no personal data.
    """

    slug: str
    code: str
    price_cents: int
    starts_on: date
    ends_on: date | None
    max_uses: int | None
    note: str
    package: str = "book"

    def wire(self) -> dict[str, Any]:
        """The body of `POST /{slug}/coupons.json`."""
        return {
            "coupon_code": self.code,
            "package_discounts_attributes": [
                {"package_slug": self.package, "discounted_price": self.price_cents / 100}
            ],
            "start_date": self.starts_on.isoformat(),
            "end_date": self.ends_on and self.ends_on.isoformat(),
            "max_uses": self.max_uses,
            "note": self.note,
        }

    @classmethod
    def found(cls, slug: str, entry: Mapping[str, Any]) -> Self:
        """From an entry of `GET /{slug}/coupons.json`. Raises ValueError, KeyError, TypeError or IndexError."""
        discount = entry["package_discounts"][0]
        ends_on, max_uses = entry.get("end_date"), entry.get("max_uses")
        return cls(
            slug=slug,
            code=entry["coupon_code"],
            price_cents=round(float(discount["discounted_price"]) * 100),
            starts_on=date.fromisoformat(entry["start_date"][:10]),
            ends_on=date.fromisoformat(ends_on[:10]) if ends_on else None,
            max_uses=None if max_uses is None else int(max_uses),
            note=entry.get("note") or "",
            package=discount["package_slug"],
        )

    def is_same(self, found: Self) -> bool:
        """Whether the listed coupon is this one: by its note; if that is empty, by all other fields."""
        return found.note == self.note if found.note else replace(found, note=self.note, code=self.code) == self


class CouponShop(Protocol):
    """A shop that makes coupons."""

    async def create(self, coupon: Coupon) -> None:
        """Make the coupon. Raises ShopError."""

    async def find(self, slug: str, code: str) -> Coupon | None:
        """The coupon with this code, if there is one. Raises CouponRefused or ShopBusy."""


async def make_once(shop: CouponShop, coupon: Coupon) -> None:
    """Make the coupon unless it exists. Raises ShopError, never CodeTaken."""
    try:
        await shop.create(coupon)
    except (CodeTaken, ShopDoubtful) as unsure:
        found = await shop.find(coupon.slug, coupon.code)
        if found is None:
            raise ShopDoubtful(f"{unsure}, and not listed") from None
        if not coupon.is_same(found):
            raise CouponRefused("another coupon has this code") from None


class LeanpubShop:
    """The author API of one Leanpub account."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_key: str,
        *,
        base_url: str = "https://leanpub.com",
        timeout: timedelta = REQUEST_TIMEOUT,
    ) -> None:
        self._session = session
        self._api_key = api_key
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())

    async def create(self, coupon: Coupon) -> None:
        async with self._request("POST", coupon.slug, ShopDoubtful, json=coupon.wire()):
            pass

    async def find(self, slug: str, code: str) -> Coupon | None:
        async with self._request("GET", slug, ShopBusy) as response:
            listed = await _listed(response)
        try:
            entries = [entry for entry in listed if str(entry["coupon_code"]).casefold() == code.casefold()]
            return Coupon.found(slug, entries[0]) if entries else None
        except (ValueError, KeyError, TypeError, IndexError):
            raise ShopBusy("a list of coupons in an unknown form") from None

    @asynccontextmanager
    async def _request(
        self, method: str, slug: str, unsure: type[ShopError], **body: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; `unsure` is the error for a missing or unclear response."""
        url = URL(f"{self._base_url}/{quote(slug, safe='')}/coupons.json", encoded=True)
        url = url.update_query(api_key=self._api_key)
        try:
            async with self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, **body
            ) as response:
                await _raise_for_status(response, unsure)
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise ShopBusy("Leanpub cannot be reached") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as lost:
            raise unsure(f"no response ({type(lost).__name__})") from None


async def _raise_for_status(response: aiohttp.ClientResponse, unsure: type[ShopError]) -> None:
    status = response.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and _TAKEN.search(str(await _read(response, 65_536))):
        raise CodeTaken("the code exists")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise unsure(f"status {status}")
    if status in _LATER:
        raise ShopBusy(f"status {status}", _retry_after(response.headers.get("Retry-After", "")))
    raise CouponRefused(_REASONS.get(status, f"status {status}"))


async def _listed(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    try:
        listed = json.loads(await _read(response, MAX_RESPONSE_BYTES))
    except ValueError:
        listed = None
    if not isinstance(listed, list):  # must not be read as "there is no such coupon"
        raise ShopBusy("a response that is no list of coupons")
    return listed


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > limit:
            raise ShopBusy("a response too large")
    return bytes(body)


def _retry_after(value: str) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110, 10.2.3); None for invalid values and times in the past."""
    try:
        wait = timedelta(seconds=int(value)) if value.isdigit() else parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return wait if wait > timedelta(0) else None
