"""Labelbox over HTTP: the only module that knows httpx. Every foreign error leaves as one of errors.py."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from prelabel_worker.errors import ConfigurationError, LeaseLost
from prelabel_worker.labelbox import decoding
from prelabel_worker.labelbox.endpoint import Endpoint, is_host
from prelabel_worker.labelbox.errors import FileGone, FileRefused, OutcomeUnknown, RequestError, Unavailable

MAX_FILE_BYTES = 1024 * 1024 * 1024
"""Maximum bytes read of a status or error file."""
MAX_LINE_BYTES = 8 * 1024 * 1024
"""Maximum bytes of a line of one."""
MAX_FILE_SECONDS = 900.0
"""How long one may take to be read, the work on its lines included."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Maximum bytes read of an answer to a request; the largest is an ontology."""
BATCH_SECONDS = 180.0
"""How long a request about batches may take: what the official client gives it (docs/reference/labelbox-api.md#1-4)."""
# Nothing of the request can have been executed when one of these is raised.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Answer(NamedTuple):
    """An answer that was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class UploadedFile(NamedTuple):
    """A file on its way: its name in a header, its type, the bytes in pieces, and their number."""

    name: str
    media_type: str
    content: Iterable[bytes]
    size: int


class Transport:
    """One account's connections to Labelbox. One instance a process; safe to share between its threads.

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

    def post(self, query: str, variables: Mapping[str, Any], *, creates: bool, batches: bool = False) -> Answer:
        """Ask a GraphQL question. Raises RequestError.

        `creates`: to repeat it may do it twice, so that an answer that is lost is OutcomeUnknown. `batches`: it goes to
        the second address, where batches are (docs/reference/labelbox-api.md#1-1), with its longer time.
        """
        url, seconds = self._endpoint.queries, self._timeout
        if batches:
            url, seconds = self._endpoint.batches, max(self._timeout, BATCH_SECONDS)
        return self._send(url, seconds, creates=creates, json={"query": query, "variables": variables})

    def upload(
        self,
        query: str,
        variables: Mapping[str, Any],
        file: UploadedFile,
        still_mine: Callable[[], bool] = lambda: True,
        *,
        creates: bool,
    ) -> Answer:
        """Ask a GraphQL question whose variable `file` is a file. Raises RequestError or LeaseLost.

        The last piece is sent only while `still_mine()`: without it the body is incomplete and the server cannot
        act on it.
        """
        head, tail, boundary = _multipart(query, variables, file)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + file.size + len(tail)),
        }
        body = _body(head, file.content, tail, still_mine)
        return self._send(self._endpoint.queries, self._timeout, creates=creates, headers=headers, content=body)

    def lines(self, url: str) -> Iterator[bytes]:
        """Yield the lines of a status or error file, streamed, split on \\n only.

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

    def _send(self, url: str, seconds: float, *, creates: bool, **request: Any) -> Answer:
        """Send one request, and return its answer as far as it is within bounds of size and time."""
        timeout = httpx.Timeout(seconds, connect=min(10.0, seconds))
        with _mapped(creates=creates), self._http.stream("POST", url, timeout=timeout, **request) as response:
            deadline = time.monotonic() + seconds
            body = bytearray()
            for piece in _pieces(response):
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise httpx.DecodingError("the answer is larger than any that we ask for")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer does not end")
            return Answer(response.status_code, response.headers, bytes(body))


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """Return the decoded body; not httpx's own decoding, which puts no bound on what a few bytes may become."""
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
    """Turn foreign errors into ours; an upload that may have arrived is never called Unavailable."""
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
    """Return a file's name that needs no quoting in a header."""
    kept = (sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "_" for sign in name)
    return "".join(kept)[-100:]


def _multipart(query: str, variables: Mapping[str, Any], file: UploadedFile) -> tuple[bytes, bytes, str]:
    """Return what stands before and after the file, by the community's multipart convention, and the boundary.

    Source: docs/reference/labelbox-api.md#2-8.
    """
    boundary = uuid.uuid4().hex
    operations = json.dumps({"query": query, "variables": {**variables, "file": None}})
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{operations}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="map"\r\n\r\n{{"1": ["variables.file"]}}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="1"; filename="{_plain(file.name)}"\r\n'
        f"Content-Type: {file.media_type}\r\n\r\n"
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
