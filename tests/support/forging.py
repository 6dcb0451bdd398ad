"""A proxy between a worker and the sandbox, which can change the sandbox's answers."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Forge = Callable[[bytes, bytes], bytes]
"""From the body of a request and the body of its answer: the body that is sent to the worker."""


class Forger:
    """Listens at an address of its own and forwards every request to a service; `forge` changes the answers."""

    def __init__(self, service: str) -> None:
        self.forge: Forge = lambda request, answer: answer
        forger, client = self, httpx.Client(timeout=10)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._forward("POST", self.rfile.read(int(self.headers["content-length"])))

            def do_GET(self) -> None:
                self._forward("GET", b"")

            def _forward(self, method: str, body: bytes) -> None:
                kept = {name: self.headers[name] for name in ("authorization", "content-type") if self.headers[name]}
                response = client.request(method, service + self.path, content=body, headers=kept)
                answer = forger.forge(body, response.content.replace(service.encode(), forger.url.encode()))
                self.send_response(response.status_code)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                pass

        self._client = client
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the proxy and close every connection."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        self._client.close()
