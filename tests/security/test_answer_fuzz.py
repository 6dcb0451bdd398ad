"""Whatever Labelbox answers, the result is a value of the declared type or one of our errors."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prelabel.errors import PrelabelError
from prelabel_worker.accounts.pacing import OwnPacer
from prelabel_worker.doctor import labelbox as service
from prelabel_worker.doctor.live.probe import NoProbe, pick
from prelabel_worker.labelbox import responses
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.labelbox.types import ImportName
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.identity import unsent_line
from prelabel_worker.setup import data_rows
from prelabel_worker.setup.batches import Batches
from prelabel_worker.setup.calls import Calls
from prelabel_worker.setup.data_rows import DataRows
from prelabel_worker.setup.datasets import create_dataset
from prelabel_worker.setup.ontologies import Ontologies
from prelabel_worker.setup.projects import Projects
from prelabel_worker.setup.tasks import Tasks
from prelabel_worker.stages.status_file import Verdicts
from tests.support.answering import Server, http
from tests.support.sent import SentRow, sent_lines

NUMBERS = st.integers(-3, 40) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
DEEP = st.integers(1, 400).map(lambda depth: orjson.loads("[" * depth + "]" * depth))
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.sampled_from(["x" * 70_000, "finished", "[1]"])
ODD: st.SearchStrategy[Any] = DEEP | st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("id"), inner, max_size=3),
    max_leaves=6,
)
TREE = {
    "tools": [
        {
            "tool": "rectangle",
            "name": "car",
            "featureSchemaId": "a",
            "archived": 0,
            "definition": {"constraints": [["a", "a"]]},
            "classifications": [
                {"type": "radio", "name": "kind", "featureSchemaId": "b", "options": [{"value": 1, "label": "one"}]}
            ],
        }
    ],
    "classifications": [{"type": "text", "instructions": "why", "minCharacters": 1, "maxCharacters": 5}],
}
JOB = {"id": "j", "name": "n", "state": "FINISHED", "statusFileUrl": "https://a/", "errorFileUrl": None}
ONTOLOGY = {"id": "o", "name": "o", "mediaType": "IMAGE", "createdAt": "now", "normalized": TREE}
PAGE = {"nodes": [{"id": "b", "name": "b", "size": 1}], "pageInfo": {"endCursor": None}}
RIGHT: dict[str, Any] = {
    "i0": JOB,
    "createModelAssistedLabelingPredictionImport": JOB,
    "deleteModelAssistedLabelingPredictionImport": {"id": "j"},
    "modelAssistedLabelingPredictionImports": [JOB],
    "project": {
        "id": "p",
        "allowedMediaType": "IMAGE",
        "ontology": ONTOLOGY,
        "showingPredictionsToLabelers": True,
        "labelingFrontend": {"id": "f"},
        "showPredictionsToLabelers": {"showingPredictionsToLabelers": True},
        "createBatchV2": {"batch": {"id": "b", "name": "b", "size": 1}, "failedDataRowIds": ["r"]},
        "createEmptyBatch": {"id": "b"},
        "addDataRowsToBatchAsync": {"taskId": "t"},
        "batches": PAGE,
    },
    "ontology": ONTOLOGY,
    "ontologies": {"nodes": [ONTOLOGY], "nextCursor": None},
    "upsertOntology": ONTOLOGY,
    "labelingFrontends": [{"id": "f"}],
    "createDataset": {"id": "d"},
    "createProject": {"id": "p"},
    "dataRowsForGlobalKeys": {"jobId": "k"},
    "dataRowsForGlobalKeysResult": {
        "jobStatus": "COMPLETE",
        "data": {"fetchedDataRows": [{"id": "r"}], "notFoundGlobalKeys": [], "accessDeniedGlobalKeys": []},
    },
    "queryAllDataRowsHaveBeenProcessed": {"allDataRowsHaveBeenProcessed": True},
    "upsertDataRows": {"id": "t"},
    "uploadFile": {"url": "https://a/"},
    "failedDataRowImports": {"after": None, "results": [{"message": "m", "spec": {"globalKey": "k"}}]},
    "user": {"id": "u", "createdTasks": [{"status": "COMPLETE", "completionPercentage": 1, "errors": ["e"]}]},
}


@st.composite
def changed(draw: st.DrawFn, right: Any) -> Any:
    """The right value, with some of its places holding anything."""
    root = [copy.deepcopy(right)]
    for _ in range(draw(st.integers(0, 2))):
        holder: Any = root
        key: Any = 0
        while isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 5)):
            holder = holder[key]
            key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
        holder[key] = draw(ODD)
    return root[0]


def as_json(value: Any) -> bytes:
    """As an answer would be written; what is nested more deeply than orjson writes is only opened."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return b"[" * 5000


def read_ontology(labelbox: Labelbox, calls: Calls) -> None:
    found = labelbox.ontology("p")
    Ontology.from_normalized(found.normalized, found.media_type)
    list(service.describe(found, "p"))
    try:
        pick("p", found, {"globalKey": "k"})
    except NoProbe:
        return


OPERATIONS: dict[str, Callable[[Labelbox, Calls], Any]] = {
    "create": lambda labelbox, calls: labelbox.create_import("p", "n", [b"{}\n"], lambda: True),
    "find": lambda labelbox, calls: labelbox.find_imports([ImportName("p", "n")]),
    "imports": lambda labelbox, calls: labelbox.list_imports("p", 0),
    "delete": lambda labelbox, calls: labelbox.delete_import("j"),
    "ontology": read_ontology,
    "shown": lambda labelbox, calls: labelbox.shows_pre_labels("p"),
    "file": lambda labelbox, calls: labelbox.upload_file("a.json", [b"{}"], 2, "application/json"),
    "dataset": lambda labelbox, calls: create_dataset(calls, "d"),
    "project": lambda labelbox, calls: (
        Projects(calls).create("n", "IMAGE"),
        Projects(calls).set_up("p", "o", show=True),
    ),
    "ontologies": lambda labelbox, calls: [
        each.as_json() for each in (*Ontologies(calls).list(), Ontologies(calls).read("o"))
    ],
    "new ontology": lambda labelbox, calls: Ontologies(calls).create("n", TREE, "IMAGE"),
    "look up": lambda labelbox, calls: DataRows(calls).look_up(["k"]),
    "processed": lambda labelbox, calls: DataRows(calls).wait_until_processed(["r"], 0),
    "rows": lambda labelbox, calls: DataRows(calls).add([{"a": 1}]),
    "failed rows": lambda labelbox, calls: list(DataRows(calls).failed("t")),
    "task": lambda labelbox, calls: Tasks(calls).wait("t", 0).why,
    "batch": lambda labelbox, calls: Batches(calls, "p", task_seconds=0).create("n", ["r"], ours=True),
    "large batch": lambda labelbox, calls: Batches(calls, "p", task_seconds=0).create("n", ["r"] * 1000, ours=True),
}


READS = {
    "create": ["createModelAssistedLabelingPredictionImport"],
    "find": ["i0"],
    "imports": ["modelAssistedLabelingPredictionImports"],
    "delete": ["deleteModelAssistedLabelingPredictionImport"],
    "ontology": ["project"],
    "shown": ["project"],
    "file": ["uploadFile"],
    "dataset": ["createDataset"],
    "project": ["createProject", "project", "labelingFrontends"],
    "ontologies": ["ontologies", "ontology"],
    "new ontology": ["upsertOntology", "ontologies"],
    "look up": ["dataRowsForGlobalKeys", "dataRowsForGlobalKeysResult"],
    "processed": ["queryAllDataRowsHaveBeenProcessed"],
    "rows": ["upsertDataRows", "uploadFile"],
    "failed rows": ["failedDataRowImports"],
    "task": ["user"],
    "batch": ["project"],
    "large batch": ["project", "user"],
}
"""The fields that each operation reads: those are changed."""


def outcome(act: Callable[[], Any]) -> Any:
    """Return the result of a function, or the error of ours that it raises."""
    try:
        return act()
    except PrelabelError as error:
        return error


class Asked:
    """A server whose every answer is the same bytes, and who asks it."""

    def __init__(self) -> None:
        self.answer = b""
        self.server = Server(lambda path: self.answer)
        self.labelbox = Labelbox(f"{self.server.url}/graphql", "k", 5)
        self.calls = Calls(self.labelbox, OwnPacer(10**9), patience_seconds=0)

    def close(self) -> None:
        self.labelbox.close()
        self.server.close()


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    found = Asked()
    yield found
    found.close()


def test_every_operation_is_content_with_the_right_answer(asked: Asked) -> None:
    asked.answer = http(orjson.dumps({"data": RIGHT}))

    for name, act in OPERATIONS.items():
        if name not in ("new ontology", "large batch"):  # the batch lacks rows for ever
            act(asked.labelbox, asked.calls)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(draw=st.data())
def test_any_data_gives_the_type_of_the_operation_or_an_error_of_ours(
    name: str, draw: st.DataObject, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_rows, "_LOOK_UP_SECONDS", 0)
    monkeypatch.setattr("prelabel_worker.setup.batches._LOOK_SECONDS", 0)
    part = draw.draw(changed({field: RIGHT[field] for field in READS[name]}))
    data = RIGHT | part if isinstance(part, dict) else part
    asked.answer = http(b'{"data": %s}' % json.dumps(data).encode())
    found = outcome(lambda: OPERATIONS[name](asked.labelbox, asked.calls))

    assert len(str(found)) < 1000 or not isinstance(found, PrelabelError)


ERRORS = {
    "message": "You have",
    "errors": [{"message": "m", "extensions": {"code": "BAD_USER_INPUT", "exception": {"status": 422}}}],
    "data": {"i0": None},
}
HEADERS = st.fixed_dictionaries({}, optional={"retry-after": st.text(max_size=40) | NUMBERS.map(str)})


@settings(max_examples=400)
@given(
    status=st.sampled_from([200, 301, 400, 401, 403, 404, 413, 422, 429, 500, 503]),
    headers=HEADERS,
    body=changed(ERRORS).map(as_json) | st.binary(),
    creates=st.booleans(),
)
def test_any_answer_gives_data_or_an_error_of_the_request(
    status: int, headers: dict[str, str], body: bytes, creates: bool
) -> None:
    for found in (
        outcome(lambda: responses.data_of(status, headers, body, creates=creates)),
        outcome(lambda: responses.found(status, headers, body)),
    ):
        assert isinstance(found, dict | RequestError)
        if isinstance(found, RequestError):
            assert found.retry_after is None or 0 <= found.retry_after <= 3600
            assert len(str(found)) < 200


UUID = "0" * 31 + "1"
SENT = sent_lines(
    [
        SentRow(0, [bytes(15) + b"\1"]),
        SentRow(1, [bytes(15) + b"\2"]),
        SentRow(2, [unsent_line("k:k", "m", 0), unsent_line("k:k", "m", 1)]),
    ]
)
LINE = {"uuid": UUID, "dataRow": {"id": "r", "globalKey": "k"}, "status": "FAILURE", "errors": [{"name": "n"}]}
GOOD = orjson.dumps({"uuid": "0" * 31 + "2", "status": "SUCCESS", "dataRow": {"globalKey": "x"}})


@settings(max_examples=400)
@given(
    st.lists(
        changed(LINE | {"uuid": "1" * 32}).map(as_json) | changed(LINE).map(as_json) | st.binary(max_size=40),
        max_size=5,
    )
)
def test_any_line_leaves_the_verdicts_of_the_other_lines_unchanged(lines: list[bytes]) -> None:
    verdicts = Verdicts(SENT)
    verdicts.feed([b"\n".join([*lines, GOOD])])

    failed = verdicts.failed_rows()

    assert 1 not in failed
    assert all(verdict.missing or verdict.refused for verdict in failed.values())
    assert len(orjson.dumps([verdict.errors for verdict in failed.values()])) < 5000
