"""Counts the requests that this process sends to Labelbox, and writes the counts to Redis about once a second.

A thread writes them, so that no stage waits for it: a request costs no round trip, and a busy process costs Redis one
small script a second for each account. A process that is killed loses the counts of its last second.
"""

import os
import threading
from bisect import bisect_left
from collections import Counter

import redis

from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel_worker.labelbox.sent_request import Observe, Operation, SentRequest
from prelabel_worker.scripts import Scripts

BOUNDS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""The upper bounds of the buckets of request seconds; longer requests are in a last one, `inf`."""
BUCKETS = (*(f"{bound:g}" for bound in BOUNDS_SECONDS), "inf")
"""The names of the buckets. A bucket has the requests above the bound before it, up to its own."""
WRITE_SECONDS = 1.0


def seconds_series(operation: Operation | str, bucket: str) -> str:
    """Return the name of the series that counts requests of a bucket; `ms` in its place is the sum of their times."""
    return f"seconds:{operation}:{bucket}"


def series_of(request: SentRequest) -> dict[str, int]:
    """Return what a request adds to the account's series."""
    bucket = BUCKETS[bisect_left(BOUNDS_SECONDS, request.seconds)]
    return {
        f"{request.operation}:{request.status}": 1,
        seconds_series(request.operation, bucket): 1,
        seconds_series(request.operation, "ms"): round(request.seconds * 1000),
    }


class RequestCounts:
    """The requests of one process that are not written yet, by account. Thread-safe."""

    def __init__(self, client: Client, key_prefix: str) -> None:
        self._scripts = Scripts(client)
        self._prefix = key_prefix
        self._unwritten: dict[str, Counter[str]] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._counted = threading.Event()
        self._thread: threading.Thread | None = None

    def observer(self, account: str) -> Observe:
        """Return a function that counts a request of this account."""
        return lambda request: self._add({account: Counter(series_of(request))})

    def flush(self) -> None:
        """Write what is counted. While Redis is away it is kept: what is kept is bounded, since series are."""
        with self._writing:
            with self._lock:
                unwritten, self._unwritten = self._unwritten, {}
            for account in list(unwritten):
                sums = [value for pair in unwritten[account].items() for value in pair]
                try:
                    self._scripts.run("count_requests", keys.account(self._prefix, account), *sums)
                except (redis.RedisError, OSError):
                    continue  # stages and ticks report an outage
                del unwritten[account]
        if unwritten:
            self._add(unwritten)

    def _add(self, sums: dict[str, Counter[str]]) -> None:
        with self._lock:
            for account, counts in sums.items():
                self._unwritten.setdefault(account, Counter()).update(counts)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"requests-{os.getpid()}", daemon=True)
                self._thread.start()
        self._counted.set()

    def _run(self) -> None:
        never = threading.Event()
        while True:
            self._counted.wait()
            never.wait(WRITE_SECONDS)  # for more of them
            self._counted.clear()
            self.flush()
