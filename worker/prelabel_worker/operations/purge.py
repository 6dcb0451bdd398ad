"""Purge a project: discard every row that has no outcome yet, and every dead letter, without uploading anything more.

The purge first marks the rows that have arrived; from then on workers upload nothing of the project. It discards what
was not sent in the way of a worker: it cuts chunks from the waiting rows, leases them, and commits the outcome
`discarded`, so each row is counted once and is in the history. A chunk whose import may exist at Labelbox is left to
the workers until the import has ended, or certainly does not exist. The same call resumes a purge that was killed.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from prelabel.errors import PrelabelError
from prelabel.json_record import JsonRecord
from prelabel.wire import keys
from prelabel.wire.client import Client
from prelabel.wire.durability import NotDurable
from prelabel_worker.chunks.chunk import Chunk
from prelabel_worker.chunks.commit import in_parts
from prelabel_worker.chunks.held_rows import facts_of
from prelabel_worker.chunks.history import NO_TRACE, trace_of
from prelabel_worker.chunks.ledger import Ledger
from prelabel_worker.chunks.row_reader import RowReader
from prelabel_worker.chunks.rows import ChunkRow, RowOutcome, Unreadable
from prelabel_worker.errors import LeaseLost, PurgeEnded
from prelabel_worker.queries.imports import Imports, ImportStatus
from prelabel_worker.queries.status import ProjectStatus
from prelabel_worker.scripts import Scripts
from prelabel_worker.settings import Settings

_SLICE = 200  # held rows in one script call
_LOOK_SECONDS = 0.5
_UNSENT = ("open", "waiting")
_KEEP_ALL = 1e9


@dataclass(frozen=True, slots=True)
class PurgeResult(JsonRecord):
    """What a purge did, or would do, in rows."""

    #: Rows that waited in lanes or in chunks that were not sent, and count as discarded now.
    unsent: int = 0
    #: Retrying rows and rows of dead letters that count as discarded now.
    held: int = 0
    #: Rows in chunks that a worker holds, or whose imports may exist at Labelbox: workers follow them to their end.
    in_flight: int = 0

    @property
    def discarded(self) -> int:
        """Return the number of rows that count as discarded now."""
        return self.unsent + self.held


def expected(status: ProjectStatus, chunks: Sequence[ImportStatus]) -> PurgeResult:
    """Return what a purge would do to a project with this status and these chunks in progress."""
    in_flight = sum(_unsettled(chunk) for chunk in chunks if chunk.state not in _UNSENT)
    at_rest = status.retrying - status.retrying_queued
    return PurgeResult(status.pending - in_flight - at_rest, at_rest + status.dead, in_flight)


@dataclass(slots=True)
class Purge:
    """Purges one project."""

    client: Client
    settings: Settings
    #: Called with the result so far after each look at the project.
    progress: Callable[[PurgeResult], None] = lambda _: None
    #: When set, ends the purge after the current chunk; it stays begun.
    stop: threading.Event = field(default_factory=threading.Event)
    #: What was done so far.
    result: PurgeResult = field(default_factory=PurgeResult)

    def run(self, project_id: str, who: str, timeout: float) -> bool:
        """Purge the project; return whether nothing is left that it covers. Raises PurgeEnded.

        Returns False after `timeout` seconds, or when `stop` is set: then imports are still in progress, and nothing of
        the project is uploaded until the same call ends the purge, or somebody resumes the project.
        """
        work = _Work(self.client, self.settings, project_id, self.stop)
        if not work.begin(who):
            return True
        deadline = time.monotonic() + timeout
        while True:
            # Rows of a chunk in flight may become held rows. So a look that begins without chunks and finds nothing to
            # discard is the last.
            had_chunks = work.has_chunks()
            unsent, held = work.discard_unsent(), work.discard_held()
            in_flight = work.in_flight()
            self.result = PurgeResult(self.result.unsent + unsent, self.result.held + held, in_flight)
            self.progress(self.result)
            if self.stop.is_set():
                return False
            if unsent + held:
                continue
            if not had_chunks:
                work.end()
                return True
            if time.monotonic() > deadline:
                return False
            self.stop.wait(_LOOK_SECONDS)


class _Work:
    """The steps of one purge. Each is safe to repeat."""

    def __init__(self, client: Client, settings: Settings, project_id: str, stop: threading.Event) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._project = project_id
        self._keys = keys.ProjectKeys(settings.key_prefix, project_id)
        # Only the workers' settings say how much history is kept: a commit of this command forgets none of it.
        keep_all = {"history_megabytes": _KEEP_ALL, "frame_memory_days": _KEEP_ALL}
        self._ledger = Ledger(client, settings.model_copy(update=keep_all))
        self._reader = RowReader(client, settings.key_prefix)
        self._imports = Imports(client, settings.key_prefix)
        self._renew_seconds = settings.lease_seconds / 3
        self._projects = keys.projects(settings.key_prefix)
        self._durability = settings.durability
        self._stop = stop

    def begin(self, who: str) -> bool:
        """Mark the rows that have arrived; return False when none ever has."""
        begun = int(self._durably("purge_begin", who)) > 0
        # Workers look up at once what may have been sent; a name that is not in the set is not added.
        self._client.zadd(self._projects, {self._project: 0}, xx=True, lt=True)
        return begun

    def end(self) -> None:
        """Let workers continue with rows that have arrived since. Raises PurgeEnded.

        Returns when all that was discarded is durable: a Redis that restarts must not bring the rows back.
        """
        if not self._durably("purge_end"):
            raise PurgeEnded
        self._client.zadd(self._projects, {self._project: 0}, xx=True, lt=True)

    def _durably(self, script: str, *args: str) -> Any:
        try:
            return self._scripts.run_durably(self._durability, script, self._keys.root, *args)
        except NotDurable as error:
            raise PrelabelError(f"{error}; repeat the command to resume") from None

    def in_flight(self) -> int:
        """Return the number of rows without an outcome in chunks: what is unsent is leased by a worker."""
        return sum(map(_unsettled, self._imports.open(self._project)))

    def has_chunks(self) -> bool:
        """Return whether any chunk is in progress."""
        return bool(self._client.zcard(self._keys.chunks))

    def discard_unsent(self) -> int:
        """Discard the rows of chunks that were not sent, and the waiting rows; return their number."""
        chunks = (chunk.chunk_id for chunk in self._imports.open(self._project) if chunk.state in _UNSENT)
        return sum(map(self._discard_chunk, chain(chunks, self._cut())))

    def discard_held(self) -> int:
        """Discard the held rows that are not being tried; return their number. Raises PurgeEnded."""
        rows = 0
        for key in (self._keys.retrying, self._keys.dead):
            ids = [held_id.decode() for held_id in self._client.zrange(key, 0, -1)]
            for part in _parts(ids):
                discarded = int(self._scripts.run("purge_held", self._keys.root, *part))
                if discarded < 0:
                    raise PurgeEnded
                rows += discarded
        return rows

    def _cut(self) -> Iterator[str]:
        while not self._stop.is_set() and (chunk_id := self._ledger.cut_for_purge(self._project)):
            yield chunk_id

    def _discard_chunk(self, chunk_id: str) -> int:
        """Discard the rows of a chunk; return 0 when somebody holds it, or it was sent meanwhile."""
        chunk = self._ledger.take(self._project, chunk_id, "purge")
        if chunk is None:
            return 0
        try:
            return self._commit(replace(chunk, name=""))  # the history has a name only for what was sent
        except LeaseLost:
            return 0  # the next look finds what is left

    def _commit(self, chunk: Chunk) -> int:
        outcomes = [_discarded(row) for row in self._reader.rows(chunk)]
        *slices, last = list(in_parts(outcomes)) or [[]]
        renewed = time.monotonic()
        for part in slices:
            chunk = self._ledger.set_aside(chunk, part)
            if time.monotonic() - renewed > self._renew_seconds:
                self._ledger.renew(chunk)
                renewed = time.monotonic()
        self._ledger.end_unsent(chunk, last)
        return sum(outcome.rows for outcome in outcomes)


def _discarded(row: ChunkRow | Unreadable) -> RowOutcome:
    if isinstance(row, Unreadable):
        return RowOutcome("discarded", row.index, row.rows, row.held_id, trace=NO_TRACE)
    facts = facts_of(row.raw)
    return RowOutcome("discarded", row.index, 1, row.held_id, trace=trace_of(facts.data_row_key, facts.message_id))


def _unsettled(chunk: ImportStatus) -> int:
    return chunk.rows - sum(chunk.outcomes.values())


def _parts(held_ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(held_ids)
    while part := list(islice(rest, _SLICE)):
        yield part
