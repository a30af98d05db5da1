"""The affiliate API's wire format: a discount request, the order in which it is validated, and the answers.

Codes, messages and character sets are Leanpub's: docs/partners/leanpub.md, "How a request is validated".
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hub import emails
from hub.reasons import Reason

ROUTE = "/api/v2/PartnerDiscountRequest"

LONGEST = 255
"""Characters in a name or a transactionId; Leanpub names no limit, headers and indexes need one."""

ASCII: Final = re.compile(r"[ -~]*")
EXTENDED_ASCII: Final = re.compile("[ -~\u00a0-\u00ff’ŠšŽžŒœŸ€]*")
"""Latin-1 with the letters and marks that Windows-1252 has beyond it. To be matched after NFC."""

LIKE_AN_ADDRESS: Final = re.compile(r"://|www\.|@", re.IGNORECASE)
"""In a name: the mail would show it as a link of somebody else's choice."""


@dataclass(frozen=True, slots=True)
class RequestRefusal:
    """Why a request is refused. `code` and `message` are Leanpub's; malformed requests have only the HTTP status."""

    code: int
    http_status: int
    message: str

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """As they are kept with the request."""
        return (Reason(f"{self.code} {self.message}", row=0),)

    def body(self, request_id: str) -> dict[str, int | str]:
        """The JSON answer: `{"code", "message", "requestId"}` with HTTP 200, else `{"message"}`."""
        if self.http_status != 200:  # noqa: PLR2004 - HTTP's own number
            return {"message": self.message}
        return {"code": self.code, "message": self.message, "requestId": request_id}


INVALID_PARTNER = RequestRefusal(401, 200, "Invalid partner ID")
MISSING_PARTNER = RequestRefusal(402, 200, "Missing partner ID")
INVALID_API_KEY = RequestRefusal(403, 200, "Invalid API key")
INVALID_ORIGIN = RequestRefusal(404, 200, "Invalid origin")
INVALID_PRODUCT = RequestRefusal(405, 200, "Invalid product ID")
INVALID_RECIPIENT = RequestRefusal(406, 200, "Invalid recipient(s)")
PERMISSION_DENIED = RequestRefusal(407, 200, "Permission denied")
NOT_SCHEDULED = RequestRefusal(501, 200, "Failed to schedule job")

NOT_AN_OBJECT = RequestRefusal(400, 400, "The body must be a JSON object")
BAD_TRANSACTION = RequestRefusal(
    400, 400, f"transactionId must be a string of at most {LONGEST} printable ASCII characters"
)
BAD_SANDBOX_MODE = RequestRefusal(400, 400, "sandboxMode must be true or false")


@dataclass(frozen=True, slots=True)
class PartnerFacts:
    """What the hub knows of the partner whose API key came with the request."""

    partner_id: str
    origins: frozenset[str]
    product_ids: frozenset[str]
    production_ready: bool


@dataclass(frozen=True, slots=True)
class Recipient:
    """The buyer. `email` is normalised (NFC, lower-case domain) and may need SMTPUTF8."""

    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True, slots=True)
class DiscountRequest:
    """A request that passed every check. `sandbox` is false only for a partner who is ready and asked so."""

    partner_id: str
    origin: str
    product_id: str
    transaction_id: str | None
    sandbox: bool
    recipient: Recipient


def is_partner_id(text: str) -> bool:
    """Whether a partner may have this id: what a request can name, in the form that requests are compared in."""
    return 0 < len(text) <= LONGEST and text == text.strip() and _extended(text) == text


def acknowledged(request_id: str) -> dict[str, int | str]:
    """The answer to a request that was accepted."""
    return {"code": 0, "message": "OK", "requestId": request_id}


def parse_request(body: object, partner: PartnerFacts) -> DiscountRequest | RequestRefusal:
    """The request in `body` (decoded JSON), or its first error; the API key has been checked before.

    What is malformed comes first (HTTP 400), then Leanpub's codes as 402, 401, 404, 405, 406, 407.
    """
    if not isinstance(body, dict):
        return NOT_AN_OBJECT
    return _malformed(body) or _not_allowed(body, partner) or _request(body, partner)


def _malformed(body: Mapping[str, Any]) -> RequestRefusal | None:
    if not isinstance(body.get("sandboxMode", True), bool):
        return BAD_SANDBOX_MODE
    transaction = body.get("transactionId")
    if transaction is None or (_is_text(transaction, ASCII) and len(transaction) <= LONGEST):
        return None
    return BAD_TRANSACTION


def _not_allowed(body: Mapping[str, Any], partner: PartnerFacts) -> RequestRefusal | None:
    named = body.get("partnerId")
    if named is None or (isinstance(named, str) and not named.strip()):
        return MISSING_PARTNER
    if _extended(named) != partner.partner_id:
        return INVALID_PARTNER
    if not _is_one_of(body.get("origin"), partner.origins):
        return INVALID_ORIGIN
    return None if _is_one_of(body.get("productId"), partner.product_ids) else INVALID_PRODUCT


def _request(body: Mapping[str, Any], partner: PartnerFacts) -> DiscountRequest | RequestRefusal:
    recipient = _recipient(body.get("recipient"))
    if recipient is None:
        return INVALID_RECIPIENT
    leaves_sandbox = body.get("sandboxMode", True) is False
    if leaves_sandbox and not partner.production_ready:
        return PERMISSION_DENIED
    return DiscountRequest(
        partner_id=partner.partner_id,
        origin=body["origin"],
        product_id=body["productId"],
        transaction_id=body.get("transactionId") or None,
        sandbox=not leaves_sandbox,
        recipient=recipient,
    )


def _recipient(value: object) -> Recipient | None:
    if not isinstance(value, dict):
        return None
    first, last = _name(value.get("firstName")), _name(value.get("lastName"))
    email = _email(value.get("email"))
    return Recipient(first, last, email) if first and last and email else None


def _name(value: object) -> str | None:
    name = _extended(value)
    if name is None or len(name) > LONGEST or LIKE_AN_ADDRESS.search(name):
        return None
    return name.strip() or None


def _email(value: object) -> str | None:
    return emails.normalised(_extended(value))


def _is_one_of(value: object, known: frozenset[str]) -> bool:
    return isinstance(value, str) and _is_text(value, ASCII) and value in known


def _is_text(value: object, charset: re.Pattern[str]) -> bool:
    return isinstance(value, str) and charset.fullmatch(value) is not None


def _extended(value: object) -> str | None:
    """A string in NFC, None for one with a character outside of Extended ASCII and for anything else."""
    text = unicodedata.normalize("NFC", value) if isinstance(value, str) else None
    return text if _is_text(text, EXTENDED_ASCII) else None
