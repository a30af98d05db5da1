"""All settings, read from the environment (`HUB_...`; the database also as `DATABASE_URL`) when a process starts."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hub.egress_rules import EgressRules
from hub.keys import networks
from hub.seal import Vault, load_master_keys

SHORTEST_TOKEN: Final = 16


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class DedupeScope(StrEnum):
    """Among whose leads a Partner API phone number must be new: the whole hub's, as it documents, or the partner's."""

    HUB = "hub"
    PARTNER = "partner"


Age = Annotated[timedelta, Field(ge=timedelta(days=1), le=timedelta(days=36_500))]
"""After which rows are deleted: ISO 8601, such as P90D."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HUB_", extra="ignore", env_ignore_empty=True, frozen=True)

    env: Environment = Environment.PRODUCTION
    database_url: str = Field(validation_alias=AliasChoices("DATABASE_URL", "HUB_DATABASE_URL"))
    database_direct_url: str | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_DIRECT_URL", "HUB_DATABASE_DIRECT_URL")
    )
    database_pool: int = Field(10, ge=1, le=1000)
    master_key: SecretStr
    pepper: SecretStr
    public_url: str = "http://127.0.0.1:8000"
    operator_token: SecretStr | None = None
    public_docs: bool = False
    trusted_proxies: Annotated[list[str], NoDecode] = []

    dedupe_scope: DedupeScope = DedupeScope.HUB
    default_rate_limit: int = Field(600, ge=1, le=1_000_000)
    answer_timeout: timedelta = Field(timedelta(seconds=10), gt=timedelta(0), le=timedelta(minutes=5))
    windows_open: bool | None = None

    keep_submissions: Age = timedelta(days=90)
    keep_events: Age = timedelta(days=90)
    keep_attempts: Age = timedelta(days=30)

    egress_ports: Annotated[list[int], NoDecode] = [443, 8443]
    egress_cidrs: Annotated[list[str], NoDecode] = []

    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(25, ge=1, le=65_535)
    smtp_tls: Literal["none", "starttls", "tls"] | None = None
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    mail_from: str = "Discounts <discounts@example.com>"
    mail_reply_to: str | None = None
    mail_imprint: str | None = None
    mail_templates: Path | None = None
    sandbox_mail: str = "sandbox@example.com"
    leanpub_url: str = "https://leanpub.com"
    leanpub_api_key: SecretStr | None = None

    @field_validator("trusted_proxies", "egress_ports", "egress_cidrs", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _said_in_production(self) -> Self:
        if self.smtp_tls is None and not self.development:
            raise ValueError(
                'HUB_SMTP_TLS: must be set in production, to "starttls", "tls", or "none" for no encryption.'
            )
        token = self.operator_token
        if token is not None and len(token.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"HUB_OPERATOR_TOKEN: must have at least {SHORTEST_TOKEN} characters.")
        return self

    def vault(self) -> Vault:
        """The vault over the settings' keys. Raises SealError when they are unusable."""
        keys = load_master_keys(self.master_key.get_secret_value())
        return Vault(keys, self.pepper.get_secret_value().encode())

    def egress_rules(self) -> EgressRules:
        """Where webhooks may go. Raises ValueError for an invalid CIDR."""
        return EgressRules(self.development, frozenset(self.egress_ports), networks(self.egress_cidrs))

    @property
    def always_open(self) -> bool:
        """Whether calls may go out at any hour: in development, unless told otherwise."""
        return self.development if self.windows_open is None else self.windows_open

    @property
    def development(self) -> bool:
        return self.env is Environment.DEVELOPMENT
