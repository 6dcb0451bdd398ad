"""Reads the file of an asset for a page: one of the sandbox's own, or one that this machine serves by http.

Pages read nothing from other hosts. A file that cannot be read leads to a sentence that says why.
"""

import re
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from prelabel_sandbox.local_only import is_loopback
from prelabel_sandbox.pages.sources import own_file, source_of

Parsed = TypeVar("Parsed")

TEXT_BYTES = 1 << 18
"""Maximum that a page reads of a text, which has at most 64 K characters."""
JSON_BYTES = 8 << 20
"""Maximum size of a conversation or of a text layer."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
_SECONDS = 3.0  # maximum for a server on this machine
_PIECE = 1 << 16
_AGENT = "prelabel-sandbox-page"
_ELSEWHERE = "pages read only files of the sandbox and of http servers on this machine"


class Unreadable(Exception):
    """A file cannot be read; the text says why, as the second half of a sentence."""


def content_of(request: Request, address: str, max_bytes: int) -> bytes:
    """Return the file at an address. Raises Unreadable."""
    source = source_of(request, address)
    if source is None:
        raise Unreadable(f"its address is none that pages may read: {address[:200]}")
    content = _own(request, address, max_bytes) if source.origin is None else _served(request, source.url, max_bytes)
    return _bounded(content, max_bytes)


def text_of(request: Request, row_data: str | None) -> str:
    """Return a text asset: `row_data` itself, or the file at this address. Raises Unreadable."""
    if row_data is None:
        raise Unreadable("its address is not known")
    if source_of(request, row_data) is None and not _ADDRESS.fullmatch(row_data):
        return row_data
    return content_of(request, row_data, TEXT_BYTES).decode("utf-8-sig", errors="replace")


def json_of(request: Request, row_data: str | None) -> bytes:
    """Return a JSON asset: `row_data` itself if it is an object, or the file at this address. Raises Unreadable."""
    if row_data is None:
        raise Unreadable("its address is not known")
    if not row_data.lstrip().startswith("{"):
        return content_of(request, row_data, JSON_BYTES)
    return _bounded(row_data.encode(), JSON_BYTES)


def parsed(content: bytes, parse: Callable[[bytes], Parsed]) -> Parsed:
    """Return what a file says. Raises Unreadable."""
    try:
        return parse(content)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"its form is another one ({error})") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None


def _bounded(content: bytes, max_bytes: int) -> bytes:
    if len(content) > max_bytes:
        raise Unreadable(f"it has more than {max_bytes >> 10:,} KiB")
    return content


def _own(request: Request, address: str, max_bytes: int) -> bytes:
    file = own_file(request, address)
    if file is None:
        raise Unreadable(f"the sandbox has no file at {address}")
    with file.open("rb") as opened:
        return opened.read(max_bytes + 1)


def _served(request: Request, url: str, max_bytes: int) -> bytes:
    """Return a file that a server on this machine serves; redirects and proxies are not followed."""
    parts = urlsplit(url)
    # A page that is read by a page reads nothing itself: addresses of pages must not lead to a circle of requests.
    if parts.scheme != "http" or not is_loopback(parts.hostname or "") or _is_of_a_page(request):
        raise Unreadable(f"it is at {parts.scheme}://{parts.netloc}: {_ELSEWHERE}")
    connection = None
    try:
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("GET", target, headers={"User-Agent": _AGENT})
        response = connection.getresponse()
        if response.status != 200:
            raise Unreadable(f"{parts.netloc} answered {response.status}")
        return _read(response, max_bytes)
    except (OSError, HTTPException, ValueError) as error:
        raise Unreadable(f"{parts.netloc} did not answer: {type(error).__name__}") from None
    finally:
        if connection is not None:
            connection.close()


def _read(response: HTTPResponse, max_bytes: int) -> bytes:
    ends = time.monotonic() + _SECONDS
    content = bytearray()
    while len(content) <= max_bytes and (piece := response.read1(_PIECE)):
        content += piece
        if time.monotonic() > ends:
            raise TimeoutError
    return bytes(content)


def _is_of_a_page(request: Request) -> bool:
    return request.headers.get("user-agent") == _AGENT
