"""Why a request, or a row of it, created nothing: kept with the request when its body is gone.

Nothing here is personal: reasons are the hub's own words or a contract's constants, never what a request held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST: Final = 1000
KNOWN: Final = "known already"
TEST: Final = "a test: nothing was saved"
NO_REFUSALS: Final = (KNOWN, TEST)


@dataclass(frozen=True, slots=True)
class Reason:
    """`row`: its index in the request, from 0; None for the request as a whole. `field` names what is wrong of it.

    `lead_id`: the lead that was there before, or that was kept without being called.
    """

    reason: str
    row: int | None = None
    field: str | None = None
    lead_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Without what is not known."""
        found = {"row": self.row, "field": self.field, "reason": self.reason, "lead_id": self.lead_id}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows of a request created something, were known before, or were refused, with the reasons."""

    created: int = 0
    known: int = 0
    refused: int = 0
    reasons: tuple[Reason, ...] = ()


NO_ROWS: Final = RowCounts()


def as_json(reasons: Sequence[Reason]) -> list[dict[str, Any]] | None:
    """As they are stored: the first 1,000, None for none."""
    return [reason.as_json() for reason in reasons[:MOST]] or None
