"""Settings that would work and should not be used in production. No I/O."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

from hub.seal import load_master_keys
from hub.settings import Settings
from infra.findings import Finding

EXAMPLES: Final = ("example.com", "example.org", "example.net", "localhost", "127.0.0.1")
HERE: Final = frozenset({None, "", "localhost", "127.0.0.1", "::1"})
VERIFIED: Final = frozenset({"verify-ca", "verify-full"})
RANDOM: Final = "Make one with `openssl rand -base64 32`"
LONG_ENOUGH: Final = 32  # characters of 16 random bytes as hex digits, or of 24 as base64


def judge_settings(settings: Settings) -> Iterator[Finding]:
    """A finding per setting that matters."""
    yield _environment(settings)
    yield _public_url(settings)
    yield _master_key(settings)
    yield _pepper(settings)
    yield _operator_token(settings)
    yield _proxies(settings)
    yield _hours(settings)
    yield _database_tls(settings)


def is_example(name: str) -> bool:
    """Whether it is a host of documentation, or of this machine alone."""
    return any(name == example or name.endswith(f".{example}") for example in EXAMPLES)


def _environment(settings: Settings) -> Finding:
    remedy = (
        "Set it to production: in development plain HTTP and any webhook address pass." if settings.development else ""
    )
    return Finding("HUB_ENV", settings.env.value, remedy)


def _public_url(settings: Settings) -> Finding:
    parts = urlsplit(settings.public_url)
    if parts.scheme != "https":
        return Finding("HUB_PUBLIC_URL", "not https", "Set it to the URL by which partners reach the hub.")
    remedy = "Set it to the URL by which partners reach the hub." if is_example(parts.hostname or "") else ""
    return Finding("HUB_PUBLIC_URL", settings.public_url, remedy)


def _master_key(settings: Settings) -> Finding:
    keys = load_master_keys(settings.master_key.get_secret_value())
    if any(key.isascii() or len(set(key)) < len(key) // 2 for key in keys):
        remedy = f"{RANDOM}, put it first, and run `hub key rewrap`."
        return Finding("HUB_MASTER_KEY", "not random: it was written by hand, or copied from an example", remedy)
    return Finding("HUB_MASTER_KEY", f"{len(keys)} in use")


def _pepper(settings: Settings) -> Finding:
    pepper, what = settings.pepper.get_secret_value(), "HUB_PEPPER"
    if pepper == settings.master_key.get_secret_value():
        return Finding(what, "the same as HUB_MASTER_KEY", f"{RANDOM}, before the first key is made.")
    if " " in pepper or len(pepper) < LONG_ENOUGH or len(set(pepper)) < LONG_ENOUGH // 3:
        return Finding(what, "not random", f"{RANDOM}, before the first key is made: it can't be changed later.")
    return Finding(what, "set")


def _operator_token(settings: Settings) -> Finding:
    remedy = "" if settings.operator_token else "Set it, or nobody can read /metrics of the API."
    return Finding("HUB_OPERATOR_TOKEN", "set" if settings.operator_token else "not set", remedy, needed=False)


def _proxies(settings: Settings) -> Finding:
    remedy = "Name the TLS proxy's address: without one, requests over plain HTTP get 403."
    found = ", ".join(settings.trusted_proxies)
    return Finding("HUB_TRUSTED_PROXIES", found or "none", "" if found else remedy, needed=False)


def _hours(settings: Settings) -> Finding:
    if settings.always_open:
        return Finding(
            "HUB_WINDOWS_OPEN", "calls go out at any hour", "Unset it: the law of most regions forbids that."
        )
    return Finding("HUB_WINDOWS_OPEN", "calls keep to each region's hours")


def _database_tls(settings: Settings) -> Finding:
    parts = urlsplit(settings.database_url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    what, mode = "TLS to the database", query.get("sslmode", "prefer")
    if parts.hostname in HERE:
        return Finding(what, "on this machine")
    if mode in VERIFIED or query.get("sslrootcert") == "system":
        return Finding(what, "demanded, and its certificate verified")
    remedy = "Add ?sslmode=verify-full&sslrootcert=FILE (or system) to DATABASE_URL, unless the network is your own."
    return Finding(what, f"sslmode={mode}: the server could be another", remedy, needed=False)
