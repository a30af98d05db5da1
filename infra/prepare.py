"""`python -m infra.prepare`: migrations and demo tenants; known tenants come as JSON on stdin, all go to stdout."""

import asyncio
import json
import sys

from hub.settings import Settings
from infra.demo import create_demo_tenants
from infra.migrations import upgrade


def main() -> None:
    """Safe to run at every start."""
    settings = Settings()
    upgrade(settings.database_direct_url or settings.database_url)
    tenants = asyncio.run(create_demo_tenants(settings, json.load(sys.stdin)))
    json.dump(tenants, sys.stdout)


if __name__ == "__main__":
    main()
