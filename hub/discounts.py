"""The words of a discount request's life, and the codes of its coupon."""

import secrets
from enum import StrEnum
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0, O, 1 and I: people type codes
MOST_MAILS: Final = 2
"""The second only after a send of which nobody knows whether it went out."""


class DiscountState(StrEnum):
    """Where a request stands; SENT and FAILED are final."""

    TAKEN = "taken"
    SENT = "sent"
    FAILED = "failed"


class MailState(StrEnum):
    """Where its mail stands. SENDING that nobody is at any more is as DOUBTFUL."""

    NONE = "none"
    SENDING = "sending"
    DOUBTFUL = "doubtful"
    SENT = "sent"


def new_code(*, sandbox: bool) -> str:
    """`7KQ4-ZM2X-9PHT`, of 60 random bits; in sandbox one that says so and is no coupon anywhere."""
    blocks = ["".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3)]
    return "-".join(["SANDBOX", *blocks[1:]] if sandbox else blocks)
