"""Settings that can't be used are refused by the names of their variables, and no text shows a value."""

import pytest
from pydantic import AliasChoices

from hub.settings import InvalidSettings, Settings, load_settings
from tests.support.stack import MASTER_KEY, PEPPER

SECRET = "s3cr3t-value"
NEEDED = {
    "DATABASE_URL": "postgresql://hub:pw@db/hub",
    "HUB_MASTER_KEY": MASTER_KEY,
    "HUB_PEPPER": PEPPER,
    "HUB_SMTP_TLS": "starttls",
}


def problems(monkeypatch: pytest.MonkeyPatch, secret: str = SECRET, **env: str | None) -> str:
    for name, value in {"HUB_DATABASE_URL": None, **NEEDED, **env}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings) as raised:
        load_settings()
    assert secret not in repr(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__, "a traceback would print pydantic's own error"
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"mysql://hub:{SECRET}@db/hub"),
        ("DATABASE_URL", f"postgresql://hub:{SECRET}/more@db:5432/hub"),
        ("DATABASE_URL", f"postgresql://hub:pw@db:{SECRET}/hub"),
        ("DATABASE_URL", SECRET),
        ("HUB_DATABASE_POOL", SECRET),
        ("HUB_DATABASE_POOL", "0"),
        ("HUB_ENV", SECRET),
        ("HUB_MASTER_KEY", SECRET),
        ("HUB_MASTER_KEY", f"{MASTER_KEY},{MASTER_KEY}"),
        ("HUB_PEPPER", SECRET),
        ("HUB_PUBLIC_URL", SECRET),
        ("HUB_TRUSTED_PROXIES", f"10.0.0.1,{SECRET}"),
        ("HUB_EGRESS_CIDRS", f"10.0.0.0/8,{SECRET}"),
        ("HUB_EGRESS_PORTS", f"443,{SECRET}"),
        ("HUB_DEDUPE_SCOPE", SECRET),
        ("HUB_DEFAULT_RATE_LIMIT", "0"),
        ("HUB_ANSWER_TIMEOUT", SECRET),
        ("HUB_ANSWER_TIMEOUT", "PT0S"),
        ("HUB_WINDOWS_OPEN", SECRET),
        ("HUB_SMTP_PORT", SECRET),
        ("HUB_SMTP_PORT", "70000"),
        ("HUB_SMTP_TLS", SECRET),
        ("HUB_MAIL_FROM", SECRET),
        ("HUB_SANDBOX_MAIL", SECRET),
        ("HUB_MAIL_REPLY_TO", SECRET),
        ("HUB_LEANPUB_URL", f"http://[{SECRET}"),
    ],
)
def test_an_unusable_value_is_named_by_its_variable_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert problems(monkeypatch, **{name: value}).startswith(f"{name}: ")


def test_the_name_is_the_one_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, DATABASE_URL=None, HUB_DATABASE_URL=SECRET).startswith("HUB_DATABASE_URL: ")


def test_everything_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problems(monkeypatch, DATABASE_URL=None, HUB_MASTER_KEY=None, HUB_PEPPER="short", HUB_SMTP_PORT="no port")
    assert said.splitlines() == [
        "DATABASE_URL: is not set.",
        "HUB_MASTER_KEY: is not set.",
        "HUB_PEPPER: has fewer than 16 bytes.",
        "HUB_SMTP_PORT: must be a whole number.",
    ]


ANY_TEXT = {
    *("smtp_host", "smtp_user", "smtp_password", "mail_imprint", "mail_templates", "leanpub_api_key"),
    *("oidc_client_id", "oidc_client_secret"),
}


@pytest.mark.parametrize("field", sorted(Settings.model_fields.keys() - ANY_TEXT))
def test_every_setting_that_can_be_wrong_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    alias = Settings.model_fields[field].validation_alias
    name = str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"HUB_{field.upper()}"
    [said] = problems(monkeypatch, secret="s3cr3t", **{name: "s3cr3t"}).splitlines()
    assert said.startswith(f"{name}: ")
    assert said.endswith(".")


def test_what_production_needs_is_said_together_with_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problems(monkeypatch, DATABASE_URL=None, HUB_SMTP_TLS=None, HUB_OPERATOR_TOKEN="short")
    assert [line.partition(":")[0] for line in said.splitlines()] == [
        "DATABASE_URL",
        "HUB_OPERATOR_TOKEN",
        "HUB_SMTP_TLS",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hub:pw@one:5432,[::1]:5433/hub?target_session_attrs=primary",
        "postgres:///hub?host=/run/postgresql",
        "postgresql+asyncpg://hub@127.0.0.1/hub",
    ],
)
def test_database_urls_as_postgresql_writes_them_are_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in {**NEEDED, "DATABASE_URL": url}.items():
        monkeypatch.setenv(name, value)
    assert load_settings().database_url == url
