"""Records requests: a server between a client and the sandbox keeps them as they are sent."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

Fields = dict[str, str]
# Of the connection, or the same by necessity.
_LEFT_OUT = ("host", "content-length")


@dataclass
class Request:
    """One request, whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value; the case of its name does not matter."""
        return next((value for each, value in self.headers.items() if each.lower() == name), "")


class _Server(ThreadingHTTPServer):
    to: str
    requests: list[Request]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = dict(self.headers.items())
        self.server.requests.append(Request(self.command, self.path, headers, body))
        connection = HTTPConnection(urlsplit(self.server.to).netloc, timeout=20)
        # Its own answer is not packed, so that it can be passed on as it is.
        connection.request(self.command, self.path, body, {**headers, "Accept-Encoding": "identity"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Recorder:
    """Listens at `url` and forwards requests."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.requests = []
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def passing_on_to(self, url: str) -> Iterator["Recorder"]:
        self._server.to = url
        serving = threading.Thread(target=self._server.serve_forever)
        serving.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            serving.join()
            self._server.server_close()

    def taken(self) -> list[Request]:
        """Return the requests since the last call."""
        taken, self._server.requests = self._server.requests, []
        return taken


def fields_of(request: Request) -> Fields:
    """Return the comparable parts of a request, by field."""
    shown = {f"header {name.lower()}": value for name, value in request.headers.items()}
    fields = {name: value for name, value in shown.items() if name.removeprefix("header ") not in _LEFT_OUT}
    fields |= {"method": request.method, "path": re.sub(r"/files/[^/]+/", "/files/…/", request.path)}
    if "multipart" in request.header("content-type"):
        fields |= _multipart(request)
    elif request.body:
        fields |= _operation(json.loads(request.body))
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: str) -> str:
    """Without what is another at each run."""
    for pattern, sign in (
        (r"boundary=\S+", "boundary=…"),
        (r"\b[0-9a-f]{32}\b", "…"),
        (r"(\d+)(\.\d+)+(-\w+)?", "…"),
    ):
        value = re.sub(pattern, sign, value)
    return value


def _operation(body: dict[str, Any]) -> Fields:
    """Operation, root field with its arguments, selection, variables."""
    query = " ".join(body["query"].replace(",", " ").split())
    head, _, rest = query.partition("{")
    selection = re.sub(r"\$\w+", "$", rest)
    return {
        "operation": re.sub(r"\(.*", "", head).strip(),
        "root field": re.sub(r"\(.*", "", selection).strip(),
        "selection": " ".join(sorted(set(re.findall(r"\w+", selection.rpartition(")")[2])))),
        "variables": ", ".join(sorted(body["variables"])),
        "keys of the body": ", ".join(sorted(body)),
    }


def _multipart(request: Request) -> Fields:
    head = f"Content-Type: {request.header('content-type')}\r\n\r\n"
    parts = cast("list[Message]", BytesParser().parsebytes(head.encode() + request.body).get_payload())
    operations, places, content = (cast("bytes", part.get_payload(decode=True)) for part in parts)
    body = json.loads(operations)
    line = content.split(b"\n")[0].decode()
    return {
        **_operation(body),
        "parts": ", ".join(str(part.get_param("name", header="content-disposition")) for part in parts),
        "map": places.decode().strip(),
        "file name": str(parts[2].get_filename()),
        "file type": parts[2].get_content_type(),
        "contentLength beyond the true length": str(body["variables"]["contentLength"] - len(content)),
        "file: space after , and :": "yes" if '": ' in line else "no",
        "file: newline at the end": "yes" if content.endswith(b"\n") else "no",
        "file: characters beyond ASCII": "escaped" if line.isascii() else "as they are",
        "file: keys of a line": ", ".join(json.loads(line)),
    }
