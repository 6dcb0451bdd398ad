"""A TCP forwarder between a client and Redis, which can be slow or switch to another server."""

import contextlib
import queue
import socket
import threading
import time


class Forwarder:
    """Listens on `port` and forwards to the port `target`, each piece of data `delay` seconds late.

    A change of `target` applies to new connections. Open connections stay with the old server, as if a host name or a
    virtual address had moved to another server.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections, and cut all open ones."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut every open connection."""
        for connection in list(self._open):
            _cut(connection)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._send, args=(pieces, sink), daemon=True).start()
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                pieces.put((time.monotonic() + self.delay, piece))
        pieces.put((0.0, b""))
        _cut(source)

    def _send(self, pieces: "queue.SimpleQueue[tuple[float, bytes]]", sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (next_piece := pieces.get())[1]:
                time.sleep(max(0.0, next_piece[0] - time.monotonic()))
                sink.sendall(next_piece[1])
        _cut(sink)
        self._open.discard(sink)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
