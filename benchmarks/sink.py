"""A stand-in for Labelbox that answers at once and checks nothing, so that a benchmark measures only our side.

It knows just the requests of a worker and of the official SDK: create by multipart, look up, a project's ontology,
status files. An upload is only read; its status lines are made when somebody asks for them. Both cost little beside
what is measured: a body is read into one buffer, and NumPy writes a status file's lines together.
"""

import re
import secrets
import socketserver
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import orjson

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_NEWLINE = ord("\n")
_UUID_BYTES = 36
_BEFORE = b'{"uuid":"'
_AFTER = b'","dataRow":{"id":"cdr00000000000000000000a1","globalKey":"k"},"status":"SUCCESS"}\n'
_STATUS_LINE = np.frombuffer(_BEFORE + b" " * _UUID_BYTES + _AFTER, np.uint8)
# The fields of a project that the SDK asks for with an import.
_PROJECT = {
    "id": "p0",
    "name": "p0",
    "description": "",
    "allowedMediaType": "IMAGE",
    "editorTaskType": None,
    "uploadType": None,
    "dataRowCount": 0,
    "autoAuditNumberOfLabels": 1,
    "autoAuditPercentage": 1,
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:00.000Z",
    "lastActivityTime": "2026-01-01T00:00:00.000Z",
    "isBenchmarkEnabled": False,
    "isConsensusEnabled": False,
    "modelSetupComplete": None,
    "setupComplete": None,
}


class Sink:
    def __init__(self, classes: list[str]) -> None:
        self.imports: dict[str, dict[str, object]] = {}
        self.files: dict[str, bytes] = {}
        self.classes = classes
        self.port = 0
        self.lines = 0
        self._counting = threading.Lock()
        #: When the last upload began, on the clock of all processes (CLOCK_MONOTONIC).
        self.received = 0.0

    def answer(self, head: bytes, body: bytes) -> bytes | memoryview:
        if head.startswith(b"GET /lines"):
            return str(self.lines).encode()
        if head.startswith(b"GET /received"):
            return str(self.received).encode()
        if head.startswith(b"GET"):
            return self.status_file(head.split(b" ", 2)[1].decode())
        if b"multipart" in head:
            return self.create(body)
        query = orjson.loads(body)
        if "ontology" in query["query"]:
            return self.project()
        names = query["variables"]
        if "name" in names:  # the SDK looks up one import
            return orjson.dumps({"data": {"modelAssistedLabelingPredictionImport": self.imports[names["name"]]}})
        imports = {f"i{at}": self.imports.get(names[f"n{at}"]) for at in range(len(names) // 2)}
        return orjson.dumps({"data": imports})

    def create(self, body: bytes) -> bytes:
        operations = orjson.loads(body[body.index(b"\r\n\r\n") + 4 : body.index(b"\r\n--", 10)])
        start = body.index(b"x-ndjson\r\n\r\n") + 12
        content = body[start : body.rindex(b"\r\n--")]
        name, path = operations["variables"]["name"], f"/files/{secrets.token_hex(8)}"
        self.files[path] = content
        lines = content.count(b"\n") + (not content.endswith(b"\n"))
        with self._counting:
            self.lines += lines
        self.imports[name] = {
            "id": secrets.token_hex(8),
            "name": name,
            "state": "FINISHED",
            "progress": "100%",
            "inputFileUrl": None,
            "errorFileUrl": f"http://127.0.0.1:{self.port}{path}",
            "statusFileUrl": f"http://127.0.0.1:{self.port}{path}",
        }
        created = {**self.imports[name], "state": "RUNNING", "project": _PROJECT}
        return orjson.dumps({"data": {"createModelAssistedLabelingPredictionImport": created}})

    def status_file(self, path: str) -> bytes | memoryview:
        """Return a line of success for each line of an upload; its lines begin with their uuid, all in one way."""
        content = self.files.pop(path)
        read = np.frombuffer(content, np.uint8)
        begins = np.flatnonzero(read[:-1] == _NEWLINE) + 1
        uuid_at = content.index(b'"', len(b'{"uuid":')) + 1
        uuids = np.lib.stride_tricks.sliding_window_view(read, _UUID_BYTES)[np.append(0, begins) + uuid_at]
        lines = np.tile(_STATUS_LINE, (len(uuids), 1))
        lines[:, len(_BEFORE) : len(_BEFORE) + _UUID_BYTES] = uuids
        return lines.reshape(-1).data

    def project(self) -> bytes:
        tools = [
            {"tool": "rectangle", "name": name, "featureSchemaId": f"c{at:024d}", "classifications": []}
            for at, name in enumerate(self.classes)
        ]
        ontology = {"id": "o", "name": "o", "normalized": {"tools": tools, "classifications": []}}
        return orjson.dumps({"data": {"project": {"id": "p", "allowedMediaType": "IMAGE", "ontology": ontology}}})


class Connection(socketserver.StreamRequestHandler):
    """One connection of a client, in a thread of its own."""

    server: "Server"
    rbufsize = 1 << 16
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):
            while head := self.head():
                self.answer(head)

    def head(self) -> bytes:
        """Return the lines before the next body, or nothing if the client closed the connection."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return b""
            head += line
        return head

    def answer(self, head: bytes) -> None:
        sink = self.server.sink
        if b"multipart" in head:
            sink.received = time.monotonic()
        length = _LENGTH.search(head)
        content = sink.answer(head, self.rfile.read(int(length[1])) if length else b"")
        # The SDK takes a file without an encoding to be of any, and looks for it for seconds.
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
        )
        self.wfile.write(content)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, sink: Sink) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.sink = sink
        sink.port = self.server_address[1]


def main() -> None:
    with Server(Sink(sys.argv[1].split(","))) as server:
        print(orjson.dumps({"url": f"http://127.0.0.1:{server.sink.port}"}).decode(), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
