"""Labelbox's operations as methods that return our types. Every error they raise is one of errors.py.

Source: docs/reference/labelbox-api.md, where #2 has the operations, #3 the import job and #4 the errors.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from prelabel_worker.labelbox import response_types, responses
from prelabel_worker.labelbox.decoding import lines_of
from prelabel_worker.labelbox.errors import QueryRefused
from prelabel_worker.labelbox.sent_request import Observe, Operation, SentRequest, ignore, status_of
from prelabel_worker.labelbox.transport import Answer, Transport, UploadedFile
from prelabel_worker.labelbox.types import Import, ImportName, ProjectOntology, SubmitAs

_IMPORT_FIELDS = "id name state progress errorFileUrl statusFileUrl"
_CREATE = (
    "mutation CreateImport($projectId: ID!, $name: String!, $file: Upload!, $contentLength: Int!) {{ "
    "{create}(data: {{projectId: $projectId, name: $name, "
    "filePayload: {{file: $file, contentLength: $contentLength}}}}) {{ " + _IMPORT_FIELDS + " }} }}"
)
_ONTOLOGY = (
    "query ProjectOntology($projectId: ID!) { project(where: {id: $projectId}) "
    "{ id allowedMediaType ontology { id name normalized } } }"
)
# docs/reference/labelbox-api.md#2-10 shows this field only in the answer of the mutation that sets it. We assume that a
# query may read it too; where Labelbox refuses the query, `shows_pre_labels` returns None.
_SHOWS = (
    "query ShowsPreLabels($projectId: ID!) { project(where: {id: $projectId}) { id showingPredictionsToLabelers } }"
)
_DELETE = "mutation DeleteImport($id: ID!) { deleteModelAssistedLabelingPredictionImport(where: {id: $id}) { id } }"
_LIST = (
    "query ListImports($projectId: ID!) {{ modelAssistedLabelingPredictionImports(skip: {skip}, first: {page}, "
    "where: {{projectId: $projectId}}) {{ id name state }} }}"
)
PAGE = 100
"""Number of imports in one page of a listing."""
_UPLOAD = (
    "mutation UploadFile($file: Upload!, $contentLength: Int!, $sign: Boolean) { "
    "uploadFile(file: $file, contentLength: $contentLength, sign: $sign) { url filename } }"
)
_PROJECT = "query ProjectId($projectId: ID!) { project(where: {id: $projectId}) { id } }"
_Type = TypeVar("_Type")


class _Fields(NamedTuple):
    """The root fields that create an import and look one up."""

    create: str
    find: str


# Ground truth is imported with the same arguments and answers as pre-labels (docs/reference/labelbox-api.md#2-11).
_FIELDS = {
    SubmitAs.PRE_LABELS: _Fields(
        "createModelAssistedLabelingPredictionImport", "modelAssistedLabelingPredictionImport"
    ),
    SubmitAs.GROUND_TRUTH: _Fields("createLabelImport", "labelImport"),
}


class Labelbox:
    """One account's connection to Labelbox. A process needs one instance, which its threads may share.

    The key is sent to the two addresses of the endpoint and nowhere else.
    """

    def __init__(self, endpoint: str, api_key: str, timeout_seconds: float, observe: Observe = ignore) -> None:
        """Raise ConfigurationError where the endpoint cannot be used, or the key would travel unencrypted.

        `observe` is told of every request when it has ended.
        """
        self._transport = Transport(endpoint, api_key, timeout_seconds)
        self._observe = observe

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def create_import(
        self,
        project_id: str,
        name: str,
        content: Sequence[bytes],
        still_mine: Callable[[], bool],
        *,
        submit_as: SubmitAs = SubmitAs.PRE_LABELS,
        declared: int | None = None,
    ) -> Import:
        """Upload an NDJSON file as an import. Raises RequestError or LeaseLost.

        The last piece of the body is sent only if `still_mine()` is true then. Without that piece the server cannot
        act on the request, so a worker that was suspended after its lease ended cannot finish an old upload.
        `declared` replaces the file's true length in the request: `prelabel doctor` tests what Labelbox does then.
        """
        size = sum(len(piece) for piece in content)
        variables = {"projectId": project_id, "name": name, "contentLength": size if declared is None else declared}
        field = _FIELDS[submit_as].create
        file = UploadedFile("import.ndjson", "application/x-ndjson", content, size)
        with self._observed(Operation.UPLOAD):
            answer = self._transport.upload(_CREATE.format(create=field), variables, file, still_mine, creates=True)
            data = responses.data_of(*answer, creates=True)
            return responses.import_of(data.get(field), maybe_accepted=True)

    def find_imports(
        self, names: Sequence[ImportName], operation: Operation = Operation.LOOK_UP
    ) -> list[Import | None]:
        """Look up imports by project and name in one request, which counts as `operation`. Raises RequestError.

        Returns one item for each name, in order; None where Labelbox has no such import.
        """
        parts: list[str] = []
        declared: list[str] = []
        variables: dict[str, Any] = {}
        for at, import_name in enumerate(names):
            declared.append(f"$p{at}: ID!, $n{at}: String!")
            variables |= {f"p{at}": import_name.project_id, f"n{at}": import_name.name}
            parts.append(
                f"i{at}: {_FIELDS[import_name.submit_as].find}(where: {{projectId: $p{at}, name: $n{at}}}) "
                f"{{ {_IMPORT_FIELDS} }}"
            )
        query = f"query FindImports({', '.join(declared)}) {{ {' '.join(parts)} }}"
        with self._observed(operation):
            data = responses.found(*self._query(query, variables))
            jobs = (data.get(f"i{at}") for at in range(len(names)))
            return [None if job is None else responses.import_of(job) for job in jobs]

    def list_imports(self, project_id: str, skip: int) -> list[Import]:
        """Return a page of a project's imports of pre-labels. Raises RequestError.

        `skip` is the number of imports before the page. A page with fewer than `PAGE` imports is the last.
        """
        query = _LIST.format(skip=skip, page=PAGE)
        page = self.query(query, {"projectId": project_id}, response_types.ImportPage)
        return [responses.job_of(fields) for fields in page.imports if fields is not None]

    def ontology(self, project_id: str) -> ProjectOntology:
        """Return a project's ontology and media type. Raises RequestError."""
        with self._observed(Operation.ONTOLOGY):
            data = responses.data_of(*self._query(_ONTOLOGY, {"projectId": project_id}), creates=False)
            project = responses.read(data, response_types.OntologyOfProject).project
            if project is None:
                raise responses.project_gone(project_id)
            ontology = project.ontology or response_types.ConnectedOntology()
            tree = responses.tree_of(ontology.normalized)
        return ProjectOntology(tree, project.allowed_media_type, ontology.name or "")

    def project_names(self, project_ids: Sequence[str]) -> list[str | None]:
        """Return the names of some projects in one request; None for one that the key may not see.

        Raises RequestError. That several projects may be asked for in one request is assumed, as it is for imports.
        """
        declared = ", ".join(f"$p{at}: ID!" for at in range(len(project_ids)))
        parts = " ".join(f"p{at}: project(where: {{id: $p{at}}}) {{ id name }}" for at in range(len(project_ids)))
        variables = {f"p{at}": project_id for at, project_id in enumerate(project_ids)}
        data = responses.found(*self._query(f"query ProjectNames({declared}) {{ {parts} }}", variables))
        projects = responses.read(data, dict[str, response_types.Named | None])
        named = (projects.get(f"p{at}") for at in range(len(project_ids)))
        return [project.name if project else None for project in named]

    def shows_pre_labels(self, project_id: str) -> bool | None:
        """Return whether labelers see the project's pre-labels, or None if Labelbox does not say.

        Raises RequestError.
        """
        try:
            project = self.query(_SHOWS, {"projectId": project_id}, response_types.ShownOfProject).project
        except QueryRefused:
            return None
        if project is None:
            raise responses.project_gone(project_id)
        shown = project.showing_predictions_to_labelers
        return shown if isinstance(shown, bool) else None

    def query(
        self, query: str, variables: dict[str, Any], kind: type[_Type], *, creates: bool = False, batches: bool = False
    ) -> _Type:
        """Send a GraphQL request and return its data in the declared type. Raises RequestError.

        `creates`: repeating the request might do its work twice, so a lost answer raises OutcomeUnknown. `batches`:
        send it to the endpoint's address for batches (docs/reference/labelbox-api.md#1-1), with its longer timeout.
        """
        with self._observed(Operation.OTHER):
            answer = self._transport.post(query, variables, creates=creates, batches=batches)
            data = responses.data_of(*answer, creates=creates)
            return responses.read(data, kind, maybe_accepted=creates)

    def upload_file(self, name: str, content: Iterable[bytes], size: int, media_type: str) -> str:
        """Upload a file of exactly `size` bytes to Labelbox and return its address. Raises RequestError.

        Safe to repeat: an uploaded file has no effect until something refers to it.
        """
        file = UploadedFile(name, media_type, content, size)
        with self._observed(Operation.OTHER):
            answer = self._transport.upload(_UPLOAD, {"contentLength": size, "sign": False}, file, creates=False)
            data = responses.data_of(*answer, creates=False)
            return responses.read(data, response_types.Uploaded).upload_file.url

    def delete_import(self, import_id: str) -> bool:
        """Delete an import and return whether it existed. Safe to repeat. Raises RequestError."""
        with self._observed(Operation.OTHER):
            data = responses.found(*self._query(_DELETE, {"id": import_id}))
            return responses.read(data, response_types.Deleted).deleted is not None

    def limit_headers(self, project_id: str) -> list[str]:
        """Query the project and return the names of the answer's headers about rate limits. Raises RequestError."""
        with self._observed(Operation.OTHER):
            answer = self._query(_PROJECT, {"projectId": project_id})
            responses.data_of(*answer, creates=False)
        words = ("retry-after", "ratelimit", "rate-limit")
        return sorted({name.lower() for name in answer.headers if any(word in name.lower() for word in words)})

    def lines(self, url: str) -> Iterator[bytes]:
        """Stream the lines of a status or error file. Raises RequestError, FileGone or FileRefused."""
        return chain.from_iterable(map(lines_of, self.line_blocks(url)))

    def line_blocks(self, url: str) -> Iterator[bytes]:
        """As `lines`, in blocks of whole lines: a reader of many lines works on a block at a time."""
        seconds: float = 0
        failure: BaseException | None = None
        blocks = self._transport.line_blocks(url)
        try:
            while True:
                started = time.monotonic()
                try:
                    block = next(blocks, None)
                except BaseException as error:
                    failure = error
                    raise
                finally:
                    seconds += time.monotonic() - started
                if block is None:
                    return
                yield block
        finally:
            self._observe(SentRequest(Operation.FILE, status_of(failure), seconds))

    @contextmanager
    def _observed(self, operation: Operation) -> Iterator[None]:
        """Tell the observer of the request that is sent inside the block."""
        started, failure = time.monotonic(), None
        try:
            yield
        except BaseException as error:
            failure = error
            raise
        finally:
            self._observe(SentRequest(operation, status_of(failure), time.monotonic() - started))

    def _query(self, query: str, variables: dict[str, Any]) -> Answer:
        return self._transport.post(query, variables, creates=False)
