"""A real sandbox process, and requests to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

Answer = dict[str, Any]

CREATE = """mutation Up($p: ID!, $n: String!, $f: Upload!, $len: Int!) {
  createModelAssistedLabelingPredictionImport(
    data: {projectId: $p, name: $n, filePayload: {file: $f, contentLength: $len}}
  ) { id name state progress inputFileUrl errorFileUrl statusFileUrl project { id name allowedMediaType } } }"""
FIND = """query Find($p: ID!, $n: String!) {
  modelAssistedLabelingPredictionImport(where: {projectId: $p, name: $n}) {
    id name state progress inputFileUrl errorFileUrl statusFileUrl } }"""


def ndjson(lines: Iterable[object]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def parsed(content: bytes) -> list[Answer]:
    return [json.loads(line) for line in content.split(b"\n") if line]


class SandboxProcess:
    """A sandbox in a process of its own, which `stop` ends."""

    def __init__(self, folder: Path | str, *options: str) -> None:
        command = [sys.executable, "-m", "prelabel_sandbox", "--data", str(folder), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.printed = self.process.stdout.readline()
        self.url: str = json.loads(self.printed)["url"]
        self.http = httpx.Client(headers={"Authorization": "Bearer a-key"}, timeout=20, trust_env=False)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Stop the sandbox with a signal, and return the seconds that this took."""
        self.http.close()
        begun = time.monotonic()
        os.kill(self.process.pid, number)
        assert self.process.stdout is not None
        self.rest = self.process.stdout.read()
        self.process.stdout.close()
        self.process.wait(20)
        return time.monotonic() - begun

    def control(self, method: str, path: str, body: object = None) -> Any:
        response = self.http.request(method, f"{self.url}/_sandbox{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def project(self, project_id: str, ontology: object, rows: object = "any", **more: object) -> Answer:
        body = {"id": project_id, "name": "P", "mediaType": "IMAGE", "ontology": ontology, "dataRows": rows, **more}
        answer: Answer = self.control("POST", "/projects", body)
        return answer

    def ask(self, query: str, **variables: object) -> httpx.Response:
        return self.http.post(f"{self.url}/graphql", json={"query": query, "variables": variables})

    def upload(self, project_id: str, name: str, content: bytes, length: int | None = None) -> httpx.Response:
        variables = {"p": project_id, "n": name, "f": None, "len": len(content) if length is None else length}
        return self.http.post(
            f"{self.url}/graphql",
            data={"operations": json.dumps({"query": CREATE, "variables": variables}), "map": '{"1": ["variables.f"]}'},
            files={"1": ("part-003.ndjson", content, "application/x-ndjson")},
        )

    def find(self, project_id: str, name: str) -> Answer:
        return data_of(self.ask(FIND, p=project_id, n=name))["modelAssistedLabelingPredictionImport"]  # type: ignore[no-any-return]

    def ended(self, project_id: str, name: str) -> Answer:
        """Wait until the import is not RUNNING any more, and return it."""
        deadline = time.monotonic() + 15
        while (job := self.find(project_id, name))["state"] == "RUNNING":
            assert time.monotonic() < deadline, job
            time.sleep(0.01)
        return job

    def statuses(self, project_id: str, name: str, lines: Iterable[object]) -> list[Answer]:
        """Import these lines, and return the lines of the status file."""
        assert "errors" not in self.upload(project_id, name, ndjson(lines)).json()
        return parsed(httpx.get(self.ended(project_id, name)["statusFileUrl"]).content)

    def pre_labels(self, project_id: str) -> list[Answer]:
        return parsed(self.http.get(f"{self.url}/_sandbox/projects/{project_id}/pre-labels").content)


def data_of(response: httpx.Response) -> Answer:
    assert response.status_code == 200, response.text
    answer: Answer = response.json()
    assert "errors" not in answer, answer
    return answer["data"]  # type: ignore[no-any-return]


def code_of(response: httpx.Response) -> str:
    """Return the code of the only error."""
    assert response.status_code == 200, response.text
    (error,) = response.json()["errors"]
    return str(error["extensions"]["code"])
