"""Uploads files to the sandbox."""

import json

from tests.support.sandbox.process import SandboxProcess, data_of

UPLOAD = (
    "mutation U($f: Upload!, $len: Int!) { uploadFile(file: $f, contentLength: $len, sign: true) { url filename } }"
)


def uploaded(sandbox: SandboxProcess, content: bytes, filename: str = "a.ndjson", length: int | None = None) -> str:
    variables = {"f": None, "len": len(content) if length is None else length}
    response = sandbox.http.post(
        f"{sandbox.url}/graphql",
        data={"operations": json.dumps({"query": UPLOAD, "variables": variables}), "map": '{"1": ["variables.f"]}'},
        files={"1": (filename, content, "json_import.json")},
    )
    return str(data_of(response)["uploadFile"]["url"])
