"""Submitting rows by the Partner API, batch by batch: waits for the limit, repeats safely what got no answer."""

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any, Final
from uuid import uuid4

from aiohttp import ClientError, ClientSession

from commands.sending.files import SourceRow
from hub.contracts.partner_api import EXISTS

PATH: Final = "/api/leads/partner-transfer"
OWN_IDENTITY: Final = "/v1/partner"
FIRST_ANSWER_SECONDS: Final = 10.0
_LONGEST_PAUSE: Final = 30.0
_SPLIT: Final = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
_LIMITED: Final = HTTPStatus.TOO_MANY_REQUESTS
_POLICY: Final = re.compile(r"\bq=(\d+)")


class Stopped(Exception):
    """Sending can't go on; the text says why. What was sent before is in the outcome."""


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row of the file, and the lead to submit for it."""

    source: SourceRow
    index: int
    lead: dict[str, Any]


@dataclass
class Outcome:
    """What became of the rows so far. `done` of them have an outcome; `errors` are the skipped and failed."""

    reject: Callable[[SourceRow, str], None]
    done: int = 0
    created: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    def fail(self, row: NewRow, reason: str) -> None:
        """Count a row that was not taken, and keep it for mending."""
        self.failed += 1
        self._add(row, "failed", reason)
        self.reject(row.source, reason)

    def skip(self, row: NewRow, reason: str) -> None:
        """Count a row whose lead the hub has."""
        self.skipped += 1
        self._add(row, "skipped", reason)

    def _add(self, row: NewRow, result: str, reason: str) -> None:
        phone = row.lead.get("phone")
        shown = phone if isinstance(phone, str) else "" if phone is None else str(phone)
        where = {"index": row.index, "line": row.source.line, "phone": shown}
        self.errors.append({**where, "result": result, "reason": reason})


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer, or that there was none (`status` 0)."""

    status: int
    body: Any
    retry_after: float | None = None
    limit: int | None = None

    @property
    def reason(self) -> str:
        return str(self.body.get("detail")) if isinstance(self.body, dict) else str(self.body)


class Transfer:
    """`size` leads a request at most; `patience` seconds without a hub that works, until it is given up.

    `waiting` gets how many seconds and for what, before each pause; `moved` after every batch.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        *,
        size: int,
        patience: float,
        waiting: Callable[[float, str], None],
        moved: Callable[[], None],
    ) -> None:
        self._session, self._hub, self._url = session, url.rstrip("/"), url.rstrip("/") + PATH
        self._most, self._size = size, size
        self._patience, self._since, self._answered = patience, monotonic(), False
        self._waiting, self._moved = waiting, moved

    async def run(self, rows: Sequence[NewRow], outcome: Outcome) -> None:
        """Submit the rows in order. Raises Stopped."""
        while outcome.done < len(rows):
            if problem := rows[outcome.done].source.problem:
                outcome.fail(rows[outcome.done], problem)
                outcome.done += 1
                continue
            wanted = rows[outcome.done : outcome.done + self._size]
            batch = list(itertools.takewhile(lambda row: not row.source.problem, wanted))
            reply = await self._submit(batch)
            if reply.status == HTTPStatus.OK:
                self._count(batch, reply.body, outcome)
                self._size = min(self._most, self._size * 2)
            elif len(batch) > 1:  # one of its rows, or their number, is too much
                self._size = min(self._most, len(batch) // 2)
                continue
            else:
                outcome.fail(batch[0], reply.reason)
            outcome.done += len(batch)
            self._moved()

    def _count(self, batch: Sequence[NewRow], answer: dict[str, Any], outcome: Outcome) -> None:
        outcome.created += answer["created"]
        for error in answer["errors"] or ():
            row, reason = batch[error["index"]], error["reason"]
            (outcome.skip if reason.startswith(EXISTS) else outcome.fail)(row, reason)

    async def _submit(self, batch: Sequence[NewRow]) -> _Reply:
        """The answer, good or one that fewer rows may pass. Raises Stopped."""
        key, pauses = uuid4().hex, _pauses()
        while True:
            reply = await self._post([row.lead for row in batch], key)
            if reply.status == HTTPStatus.UNAUTHORIZED:
                raise Stopped(f"The hub refuses the key ({reply.reason}): {await self._whose_key()}.")
            if reply.limit and reply.limit < self._most:
                self._most = self._size = reply.limit
            if reply.status in _SPLIT or self._is_answer(reply):
                return reply
            seconds = next(pauses) if reply.retry_after is None else reply.retry_after
            self._require_hope(reply)
            limited = reply.status == _LIMITED
            self._waiting(seconds, "the limit" if limited else f"the hub ({reply.reason})")
            await asyncio.sleep(seconds)
            if limited and len(batch) > self._size:
                return _Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reply.body)

    async def _whose_key(self) -> str:
        """Why a key is refused that may be good for something else."""
        headers = {"Authorization": f"Bearer {self._session.headers['X-API-Key']}"}
        title = None
        with suppress(ClientError, TimeoutError, ValueError):
            async with self._session.get(self._hub + OWN_IDENTITY, headers=headers) as response:
                found = await response.json(content_type=None)
                title = found.get("title") if response.ok and isinstance(found, dict) else None
        if title is None:
            return "it is wrong, expired or revoked"
        return f"it is of another API, {title}; files are for the Partner API"

    def _is_answer(self, reply: _Reply) -> bool:
        if reply.status == HTTPStatus.OK:
            if not (isinstance(reply.body, dict) and {"created", "errors"} <= reply.body.keys()):
                raise Stopped(f"What answers at {self._url} is no hub.")
            return True
        again = {0, HTTPStatus.CONFLICT, _LIMITED}
        if reply.status not in again and reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Stopped(f"The hub answered {reply.status}: {reply.reason}")
        return False

    def _require_hope(self, reply: _Reply) -> None:
        """Raises Stopped when the hub has not worked for too long. Waiting for the limit is no such time."""
        if reply.status in {HTTPStatus.CONFLICT, _LIMITED}:
            self._since, self._answered = monotonic(), True
            return
        patience = self._patience if self._answered else min(self._patience, FIRST_ANSWER_SECONDS)
        if monotonic() - self._since >= patience:
            raise Stopped(f"The hub does not answer: {reply.reason}.")

    async def _post(self, leads: list[dict[str, Any]], key: str) -> _Reply:
        headers, body = {"Idempotency-Key": key}, {"leads": leads}
        try:
            async with self._session.post(self._url, json=body, headers=headers, allow_redirects=False) as response:
                wait, policy = response.headers.get("Retry-After", ""), response.headers.get("RateLimit-Policy", "")
                limit = _POLICY.search(policy)
                retry_after = float(wait) if wait.isdecimal() else None
                found = await _body(response.status, response)
                reply = _Reply(response.status, found, retry_after, int(limit[1]) if limit else None)
        except (ClientError, TimeoutError) as error:
            return _Reply(0, type(error).__name__)
        if reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self._since, self._answered = monotonic(), True
        return reply


async def _body(status: int, response: Any) -> Any:
    """The decoded body; of an answer that is no JSON, words for what it is."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"it redirects to {response.headers.get('Location', 'nowhere')}: give that address as --url"
    try:
        return await response.json(content_type=None)
    except ValueError:
        return response.reason


def _pauses() -> Iterator[float]:
    """Seconds between repeats: 1, 2, 4 ... 30, 30."""
    seconds = 1.0
    while True:
        yield seconds
        seconds = min(seconds * 2, _LONGEST_PAUSE)
