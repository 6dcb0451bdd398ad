"""What is asked of Labelbox, in its queries and our types. Every foreign error leaves as one of errors.py.

Facts are those of docs/reference/labelbox-api.md: operations in #2, the import job in #3, errors in #4.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from prelabel_worker.labelbox import response_types, responses
from prelabel_worker.labelbox.errors import QueryRefused
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
# docs/reference/labelbox-api.md#2-10 shows the field in the answer of the mutation that sets it. That a query may read
# it is an assumption: a service that refuses the question leaves the answer unknown.
_SHOWS = (
    "query ShowsPreLabels($projectId: ID!) { project(where: {id: $projectId}) { id showingPredictionsToLabelers } }"
)
_DELETE = "mutation DeleteImport($id: ID!) { deleteModelAssistedLabelingPredictionImport(where: {id: $id}) { id } }"
_LIST = (
    "query ListImports($projectId: ID!) {{ modelAssistedLabelingPredictionImports(skip: {skip}, first: {page}, "
    "where: {{projectId: $projectId}}) {{ id name state }} }}"
)
PAGE = 100
"""Imports in one page of a listing."""
_UPLOAD = (
    "mutation UploadFile($file: Upload!, $contentLength: Int!, $sign: Boolean) { "
    "uploadFile(file: $file, contentLength: $contentLength, sign: $sign) { url filename } }"
)
_PROJECT = "query ProjectId($projectId: ID!) { project(where: {id: $projectId}) { id } }"
_Type = TypeVar("_Type")


class _Fields(NamedTuple):
    """The root fields that create an import and find one."""

    create: str
    find: str


# Ground truth has the shapes of pre-labels (docs/reference/labelbox-api.md#2-11).
_FIELDS = {
    SubmitAs.PRE_LABELS: _Fields(
        "createModelAssistedLabelingPredictionImport", "modelAssistedLabelingPredictionImport"
    ),
    SubmitAs.GROUND_TRUTH: _Fields("createLabelImport", "labelImport"),
}


class Labelbox:
    """One account's connection to Labelbox. One instance a process; safe to share between its threads.

    The key is sent to the two addresses of the endpoint and nowhere else.
    """

    def __init__(self, endpoint: str, api_key: str, timeout_seconds: float) -> None:
        """Raise ConfigurationError where the endpoint cannot be used, or the key would travel in clear."""
        self._transport = Transport(endpoint, api_key, timeout_seconds)

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
        """Upload a file of NDJSON as an import.

        The last piece is sent only while `still_mine()`: without it the body is incomplete and the server cannot
        act on it, so a worker that was stopped in between cannot finish a forgotten upload. `declared` is said to be
        the file's length in place of the true one, to learn what becomes of that. Raises RequestError or LeaseLost.
        """
        size = sum(len(piece) for piece in content)
        variables = {"projectId": project_id, "name": name, "contentLength": size if declared is None else declared}
        field = _FIELDS[submit_as].create
        file = UploadedFile("import.ndjson", "application/x-ndjson", content, size)
        answer = self._transport.upload(_CREATE.format(create=field), variables, file, still_mine, creates=True)
        data = responses.data_of(*answer, creates=True)
        return responses.import_of(data.get(field), maybe_accepted=True)

    def find_imports(self, names: Sequence[ImportName]) -> list[Import | None]:
        """Look up imports by project and name, all in one request; None where there is none. Raises RequestError."""
        parts: list[str] = []
        declared: list[str] = []
        variables: dict[str, Any] = {}
        for at, wanted in enumerate(names):
            declared.append(f"$p{at}: ID!, $n{at}: String!")
            variables |= {f"p{at}": wanted.project_id, f"n{at}": wanted.name}
            parts.append(
                f"i{at}: {_FIELDS[wanted.submit_as].find}(where: {{projectId: $p{at}, name: $n{at}}}) "
                f"{{ {_IMPORT_FIELDS} }}"
            )
        query = f"query FindImports({', '.join(declared)}) {{ {' '.join(parts)} }}"
        data = responses.found(*self._query(query, variables))
        jobs = (data.get(f"i{at}") for at in range(len(names)))
        return [None if job is None else responses.import_of(job) for job in jobs]

    def list_imports(self, project_id: str, skip: int) -> list[Import]:
        """Return a page of a project's imports of pre-labels; one that is not full is the last. Raises RequestError."""
        query = _LIST.format(skip=skip, page=PAGE)
        page = self.query(query, {"projectId": project_id}, response_types.ImportPage)
        return [responses.job_of(fields) for fields in page.imports if fields is not None]

    def ontology(self, project_id: str) -> ProjectOntology:
        """Return a project's ontology and media type. Raises RequestError."""
        project = self.query(_ONTOLOGY, {"projectId": project_id}, response_types.OntologyOfProject).project
        if project is None:
            raise responses.project_gone(project_id)
        ontology = project.ontology or response_types.ConnectedOntology()
        return ProjectOntology(responses.tree_of(ontology.normalized), project.allowed_media_type, ontology.name or "")

    def shows_pre_labels(self, project_id: str) -> bool | None:
        """Return whether labelers see the project's pre-labels; None: Labelbox does not say. Raises RequestError."""
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
        """Return the data that a GraphQL request answers, in its declared type.

        `creates`: to repeat it may do it twice, so that an answer that is lost is OutcomeUnknown. `batches`: it goes to
        the second address, where batches are (docs/reference/labelbox-api.md#1-1), with its longer time. Raises
        RequestError.
        """
        answer = self._transport.post(query, variables, creates=creates, batches=batches)
        data = responses.data_of(*answer, creates=creates)
        return responses.read(data, kind, maybe_accepted=creates)

    def upload_file(self, name: str, content: Iterable[bytes], size: int, media_type: str) -> str:
        """Put a file of exactly `size` bytes at an address of Labelbox's; return the address. Raises RequestError.

        To repeat it is safe: a file that nothing refers to is nothing.
        """
        file = UploadedFile(name, media_type, content, size)
        answer = self._transport.upload(_UPLOAD, {"contentLength": size, "sign": False}, file, creates=False)
        data = responses.data_of(*answer, creates=False)
        return responses.read(data, response_types.Uploaded).upload_file.url

    def delete_import(self, import_id: str) -> bool:
        """Delete an import; False when there is none of this id. Raises RequestError; to repeat it is safe."""
        data = responses.found(*self._query(_DELETE, {"id": import_id}))
        return responses.read(data, response_types.Deleted).deleted is not None

    def limit_headers(self, project_id: str) -> list[str]:
        """Return the names of the headers about rate limits in the answer to a question. Raises RequestError."""
        answer = self._query(_PROJECT, {"projectId": project_id})
        responses.data_of(*answer, creates=False)
        words = ("retry-after", "ratelimit", "rate-limit")
        return sorted({name.lower() for name in answer.headers if any(word in name.lower() for word in words)})

    def lines(self, url: str) -> Iterator[bytes]:
        """Return the lines of a status or error file, streamed. Raises RequestError, FileGone or FileRefused."""
        return self._transport.lines(url)

    def _query(self, query: str, variables: dict[str, Any]) -> Answer:
        return self._transport.post(query, variables, creates=False)
