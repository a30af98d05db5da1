"""What an operator sees of requests."""

import json
from typing import Any

import requests

from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.stack import Hub


def listed(hub: Hub, *words: str) -> list[dict[str, Any]]:
    done = run_command("request", "list", "--json", *words, env=hub.env)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["requests"])


def shown(hub: Hub, answer: requests.Response) -> dict[str, Any]:
    """What is kept of the request with this answer; it is written within half a second."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        done = run_command("request", "show", answer.headers["X-Request-Id"], "--json", env=hub.env)
        found.append(json.loads(done.stdout))
        return done.returncode == 0

    eventually(is_there)
    return found[-1]
