"""The leases of this process: a thread renews them while the process lives, even while its tasks wait."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from prelabel.lazy import logger
from prelabel_worker.chunks.chunk import Chunk

_log = logger(__name__)


class Lease:
    """The right to change one chunk. A sender checks `valid()` before the last piece of an upload."""

    def __init__(self, chunk: Chunk, taken_at: float, seconds: float) -> None:
        self.chunk = chunk
        self.until = taken_at + seconds
        self._taken_at = taken_at

    def valid(self) -> bool:
        """Return whether the lease certainly holds now, by this machine's monotonic clock."""
        return time.monotonic() < self.until

    def now_ms(self) -> int:
        """Return Redis's time now, estimated: when the chunk was taken, plus this machine's clock since then."""
        return self.chunk.taken_ms + int((time.monotonic() - self._taken_at) * 1000)


class Leases:
    """Renews the leases of this process, each three times within its duration."""

    def __init__(self, renew: Callable[[Chunk], bool], lease_seconds: float) -> None:
        self._renew = renew
        self._seconds = lease_seconds
        self._held: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def hold(self, chunk: Chunk, taken_at: float) -> Iterator[Lease]:
        """Renew a chunk's lease inside the block; `taken_at` is a monotonic time just before the chunk was taken."""
        lease = Lease(chunk, taken_at, self._seconds)
        with self._lock:
            self._held[chunk.token] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"leases-{os.getpid()}", daemon=True)
                self._thread.start()
        self._wake.set()
        try:
            yield lease
        finally:
            with self._lock:
                del self._held[chunk.token]

    def _run(self) -> None:
        while True:
            with self._lock:
                held = list(self._held.values())
            if not held:
                self._wake.wait()
                self._wake.clear()
                continue
            time.sleep(self._seconds / 3)
            for lease in held:
                self._renew_one(lease)

    def _renew_one(self, lease: Lease) -> None:
        started = time.monotonic()
        with self._lock:
            if lease.chunk.token not in self._held:
                return
        try:
            if self._renew(lease.chunk):
                lease.until = started + self._seconds
            else:
                lease.until = 0.0
        except (redis.RedisError, OSError) as error:
            # The lease runs out by itself, and its holder checks it before sending.
            _log.warning("lease.not_renewed", chunk=lease.chunk.id, error=type(error).__name__)
