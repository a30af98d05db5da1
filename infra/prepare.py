"""`python -m infra.prepare`: migrations and demo tenants; known tenants come as JSON on stdin.

To stdout go all `tenants`, and new `links` to sign in by.
"""

import asyncio
import json
import sys

from hub.errors import EXIT_MISCONFIGURED, Misconfigured
from hub.settings import Settings, load_settings
from hub.store import canary
from infra.demo import create_demo_tenants
from infra.demo_links import make_links
from infra.migrations import upgrade


def main() -> None:
    """Safe to run at every start."""
    try:
        settings = load_settings()
        upgrade(settings.database_direct_url or settings.database_url)
        asyncio.run(canary.check_database(settings))
    except Misconfigured as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_MISCONFIGURED)
    json.dump(asyncio.run(_prepare(settings, json.load(sys.stdin))), sys.stdout)


async def _prepare(settings: Settings, known: dict[str, object]) -> dict[str, object]:
    tenants = await create_demo_tenants(settings, known)
    return {"tenants": tenants, "links": await make_links(settings, tenants)}


if __name__ == "__main__":
    main()
