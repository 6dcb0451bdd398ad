"""Labelbox over HTTP: the only module that uses httpx. Every error it raises is one of errors.py."""

import json
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any, NamedTuple

import httpx

from prelabel_worker.errors import ConfigurationError, LeaseLost
from prelabel_worker.labelbox import decoding
from prelabel_worker.labelbox.endpoint import Endpoint, is_host
from prelabel_worker.labelbox.errors import FileGone, FileRefused, OutcomeUnknown, RequestError, Unavailable

MAX_FILE_BYTES = 1024 * 1024 * 1024
"""Maximum bytes read of a status or error file."""
MAX_LINE_BYTES = 8 * 1024 * 1024
"""Maximum bytes of a line of a status or error file."""
MAX_FILE_SECONDS = 900.0
"""Maximum seconds for reading a status or error file, including the caller's work on its lines."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Maximum bytes read of an answer to a request; the largest answers are ontologies."""
BATCH_SECONDS = 180.0
"""Timeout of a request about batches, as in the official client (docs/reference/labelbox-api.md#1-4)."""
_SENT_BYTES = 128 * 1024
"""Maximum bytes of a piece of an upload; larger ones take new memory from the system each time (runtime/memory.py)."""
# Errors after which the request was certainly not executed.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Answer(NamedTuple):
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class UploadedFile(NamedTuple):
    """A file to upload: its name, its media type, its bytes in pieces, and the number of bytes."""

    name: str
    media_type: str
    content: Iterable[bytes]
    size: int


class _Client(httpx.Client):
    """A client that sends a request as it was built, and returns the answer unread.

    It follows no redirects and keeps no cookies; what httpx does for those takes a quarter of the CPU of a small
    request.
    """

    def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """Send a request. Raises httpx.TransportError."""
        return self._transport_for_url(request.url).handle_request(request)


