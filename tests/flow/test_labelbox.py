"""Our client against a real sandbox: the requests of an upload, and the data that must never be sent."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prelabel_worker.errors import LeaseLost
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import (
    Conflict,
    FileGone,
    FileRefused,
    OutcomeUnknown,
    ProjectGone,
    Refused,
    Unauthorized,
    Unavailable,
)
from prelabel_worker.labelbox.types import ImportName
from tests.support.sandbox.process import SandboxProcess

LINE = {
    "uuid": "0c4a7c1e-52a1-5a0b-9a53-3f3c2f6d7e10",
    "name": "car",
    "dataRow": {"globalKey": "cam1-0001"},
    "bbox": {"top": 5, "left": 6, "height": 70, "width": 80},
}
CONTENT = json.dumps(LINE).encode() + b"\n"
CARS = {"tools": [{"tool": "rectangle", "name": "car"}], "classifications": []}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    running = SandboxProcess(tmp_path_factory.mktemp("sandbox"), "--requests-per-minute", "0", "--api-key", "a-key")
    running.project("p", CARS)
    yield running
    running.stop()


@pytest.fixture
def labelbox(sandbox: SandboxProcess) -> Iterator[Labelbox]:
    client = Labelbox(f"{sandbox.url}/graphql", "a-key", 5)
    yield client
    client.close()


def mine() -> bool:
    return True


def test_an_import_is_created_found_and_read(labelbox: Labelbox, wait_for: Callable[..., None]) -> None:
    created = labelbox.create_import("p", "one", [CONTENT], mine)
    assert created.state == "RUNNING"

    wait_for(lambda: labelbox.find_imports([ImportName("p", "one")])[0].state == "FINISHED", "the end")
    found, missing = labelbox.find_imports([ImportName("p", "one"), ImportName("p", "none")])

    assert missing is None
    assert found is not None
    assert found.id == created.id
    (line,) = labelbox.lines(found.status_url)
    assert json.loads(line)["status"] == "SUCCESS"


def test_a_project_says_its_ontology_and_media_type(labelbox: Labelbox) -> None:
    found = labelbox.ontology("p")

    assert (found.media_type, found.normalized["tools"][0]["name"]) == ("IMAGE", "car")
    with pytest.raises(ProjectGone):
        labelbox.ontology("nowhere")


def test_an_upload_whose_lease_is_gone_cannot_be_completed_by_the_server(
    labelbox: Labelbox, sandbox: SandboxProcess
) -> None:
    with pytest.raises(LeaseLost):
        labelbox.create_import("p", "stopped", [CONTENT], lambda: False)

    assert labelbox.find_imports([ImportName("p", "stopped")]) == [None]


def test_a_name_that_exists_is_a_conflict(labelbox: Labelbox) -> None:
    labelbox.create_import("p", "twice", [CONTENT], mine)

    with pytest.raises(Conflict):
        labelbox.create_import("p", "twice", [CONTENT], mine)


def test_an_upload_without_an_answer_is_unknown_and_a_question_is_not(
    labelbox: Labelbox, sandbox: SandboxProcess
) -> None:
    impatient = Labelbox(f"{sandbox.url}/graphql", "a-key", 0.3)
    sandbox.control("POST", "/faults", {"fault": "accept-then-time-out", "hold": 2})
    with pytest.raises(OutcomeUnknown):
        impatient.create_import("p", "unanswered", [CONTENT], mine)
    sandbox.control("POST", "/faults", {"fault": "latency", "latency": 2, "operations": "query"})
    with pytest.raises(Unavailable):
        impatient.find_imports([ImportName("p", "x")])
    impatient.close()

    assert labelbox.find_imports([ImportName("p", "unanswered")])[0] is not None


def test_nothing_that_listens_is_unavailable_even_for_an_upload() -> None:
    nowhere = Labelbox("http://127.0.0.1:1/graphql", "k", 1)

    with pytest.raises(Unavailable):
        nowhere.create_import("p", "x", [CONTENT], mine)
    nowhere.close()


def test_a_wrong_key_is_refused_and_not_repeated_in_the_error(sandbox: SandboxProcess) -> None:
    labelbox = Labelbox(f"{sandbox.url}/graphql", "wr0ng-key", 5)

    with pytest.raises(Unauthorized) as error:
        labelbox.find_imports([ImportName("p", "x")])

    assert "wr0ng-key" not in str(error.value)
    labelbox.close()


def test_files_are_fetched_without_the_key_and_from_safe_addresses_only(
    labelbox: Labelbox, sandbox: SandboxProcess
) -> None:
    with pytest.raises(FileGone):
        list(labelbox.lines(f"{sandbox.url}/files/none/none/status.ndjson"))
    for address in ("http://elsewhere.example/status", "file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(FileRefused, match="neither https nor at the endpoint"):
            list(labelbox.lines(address))


def test_lines_are_split_on_line_feeds_only(tmp_path: Path) -> None:
    """U+2028 inside a string is no line break, whatever a Unicode-aware reader thinks."""
    body = '{"a":"x\u2028y"}\n{"b":1}'.encode()
    with Served(body) as (url, _):
        labelbox = Labelbox(f"{url}/graphql", "k", 5)
        assert list(labelbox.lines(f"{url}/status")) == [b'{"a":"x\xe2\x80\xa8y"}', b'{"b":1}']
        labelbox.close()


def test_the_upload_has_the_layout_of_the_wire_reference() -> None:
    answer = json.dumps({"data": {"createModelAssistedLabelingPredictionImport": {"id": "1", "state": "RUNNING"}}})
    with Served(answer.encode()) as (url, seen):
        labelbox = Labelbox(f"{url}/graphql", "k3y", 5)
        labelbox.create_import("cpr1", "run-12", [CONTENT[:50], CONTENT[50:]], mine)
        labelbox.close()

    head, body = seen[0].split(b"\r\n\r\n", 1)
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert headers[b"authorization"] == b"bearer k3y"
    assert int(headers[b"content-length"]) == len(body)
    boundary = headers[b"content-type"].removeprefix(b"multipart/form-data; boundary=")
    first, second, third = body.removesuffix(b"\r\n--" + boundary + b"--\r\n").split(b"--" + boundary + b"\r\n")[1:]
    assert first.startswith(b'Content-Disposition: form-data; name="operations"\r\n\r\n')
    operations = json.loads(first.split(b"\r\n\r\n", 1)[1])
    expected = {"projectId": "cpr1", "name": "run-12", "file": None, "contentLength": len(CONTENT)}
    assert operations["variables"] == expected
    assert second == b'Content-Disposition: form-data; name="map"\r\n\r\n{"1": ["variables.file"]}\r\n'
    disposition = b'Content-Disposition: form-data; name="1"; filename="import.ndjson"\r\n'
    assert third == disposition + b"Content-Type: application/x-ndjson\r\n\r\n" + CONTENT


def test_whether_labelers_see_pre_labels_is_answered_or_unknown(labelbox: Labelbox, sandbox: SandboxProcess) -> None:
    sandbox.control("POST", "/projects", {"id": "hidden", "ontology": CARS, "showPredictionsToLabelers": False})

    assert labelbox.shows_pre_labels("p") is True
    assert labelbox.shows_pre_labels("hidden") is False
    with pytest.raises(ProjectGone):
        labelbox.shows_pre_labels("nowhere")
    sandbox.control("POST", "/faults", {"fault": "graphql-error", "code": "GRAPHQL_VALIDATION_FAILED"})
    assert labelbox.shows_pre_labels("p") is None


def test_an_import_is_deleted_once_and_found_no_more(labelbox: Labelbox) -> None:
    created = labelbox.create_import("p", "unwanted", [CONTENT], mine)

    assert labelbox.delete_import(created.id)
    assert labelbox.find_imports([ImportName("p", "unwanted")]) == [None]
    assert not labelbox.delete_import(created.id)


def test_another_length_than_the_true_one_can_be_declared(labelbox: Labelbox) -> None:
    assert labelbox.create_import("p", "declared more", [CONTENT], mine, declared=len(CONTENT) + 7).id
    with pytest.raises(Refused, match="MALFORMED_REQUEST"):
        labelbox.create_import("p", "declared less", [CONTENT], mine, declared=len(CONTENT) - 1)


def test_headers_about_limits_are_named_without_their_values() -> None:
    body = json.dumps({"data": {"project": {"id": "p"}}}).encode()
    with Served(body, "X-RateLimit-Remaining: 7\r\nRetry-After: 3\r\nServer: x\r\n") as (url, _):
        labelbox = Labelbox(f"{url}/graphql", "k", 5)
        assert labelbox.limit_headers("p") == ["retry-after", "x-ratelimit-remaining"]
        labelbox.close()


class Served:
    """Yield a server that sends one answer and keeps the requests."""

    def __init__(self, body: bytes, headers: str = "") -> None:
        self._body = body
        self._headers = headers.encode()
        self._seen: list[bytes] = []

    def __enter__(self) -> tuple[str, list[bytes]]:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}", self._seen

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65536)
            head, body = request.split(b"\r\n\r\n", 1)
            headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(headers.get(b"content-length", 0))
            while len(body) < length:
                body += connection.recv(65536)
            self._seen.append(head + b"\r\n\r\n" + body)
            head = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (self._headers, len(self._body))
            connection.sendall(head + self._body)
