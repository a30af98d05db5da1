"""`python -m infra.prepare`: migrations and demo tenants; known tenants come as JSON on stdin, all go to stdout."""

import asyncio
import json
import os
import sys

from infra.demo import seed_demo
from infra.migrations import upgrade


def main() -> None:
    """Safe to run at every start."""
    url = os.environ["DATABASE_URL"]
    upgrade(url)
    tenants = asyncio.run(seed_demo(url, json.load(sys.stdin)))
    json.dump(tenants, sys.stdout)


if __name__ == "__main__":
    main()
