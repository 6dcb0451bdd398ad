"""Make the clients of one process, on first use and again after a fork: processes must not share sockets."""

import os
import threading
from functools import partial
from typing import Any

from prelabel.wire.client import Client, open_client
from prelabel_worker.accounts.connection import has_new_key, key_of, open_labelbox, permits_of
from prelabel_worker.accounts.pauses import Pauses
from prelabel_worker.accounts.request_counts import RequestCounts
from prelabel_worker.chunks.leases import Leases
from prelabel_worker.chunks.ledger import Ledger
from prelabel_worker.chunks.project_memory import ProjectMemory
from prelabel_worker.chunks.row_reader import RowReader
from prelabel_worker.dead_letters.store import HeldRows
from prelabel_worker.labelbox.api_keys import fingerprint
from prelabel_worker.labelbox.ontology_cache import Catalog
from prelabel_worker.quarantine.quarantine import Quarantine
from prelabel_worker.settings import Settings
from prelabel_worker.stages.context import Account, Hint, StageContext
from prelabel_worker.tracing import export

_SOCKET_SECONDS = 10.0


def connect(settings: Settings) -> Client:
    """Return a client for the Redis that holds the rows, with a time limit on every wait."""
    return open_client(settings.state, _SOCKET_SECONDS)


class _Accounts:
    """The accounts that the settings have keys for. Makes each on first use, and again for a new key."""

    def __init__(self, client: Client, settings: Settings, requests: RequestCounts) -> None:
        self._client = client
        self._settings = settings
        self._requests = requests
        self._accounts: dict[str, tuple[str, Account]] = {}  # with the key
        self._lock = threading.Lock()

    def get(self, name: str) -> Account:
        """Return the account of this name, or the settings' account if it is empty. Raises KeyMissing."""
        name = name or self._settings.account
        key = key_of(self._settings, name)
        with self._lock:
            known = self._accounts.get(name)
            # The one with the old key is not closed here: other threads may be using it.
            if known is None or known[0] != key:
                known = self._accounts[name] = (key, self._make(name, key))
            return known[1]

    def _make(self, name: str, key: str) -> Account:
        settings, observe = self._settings, self._requests.observer(name)
        return Account(
            name,
            permits_of(self._client, settings, name, fingerprint(key)),
            open_labelbox(settings, name, observe=observe),
            partial(has_new_key, settings, name, key),
        )


class Runtime:
    """The settings, and for each process a context that is made from them."""

    def __init__(self, settings: Settings, hint: Hint) -> None:
        self.settings = settings
        self._hint = hint
        self._lock = threading.Lock()
        self._context: tuple[int, StageContext] | None = None
        self._requests: RequestCounts | None = None  # of the process of `_context`

    def context(self) -> StageContext:
        """Return the context of this process, known by its process id: not all pools announce a new process."""
        cached = self._context
        if cached is not None and cached[0] == os.getpid():
            return cached[1]
        with self._lock:
            if self._context is None or self._context[0] != os.getpid():
                self._context = (os.getpid(), self._make())
            return self._context[1]

    def end(self, **_: Any) -> None:
        """Write what this process has counted, and send the spans that wait in it: it is about to end."""
        if self._requests is not None and self._context is not None and self._context[0] == os.getpid():
            self._requests.flush()
            export.stop()

    def after_fork(self) -> None:
        """Replace the lock: another thread of the parent may have held it during the fork."""
        self._lock = threading.Lock()

    def _make(self) -> StageContext:
        settings = self.settings
        export.start()
        client = connect(settings)
        ledger = Ledger(client, settings)
        self._requests = RequestCounts(client, settings.key_prefix)
        accounts = _Accounts(client, settings, self._requests)
        return StageContext(
            settings=settings,
            ledger=ledger,
            reader=RowReader(client, settings.key_prefix),
            memory=ProjectMemory(client, settings),
            held=HeldRows(client, settings.key_prefix),
            catalog=Catalog(client, settings.key_prefix),
            account=accounts.get,
            pauses=Pauses(client, settings.key_prefix),
            leases=Leases(ledger.renew, settings.lease_seconds),
            quarantine=Quarantine(client, settings.key_prefix),
            hint=self._hint,
        )
