"""`hub listen`: a partner's events, forwarded to a developer's own machine as the hub would post them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from aiohttp import ClientError, ClientSession, ClientTimeout

from commands.common import DATA, Data, dev_url, fail, note
from hub import strictjson
from hub.egress import HEADERS
from hub.webhooks import is_secret, new_secret, sign

FEED: Final = "/v1/partner/events"
WAIT_SECONDS: Final = 25
ATTEMPT_SECONDS: Final = 15
LONGEST_PAUSE: Final = 30.0


def listen(
    forward_to: Annotated[str, typer.Option(help="Where to post them, such as http://localhost:3000/webhooks.")],
    key: Annotated[str, typer.Option(envvar="HUB_KEY", help="The partner's key, whatever its API.")],
    url: Annotated[str | None, typer.Option(help="The hub's address. [default: the running `hub dev`'s]")] = None,
    secret: Annotated[
        str | None, typer.Option(envvar="HUB_LISTEN_SECRET", help="Sign with this whsec_... [default: a new one]")
    ] = None,
    data: Data = DATA,
) -> None:
    """Forward a partner's events as they happen, until Ctrl-C. Nothing is tried again; endpoints get theirs too."""
    hub, signing = url or dev_url(data), secret or new_secret()
    for option, address in (("--url", hub), ("--forward-to", forward_to)):
        if urlsplit(address).scheme not in {"http", "https"} or not urlsplit(address).hostname:
            raise fail(f"{option}: is not an http or https URL.")
    if not is_secret(signing):
        raise fail("--secret: is no signing secret: whsec_ and base64 of 24 to 64 bytes.")
    typer.echo(f"Verify with {signing}")
    try:
        asyncio.run(_forward_all(hub.rstrip("/") + FEED, key, forward_to, signing))
    except KeyboardInterrupt:
        note("Stopped.")


async def _forward_all(feed: str, key: str, target: str, secret: str) -> None:
    timeout = ClientTimeout(total=WAIT_SECONDS + ATTEMPT_SECONDS)
    async with ClientSession(timeout=timeout, headers=HEADERS, auto_decompress=False) as session:
        async for event in _events(session, feed, key):
            result = await _forward(session, target, secret, event)
            typer.echo(f"{datetime.now():%H:%M:%S}  {event['type']:<17} {event['id']}  {result}")  # noqa: DTZ005 - local


async def _events(session: ClientSession, feed: str, key: str) -> AsyncIterator[dict[str, Any]]:
    """The events from now on. Ends the command when the hub refuses; waits while it can't be reached."""
    after, pause = None, 1.0
    while True:
        query = {"wait": str(WAIT_SECONDS if after else 0)} | ({"after": after} if after else {})
        try:
            async with session.get(feed, params=query, headers={"Authorization": f"Bearer {key}"}) as response:
                status, answer = response.status, strictjson.loads(await response.read())
                wait = response.headers.get("Retry-After", "")
        except (ClientError, TimeoutError, strictjson.BadJson) as error:
            status, answer, wait = 0, type(error).__name__, ""
        if status == HTTPStatus.OK and isinstance(answer, dict):
            if after is None:
                note("Waiting for events. Ctrl-C ends it.")
            after, pause = str(answer["next"]), 1.0
            for event in answer["data"]:  # type: ignore[union-attr]  # the feed's own form
                yield event  # type: ignore[misc]  # likewise
            continue
        if 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS:
            detail = answer.get("detail") if isinstance(answer, dict) else None
            raise fail(f"The hub answered {status}: {detail or 'this is no hub, or an older one.'}")
        seconds = float(wait) if wait.isdecimal() else pause
        note(f"The hub does not answer ({status or answer}); trying again in {seconds:.0f} s")
        await asyncio.sleep(seconds)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _forward(session: ClientSession, target: str, secret: str, event: dict[str, Any]) -> str:
    """The status that the developer's machine answered, or why there is none."""
    body = strictjson.dumps(event["body"])
    headers = {"Content-Type": "application/json", **sign([secret], event["id"], datetime.now(UTC), body)}
    try:
        async with (
            asyncio.timeout(ATTEMPT_SECONDS),
            session.post(target, data=body, headers=headers, allow_redirects=False) as response,
        ):
            await response.read()
            return str(response.status)
    except (ClientError, TimeoutError) as error:
        return f"no answer: {type(error).__name__}"
