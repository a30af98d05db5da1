"""The states of a discount request, its coupon and its mail, and the coupon's codes."""

import secrets
from enum import StrEnum
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0, O, 1 and I: people type codes
OPERATORS_REASON: Final = "it could not be fulfilled; the operator of this service can tell why"
"""The reason that a partner gets for a failure that concerns only the operator: settings, keys, accounts."""

ERASED_FAILURE: Final = "DiscountErased"
"""The type of the failure of a step whose request was erased."""

MOST_MAILS: Final = 2
"""The second only after a send whose success is unknown."""


class DiscountState(StrEnum):
    """The state of a request: TAKEN is accepted and under way; SENT, FAILED and ERASED are final."""

    TAKEN = "taken"
    SENT = "sent"
    FAILED = "failed"
    ERASED = "erased"


class CouponState(StrEnum):
    """The state of a request's coupon: stored with its code, then made at Leanpub (in sandbox: nowhere)."""

    INTENDED = "intended"
    MADE = "made"


class MailState(StrEnum):
    """The state of a request's mail. SENDING whose worker was lost means the same as DOUBTFUL."""

    NONE = "none"
    SENDING = "sending"
    DOUBTFUL = "doubtful"
    SENT = "sent"


def new_code(*, sandbox: bool) -> str:
    """`7KQ4-ZM2X-9PHT`, of 60 random bits; in sandbox `SANDBOX-ZM2X-9PHT`, which Leanpub does not know."""
    blocks = ["".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3)]
    return "-".join(["SANDBOX", *blocks[1:]] if sandbox else blocks)
