"""Labelbox over HTTP: the only module that knows httpx. Every foreign error leaves as one of errors.py.

Facts are those of docs/reference/labelbox-api.md: operations in #2, the import job in #3, errors in #4.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import httpx

from prelabel_worker.errors import ConfigurationError, LeaseLost
from prelabel_worker.labelbox import decoding, response_types, responses
from prelabel_worker.labelbox.endpoint import Endpoint, is_host
from prelabel_worker.labelbox.errors import (
    FileGone,
    FileRefused,
    OutcomeUnknown,
    QueryRefused,
    RequestError,
    Unavailable,
)
from prelabel_worker.labelbox.types import Import, ImportName, ProjectOntology, SubmitAs

MAX_FILE_BYTES = 1024 * 1024 * 1024
"""Most bytes read of a status or error file."""
MAX_LINE_BYTES = 8 * 1024 * 1024
"""Most bytes of a line of one."""
MAX_FILE_SECONDS = 900.0
"""How long one may take to be read, the work on its lines included."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Most bytes read of an answer to a request; the largest is an ontology."""
BATCH_SECONDS = 180.0
"""How long a request about batches may take: what the official client gives it (docs/reference/labelbox-api.md#1-4)."""
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
# Nothing of the request can have been executed when one of these is raised.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


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


class _Answer(NamedTuple):
    """An answer that was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Labelbox:
    """One account's connection to Labelbox. One instance a process; safe to share between its threads.

    The key is sent to the two addresses of the endpoint and nowhere else.
    """

    def __init__(self, endpoint: str, api_key: str, timeout_seconds: float) -> None:
        """Raise ConfigurationError where the endpoint cannot be used, or the key would travel in clear."""
        try:
            self._endpoint = Endpoint.parse(endpoint)
        except ValueError as error:
            raise ConfigurationError(f"PRELABEL_LABELBOX_ENDPOINT: {error}") from None
        if not self._endpoint.may_have(api_key):
            raise ConfigurationError(self._endpoint.refusal)
        self._timeout = timeout_seconds
        asked = {"Accept-Encoding": decoding.ACCEPTED}
        # A proxy of the environment would get the key in clear, and cannot reach what is on this machine.
        mounts = {f"http://{_in_url(self._endpoint.host)}": None} if self._endpoint.here else None
        self._http = httpx.Client(
            headers={**asked, "Authorization": f"Bearer {api_key}"},
            timeout=httpx.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
            follow_redirects=False,
            mounts=mounts,
        )
        # Files are at addresses that carry their own right; the key must not travel there.
        self._files = httpx.Client(headers=asked, timeout=timeout_seconds, follow_redirects=False, mounts=mounts)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._files.close()

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
        variables = {
            "projectId": project_id,
            "name": name,
            "file": None,
            "contentLength": size if declared is None else declared,
        }
        field = _FIELDS[submit_as].create
        query = _CREATE.format(create=field)
        head, tail, boundary = _multipart(query, variables, 'filename="import.ndjson"', "application/x-ndjson")
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        body = _body(head, content, tail, still_mine)
        data = responses.data_of(*self._ask(creates=True, headers=headers, content=body), creates=True)
        return responses.import_of(data.get(field), maybe_accepted=True)

    def find_imports(self, names: Sequence[ImportName]) -> list[Import | None]:
        """Look imports up by project and name, all in one request; None where there is none. Raises RequestError."""
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
        """A page of a project's imports of pre-labels; one that is not full is the last. Raises RequestError."""
        query = _LIST.format(skip=skip, page=PAGE)
        page = self.query(query, {"projectId": project_id}, response_types.ImportPage)
        return [responses.job_of(fields) for fields in page.imports if fields is not None]

    def ontology(self, project_id: str) -> ProjectOntology:
        """A project's ontology and media type. Raises RequestError."""
        project = self.query(_ONTOLOGY, {"projectId": project_id}, response_types.OntologyOfProject).project
        if project is None:
            raise responses.project_gone(project_id)
        ontology = project.ontology or response_types.ConnectedOntology()
        return ProjectOntology(responses.tree_of(ontology.normalized), project.allowed_media_type, ontology.name or "")

    def shows_pre_labels(self, project_id: str) -> bool | None:
        """Whether labelers see the project's pre-labels; None when Labelbox does not say. Raises RequestError."""
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
        body = {"query": query, "variables": variables}
        url, seconds = (self._endpoint.batches, max(self._timeout, BATCH_SECONDS)) if batches else (None, None)
        data = responses.data_of(*self._ask(url, seconds, creates=creates, json=body), creates=creates)
        return responses.read(data, kind, maybe_accepted=creates)

    def upload_file(self, name: str, content: Iterable[bytes], size: int, media_type: str) -> str:
        """Put a file of exactly `size` bytes at an address of Labelbox's; the address. Raises RequestError.

        To repeat it is safe: a file that nothing refers to is nothing.
        """
        variables = {"file": None, "contentLength": size, "sign": False}
        head, tail, boundary = _multipart(_UPLOAD, variables, f'filename="{_plain(name)}"', media_type)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        body = _body(head, content, tail, lambda: True)
        data = responses.data_of(*self._ask(creates=False, headers=headers, content=body), creates=False)
        return responses.read(data, response_types.Uploaded).upload_file.url

    def delete_import(self, import_id: str) -> bool:
        """Delete an import; False when there is none of this id. Raises RequestError; to repeat it is safe."""
        data = responses.found(*self._query(_DELETE, {"id": import_id}))
        return responses.read(data, response_types.Deleted).deleted is not None

    def limit_headers(self, project_id: str) -> list[str]:
        """The names of the headers about rate limits in the answer to a question. Raises RequestError."""
        answer = self._query(_PROJECT, {"projectId": project_id})
        responses.data_of(*answer, creates=False)
        words = ("retry-after", "ratelimit", "rate-limit")
        return sorted({name.lower() for name in answer.headers if any(word in name.lower() for word in words)})

    def lines(self, url: str) -> Iterator[bytes]:
        """The lines of a status or error file, streamed, split on \\n only.

        Raises RequestError, FileGone, or FileRefused: an address or a file that is never read, however often it is
        asked for.
        """
        self._check_address(url)
        with _mapped(creates=False), self._files.stream("GET", url) as response:
            if response.status_code in (403, 404, 410):
                raise FileGone(f"the file answers {response.status_code}")
            if 300 <= response.status_code < 400:
                raise FileRefused(f"the file answers {response.status_code}: redirects are not followed")
            if response.status_code >= 400:
                raise Unavailable(f"the file answers {response.status_code}")
            try:
                pieces = _within(MAX_FILE_BYTES, MAX_FILE_SECONDS, _pieces(response))
                yield from decoding.lines_of(pieces, MAX_LINE_BYTES)
            except decoding.UnknownEncoding:
                raise FileRefused("the file is encoded in a way that was not asked for") from None
            except decoding.CostlyBody as error:
                raise FileRefused(f"the file is larger than any that an import can have: {error}") from None

    def _check_address(self, url: str) -> None:
        """Accept what TLS protects, or what the configured endpoint itself serves. Raises FileRefused."""
        own = httpx.URL(self._endpoint.queries)
        try:
            address = httpx.URL(url)
            self._files.build_request("GET", address)
            host = address.raw_host.decode("ascii")
        except (httpx.InvalidURL, ValueError):  # of text that is no URL; UnicodeError is a ValueError
            raise FileRefused("Labelbox named a file address that is not one") from None
        if address.scheme != "https" and _origin(address) != _origin(own):
            raise FileRefused("Labelbox named a file address that is neither https nor its own")
        port = 443 if address.port is None else address.port
        if not is_host(host) or not 0 < port < 65536:
            raise FileRefused("Labelbox named a file address whose host or port cannot be one")

    def _query(self, query: str, variables: dict[str, Any]) -> _Answer:
        return self._ask(creates=False, json={"query": query, "variables": variables})

    def _ask(self, url: str | None = None, seconds: float | None = None, *, creates: bool, **request: Any) -> _Answer:
        """One request, and its answer as far as it is within bounds of size and time. Raises RequestError."""
        if seconds is not None:
            request["timeout"] = httpx.Timeout(seconds, connect=min(10.0, seconds))
        with _mapped(creates=creates), self._http.stream("POST", url or self._endpoint.queries, **request) as response:
            deadline = time.monotonic() + (seconds or self._timeout)
            body = bytearray()
            for piece in _pieces(response):
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise httpx.DecodingError("the answer is larger than any that we ask for")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer does not end")
            return _Answer(response.status_code, response.headers, bytes(body))


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """The decoded body; not httpx's own decoding, which puts no bound on what a few bytes may become."""
    return decoding.decoded(response.iter_raw(), response.headers.get("content-encoding", ""))


