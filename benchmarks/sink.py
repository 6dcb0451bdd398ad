"""A stand-in for Labelbox that answers at once and checks nothing, so that a benchmark measures only our side.

It knows just the requests of a worker and of the official SDK: create by multipart, look up, a project's ontology,
status files. An upload is only read; its status lines are made when somebody asks for them.
"""

import asyncio
import re
import secrets
import sys
import time

import orjson

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_UUID = re.compile(rb'^\{"uuid": ?"([^"]+)"', re.MULTILINE)
_BEFORE = b'{"uuid":"'
_AFTER = b'","dataRow":{"id":"cdr00000000000000000000a1","globalKey":"k"},"status":"SUCCESS"}\n'
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
        #: When the last upload began, on the clock of all processes (CLOCK_MONOTONIC).
        self.received = 0.0

    async def serve(self) -> None:
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0, limit=64 * 1024 * 1024)
        self.port = server.sockets[0].getsockname()[1]
        print(orjson.dumps({"url": f"http://127.0.0.1:{self.port}"}).decode(), flush=True)
        await server.serve_forever()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"multipart" in head:
                    self.received = time.monotonic()
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                answer = self.answer(head, body)
                # The SDK takes a file without an encoding to be of any, and looks for it for seconds.
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                )
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer(self, head: bytes, body: bytes) -> bytes:
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
        self.lines += content.count(b"\n") + (not content.endswith(b"\n"))
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

    def status_file(self, path: str) -> bytes:
        uuids = _UUID.findall(self.files.pop(path))
        return _BEFORE + (_AFTER + _BEFORE).join(uuids) + _AFTER

    def project(self) -> bytes:
        tools = [
            {"tool": "rectangle", "name": name, "featureSchemaId": f"c{at:024d}", "classifications": []}
            for at, name in enumerate(self.classes)
        ]
        ontology = {"id": "o", "name": "o", "normalized": {"tools": tools, "classifications": []}}
        return orjson.dumps({"data": {"project": {"id": "p", "allowedMediaType": "IMAGE", "ontology": ontology}}})


if __name__ == "__main__":
    asyncio.run(Sink(sys.argv[1].split(",")).serve())
