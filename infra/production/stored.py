"""What the database shows: its version and keys, and whether somebody works with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hub.settings import Settings
from hub.status import DIALER_SILENT, HubStatus, duration
from hub.store import canary, installation, status
from hub.store.db.engine import Tx
from hub.store.tenants import deployment_id
from infra.findings import Finding
from infra.migrations import newest

OLDEST_POSTGRES: Final = 15


@dataclass(frozen=True, slots=True)
class Stored:
    """`deployment` ends the names of its task queues, None without tables; `discounts` as hub.store.installation's."""

    findings: Sequence[Finding]
    deployment: str | None = None
    discounts: bool | None = None


async def look(tx: Tx, settings: Settings) -> Stored:
    """Raises DatabaseUnavailable."""
    server = await installation.load_server(tx)
    old = f"Use PostgreSQL {OLDEST_POSTGRES} or newer." if server.major < OLDEST_POSTGRES else ""
    findings = [Finding("database", f"PostgreSQL {server.version}", old)]
    if server.revision != newest():
        behind = f"at {server.revision}, not {newest()}" if server.revision else "there are no tables"
        return Stored([*findings, Finding("migrations", behind, "Run `hub migrate`.")])
    findings.append(Finding("migrations", f"at {server.revision}, the newest"))
    findings.append(await _keys(tx, settings))
    found = await status.load(tx)
    findings += [*_dialers(found), *_endpoints(found)]
    return Stored(findings, await deployment_id(tx), await installation.discounts_for_real(tx))


async def _keys(tx: Tx, settings: Settings) -> Finding:
    what = "keys of the database"
    try:
        await canary.check(tx, settings.vault())
    except canary.WrongKeys as wrong:
        return Finding(what, "not the ones that are set", str(wrong))
    return Finding(what, "the ones that are set")


def _dialers(found: HubStatus) -> Iterator[Finding]:
    for dialer in found.dialers:
        what = f"dialer {dialer.id}, {dialer.name}"
        if not dialer.live_keys:
            yield Finding(what, "has campaigns, and no key", f"`hub key create --dialer {dialer.id}`")
        elif dialer.last_seen_at is None or found.age(dialer.last_seen_at) >= DIALER_SILENT:
            seen = f"silent for {duration(found.age(dialer.last_seen_at))}" if dialer.last_seen_at else "never seen"
            yield Finding(
                what, f"has campaigns, and is {seen}", "Start it, or give its campaigns to another.", needed=False
            )
        else:
            yield Finding(what, "at work")


def _endpoints(found: HubStatus) -> Iterator[Finding]:
    sick = found.endpoints_failing + found.endpoints_disabled
    named = ", ".join(str(endpoint.id) for endpoint in found.endpoints)
    remedy = f"See `hub status`, and tell their partners: {named}." if sick else ""
    yield Finding("webhook endpoints", f"{sick} failing or disabled" if sick else "none fails", remedy, needed=False)
