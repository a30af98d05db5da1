"""People who sign in to the operators' console or to a partner's portal, and what their role lets them do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """VIEWER sees; OPERATOR also acts on leads, deliveries and endpoints; ADMIN also on keys, settings and people."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether whoever has this role may do what `needed` may."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER: Final = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Account:
    """One person. `partner_id` None: of the operators' console, else of that partner's portal.

    `password_digest` is hub.passwords', None before the first; `totp_secret` is sealed, None without a second factor,
    and `totp_step` the last 30 seconds whose code was used.
    """

    id: int
    email: str
    name: str
    partner_id: int | None
    role: Role
    password_digest: bytes | None
    totp_secret: bytes | None
    totp_step: int
    disabled_at: datetime | None
    created_at: datetime
    signed_in_at: datetime | None
