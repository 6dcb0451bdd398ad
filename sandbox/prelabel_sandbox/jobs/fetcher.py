"""Fetches inputs of imports, within limits of size and time: its own files, by https, by http from this machine."""

import logging
import threading
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from queue import SimpleQueue
from typing import IO
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    getproxies,
)

from prelabel_sandbox.jobs.addresses import is_own, may_fetch, may_redirect, own_file
from prelabel_sandbox.jobs.import_job import fail
from prelabel_sandbox.settings import Settings
from prelabel_sandbox.store import Store
from prelabel_sandbox.store.imports import Import

_AT_A_TIME = 4
_PIECE = 1 << 20
_log = logging.getLogger(__name__)


class _NotFetchable(Exception):
    """An address gives no file; the text says why."""


class Fetcher:
    """Threads that fetch inputs, so that no request waits for a download, and an import only for its own."""

    def __init__(
        self, store: Store, settings: Settings, base_url: str, done: Callable[[], None], *, only_local_clients: bool
    ) -> None:
        self._store = store
        self._settings = settings
        self._base_url = base_url
        self._done = done
        self._only_local_clients = only_local_clients
        self._waiting: SimpleQueue[Import] = SimpleQueue()
        self._stopping = False

    def start(self) -> None:
        """Start the threads; they begin with the inputs that an earlier process did not fetch."""
        for _ in range(_AT_A_TIME):
            threading.Thread(target=self._run, name="fetching", daemon=True).start()
        for item in self._store.imports.running():
            self.fetch(item)

    def stop(self) -> None:
        """Abandon running downloads without waiting for servers; the next process starts them again."""
        self._stopping = True

    def fetch(self, item: Import) -> None:
        """Fetch an import's input in the background, unless it is stored already."""
        if not self._store.imports.is_fetched(item):
            self._waiting.put(item)

    def _run(self) -> None:
        while not self._stopping:
            item = self._waiting.get()
            try:
                reason = self._fetch(item)
                if reason is not None and not self._stopping:
                    fail(item, self._store, reason)
            except Exception as error:
                # The database is closed, or the disk is full: the next process fetches the input again.
                _log.error("the input of import %s cannot be stored: %s", item.id, type(error).__name__)
            self._done()

    def _fetch(self, item: Import) -> str | None:
        """Fetch an import's input; return why that is impossible, or None."""
        try:
            self._store.imports.put_input(item, self._content(item.url or ""))
        except _NotFetchable as error:
            return f"fileUrl cannot be fetched: {error}"
        return None

    def _content(self, url: str) -> bytes:
        """Return the content of an address. Raises _NotFetchable."""
        if is_own(self._base_url, url):
            return self._own(url)
        if not may_fetch(url, only_local_clients=self._only_local_clients):
            also = "" if self._only_local_clients else ", of which a sandbox that others can reach reads nothing"
            local = f"http on this machine (localhost, 127.0.0.1, [::1]){also}"
            raise _NotFetchable(f"the address is neither https nor {local}")
        try:
            # This timeout limits each wait for data; `_read` applies the same limit to the whole download.
            with _opener().open(Request(url), timeout=self._settings.fetch_seconds) as response:  # noqa: S310
                return self._read(response)
        except (OSError, HTTPException, ValueError) as error:
            # Leave out the error's text: it may hold the address, which may be signed.
            raise _NotFetchable(str(getattr(error, "code", type(error).__name__))) from None

    def _read(self, response: IO[bytes]) -> bytes:
        ends = time.monotonic() + self._settings.fetch_seconds
        content = bytearray()
        while piece := response.read1(_PIECE):  # type: ignore[attr-defined]
            content += piece
            if len(content) > self._settings.fetch_bytes:
                raise self._too_large()
            if self._stopping or time.monotonic() > ends:
                raise TimeoutError
        return bytes(content)

    def _own(self, url: str) -> bytes:
        file = own_file(self._store, self._base_url, url)
        if file is None or not file.exists():
            raise _NotFetchable("404")
        if file.stat().st_size > self._settings.fetch_bytes:
            raise self._too_large()
        return file.read_bytes()

    def _too_large(self) -> _NotFetchable:
        return _NotFetchable(f"the file has more than {self._settings.fetch_bytes} bytes")


class _Redirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if not may_redirect(req.full_url, newurl):
            raise _NotFetchable("the address redirects to one that is neither https nor on the same machine")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> OpenerDirector:
    """Return an opener for https, and for plain http, which `may_fetch` and `may_redirect` keep on this machine.

    It opens no files. Plain http never goes through a proxy, for which this machine would be another one.
    """
    opener = OpenerDirector()
    for handler in (
        ProxyHandler({scheme: proxy for scheme, proxy in getproxies().items() if scheme == "https"}),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
