"""A partner's own API as /docs has it: its operations with a command to try each, and the events that it causes."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI

from api.webhook_docs import CAMPAIGN_PAYLOAD
from hub.contracts.registry import PartnerApi
from hub.webhook_payloads import types_for

METHODS: Final = ("get", "post", "put", "patch", "delete")
KEY: Final = "YOUR_KEY"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an API. `parameters`: name, where it goes, what it means. `example`: a body; "" for none."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[tuple[str, str, str]]
    example: str
    answers: list[tuple[str, str]]
    curl: str


def operations(app: FastAPI, api: PartnerApi, base: str, facts: Mapping[str, str]) -> list[Operation]:
    """Those of one API, in the order of /docs. `facts` (the tenant's own ids) take the place of the examples' ids."""
    return list(_operations(app.openapi(), api, base, {_plain(name): value for name, value in facts.items()}))


@dataclass(frozen=True, slots=True)
class EventType:
    """What the hub sends to endpoints: when, and an example of the whole body."""

    name: str
    about: str
    example: str


def event_types(app: FastAPI, api: PartnerApi) -> list[EventType]:
    """Those that a partner of this API may get, as /docs has them."""
    described = app.openapi()["webhooks"]
    campaigns = [CAMPAIGN_PAYLOAD] if api.payload else []
    return [_event_type(name, described[name]["post"]) for name in (*types_for(api), *campaigns)]


def _event_type(name: str, described: dict[str, Any]) -> EventType:
    example = described["requestBody"]["content"]["application/json"]["example"]
    return EventType(name, described.get("description", ""), json.dumps(example, indent=2, ensure_ascii=False))


def _operations(described: dict[str, Any], api: PartnerApi, base: str, facts: Mapping[str, str]) -> Iterator[Operation]:
    for path, methods in described["paths"].items():
        if not path.startswith(api.prefixes):
            continue
        for method in METHODS:
            if found := methods.get(method):
                body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
                example = "" if body is None else json.dumps(_filled(body, facts), indent=2, ensure_ascii=False)
                parameters = found.get("parameters", [])
                yield Operation(
                    method=method.upper(),
                    path=path,
                    summary=found.get("summary", ""),
                    description=found.get("description", ""),
                    parameters=[(each["name"], each["in"], each.get("description", "")) for each in parameters],
                    example=example,
                    answers=[(status, answer["description"]) for status, answer in found["responses"].items()],
                    curl=_curl(api, base, method, _filled_path(path, facts), example),
                )


def _curl(api: PartnerApi, base: str, method: str, path: str, body: str) -> str:
    key = f"Bearer {KEY}" if api.key_header == "Authorization" else KEY
    words = [f"curl -X {method.upper()} {shlex.quote(base + path)}", f"-H {shlex.quote(f'{api.key_header}: {key}')}"]
    if body:
        words += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(words)


def _filled_path(path: str, facts: Mapping[str, str]) -> str:
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        path = path.replace(f"{{{name}}}", facts.get(_plain(name), name))
    return path


def _filled(value: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: facts.get(_plain(name), _filled(each, facts)) for name, each in value.items()}
    return [_filled(each, facts) for each in value] if isinstance(value, list) else value


def _plain(name: str) -> str:
    """`partnerId` and `partner_id` are the same field."""
    return name.replace("_", "").lower()
