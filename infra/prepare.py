"""`python -m infra.prepare`: migrations and demo tenants; known tenants come as JSON on stdin, all go to stdout."""

import asyncio
import json
import sys

from hub.errors import EXIT_MISCONFIGURED, Misconfigured
from hub.settings import load_settings
from hub.store import canary
from infra.demo import create_demo_tenants
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
    tenants = asyncio.run(create_demo_tenants(settings, json.load(sys.stdin)))
    json.dump(tenants, sys.stdout)


if __name__ == "__main__":
    main()
