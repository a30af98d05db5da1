import asyncio
import errno
import random
import socket
import ssl
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trustme
from aiohttp import AddrInfoType

from hub.egress import MAX_RESPONSE_BYTES, Egress, EgressFailure, HttpReply
from hub.egress_rules import EgressRules
from hub.keys import networks

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
JSON = {"Content-Type": "application/json"}
DEVELOPMENT = EgressRules(development=True)


@dataclass
class Server:
    """A real server on loopback that keeps its requests for the test."""

    handler: Handler
    port: int = 0
    connections: int = 0
    arrivals: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.arrivals.release()
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                self.bodies.append(await reader.readexactly(length))
                await self.handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    handler: Handler, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server(handler)
    listener = await asyncio.start_server(server, host, port, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def answering(text: bytes) -> Handler:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        if b"content-length" not in text.lower():
            writer.close()

    return answer


OK = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def finding(**names: Sequence[str]) -> Callable[[str, int], Sequence[AddrInfoType]]:
    """Replace DNS: `name.example` has these addresses."""

    def lookup(host: str, port: int) -> Sequence[AddrInfoType]:
        addresses = names.get(host.removesuffix(".example"))
        if addresses is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [info for address in addresses for info in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)]

    return lookup


async def failure_of(egress: Egress, url: str, body: bytes = b"{}") -> EgressFailure:
    with pytest.raises(EgressFailure) as caught:
        await egress.post(url, body, JSON)
    return caught.value


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


def certified(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    return context


def reaching(*ports: int, network: str = "127.0.0.1/32") -> EgressRules:
    """Production's rules, with one loopback address as the public internet."""
    return EgressRules(ports=frozenset(ports), networks=networks([network]))


# --- what is sent and what comes back


async def test_a_post_arrives_unchanged_and_its_response_is_returned() -> None:
    text = b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 5\r\n\r\nlater"
    async with serving(answering(text)) as server, Egress(DEVELOPMENT) as egress:
        answer = await egress.post(server.url, b'{"a": "\xc3\xbc"}', JSON | {"webhook-id": "msg_1"})
    assert (answer.status, answer.body, answer.address, answer.retry_after) == (503, b"later", "127.0.0.1", "120")
    assert 0 <= answer.duration_ms < 5000
    head = server.heads[0].lower()
    assert head.startswith(b"post /hook http/1.1\r\n")
    assert b"webhook-id: msg_1\r\n" in head
    assert b"content-type: application/json\r\n" in head
    assert b"accept-encoding: identity\r\n" in head
    assert server.bodies == [b'{"a": "\xc3\xbc"}']


async def test_localhost_is_reached_by_name_in_development() -> None:
    async with serving(OK) as server, Egress(DEVELOPMENT) as egress:
        assert (await egress.post(f"http://localhost:{server.port}/", b"{}", JSON)).status == 200


async def test_a_reused_connection_still_reports_its_address() -> None:
    async with serving(OK) as server, Egress(DEVELOPMENT) as egress:
        answers = [await egress.post(server.url, b"{}", JSON) for _ in range(3)]
    assert [answer.address for answer in answers] == ["127.0.0.1"] * 3
    assert server.connections == 1


async def test_no_cookie_is_kept() -> None:
    text = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(text)) as server, Egress(DEVELOPMENT) as egress:
        for _ in range(2):
            await egress.post(server.url, b"{}", JSON)
    assert b"cookie" not in server.heads[1].lower()


async def test_a_proxy_in_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(OK) as server, serving(OK) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with Egress(DEVELOPMENT) as egress:
            assert (await egress.post(server.url, b"{}", JSON)).status == 200
    assert proxy.connections == 0


# --- bounds


async def test_of_an_endless_response_64_kib_are_read_and_the_connection_is_closed() -> None:
    closed = asyncio.Event()

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        finally:
            closed.set()

    async with serving(flood) as server, Egress(DEVELOPMENT) as egress:
        answer = await egress.post(server.url, b"{}", JSON)
        await asyncio.wait_for(closed.wait(), 5)
    assert answer.body == b"x" * MAX_RESPONSE_BYTES