class Transport:
    """One account's connections to Labelbox. A process needs one instance, which its threads may share.

    The key is sent to the two addresses of the endpoint and nowhere else. When nobody uses it any more, it closes its
    connections itself: the threads of a process do not know which of them is the last to use an old key.
    """

    def __init__(self, endpoint: str, api_key: str, timeout_seconds: float) -> None:
        """Raise ConfigurationError where the endpoint cannot be used, or the key would travel unencrypted."""
        try:
            self._endpoint = Endpoint.parse(endpoint)
        except ValueError as error:
            raise ConfigurationError(f"PRELABEL_LABELBOX_ENDPOINT: {error}") from None
        if not self._endpoint.may_have(api_key):
            raise ConfigurationError(self._endpoint.refusal)
        # Parsed once: httpx would parse the text with each request.
        self._queries, self._batches = httpx.URL(self._endpoint.queries), httpx.URL(self._endpoint.batches)
        self._timeout = timeout_seconds
        accepted = {"Accept-Encoding": decoding.ACCEPTED}
        # httpx would send requests for this machine to a proxy set in the environment, which would see the key
        # unencrypted and cannot reach this machine.
        mounts = {f"http://{_in_url(self._endpoint.host)}": None} if self._endpoint.here else None
        self._http = _Client(headers={**accepted, "Authorization": f"Bearer {api_key}"}, mounts=mounts)
        # The address of a file contains its own permission, so the key must not be sent with the request.
        self._files = _Client(headers=accepted, timeout=timeout_seconds, mounts=mounts)
        self._finalizer = weakref.finalize(self, _close, self._http, self._files)
        self._finalizer.atexit = False

    def close(self) -> None:
        """Close all connections."""
        self._finalizer()

    def post(self, query: str, variables: Mapping[str, Any], *, creates: bool, batches: bool = False) -> Answer:
        """Send a GraphQL request and return the answer. Raises RequestError.

        `creates`: repeating the request might do its work twice, so a lost answer raises OutcomeUnknown. `batches`:
        send it to the endpoint's address for batches (docs/reference/labelbox-api.md#1-1), with its longer timeout.
        """
        url, seconds = self._queries, self._timeout
        if batches:
            url, seconds = self._batches, max(self._timeout, BATCH_SECONDS)
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
        """Send a GraphQL request whose variable `file` is a file. Raises RequestError or LeaseLost.

        The last piece of the body is sent only if `still_mine()` is true then. Without that piece the server cannot
        act on the request.
        """
        head, tail, boundary = _multipart(query, variables, file)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + file.size + len(tail)),
        }
        body = _body(head, file.content, tail, still_mine)
        return self._send(self._queries, self._timeout, creates=creates, headers=headers, content=body)

    def line_blocks(self, url: str) -> Iterator[bytes]:
        """Stream a status or error file in blocks of whole lines: those that end in one piece of the answer.

        Raises RequestError; FileGone if the file is not there; FileRefused if its address or content is not acceptable.
        """
        request = self._request_of(url)
        with _mapped(creates=False), closing(self._files.send(request)) as response:
            if response.status_code in (403, 404, 410):
                raise FileGone(f"the file answers {response.status_code}")
            if 300 <= response.status_code < 400:
                raise FileRefused(f"the file answers {response.status_code}: redirects are not followed")
            if response.status_code >= 400:
                raise Unavailable(f"the file answers {response.status_code}", status=response.status_code)
            try:
                pieces = _within(MAX_FILE_BYTES, MAX_FILE_SECONDS, _pieces(response))
                yield from decoding.line_blocks(pieces, MAX_LINE_BYTES)
            except decoding.UnknownEncoding:
                raise FileRefused("the file has a content encoding that the request did not accept") from None
            except decoding.CostlyBody as error:
                raise FileRefused(f"the file is larger than any that an import can have: {error}") from None

    def _request_of(self, url: str) -> httpx.Request:
        """Return the request for a file; require https, or the scheme, host and port of the configured endpoint.

        Raises FileRefused.
        """
        try:
            address = httpx.URL(url)
            request = self._files.build_request("GET", address)
            host = address.raw_host.decode("ascii")
        except (httpx.InvalidURL, ValueError):  # for a text that is not a URL; UnicodeError is a ValueError
            raise FileRefused("the file address that Labelbox named is not a URL") from None
        if address.scheme != "https" and _origin(address) != _origin(self._queries):
            raise FileRefused("the file address that Labelbox named is neither https nor at the endpoint")
        port = 443 if address.port is None else address.port
        if not is_host(host) or not 0 < port < 65536:
            raise FileRefused("the file address that Labelbox named has an invalid host or port")
        return request

    def _send(self, url: httpx.URL, seconds: float, *, creates: bool, **request: Any) -> Answer:
        """Send one request and return its answer. Raises RequestError, also for an answer that is too long or slow."""
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


def _close(*clients: httpx.Client) -> None:
    for client in clients:
        client.close()


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """Return the decoded body. httpx's own decoders do not limit how large a few bytes may become."""
    return decoding.decoded(response.iter_raw(), response.headers.get("content-encoding", ""))


def _within(most_bytes: int, seconds: float, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pass on the pieces of a file. Raises CostlyBody above `most_bytes`, ReadTimeout after `seconds`."""
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
    """Turn errors of httpx and of decoding into ours.

    With `creates`, an error never becomes Unavailable if the request may have arrived.
    """
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
        raise Unavailable("the endpoint is not a URL") from None


def _plain(name: str) -> str:
    """Return a form of the file's name that needs no quoting in a header."""
    kept = (sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "_" for sign in name)
    return "".join(kept)[-100:]


def _multipart(query: str, variables: Mapping[str, Any], file: UploadedFile) -> tuple[bytes, bytes, str]:
    """Return the bytes before the file, the bytes after it, and the boundary of the multipart body.

    The form is the usual convention for files in GraphQL requests: docs/reference/labelbox-api.md#2-8.
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
    yield from _together(chain((head,), content))
    if not still_mine():
        raise LeaseLost
    yield tail


def _together(content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content in pieces of nearly `_SENT_BYTES`: each piece costs a call to send."""
    waiting: list[bytes] = []
    size = 0
    for piece in content:
        if size + len(piece) > _SENT_BYTES:
            yield from _cut(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(piece)
        size += len(piece)
    yield from _cut(b"".join(waiting))


def _cut(piece: bytes) -> Iterator[bytes]:
    for start in range(0, len(piece), _SENT_BYTES):
        yield piece[start : start + _SENT_BYTES]
