"""Between a worker and the sandbox: what is answered may be changed on the way."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Forge = Callable[[bytes, bytes], bytes]
"""From the request's body and the answer's: the answer that is sent on."""


class Forger:
    """Passes every request on to a service, under an address of its own; `forge` changes the answers."""

    def __init__(self, service: str) -> None:
        self.forge: Forge = lambda asked, answer: answer
        forger, client = self, httpx.Client(timeout=10)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._pass_on("POST", self.rfile.read(int(self.headers["content-length"])))

            def do_GET(self) -> None:
                self._pass_on("GET", b"")

            def _pass_on(self, method: str, body: bytes) -> None:
                kept = {name: self.headers[name] for name in ("authorization", "content-type") if self.headers[name]}
                found = client.request(method, service + self.path, content=body, headers=kept)
                answer = forger.forge(body, found.content.replace(service.encode(), forger.url.encode()))
                self.send_response(found.status_code)
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
        """End it, with every connection."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        self._client.close()
