"""Inputs that are imported from an address: of this sandbox, or public ones by https; not too large, not too slow."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import unquote
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from prelabel_sandbox.job import fail
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store import Store
from prelabel_sandbox.store.imports import Import

_AT_A_TIME = 4
_PIECE = 1 << 20
_log = logging.getLogger(__name__)


class _NotFetchable(Exception):
    """Why an address gives no file."""


class Fetcher:
    """Fetches inputs beside requests and imports."""

    def __init__(self, store: Store, settings: Settings, base_url: str, done: Callable[[], None]) -> None:
        self._store = store
        self._settings = settings
        self._base_url = base_url
        self._done = done
        self._threads = ThreadPoolExecutor(_AT_A_TIME, "fetching")
        self._stopping = False

    def start(self) -> None:
        """Fetch what an earlier process did not come to."""
        for item in self._store.imports.running():
            self.fetch(item)

    def stop(self) -> None:
        """Give up what is being fetched; the next process begins again."""
        self._stopping = True
        self._threads.shutdown(cancel_futures=True)

    def fetch(self, item: Import) -> None:
        """Fetch an import's input, unless it is here."""
        if not self._store.imports.is_fetched(item):
            self._threads.submit(self._fetch, item, item.url or "")

    def _fetch(self, item: Import, url: str) -> None:
        try:
            self._store.imports.put_input(item, self._content(url))
        except _NotFetchable as error:
            fail(item, self._store, f"fileUrl cannot be fetched: {error}")
        except Exception as error:
            if self._stopping:
                return
            _log.error("the input of import %s cannot be kept: %s", item.id, type(error).__name__)
            fail(item, self._store, "Internal server error")
        self._done()

    def _content(self, url: str) -> bytes:
        """What is at an address. Raises _NotFetchable."""
        if url.startswith(f"{self._base_url}/"):
            return self._own(url.removeprefix(f"{self._base_url}/"))
        if not url.startswith("https://"):
            raise _NotFetchable("it is neither https nor of this sandbox")
        try:
            # One limit for silence and, piece by piece, for all of it.
            with _opener().open(Request(url), timeout=self._settings.fetch_seconds) as response:  # noqa: S310
                return self._read(response)
        except (OSError, HTTPException, ValueError) as error:
            # The text of one may hold the address, which may be signed.
            raise _NotFetchable(str(getattr(error, "code", type(error).__name__))) from None

    def _read(self, response: IO[bytes]) -> bytes:
        ends = time.monotonic() + self._settings.fetch_seconds
        content = bytearray()
        while piece := response.read1(_PIECE):  # type: ignore[attr-defined]
            content += piece
            if len(content) > self._settings.fetch_bytes:
                raise _NotFetchable(f"it has more than {self._settings.fetch_bytes} bytes")
            if self._stopping or time.monotonic() > ends:
                raise TimeoutError
        return bytes(content)

    def _own(self, path: str) -> bytes:
        """A file of this sandbox, which need not reach itself by the name that others know."""
        kind, _, rest = path.partition("/")
        secret, _, name = unquote(rest).partition("/")
        file = self._upload(secret) if kind == "uploads" else self._input(secret, name) if kind == "files" else None
        if file is None:
            raise _NotFetchable("404")
        if file.stat().st_size > self._settings.fetch_bytes:
            raise _NotFetchable(f"it has more than {self._settings.fetch_bytes} bytes")
        return file.read_bytes()

    def _upload(self, secret: str) -> Path | None:
        found = self._store.uploads.find(secret)
        return found[1] if found else None

    def _input(self, secret: str, name: str) -> Path | None:
        item = self._store.imports.by_secret(secret)
        return self._store.imports.file(item, "input") if item is not None and name == "input.ndjson" else None


class _ToHttpsOnly(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if not newurl.startswith("https://"):
            raise _NotFetchable("it leads to an address that is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> OpenerDirector:
    """Knows https and nothing else: no files, no plain http."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPSHandler(),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
        _ToHttpsOnly(),
    ):
        opener.add_handler(handler)
    return opener
