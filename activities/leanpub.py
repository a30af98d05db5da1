"""Coupons at Leanpub by its author API (leanpub.com/help/api): one attempt per call, every failure mapped once.

    ShopError
    ├── CouponRefused     bad API key, unknown book, or a coupon it will not make: final
    ├── CodeTaken         the code exists already: ours from an earlier attempt, or somebody's; look it up
    ├── ShopBusy          429 (with Retry-After) or not reachable: nothing was made, try again later
    └── ShopDoubtful      no answer, or a 5xx: it may have been made; look it up

The API key travels in the query, as Leanpub asks; no error carries an address, an answer's text or a cause.
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

CALL_LIMIT: Final = timedelta(seconds=30)
"""One call in all; listing the coupons of a book with many of them takes Leanpub a while."""

LARGEST_ANSWER: Final = 32 * 1024 * 1024

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
    """`retry_after` is Leanpub's own wish, if it said one."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon, as wanted or as found. Prices in US cents; it works from `starts_on` through `ends_on`.

    `note` is for the author's eyes and tells whose coupon it is: put the request's id there, nothing personal.
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
        """Whether the coupon found is the one wanted: by its note; without one, by everything else."""
        return found.note == self.note if found.note else replace(found, note=self.note, code=self.code) == self


class CouponShop(Protocol):
    """Where coupons are made."""

    async def create(self, coupon: Coupon) -> None:
        """Make the coupon. Raises ShopError."""

    async def find(self, slug: str, code: str) -> Coupon | None:
        """The coupon with this code, if there is one. Raises CouponRefused or ShopBusy."""


async def make_once(shop: CouponShop, coupon: Coupon) -> None:
    """Make the coupon exist, once however often this is called. Raises ShopError, never CodeTaken."""
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
        limit: timedelta = CALL_LIMIT,
    ) -> None:
        self._session = session
        self._api_key = api_key
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=limit.total_seconds())

    async def create(self, coupon: Coupon) -> None:
        async with self._call("POST", coupon.slug, ShopDoubtful, json=coupon.wire()):
            pass

    async def find(self, slug: str, code: str) -> Coupon | None:
        async with self._call("GET", slug, ShopBusy) as response:
            listed = await _listed(response)
        try:
            entries = [entry for entry in listed if str(entry["coupon_code"]).casefold() == code.casefold()]
            return Coupon.found(slug, entries[0]) if entries else None
        except (ValueError, KeyError, TypeError, IndexError):
            raise ShopBusy("a list of coupons in an unknown form") from None

    @asynccontextmanager
    async def _call(
        self, method: str, slug: str, unsure: type[ShopError], **body: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; `unsure` is what a lost answer means for it."""
        url = URL(f"{self._base_url}/{quote(slug, safe='')}/coupons.json", encoded=True)
        url = url.update_query(api_key=self._api_key)
        try:
            async with self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, **body
            ) as response:
                await _raise_for(response, unsure)
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise ShopBusy("Leanpub cannot be reached") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as lost:
            raise unsure(f"no answer ({type(lost).__name__})") from None


async def _raise_for(response: aiohttp.ClientResponse, unsure: type[ShopError]) -> None:
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
        listed = json.loads(await _read(response, LARGEST_ANSWER))
    except ValueError:
        listed = None
    if not isinstance(listed, list):  # Must not pass for "there is no such coupon".
        raise ShopBusy("an answer that is no list of coupons")
    return listed


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > limit:
            raise ShopBusy("an answer too large")
    return bytes(body)


def _retry_after(value: str) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110, 10.2.3); nonsense and the past count as nothing said."""
    try:
        wait = timedelta(seconds=int(value)) if value.isdigit() else parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return wait if wait > timedelta(0) else None
