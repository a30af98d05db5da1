"""All settings, read from the environment (`HUB_...`; the database also as `DATABASE_URL`) when a process starts."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from hub.egress_rules import EgressRules
from hub.errors import Misconfigured
from hub.keys import networks
from hub.seal import SealError, Vault, load_master_keys

PREFIX: Final = "HUB_"
_SCHEMES: Final = ("postgresql", "postgres", "postgresql+asyncpg")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]*\]|[^:\[\]]*)(:[0-9]{0,5})?")
_MIN_PEPPER_BYTES: Final = 16
_PORT: Final = Field(ge=1, le=65_535)

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
    """Read by `load_settings`. A validator's text must name the fault and never quote the value."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    env: Environment = Environment.PRODUCTION
    database_url: str = Field(validation_alias=AliasChoices("DATABASE_URL", "HUB_DATABASE_URL"))
    database_direct_url: str | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_DIRECT_URL", "HUB_DATABASE_DIRECT_URL")
    )
    database_pool: int = Field(10, ge=1, le=1000)
    master_key: SecretStr
    pepper: SecretStr
    public_url: str = "http://127.0.0.1:8000"
    console_url: str | None = None
    console_port: int | None = Field(None, ge=1, le=65_535)
    operator_token: SecretStr | None = None
    public_docs: bool = False
    temporal_ui: str | None = None
    trusted_proxies: Annotated[list[str], NoDecode] = []

    dedupe_scope: DedupeScope = DedupeScope.HUB
    default_rate_limit: int = Field(600, ge=1, le=1_000_000)
    answer_timeout: timedelta = Field(timedelta(seconds=10), gt=timedelta(0), le=timedelta(minutes=5))
    windows_open: bool | None = None

    keep_submissions: Age = timedelta(days=90)
    keep_events: Age = timedelta(days=90)
    keep_attempts: Age = timedelta(days=30)

    egress_ports: Annotated[list[Annotated[int, _PORT]], NoDecode] = [443, 8443]
    egress_cidrs: Annotated[list[str], NoDecode] = []

    smtp_host: str = "127.0.0.1"
    smtp_port: Annotated[int, _PORT] = 25
    smtp_tls: Literal["none", "starttls", "tls"] | None = Field(None, validate_default=True)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    mail_from: str = "Discounts <discounts@example.com>"
    mail_reply_to: str | None = None
    mail_imprint: str | None = None
    mail_templates: Path | None = None
    sandbox_mail: str = "sandbox@example.com"
    leanpub_url: str = "https://leanpub.com"
    leanpub_api_key: SecretStr | None = None

    oidc_issuer: str | None = None
    oidc_client_id: str | None = Field(None, validate_default=True)
    oidc_client_secret: SecretStr | None = None

    @field_validator("trusted_proxies", "egress_ports", "egress_cidrs", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("smtp_tls")
    @classmethod
    def _set_in_production(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("env") is Environment.PRODUCTION:
            raise ValueError('must be set in production, to "starttls", "tls", or "none" for no encryption')
        return value

    @field_validator("operator_token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"must have at least {SHORTEST_TOKEN} characters")
        return value

    @field_validator("oidc_client_id")
    @classmethod
    def _client(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("oidc_issuer"):
            raise ValueError("must be set together with HUB_OIDC_ISSUER")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _provider(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("env") is Environment.PRODUCTION and not value.startswith("https://"):
            raise ValueError("must be an https URL in production")
        return value

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _database(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme, separator, rest = value.partition("://")
        hosts = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2].split(",")
        if scheme not in _SCHEMES or not separator or not all(_HOST.fullmatch(host) for host in hosts):
            raise ValueError(
                "is not of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE (percent-encode special characters)"
            )
        return value

    @field_validator("public_url", "console_url", "leanpub_url", "oidc_issuer", "temporal_ui")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            valid = False
        if not valid:
            raise ValueError("is not an http or https URL")
        return value.rstrip("/")

    @field_validator("master_key")
    @classmethod
    def _master_keys(cls, value: SecretStr) -> SecretStr:
        try:
            load_master_keys(value.get_secret_value())
        except SealError as error:  # which names positions only
            raise ValueError(str(error)) from None
        return value

    @field_validator("pepper")
    @classmethod
    def _pepper(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value().encode()) < _MIN_PEPPER_BYTES:
            raise ValueError(f"has fewer than {_MIN_PEPPER_BYTES} bytes")
        return value

    @field_validator("trusted_proxies", "egress_cidrs")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for number, text in enumerate(value, 1):
            try:
                networks([text])
            except ValueError:
                raise ValueError(f"entry {number} is neither an address nor a CIDR") from None
        return value

    @field_validator("mail_from", "mail_reply_to", "sandbox_mail")
    @classmethod
    def _mailbox(cls, value: str | None) -> str | None:
        if value and "@" not in parseaddr(value)[1]:
            raise ValueError("is not a mailbox: ADDRESS, or NAME <ADDRESS>")
        return value

    def sign_in_link(self, token: str, *, portal: bool) -> str:
        """Where the link with this random text leads: to the portal, or to the console, wherever that is reached."""
        base = self.public_url if portal else self.console_url or self.public_url
        return f"{base}/{'portal' if portal else 'console'}/sign-in/link?token={token}"

    def vault(self) -> Vault:
        """The vault over the settings' keys."""
        keys = load_master_keys(self.master_key.get_secret_value())
        return Vault(keys, self.pepper.get_secret_value().encode())

    def egress_rules(self) -> EgressRules:
        """Where webhooks may go."""
        return EgressRules(self.development, frozenset(self.egress_ports), networks(self.egress_cidrs))

    @property
    def always_open(self) -> bool:
        """Whether calls may go out at any hour: in development, unless set otherwise."""
        return self.development if self.windows_open is None else self.windows_open

    @property
    def development(self) -> bool:
        return self.env is Environment.DEVELOPMENT


class InvalidSettings(Misconfigured):
    """`problems`: one sentence per environment variable, beginning with its name, without its value.

    `missing`: the variables that are needed and not set.
    """

    def __init__(self, problems: tuple[str, ...], missing: frozenset[str] = frozenset()) -> None:
        super().__init__("\n".join(problems))
        self.problems, self.missing = problems, missing


def load_settings(**given: Any) -> Settings:
    """The settings of the environment, with those `given` in their place. Raises InvalidSettings.

    Everything that starts reads them here: pydantic's own errors would print values.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        details = error.errors(include_url=False)
        missing = frozenset(_variable(each) for each in details if each["type"] == "missing")
        raise InvalidSettings(tuple(dict.fromkeys(map(_problem, details))), missing) from None
    except SettingsError as error:
        # Of a value that is no JSON where one is needed: the text names the field, its cause quotes the value.
        named = [name for field in Settings.model_fields for name in _names(field) if f'"{field}"' in str(error)]
        raise InvalidSettings((f"{named[0] if named else 'A HUB_ variable'}: is malformed.",)) from None


def _names(field: str) -> Iterator[str]:
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        yield from (str(choice) for choice in alias.choices)
    else:
        yield f"{PREFIX}{field.upper()}"


def _variable(error: ErrorDetails) -> str:
    """The variable that was set; of one that may have several names and has none, the first."""
    named = str(error["loc"][0]) if error["loc"] else ""
    names = next((names for names in map(tuple, map(_names, Settings.model_fields)) if named in names), (named,))
    if named in Settings.model_fields:
        names = tuple(_names(named))
    return next((name for name in names if name in os.environ), names[0])


def _problem(error: ErrorDetails) -> str:
    entry = f"entry {int(error['loc'][1]) + 1} " if len(error["loc"]) > 1 else ""
    return f"{_variable(error)}: {entry}{_fault(error)}."


_FAULTS: Final = {
    "missing": "is not set",
    "value_error": "{error}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "int_parsing": "must be a whole number",
    "bool_parsing": "must be true or false",
    "time_delta_parsing": "must be a duration, as PT10S",
    "greater_than": "must be more than nothing",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def _fault(error: ErrorDetails) -> str:
    """What is wrong, in words that hold no value: pydantic's own are not used, as some quote it."""
    return _FAULTS.get(error["type"], "is not valid").format(**error.get("ctx", {}))
