"""People who sign in: accounts, their sessions, one-time links, and the browsers that they have signed in with."""

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.accounts import Role
from hub.actors import ActorKind
from hub.store.tables.base import Base, EnumText, Id, Moment, Now


class Account(Base):
    """See hub.accounts.Account. `email` is in lower case; `oidc_subject`: `issuer subject` of a provider's user.

    An address has at most one account of the console, and one of a portal.
    """

    __tablename__ = "account"
    __table_args__ = (Index("uq_account_email", "email", text("(partner_id IS NULL)"), unique=True),)
    id: Mapped[Id]
    email: Mapped[str]
    name: Mapped[str]
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partner.id"), index=True)
    role: Mapped[Role] = mapped_column(EnumText(Role))
    password_digest: Mapped[bytes | None]
    totp_secret: Mapped[bytes | None]
    totp_step: Mapped[int] = mapped_column(server_default=text("0"))
    oidc_subject: Mapped[str | None] = mapped_column(unique=True)
    disabled_at: Mapped[Moment | None]
    disabled_by: Mapped[ActorKind | None] = mapped_column(EnumText(ActorKind))
    created_at: Mapped[Now]
    signed_in_at: Mapped[Moment | None]


class WebSession(Base):
    """Somebody who is signed in. `id` is the hash of the cookie's random text; deleting the row ends the session.

    Without an account it was opened by a link for one partner's portal, whose `partner_id` it has and whose maker
    (`kind:id`) is in `made_by`. `number` names it to people.
    """

    __tablename__ = "web_session"
    id: Mapped[bytes] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partner.id"), index=True)
    role: Mapped[Role] = mapped_column(EnumText(Role))
    created_at: Mapped[Now]
    seen_at: Mapped[Now]
    made_by: Mapped[str | None]
    expires_at: Mapped[Moment] = mapped_column(index=True)


class SignInLink(Base):
    """A link that signs in once. `id` is the hash of its random text.

    With an account it signs that one in, who then may choose a password; without one it opens a partner's portal.
    `made_by`: as of the session that it opens.
    """

    __tablename__ = "sign_in_link"
    id: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partner.id"), index=True)
    role: Mapped[Role] = mapped_column(EnumText(Role))
    created_at: Mapped[Now]
    expires_at: Mapped[Moment] = mapped_column(index=True)
    made_by: Mapped[str | None]


class KnownBrowser(Base):
    """A browser that this account, or this agent, has signed in with. `id` is the hash of its cookie's random text."""

    __tablename__ = "known_browser"
    id: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"), index=True)
    created_at: Mapped[Now]
    expires_at: Mapped[Moment] = mapped_column(index=True)
