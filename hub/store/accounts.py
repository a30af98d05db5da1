"""Accounts: made by invitation, changed and disabled by administrators; never deleted, so that audits keep a name."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from hub import accounts
from hub.accounts import Role
from hub.actors import Actor, ActorKind
from hub.emails import normalised
from hub.errors import Conflict, Invalid, NotFound
from hub.seal import Vault
from hub.store import audit, known_browsers
from hub.store.admin import lock_partner, require_partner, require_text
from hub.store.db.engine import Tx
from hub.store.row_ids import possible
from hub.store.tables import Account, Partner, SignInLink, WebSession

TOTP_SECRET = "account.totp_secret"  # noqa: S105 - a column's name
MOST_PEOPLE: Final = 100  # whom a partner may invite by itself
_TABLE = Account.__table__
_COLUMNS = [_TABLE.columns[name] for name in accounts.Account.__slots__]


async def create_account(
    tx: Tx, actor: Actor, email: str, name: str, role: Role, partner_id: int | None = None
) -> accounts.Account:
    """An account without a password.

    Raises Invalid for an unusable or a known address, NotFound, and Conflict for a partner that invites a further
    person than it may.
    """
    require_text(name=name)
    address = _address(email)
    if partner_id is not None:
        await require_partner(tx, partner_id)
        await _require_room(tx, actor, partner_id)
    values = {"email": address, "name": name, "role": role, "partner_id": partner_id}
    made = (await tx.execute(insert(Account).values(values).on_conflict_do_nothing().returning(Account.id))).scalar()
    if made is None:
        raise Invalid("there is an account with this address already.", field="email")
    await audit.record(tx, actor, "account.create", made, partner_id=partner_id, role=role.value)
    return await load_account(tx, made)


async def _require_room(tx: Tx, actor: Actor, partner_id: int) -> None:
    """Raises Conflict when it is the partner that asks, and it has as many people as it may have by itself."""
    if actor.kind is not ActorKind.PARTNER:
        return
    await lock_partner(tx, partner_id)
    young = Account.created_at > func.clock_timestamp() - timedelta(days=1)  # or who invites and disables has no end
    mine = select(func.count()).where(Account.partner_id == partner_id, Account.disabled_at.is_(None) | young)
    if (await tx.execute(mine)).scalar_one() >= MOST_PEOPLE:
        raise Conflict(
            f"there are {MOST_PEOPLE} people who may sign in or were invited in the last day, the most there may be;"
            " disable those who left, or wait."
        )


def _address(email: str) -> str:
    found = normalised(email.strip())
    if found is None:
        raise Invalid("is not a mail address.", field="email")
    return found.lower()


async def load_account(tx: Tx, account_id: int, partner_id: int | None = None) -> accounts.Account:
    """The account, of that partner if one is given. Raises NotFound."""
    found = await _one(tx, Account.id == possible(account_id), *_of(partner_id))
    if found is None:
        raise NotFound(f"there is no account {account_id}.", field="account_id")
    return found


async def find_account(tx: Tx, email: str, *, portal: bool) -> accounts.Account | None:
    """The account with this address that may sign in to the console, or to a portal."""
    place = Account.partner_id.is_not(None) if portal else Account.partner_id.is_(None)
    return await _one(tx, Account.email == email.strip().lower(), place, ENABLED)


async def account_of_provider(tx: Tx, subject: str, email: str) -> accounts.Account | None:
    """The operator's account whom a provider knows as `subject`; the first time the one with this verified address.

    None for somebody whose account is disabled, whatever the address.
    """
    if known := await _one(tx, Account.oidc_subject == subject):
        return known if known.disabled_at is None else None
    mine = Account.partner_id.is_(None) & ENABLED
    unclaimed = (Account.email == email.lower()) & Account.oidc_subject.is_(None) & mine
    claimed = update(Account).where(unclaimed).values(oidc_subject=subject).returning(Account.id)
    made = (await tx.execute(claimed)).scalar() if email else None
    return await load_account(tx, made) if made else None


async def note_sign_in(tx: Tx, account: accounts.Account) -> bool:
    """Before a session is opened; False when the password was changed, or the account disabled, since it was loaded.

    Whoever does so at this moment waits until the session is there, and ends it.
    """
    same = Account.password_digest.is_not_distinct_from(account.password_digest)
    mine = update(Account).where(Account.id == account.id, same, ENABLED)
    noted = mine.values(signed_in_at=func.clock_timestamp()).returning(Account.id)
    return (await tx.execute(noted)).first() is not None


async def list_accounts(tx: Tx, partner_id: int | None = None, *, everybody: bool = False) -> list[accounts.Account]:
    """The operators' accounts, or a partner's; or all."""
    where = () if everybody else (Account.partner_id.is_not_distinct_from(partner_id),)
    rows = await tx.execute(select(*_COLUMNS).where(*where).order_by(Account.id))
    return [accounts.Account(*row) for row in rows]


async def set_role(tx: Tx, actor: Actor, account_id: int, role: Role, partner_id: int | None = None) -> None:
    """Ends the account's sessions. Raises NotFound, and Conflict for the last administrator."""
    account = await load_account(tx, account_id, partner_id)
    await audit.record(tx, actor, "account.set_role", account_id, partner_id=account.partner_id, role=role.value)
    if role is not Role.ADMIN:
        await _require_another_administrator(tx, account)
    await tx.execute(update(Account).where(Account.id == account_id).values(role=role))
    await end_sessions(tx, account_id)