def _within(most_bytes: int, seconds: float, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pass on the pieces of a file. Raises CostlyBody above a size; ReadTimeout after a time."""
    deadline, total = time.monotonic() + seconds, 0
    for piece in pieces:
        total += len(piece)
        if total > most_bytes:
            raise decoding.CostlyBody(f"it has more than {most_bytes:,} bytes")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the file does not end")
        yield piece


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


@contextmanager
def _mapped(*, creates: bool) -> Iterator[None]:
    """Foreign errors in, ours out; an upload that may have arrived is never called Unavailable."""
    try:
        yield
    except (LeaseLost, RequestError, FileGone):
        raise
    except _NEVER_SENT as error:
        raise Unavailable(f"Labelbox cannot be reached: {type(error).__name__}") from None
    except (
        httpx.HTTPError,
        httpx.StreamError,
        decoding.BrokenBody,
        decoding.CostlyBody,
        decoding.UnknownEncoding,
    ) as error:
        kind = OutcomeUnknown if creates else Unavailable
        raise kind(f"no answer from Labelbox: {type(error).__name__}") from None
    except httpx.InvalidURL:
        raise Unavailable("the endpoint is not an address") from None


def _plain(name: str) -> str:
    """A file's name that needs no quoting in a header."""
    return "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "_" for each in name)[-100:]


def _multipart(query: str, variables: dict[str, Any], name: str, media_type: str) -> tuple[bytes, bytes, str]:
    """What stands before and after the file, by the community's multipart convention.

    Source: docs/reference/labelbox-api.md#2-8.
    """
    boundary = uuid.uuid4().hex
    operations = json.dumps({"query": query, "variables": variables})
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{operations}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="map"\r\n\r\n{{"1": ["variables.file"]}}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="1"; {name}\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    return head.encode(), f"\r\n--{boundary}--\r\n".encode(), boundary


def _body(head: bytes, content: Iterable[bytes], tail: bytes, still_mine: Callable[[], bool]) -> Iterator[bytes]:
    yield head
    for piece in content:
        for start in range(0, len(piece), decoding.PIECE):
            yield piece[start : start + decoding.PIECE]
    if not still_mine():
        raise LeaseLost
    yield tail
