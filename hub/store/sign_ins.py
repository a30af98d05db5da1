"""Who is signed in: sessions as rows, and links that make one once. Only hashes of their random texts are stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from hub.accounts import Role
from hub.actors import Actor, ActorKind
from hub.store.accounts import ENABLED
from hub.store.db.engine import Tx
from hub.store.tables import Account, Partner, SignInLink, WebSession

SESSION_LIFETIME: Final = timedelta(hours=12)
IDLE: Final = timedelta(hours=2)
INVITATION_LIFETIME: Final = timedelta(days=3)
RANDOM_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session. `account_id` None: it was opened by a link for the partner's portal, and is nobody's own.

    `partner_id` None: of the console. `name` as people read it, `actor` as the audit keeps it.
    """

    session_id: bytes
    account_id: int | None
    partner_id: int | None
    partner_name: str | None
    role: Role
    name: str

    def actor(self, address: str | None) -> Actor:
        """Who does what this session asks for. Its kind distinguishes an operator's account from a partner's."""
        kind = ActorKind.OPERATOR if self.partner_id is None else ActorKind.PARTNER
        return Actor(kind, f"account {self.account_id}" if self.account_id else f"portal {self.partner_id}", address)


async def open_session(
    tx: Tx, account_id: int | None, partner_id: int | None, role: Role, made_by: str | None = None
) -> str:
    """The new session's text, for a cookie. Sessions and links that have expired are forgotten.

    `made_by`: who made the link, of a session without an account.
    """
    for table in (WebSession, SignInLink):
        await tx.execute(delete(table).where(table.expires_at < func.clock_timestamp()))
    token = token_urlsafe(RANDOM_BYTES)
    values = {"id": _hash(token), "account_id": account_id, "partner_id": partner_id, "role": role, "made_by": made_by}
    await tx.execute(insert(WebSession).values(**values, expires_at=func.clock_timestamp() + SESSION_LIFETIME))
    return token


_FIND = text("""
    WITH found AS (
        UPDATE web_session SET seen_at = CASE WHEN :used THEN clock_timestamp() ELSE seen_at END
        WHERE id = :id AND expires_at > clock_timestamp() AND seen_at > clock_timestamp() - CAST(:idle AS interval)
        RETURNING *
    )
    SELECT found.id AS session_id, found.account_id, found.partner_id, partner.name AS partner_name,
           coalesce(account.role, found.role) AS role, coalesce(account.name, partner.name, '') AS name
    FROM found LEFT JOIN account ON account.id = found.account_id LEFT JOIN partner ON partner.id = found.partner_id
    WHERE account.disabled_at IS NULL AND partner.disabled_at IS NULL
      AND account.partner_id IS NOT DISTINCT FROM CASE WHEN found.account_id IS NOT NULL THEN found.partner_id END
""")


async def find_session(tx: Tx, token: str, *, portal: bool, used: bool = True) -> SignedIn | None:
    """Whose session it is; None for none, one that has ended, one of the other place, or while somebody is disabled.

    With `used` it stays for another IDLE.
    """
    row = (await tx.execute(_FIND, {"id": _hash(token), "idle": IDLE, "used": used})).first()
    if row is None or portal != (row.partner_id is not None):
        return None
    columns = row._asdict()
    return SignedIn(**{**columns, "role": Role(columns["role"])})


async def close_session(tx: Tx, session_id: bytes) -> None:
    await tx.execute(delete(WebSession).where(WebSession.id == session_id))


async def link_for_account(tx: Tx, account_id: int, lifetime: timedelta = INVITATION_LIFETIME) -> str:
    """The random text of a link that signs the account in once, and lets a password be chosen."""
    owner = select(Account.partner_id, Account.role).where(Account.id == account_id)
    partner_id, role = (await tx.execute(owner)).one()
    return (await make_link(tx, account_id, partner_id, role, lifetime)).token


@dataclass(frozen=True, slots=True)
class PortalLink:
    """The random text of a link, and until when it works."""

    token: str
    expires_at: datetime


async def make_link(
    tx: Tx,
    account_id: int | None,
    partner_id: int | None,
    role: Role,
    lifetime: timedelta,
    made_by: str | None = None,
) -> PortalLink:
    """A link that signs this account in once or, without one, opens this partner's portal in this role."""
    token = token_urlsafe(RANDOM_BYTES)
    values = {"id": _hash(token), "account_id": account_id, "partner_id": partner_id, "role": role, "made_by": made_by}
    made = insert(SignInLink).values(**values, expires_at=func.clock_timestamp() + lifetime)
    return PortalLink(token, (await tx.execute(made.returning(SignInLink.expires_at))).scalar_one())


@dataclass(frozen=True, slots=True)
class UsedLink:
    """Whom a link was for, and who made it. `chooses_password`: of an account that has none."""

    account_id: int | None
    partner_id: int | None
    role: Role
    made_by: str | None
    chooses_password: bool


async def use_link(tx: Tx, token: str, *, portal: bool) -> UsedLink | None:
    """Void the link, whom it was for; None for one that was used, has expired, or is of the other place."""
    place = SignInLink.partner_id.is_not(None) if portal else SignInLink.partner_id.is_(None)
    mine = delete(SignInLink).where(
        SignInLink.id == _hash(token), place, SignInLink.expires_at > func.clock_timestamp()
    )
    facts = (SignInLink.account_id, SignInLink.partner_id, SignInLink.role, SignInLink.made_by)
    used = (await tx.execute(mine.returning(*facts))).first()
    if used is None:
        return None
    if used.account_id is None:
        live = select(Partner.id).where(Partner.id == used.partner_id, Partner.disabled_at.is_(None))
        return UsedLink(*used, chooses_password=False) if (await tx.execute(live)).first() else None
    account = select(Account.password_digest).where(Account.id == used.account_id, ENABLED)
    found = (await tx.execute(account)).first()
    return UsedLink(*used, chooses_password=found.password_digest is None) if found else None


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="surrogatepass")).digest()
