"""What is sent: bodies made beforehand, and clients that take the time of each answer."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp

from tests.support.stack import Hub

SIZE = 100  # leads in a batch
TIMEOUT = aiohttp.ClientTimeout(total=120)


@dataclass(frozen=True, slots=True)
class Target:
    """Where bodies go."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


def partner_api(hub: Hub, tenant: Mapping[str, Any]) -> Target:
    return Target(f"{hub.url}/api/leads/partner-transfer", {"X-API-Key": tenant["key"]})


def comunik8(hub: Hub, tenant: Mapping[str, Any]) -> Target:
    return Target(f"{hub.url}/lead/add", {"X-API-Key": tenant["key"]})


def batches(hub: Hub, leads: int) -> list[bytes]:
    """So many new leads, in batches of `SIZE`."""
    return [_batch([hub.number() for _ in range(SIZE)]) for _ in range(leads // SIZE)]


def _batch(numbers: Iterable[str]) -> bytes:
    rows = [{"name": "Ann Lee", "phone": number, "email": "ann@example.com"} for number in numbers]
    return json.dumps({"leads": rows}).encode()


def singles(hub: Hub, tenant: Mapping[str, Any], leads: int, delay: int) -> dict[str, bytes]:
    """New leads as Comunik8 sends them, each with its own request, by number; `delay` in seconds."""
    person = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com"}
    common = {**person, "type": tenant["type"], "delays": delay}
    numbers = [hub.number() for _ in range(leads)]
    return {number: json.dumps({**common, "mobile": number}).encode() for number in numbers}


class Answer(NamedTuple):
    """`refused`: with 503, as the hub does when it is too busy. The client is to send the same again."""

    seconds: float
    refused: bool


Post = Callable[[bytes], Awaitable[Answer]]


@asynccontextmanager
async def client(target: Target) -> AsyncIterator[Post]:
    """A client that keeps its connections: posts a body, gives the answer once it was read."""
    headers = {"Content-Type": "application/json", **target.headers}
    async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:

        async def post(body: bytes) -> Answer:
            began = time.perf_counter()
            async with session.post(target.url, data=body) as answer:
                text = await answer.text()
                refused = answer.status == HTTPStatus.SERVICE_UNAVAILABLE
                assert answer.ok or refused, f"{answer.status}: {text}"
            return Answer(time.perf_counter() - began, refused)

        yield post


async def post_all(target: Target, bodies: Iterable[bytes], at_once: int) -> int:
    """All of them, `at_once` side by side, each until it is taken; how often one was refused."""
    waiting, refused = iter(bodies), 0

    async def work(post: Post) -> None:
        nonlocal refused
        for body in waiting:
            while (await post(body)).refused:
                refused += 1

    async with client(target) as post:
        await asyncio.gather(*(work(post) for _ in range(at_once)))
    return refused


async def post_spaced(target: Target, bodies: Iterable[bytes], pause: Callable[[], Awaitable[None]]) -> list[float]:
    """One after the other, with a pause before each; the seconds until each answer."""
    seconds = []
    async with client(target) as post:
        for body in bodies:
            await pause()
            answer = await post(body)
            assert not answer.refused
            seconds.append(answer.seconds)
    return seconds


async def post_by_the_clock(
    target: Target, bodies: Iterable[bytes], every: float, enough: asyncio.Event
) -> list[Answer]:
    """One each `every` seconds whether or not those before have been answered, until `enough`."""
    sent: list[asyncio.Task[Answer]] = []
    began = time.perf_counter()
    async with client(target) as post, asyncio.TaskGroup() as answers:
        for number, body in enumerate(bodies):
            await asyncio.sleep(began + number * every - time.perf_counter())
            if enough.is_set():
                break
            sent.append(answers.create_task(_answer(post, body)))
    return [task.result() for task in sent]


async def _answer(post: Post, body: bytes) -> Answer:
    return await post(body)


async def until(check: Callable[[], Awaitable[bool]], seconds: float = 300.0, every: float = 0.2) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {check}"
        await asyncio.sleep(every)