async def set_disabled(tx: Tx, actor: Actor, account_id: int, *, disabled: bool, partner_id: int | None = None) -> None:
    """Disabling ends sessions and links, and no browser is known any more.

    Raises NotFound, Conflict for the last administrator and for a partner's person whom an operator disabled, and as
    `create_account`.
    """
    account = await load_account(tx, account_id, partner_id)
    by = (await tx.execute(select(Account.disabled_by).where(Account.id == account_id))).scalar()
    if actor.kind is ActorKind.PARTNER and by is ActorKind.OPERATOR:
        raise Conflict("An operator disabled this account; ask them to enable it.")
    if not disabled and account.disabled_at and account.partner_id is not None:
        await _require_room(tx, actor, account.partner_id)
    action = "account.disable" if disabled else "account.enable"
    await audit.record(tx, actor, action, account_id, partner_id=account.partner_id)
    if disabled:
        await _require_another_administrator(tx, account)
    moment = func.coalesce(Account.disabled_at, func.clock_timestamp()) if disabled else None
    by = actor.kind if disabled else None
    await tx.execute(update(Account).where(Account.id == account_id).values(disabled_at=moment, disabled_by=by))
    if disabled:
        await _end_everything(tx, account_id)


async def set_password(tx: Tx, actor: Actor, account: accounts.Account, digest: bytes) -> None:
    """Ends the account's sessions, links and known browsers: whoever had the old password is out."""
    await audit.record(tx, actor, "account.set_password", account.id, partner_id=account.partner_id)
    await tx.execute(update(Account).where(Account.id == account.id).values(password_digest=digest))
    await _end_everything(tx, account.id)


async def reset_password(tx: Tx, actor: Actor, account: accounts.Account) -> None:
    """No password any more, for somebody who forgot it: by the next link another one is chosen. Ends sessions."""
    await audit.record(tx, actor, "account.reset_password", account.id, partner_id=account.partner_id)
    await tx.execute(update(Account).where(Account.id == account.id).values(password_digest=None))
    await _end_everything(tx, account.id)


async def set_totp(
    tx: Tx, vault: Vault, actor: Actor, account: accounts.Account, secret: str | None, step: int = 0
) -> None:
    """The secret of the second factor, proven by the code of this `step`; or (None) no second factor any more."""
    action = "account.set_totp" if secret else "account.remove_totp"
    await audit.record(tx, actor, action, account.id, partner_id=account.partner_id)
    sealed = vault.seal_secret(secret.encode(), row=str(account.id), column=TOTP_SECRET) if secret else None
    await tx.execute(update(Account).where(Account.id == account.id).values(totp_secret=sealed, totp_step=step))


def totp_secret(vault: Vault, account: accounts.Account) -> str | None:
    """The second factor's secret in base32, None without one."""
    if account.totp_secret is None:
        return None
    return vault.open_secret(account.totp_secret, row=str(account.id), column=TOTP_SECRET).decode()


async def use_totp_step(tx: Tx, account_id: int, step: int) -> bool:
    """Whether no code of this or of later 30 seconds was used before: each works once."""
    mine = update(Account).where(Account.id == account_id, Account.totp_step < step).values(totp_step=step)
    return (await tx.execute(mine.returning(Account.id))).first() is not None


async def end_sessions(tx: Tx, account_id: int) -> None:
    """Sign the account out everywhere, and void its links."""
    await tx.execute(delete(WebSession).where(WebSession.account_id == account_id))
    await tx.execute(delete(SignInLink).where(SignInLink.account_id == account_id))


async def _end_everything(tx: Tx, account_id: int) -> None:
    await end_sessions(tx, account_id)
    await known_browsers.forget(tx, account_id=account_id)


async def _require_another_administrator(tx: Tx, account: accounts.Account) -> None:
    """Locks them all, so that two who are changed at once do not each count on the other."""
    if account.partner_id is not None:
        return
    admins = select(Account.id).where(Account.partner_id.is_(None), Account.role == Role.ADMIN, ENABLED)
    found = (await tx.execute(admins.order_by(Account.id).with_for_update(of=Account))).scalars().all()
    if found == [account.id]:
        raise Conflict("This is the last administrator. Make another one first.")


def _of(partner_id: int | None) -> Sequence[ColumnElement[bool]]:
    return () if partner_id is None else (Account.partner_id == partner_id,)


_PARTNER_ENABLED = select(Partner.id).where(Partner.id == Account.partner_id, Partner.disabled_at.is_(None)).exists()
ENABLED = Account.disabled_at.is_(None) & (Account.partner_id.is_(None) | _PARTNER_ENABLED)


async def _one(tx: Tx, *where: ColumnElement[bool]) -> accounts.Account | None:
    row: Any = (await tx.execute(select(*_COLUMNS).where(*where))).first()
    return accounts.Account(*row) if row else None
