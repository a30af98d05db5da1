"""Tenants: partners with their keys, dialers, campaigns, agents, origins and products."""

from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.tables.base import Base, Id, Moment, Now


class Deployment(Base):
    """One row: the random id that every workflow id of this database ends with.

    `incarnation` says which run of which PostgreSQL database the open calls were last compared with Temporal in, or are
    being compared since `restarted_at`: those up to `compared_to` are (null: all), by who holds it until `held_until`.
    `written_in`: the transaction id of the update that wrote the row, as long as nobody else has (hub.store.restores).
    """

    __tablename__ = "deployment"
    only: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    id: Mapped[str]
    incarnation: Mapped[str | None]
    restarted_at: Mapped[Moment | None]
    compared_to: Mapped[int | None]
    held_until: Mapped[Moment | None]
    written_in: Mapped[str | None]


class Canary(Base):
    """One row: a known text sealed by the master key, and hashed with the pepper, to recognise wrong keys."""

    __tablename__ = "canary"
    only: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    sealed: Mapped[bytes]
    pepper_hash: Mapped[bytes]
    created_at: Mapped[Now]


class Dialer(Base):
    """A dialer, to which calls are given. `secret` (a push dialer's password) is sealed by the master key."""

    __tablename__ = "dialer"
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    config: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    secret: Mapped[bytes | None]
    created_at: Mapped[Now]


class Partner(Base):
    """A tenant: a user of one of the five APIs. `public_id` is Leanpub's `partnerId`.

    `dialer_id`: the dialer that an operator has tied to a Margav tenant, whose reports can end that dialer's calls.
    `listening_until`: its events are kept though it has no endpoint, for whoever reads its feed.
    """

    __tablename__ = "partner"
    id: Mapped[Id]
    name: Mapped[str]
    api: Mapped[str]
    public_id: Mapped[str | None] = mapped_column(unique=True)
    rate_limit: Mapped[int]
    region: Mapped[str | None]
    production_ready: Mapped[bool] = mapped_column(server_default=text("false"))
    daily_calls: Mapped[int | None]
    dialer_id: Mapped[int | None] = mapped_column(ForeignKey("dialer.id"))
    disabled_at: Mapped[Moment | None]
    listening_until: Mapped[Moment | None]
    created_at: Mapped[Now]


class ApiKey(Base):
    """A key: its public half and the keyed digest of the whole. It has a partner, or a dialer, or neither (admin)."""

    __tablename__ = "api_key"
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    digest: Mapped[bytes]
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partner.id"), index=True)
    dialer_id: Mapped[int | None] = mapped_column(ForeignKey("dialer.id"), index=True)
    scopes: Mapped[list[str]]
    cidrs: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[Now]
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]


class Campaign(Base):
    """A partner's campaign: how its leads are called. `public_id` is SquadIQ's campaign id, Comunik8's type name."""

    __tablename__ = "campaign"
    __table_args__ = (UniqueConstraint("partner_id", "public_id"),)
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    public_id: Mapped[str]
    dialer_id: Mapped[int] = mapped_column(ForeignKey("dialer.id"))
    language: Mapped[str | None]
    policy: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    required_fields: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[Now]


class Agent(Base):
    """A person at a Margav dialer who reports leads; `dialer_user_id` is the dialer's own id for them.

    One that is disabled can't log in; what dialers report of them is taken all the same.
    """

    __tablename__ = "agent"
    __table_args__ = (UniqueConstraint("partner_id", "username"), UniqueConstraint("partner_id", "dialer_user_id"))
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    username: Mapped[str]
    name: Mapped[str]
    dialer_user_id: Mapped[str | None]
    password_digest: Mapped[bytes | None]
    disabled_at: Mapped[Moment | None]
    created_at: Mapped[Now]


class AgentSession(Base):
    """An agent who is logged in to the dashboard. The row is deleted at logout, and the session's cookie is void."""

    __tablename__ = "agent_session"
    id: Mapped[str] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    expires_at: Mapped[Moment]
    created_at: Mapped[Now]


class LoginTry(Base):
    """A try to sign in that has not succeeded, by keyed hashes of the name tried and of the address.

    A known browser's has its hash for both: it is counted apart.
    """

    __tablename__ = "login_try"
    __table_args__ = (Index("ix_login_try_name", "name_hash"), Index("ix_login_try_address", "address_hash"))
    id: Mapped[Id]
    name_hash: Mapped[bytes]
    address_hash: Mapped[bytes]
    created_at: Mapped[Now] = mapped_column(index=True)


class Origin(Base):
    """An `origin` that a Leanpub partner may name in its discount requests."""

    __tablename__ = "origin"
    __table_args__ = (UniqueConstraint("partner_id", "name"),)
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    name: Mapped[str]


class Product(Base):
    """A product that a Leanpub partner may discount: the book, and its coupon's price, validity and uses.

    `full_price_cents` is what it costs without a coupon; null: the mail does not show it. One that is disabled is
    unknown to new requests.
    """

    __tablename__ = "product"
    __table_args__ = (UniqueConstraint("partner_id", "public_id"),)
    id: Mapped[Id]
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"))
    public_id: Mapped[str]
    slug: Mapped[str]
    title: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="en")
    package: Mapped[str] = mapped_column(server_default="book")
    full_price_cents: Mapped[int | None]
    price_cents: Mapped[int]
    valid_days: Mapped[int] = mapped_column(server_default=text("30"))
    max_uses: Mapped[int] = mapped_column(server_default=text("1"))
    disabled_at: Mapped[Moment | None]


class Suppression(Base):
    """Do not call: the keyed hash of an E.164, for one partner or (no partner) for all. Survives erasure."""

    __tablename__ = "suppression"
    __table_args__ = (Index("uq_suppression", text("coalesce(partner_id, 0)"), "phone_hash", unique=True),)
    id: Mapped[Id]
    partner_id: Mapped[int | None] = mapped_column(ForeignKey("partner.id"))
    phone_hash: Mapped[bytes] = mapped_column(index=True)
    reason: Mapped[str]
    created_at: Mapped[Now]
