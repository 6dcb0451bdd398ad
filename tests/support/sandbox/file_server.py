"""A server of files on this machine, as users' CI has one."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """Serves `files`, a body by path; a status by path is answered without a body, and `/drip` never ends."""

    def __init__(self, files: dict[str, bytes | int]) -> None:
        ending = self._ending = threading.Event()
        self.agents: list[str] = []
        agents = self.agents

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                agents.append(self.headers["User-Agent"])
                found = files.get(self.path, 404)
                self.send_response(200 if isinstance(found, bytes) else found)
                self.send_header("Location", "/moved")
                self.end_headers()
                if isinstance(found, bytes):
                    self.wfile.write(found)
                while self.path == "/drip" and not ending.wait(0.05):
                    self.wfile.write(b" ")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
