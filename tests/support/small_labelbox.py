"""The part of Labelbox that the stages use, in this process. Its answers are right unless a fault changes them."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

TOOLS = {
    "tools": [{"tool": "rectangle", "name": "car", "featureSchemaId": "c" + "1" * 24, "classifications": []}],
    "classifications": [],
}


@dataclass
class Question:
    """A request, and the right answer to it, for a fault to judge."""

    #: `ontology`, `create`, `find`, or `file` for a status file.
    kind: str
    #: The projects that it is about.
    projects: set[str]
    #: The right answer: the fields of `data`, or the lines of a file.
    right: Any
    #: For `find`: the project of each field of the answer.
    project_of: dict[str, str] = field(default_factory=dict)


@dataclass
class Reply:
    """An answer as it is sent."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Share of the body that is sent before the connection is closed.
    sent: float = 1.0


Fault = Callable[[Question], Reply | None]
"""Returns an answer to send in place of the right one, or None to send the right one."""


class SmallLabelbox:
    """Accepts every import and finishes it at once."""

    def __init__(self) -> None:
        self.fault: Fault = lambda question: None
        self._imports: dict[tuple[str, str], tuple[str, list[dict[str, Any]]]] = {}
        #: Number of imports with a row of this (project, global key).
        self.imported: Counter[tuple[str, str]] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def forget(self) -> None:
        """Forget every import, and end the fault."""
        self.fault = lambda question: None
        self._imports.clear()
        self.imported.clear()

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def reply(self, path: str, body: bytes) -> Reply:
        """Answer one request."""
        question = self._file(path) if not body else self._question(body)
        right = question.right
        content = right if isinstance(right, bytes) else orjson.dumps({"data": right})
        return self.fault(question) or Reply(content)

    def _question(self, body: bytes) -> Question:
        operation, content = _parts(body)
        query, variables = operation["query"], operation["variables"]
        if "FindImports" in query:
            return self._find(variables)
        project = variables["projectId"]
        if "CreateImport" in query:
            job = self._create(project, variables["name"], content)
            return Question("create", {project}, {"createModelAssistedLabelingPredictionImport": job})
        ontology = {"id": "o", "name": "o", "normalized": TOOLS}
        answer = {"id": project, "allowedMediaType": "IMAGE", "ontology": ontology}
        return Question("ontology", {project}, {"project": answer})

    def _create(self, project: str, name: str, content: bytes) -> dict[str, Any]:
        if (project, name) not in self._imports:
            lines = [orjson.loads(line) for line in content.splitlines()]
            self._imports[project, name] = (f"job{len(self._imports)}", lines)
            self.imported.update({(project, str(line["dataRow"].get("globalKey"))) for line in lines})
        return self._job(project, name, "RUNNING")

    def _find(self, variables: dict[str, str]) -> Question:
        project_of = {f"i{name[1:]}": project for name, project in variables.items() if name.startswith("p")}
        jobs = {
            field: self._job(project, variables[f"n{field[1:]}"], "FINISHED") for field, project in project_of.items()
        }
        return Question("find", set(project_of.values()), jobs, project_of)

    def _job(self, project: str, name: str, state: str) -> dict[str, Any] | None:
        if (project, name) not in self._imports:
            return None
        number, _ = self._imports[project, name]
        url = f"{self.url}/files/{project}/{name}" if state == "FINISHED" else None
        return {"id": number, "name": name, "state": state, "statusFileUrl": url, "errorFileUrl": None, "progress": ""}

    def _file(self, path: str) -> Question:
        project, _, name = path.removeprefix("/files/").partition("/")
        _, lines = self._imports.get((project, name), ("", []))
        statuses = [
            {"uuid": line["uuid"], "dataRow": line["dataRow"], "status": "SUCCESS", "errors": []} for line in lines
        ]
        return Question("file", {project}, b"".join(orjson.dumps(status) + b"\n" for status in statuses))


def _parts(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the operation of a request, and the file that is uploaded with it."""
    if body.startswith(b"{"):
        return json.loads(body), b""
    operations = re.search(rb'name="operations"\r\n\r\n(.*?)\r\n--', body, re.S)
    content = re.search(rb"Content-Type: application/x-ndjson\r\n\r\n(.*)\r\n--", body, re.S)
    assert operations is not None
    assert content is not None
    return json.loads(operations[1]), content[1]


def _handler(labelbox: SmallLabelbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # send headers and body in one packet

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["content-length"])))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            reply = labelbox.reply(self.path, body)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body[: int(len(reply.body) * reply.sent)])
            self.close_connection = reply.status != 200 or reply.sent < 1.0

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
