"""PostgreSQL that takes TLS connections only: a proxy in front of one whose build has no TLS."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from infra.ports import HOST

SSL_REQUEST = struct.pack("!II", 8, 80_877_103)


@dataclass
class TlsPostgres:
    """Where it listens, who vouches for it, and how many connections it had."""

    port: int
    authority: Path
    connections: int = 0


@asynccontextmanager
async def tls_postgres(port: int, folder: Path) -> AsyncIterator[TlsPostgres]:
    """The server at `port` behind TLS, until the block ends."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    found = TlsPostgres(0, folder / "ca.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                found.connections += 1
                inner = await asyncio.open_connection(HOST, port)
                await asyncio.gather(_copy(reader, inner[1]), _copy(inner[0], writer))
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
