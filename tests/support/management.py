"""The management API as its callers use it: operators at /v1, partners at /v1/partner, each with a key."""

import json
from dataclasses import dataclass
from typing import Any

import requests

from tests.support.command import run_command
from tests.support.stack import Hub

PROBLEM = "application/problem+json"


@dataclass(slots=True)
class Client:
    """Sends with one key to the paths below `base`."""

    hub: Hub
    key: str
    base: str

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return requests.request(method, self.hub.url + self.base + path, headers=headers, timeout=30, **more)

    def get(self, path: str, **query: Any) -> Any:
        """What a GET that succeeds answers."""
        answer = self("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """What a POST with this status answers."""
        answer = self("POST", path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


def operator(hub: Hub, *, read_only: bool = False) -> Client:
    words = ("key", "create", "--admin", "--json", *(["--read-only"] if read_only else []))
    return Client(hub, json.loads(run_command(*words, env=hub.env).stdout)["key"], "/v1")


def partner(hub: Hub, made: dict[str, Any]) -> Client:
    """As the partner that `hub.partner` made."""
    return Client(hub, str(made.get("key") or made["token"]), "/v1/partner")


def without_request_id(answer: requests.Response) -> dict[str, Any]:
    """A problem as it is but for the id that every request has of its own."""
    assert answer.headers["Content-Type"] == PROBLEM, answer.text
    problem: dict[str, Any] = answer.json()
    assert problem.pop("request_id") == answer.headers["X-Request-Id"]
    return problem


def routes(hub: Hub) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every management route that /docs shows."""
    paths = requests.get(hub.url + "/openapi.json", timeout=30).json()["paths"]
    return [
        (method.upper(), path, operation)
        for path, operations in paths.items()
        if path.startswith("/v1/") and not path.startswith("/v1/dialer/")
        for method, operation in operations.items()
    ]