async def test_a_compressed_response_is_not_decompressed() -> None:
    text = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    async with serving(answering(text)) as server, Egress(DEVELOPMENT) as egress:
        assert (await egress.post(server.url, b"{}", JSON)).body == b"\x1f\x8b\x08\x00"


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
async def test_a_slow_trickle_ends_with_the_time_of_the_whole_attempt(start: bytes) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(b"H" if start else b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as server, Egress(DEVELOPMENT, timeout=0.4) as egress:
        failure = await failure_of(egress, server.url)
    assert failure.kind == "timeout"
    assert failure.address == "127.0.0.1"
    assert 350 <= failure.duration_ms < 2000


async def test_a_server_that_never_reads_ends_with_the_time_of_the_attempt() -> None:
    async def ignore(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    listener = await asyncio.start_server(ignore, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    async with Egress(DEVELOPMENT, timeout=0.4) as egress:
        assert (await failure_of(egress, url, b"x" * 20_000_000)).kind == "timeout"
    listener.close()


async def test_a_host_that_hangs_delays_neither_another_nor_itself() -> None:
    async with serving(hang) as sick, serving(OK) as healthy, Egress(DEVELOPMENT, timeout=3) as egress:
        stuck = [asyncio.create_task(failure_of(egress, sick.url)) for _ in range(100)]
        for _ in stuck:
            await sick.arrivals.acquire()  # more than one host's usual share: other partners' endpoints may be there
        for _ in range(20):
            assert (await egress.post(healthy.url, b"{}", JSON)).status == 200
        assert not any(task.done() for task in stuck)
        assert {failure.kind for failure in await asyncio.gather(*stuck)} == {"timeout"}


async def test_a_name_server_that_hangs_delays_no_other_name(ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    begun, release = threading.Semaphore(0), threading.Event()

    def lookup(host: str, port: int) -> Sequence[AddrInfoType]:
        if host.startswith("slow"):
            begun.release()
            release.wait(20)
        return finding(fine=["127.0.0.1"])(host, port)

    async with (
        serving(OK, tls=certified(ca, "fine.example")) as server,
        Egress(reaching(server.port), tls=trusting, lookup=lookup, timeout=3) as egress,
    ):
        urls = [f"https://slow{n}.example:{server.port}/" for n in range(20)]
        stuck = [asyncio.create_task(failure_of(egress, url)) for url in urls]
        try:
            for _ in urls:
                await asyncio.to_thread(begun.acquire)
            answer = await egress.post(f"https://fine.example:{server.port}/", b"{}", JSON)
            assert answer.status == 200
            assert answer.duration_ms < 1500
            assert {failure.kind for failure in await asyncio.gather(*stuck)} == {"timeout"}
        finally:
            release.set()


# --- failures


async def test_no_connection_and_no_name_are_distinguished() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with Egress(reaching(port), lookup=finding(hook=["127.0.0.1"])) as egress:
        refused = await failure_of(egress, f"https://hook.example:{port}/")
        missing = await failure_of(egress, f"https://missing.example:{port}/")
    assert (refused.kind, refused.address) == ("connect", "127.0.0.1")
    assert (missing.kind, missing.address) == ("dns", None)


async def test_a_server_that_cannot_prove_its_name_gets_nothing(ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    for tls in (certified(ca, "other.example"), certified(trustme.CA(), "hook.example")):
        async with (
            serving(OK, tls=tls) as server,
            Egress(reaching(server.port), tls=trusting, lookup=finding(hook=["127.0.0.1"])) as egress,
        ):
            assert (await failure_of(egress, f"https://hook.example:{server.port}/")).kind == "tls"
        assert server.heads == []


async def test_a_server_without_tls_is_a_failure_of_tls() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    listener = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with Egress(DEVELOPMENT) as egress:
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
        assert (await failure_of(egress, url)).kind == "tls"
    listener.close()


@pytest.mark.parametrize(
    "text",
    [b"", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n"],
)
async def test_what_is_not_http_is_a_failure_that_quotes_nothing(text: bytes) -> None:
    async with serving(answering(text)) as server, Egress(DEVELOPMENT) as egress:
        failure = await failure_of(egress, server.url + "?token=secret")
    assert (failure.kind, failure.address) == ("protocol", "127.0.0.1")
    shown = "".join(traceback.format_exception(failure))
    assert "hook" not in shown.partition("hub.egress.EgressFailure")[2]
    assert "secret" not in shown


async def test_every_broken_response_is_an_egress_failure() -> None:
    random_ = random.Random(20260329)  # noqa: S311 - repeatable junk
    whole = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\nContent-Type: text/html\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 500 No\r\nContent-Encoding: br\r\nLocation: //[::1\r\n\r\nhello",
    )
    junk = (
        b"\0",
        b"\xff",
        b"\r\n",
        b": ",
        b"\xed\xa0\x80",
        b"Content-Length: -1\r\n",
        b"x" * 9000,
        b"99999999999999999999",
    )

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = bytearray(random_.choice(whole))
        for _damage in range(random_.randint(1, 4)):
            at = random_.randrange(len(text))
            text[at : at + random_.choice((0, 0, 1, 5))] = random_.choice(junk)
        writer.write(text)
        writer.close()

    outcomes: set[str] = set()
    async with serving(answer) as server, Egress(DEVELOPMENT, timeout=5) as egress:
        for _ in range(400):
            try:
                outcome: HttpReply | EgressFailure = await egress.post(server.url, b"{}", JSON)
            except EgressFailure as failure:
                outcome = failure
            outcomes.add("answer" if isinstance(outcome, HttpReply) else outcome.kind)
    assert outcomes == {"answer", "protocol"}


# --- where nothing may go


@pytest.mark.parametrize("target", ["http://127.0.0.2:{port}/", "https://127.0.0.2:{port}/", "//127.0.0.2:{port}/"])
async def test_a_redirect_is_a_response_and_not_followed(target: str, ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    async with serving(OK, host="127.0.0.2") as inside:
        location = target.format(port=inside.port).encode()
        text = b"HTTP/1.1 307 Go\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
        async with (
            serving(answering(text), tls=certified(ca, "hook.example")) as server,
            Egress(
                # Even with leave to go there.
                reaching(server.port, inside.port, network="127.0.0.0/8"),
                tls=trusting,
                lookup=finding(hook=["127.0.0.1"]),
            ) as egress,
        ):
            answer = await egress.post(f"https://hook.example:{server.port}/", b"{}", JSON)
    assert answer.status == 307
    assert inside.connections == 0


@pytest.mark.parametrize(
    "rules", [EgressRules(ports=frozenset(range(65536))), EgressRules(development=True, ports=frozenset(range(65536)))]
)
@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0"]])
async def test_a_name_that_resolves_to_a_private_address_is_denied(rules: EgressRules, addresses: list[str]) -> None:
    async with serving(OK) as inside, Egress(rules, lookup=finding(evil=addresses)) as egress:
        failure = await failure_of(egress, f"https://evil.example:{inside.port}/")
    assert (failure.kind, failure.address) == ("denied", None)
    assert inside.connections == 0


async def test_of_a_names_addresses_only_the_permitted_are_tried(ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    lookup = finding(mixed=["127.0.0.2", "::1", "127.0.0.1", "10.0.0.1"])
    async with (
        serving(OK, tls=certified(ca, "mixed.example")) as server,
        serving(OK, host="127.0.0.2", port=server.port) as inside,
        Egress(reaching(server.port), tls=trusting, lookup=lookup) as egress,
    ):
        posts = (egress.post(f"https://mixed.example:{server.port}/", b"{}", JSON) for _ in range(5))
        answers = await asyncio.gather(*posts)
    assert {answer.address for answer in answers} == {"127.0.0.1"}
    assert inside.connections == 0


async def test_a_name_that_changes_to_a_private_address_is_denied(ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    def rebinding(_: str, port: int) -> Sequence[AddrInfoType]:
        return finding(evil=next(answers))("evil.example", port)

    async with (
        serving(OK, tls=certified(ca, "evil.example")) as server,
        serving(OK, host="127.0.0.2", port=server.port) as inside,
    ):
        url = f"https://evil.example:{server.port}/"
        async with Egress(reaching(server.port), tls=trusting, lookup=rebinding) as egress:
            assert (await egress.post(url, b"{}", JSON)).status == 200
        async with Egress(reaching(server.port), tls=trusting, lookup=rebinding) as egress:
            assert (await failure_of(egress, url)).kind == "denied"
    assert inside.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "①②⑦.0.0.1", "0"]
)
async def test_a_private_address_in_any_notation_is_denied(host: str) -> None:
    async with serving(OK) as inside, Egress(EgressRules(ports=frozenset({inside.port}))) as egress:
        for scheme in ("http", "https"):
            assert (await failure_of(egress, f"{scheme}://{host}:{inside.port}/")).kind == "denied"
    assert inside.connections == 0


async def test_each_attempt_checks_scheme_port_and_user_again() -> None:
    async with serving(OK) as server, Egress(reaching(server.port)) as narrower, Egress(DEVELOPMENT) as development:
        assert (await failure_of(narrower, server.url)).kind == "denied"
        assert (await failure_of(development, server.url.replace("//", "//user:password@"))).kind == "denied"
        async with Egress(reaching(443)) as egress:
            assert (await failure_of(egress, server.url.replace("http:", "https:"))).kind == "denied"
    assert server.connections == 0


async def test_the_socket_factory_denies_by_address_whatever_was_checked_before() -> None:
    async with Egress(EgressRules()) as egress:
        for address in ("127.0.0.1", "10.0.0.1", "169.254.169.254"):
            with pytest.raises(OSError, match="not allowed") as caught:
                egress._open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)))
            assert caught.value.errno == errno.EACCES


@pytest.mark.parametrize("name", ["a..b.example", "x" * 64 + ".example", "xn--\xff.example", "ex ample.com"])
async def test_a_name_that_cannot_be_looked_up_is_a_failure(name: str) -> None:
    async with Egress(EgressRules()) as egress:
        assert (await failure_of(egress, f"https://{name}/")).kind in {"denied", "dns"}
