"""The same import by our worker's client and by the SDK: where the requests differ, and why."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.types import ImportName
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.sandbox.sdk.recorder import Fields, Recorder, fields_of
from tests.support.sandbox.cars import CARS
from tests.support.sandbox.process import SandboxProcess

REQUESTS = ("create", "look up", "status file")
KEY = "the-key"
ABSENT = "absent"


class Difference(NamedTuple):
    """Of one or several requests."""

    requests: str
    field: str
    ours: str
    sdk: str
    why: str


_ALL_FIELDS = (
    "allowedMediaType autoAuditNumberOfLabels autoAuditPercentage createdAt dataRowCount description editorTaskType "
    "errorFileUrl id inputFileUrl isBenchmarkEnabled isConsensusEnabled lastActivityTime modelSetupComplete name "
    "progress project setupComplete state statusFileUrl updatedAt uploadType"
)
_OUR_FIELDS = "errorFileUrl id name progress state statusFileUrl"
_NAMED_ONCE = "the import's name stands in the variables; as a part's name it needs escaping"
_NOT_THE_SDK = "we do not pass for the SDK"
TABLE = [
    Difference(
        "create",
        "operation",
        "mutation CreateImport",
        "mutation createMALPredictionImportByFilePyApi",
        "a name of our own: the server must not depend on it",
    ),
    Difference(
        "look up",
        "operation",
        "query FindImports",
        "query getModelAssistedLabelingPredictionImportPyApi",
        "a name of our own: the server must not depend on it",
    ),
    Difference(
        "look up",
        "root field",
        "i0: modelAssistedLabelingPredictionImport",
        "modelAssistedLabelingPredictionImport",
        "up to 25 imports are looked up in one request, each under a name",
    ),
    Difference(
        "look up",
        "variables",
        "n0, p0",
        "name, projectId",
        "up to 25 imports are looked up in one request, each under a name",
    ),
    Difference(
        "create, look up",
        "selection",
        _OUR_FIELDS,
        _ALL_FIELDS,
        "what is not read is not asked for; the project and the input are ours",
    ),
    Difference("create", "parts", "operations, map, 1", "operations, map, cp__sdk.ndjson", _NAMED_ONCE),
    Difference("create", "map", '{"1": ["variables.file"]}', '{"cp__sdk.ndjson": ["variables.file"]}', _NAMED_ONCE),
    Difference("create", "file name", "import.ndjson", "cp__sdk.ndjson", _NAMED_ONCE),
    Difference(
        "create",
        "contentLength beyond the true length",
        "0",
        "4",
        "a defect of the SDK, which counts the characters of a printed value",
    ),
    Difference("create", "file: newline at the end", "yes", "no", "files are made of whole lines, put together"),
    Difference("create", "file: space after , and :", "no", "yes", "fewer bytes; the same JSON"),
    Difference(
        "create",
        "file: characters beyond ASCII",
        "as they are",
        "escaped",
        "fewer bytes; only the signs that some take for line breaks are escaped",
    ),
    Difference(
        "create",
        "file: keys of a line",
        "uuid, dataRow, name, bbox",
        "uuid, name, dataRow, bbox",
        "the order of the type; the SDK leaves a dict as it was given",
    ),
    Difference("create", "header accept", "*/*", ABSENT, "the HTTP library's own; the SDK takes it away"),
    Difference(
        "look up",
        "header accept",
        "*/*",
        "application/json",
        "the HTTP library's own: an answer that is not JSON is told by its content",
    ),
    Difference(
        "create, look up, status file",
        "header accept-encoding",
        "gzip",
        "gzip, deflate",
        "what is asked for is what can be unpacked within bounds",
    ),
    Difference(
        "create, look up, status file", "header user-agent", "python-httpx/…", "python-requests/…", _NOT_THE_SDK
    ),
    Difference("create, look up", "header x-user-agent", ABSENT, "python-sdk …", _NOT_THE_SDK),
    Difference("create, look up", "header x-python-version", ABSENT, "…", _NOT_THE_SDK),
    Difference("create", "header x-sdk-method", ABSENT, ":create_from_objects", _NOT_THE_SDK),
    Difference("look up", "header x-sdk-method", ABSENT, "MALPredictionImport:refresh", _NOT_THE_SDK),
]


def told() -> dict[tuple[str, str], tuple[str, str]]:
    """The table by request and field."""
    return {(request, each.field): (each.ours, each.sdk) for each in TABLE for request in each.requests.split(", ")}


def table() -> str:
    lines = ["| request | field | ours | the SDK's | why |", "|---|---|---|---|---|"]
    lines += [f"| {each.requests} | {each.field} | `{each.ours}` | `{each.sdk}` | {each.why} |" for each in TABLE]
    return "\n".join(lines).replace(f"`{ABSENT}`", ABSENT).replace("`…`", "its version")


@contextmanager
def recorded() -> Iterator[tuple[Recorder, SandboxProcess]]:
    recorder = Recorder()
    sandbox = SandboxProcess(":memory:", "--public-url", recorder.url, "--seconds-per-import", "0")
    try:
        with recorder.passing_on_to(sandbox.url):
            yield recorder, sandbox
    finally:
        sandbox.stop()


def message() -> bytes:
    return (
        b'{"projectId": "cp", "dataRow": {"globalKey": "k\xc3\xa4i"}, "annotations": ['
        b'{"uuid": "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101", "name": "car",'
        b' "bbox": {"top": 1.0, "left": 2.0, "height": 3.0, "width": 4.0}}]}'
    )


def ours(recorder: Recorder, sandbox: SandboxProcess) -> list[Fields]:
    """Return the requests of the worker's client for a message that the worker renders."""
    ontology = sandbox.project("cp", CARS)["ontology"]
    row = RowBuilder("cp", Ontology.from_normalized(ontology, "IMAGE")).build(message())
    client = Labelbox(f"{recorder.url}/graphql", KEY, 5)
    client.create_import("cp", "ours", [row.lines], lambda: True)
    sandbox.ended("cp", "ours")
    (found,) = client.find_imports([ImportName("cp", "ours")])
    assert found is not None
    assert found.status_url is not None
    assert len(list(client.lines(found.status_url))) == 1
    client.close()
    return [fields_of(each) for each in recorder.taken()]


def of_the_sdk(recorder: Recorder, sandbox: SandboxProcess) -> list[Fields]:
    """Return the requests of the SDK for the same prediction."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import labelbox

        line: dict[str, Any] = {
            "uuid": "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101",
            "name": "car",
            "dataRow": {"globalKey": "käi"},
            "bbox": {"top": 1.0, "left": 2.0, "height": 3.0, "width": 4.0},
        }
        client = labelbox.Client(api_key=KEY, endpoint=f"{recorder.url}/graphql")
        job = labelbox.MALPredictionImport.create_from_objects(client, "cp", "sdk", [line])
        sandbox.ended("cp", "sdk")
        job.refresh()
        assert len(job.statuses) == 1
    return [fields_of(each) for each in recorder.taken()]


def differences() -> dict[tuple[str, str], tuple[str, str]]:
    """By request and field: what we send, and what the SDK sends."""
    with recorded() as (recorder, sandbox):
        both = (ours(recorder, sandbox), of_the_sdk(recorder, sandbox))
    assert [len(each) for each in both] == [len(REQUESTS)] * 2
    return {
        (request, field): (our.get(field, ABSENT), its.get(field, ABSENT))
        for request, our, its in zip(REQUESTS, *both, strict=True)
        for field in sorted(our.keys() | its.keys())
        if our.get(field, ABSENT) != its.get(field, ABSENT)
    }
