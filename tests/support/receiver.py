"""A receiver of notifications: a real HTTP server that keeps what it got and answers as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What came, and how it is answered."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"ok"
    #: Answers wait for it.
    free: threading.Event = field(default_factory=threading.Event)
    #: The bodies of the accepted messages.
    bodies: list[dict[str, Any]] = field(default_factory=list)
    #: Every request: its path, its headers and its body as text.
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def changes(self) -> list[dict[str, Any]]:
        """Return every change of the accepted messages once, oldest first.

        A sender that is killed just after its message was accepted leaves it to the next one, which sends it again.
        """
        sent = [change for body in list(self.bodies) for change in body["prelabel"]["changes"]]
        return list(
            {(change["kind"], change["subject"], change["change"], change["at"]): change for change in sent}.values()
        )

    def told(self, kind: str, subject: str | None = None) -> list[str]:
        """Return `began` and `ended` of the changes of this kind, oldest first."""
        return [
            change["change"]
            for change in self.changes()
            if change["kind"] == kind and subject in (None, change["subject"])
        ]

    def text(self) -> str:
        """Return all that came, as text."""
        return "\n".join(body for _, _, body in list(self.requests))


@contextmanager
def running_receiver(path: str = "/hooks/T0/s3cret-part") -> Iterator[Receiver]:
    """Run a receiver on a free port of the loopback address; its path is a secret, as those of chat programs are."""
    receiver = Receiver()
    receiver.free.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.requests.append((self.path, dict(self.headers), body.decode()))
            receiver.free.wait(30)
            if 200 <= receiver.status < 300:
                receiver.bodies.append(json.loads(body))
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}{path}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.free.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
