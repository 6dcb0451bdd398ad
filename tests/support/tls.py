"""Servers with certificates of a certificate authority that is made for this run; they record or forward to a Redis."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme


class TlsServer:
    """Listens on the loopback with a certificate, and decrypts and records the data that it receives.

    It forwards the data to a Redis at a Unix socket. Without a socket, it accepts any login and refuses other commands.
    """

    def __init__(self, certificate: trustme.LeafCert, redis_socket: Path | None = None) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._redis_socket = redis_socket
        #: Number of connections, also of those whose handshake failed.
        self.attempts = 0
        #: All data that was decrypted.
        self.heard = b""
        self.port = 0
        self._loop = asyncio.new_event_loop()
        listening = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        self._thread.start()
        assert listening.wait(10)

    def close(self) -> None:
        """Accept no more connections, and cut all open ones."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def _run(self, listening: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda *_: None)  # tests expect that clients break handshakes off
        self._loop.run_until_complete(self._listen(listening))
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _listen(self, listening: threading.Event) -> None:
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._stopped.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts += 1
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
            await writer.start_tls(self._context)
            if self._redis_socket is None:
                await self._record(reader, writer)
                return
            answers, redis = await asyncio.open_unix_connection(str(self._redis_socket))
            with contextlib.closing(redis):
                copies = [asyncio.create_task(self._ask(reader, redis)), asyncio.create_task(_copy(answers, writer))]
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)

    async def _record(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            self.heard += piece
            writer.write(b"+OK\r\n" if b"AUTH" in piece else b"-ERR not here\r\n")
            await writer.drain()

    async def _ask(self, reader: asyncio.StreamReader, redis: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            self.heard += piece
            redis.write(piece)
            await redis.drain()


async def _copy(answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await answers.read(1 << 16):
        writer.write(piece)
        await writer.drain()


@contextmanager
def serving(certificate: trustme.LeafCert, redis_socket: Path | None = None) -> Iterator[TlsServer]:
    """Run a server for the duration of a block."""
    server = TlsServer(certificate, redis_socket)
    try:
        yield server
    finally:
        server.close()


def authority_file(authority: trustme.CA, folder: Path) -> Path:
    """Write the authority's certificate to a file for the option `ssl_ca_certs`, and return its path."""
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path
