"""The core that `Publisher` and `AsyncPublisher` share: settings, outboxes, threads, and a new start after a fork."""

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from prelabel import tracing
from prelabel.errors import BufferFull, PublisherClosed, RedisUnavailable
from prelabel.printing import command, counted
from prelabel.publishing.buffer import Row
from prelabel.publishing.child_end import close_with_child
from prelabel.publishing.exit_report import report_loss
from prelabel.publishing.inbox import Inbox
from prelabel.publishing.options import TIMEOUT, PublisherSettings
from prelabel.publishing.outboxes import Flush, Outboxes
from prelabel.publishing.recovery import recovered
from prelabel.publishing.sender import Sender
from prelabel.publishing.spooler import Spooler
from prelabel.spool.slots import take_slots
from prelabel.wire.client import open_client

if TYPE_CHECKING:
    from prelabel.mapping import PredictionMapping
    from prelabel.messages import Model
    from prelabel.validation.gate import Message, Prepared

_SOCKET_SECONDS = 10.0
_SOCKET_SECONDS_WITH_SPOOL = 2.0
_AT_EXIT_SECONDS = 5.0


class _Process:
    """The parts that no two processes share: outboxes, threads, a connection and a slot."""

    def __init__(self, settings: PublisherSettings) -> None:
        folder = settings.spool_folder
        self._slot = next(recovered(take_slots(folder), settings.limits)) if folder else None
        # The client never repeats a command. The sender does, so that rows can go to the disk in between.
        self._client = open_client(settings.redis_url, _SOCKET_SECONDS_WITH_SPOOL if folder else _SOCKET_SECONDS)
        inbox = Inbox(self._client, settings.key_prefix, settings.max_inbox_rows, settings.durability)
        self.outboxes = Outboxes(
            settings.limits,
            settings.max_rows,
            settings.max_bytes,
            inbox.most_projects,
            self._slot,
            settings.spool_bytes,
            settings.journal,
        )
        sender = Sender(self.outboxes, inbox, settings.spool_max_age_seconds)
        self._spooler = Spooler(self.outboxes, folder) if folder else None
        self._threads = [threading.Thread(target=sender.run, name="prelabel-publisher", daemon=True)]
        if self._spooler is not None:
            self._threads.append(threading.Thread(target=self._spooler.run, name="prelabel-spooler", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> int:
        """End the threads, write the rows that they leave in memory to the spool, and return how many are lost."""
        self.outboxes.close()
        for thread in self._threads:
            thread.join(_SOCKET_SECONDS)
        if self._spooler is not None:
            self._spooler.write_rest()
        if self._slot is not None and not any(thread.is_alive() for thread in self._threads):
            self.outboxes.release_adopted(unfinished_too=True)
            self.outboxes.end_journal()
            self._slot.release()
        self._client.close()
        return self.outboxes.rows_at_risk()


class PublisherCore:
    """Accepts messages, and hands them over to Redis or to the disk.

    After a fork, the child has an empty buffer; it gets its own threads, connection and slot when it first publishes.
    So does a process that gets a pickled publisher, as a spawned child does.
    """

    def __init__(
        self, settings: PublisherSettings, mapping: "PredictionMapping | None" = None, *, starts: bool = True
    ) -> None:
        # The checks are made from the models of all annotations. These take as long to load as redis-py does, so a
        # program pays for them when it makes a publisher, not when it imports one.
        from prelabel.validation import gate

        self._prepare_mapped = None
        #: What maps messages before they are checked, if anything does.
        self.mapping = mapping
        if mapping is not None:  # else the modules of mappings are not loaded
            from prelabel.publishing.mapped import prepare_mapped

            self._prepare_mapped = partial(prepare_mapped, mapping)
        #: The options; a relative `spool_dir` stays where it is, whatever folder a process changes to.
        self.settings = settings = replace(settings, spool_dir=settings.spool_folder)
        #: How long `publish()` waits for room.
        self.wait_seconds = settings.wait_seconds
        #: Maximum bytes of a message.
        self.max_message_bytes = min(settings.limits.frame_bytes, gate.MAX_MESSAGE_BYTES)
        #: Checks a message that is not to be mapped; see `prelabel.validation.gate.prepare`.
        self.check = gate.prepare
        self._closed = False
        self._starting = threading.Lock()
        self._process: _Process | None = None
        self._leave_child: Callable[[], None] | None = None
        if starts:
            self._start()
        _CORES.add(self)
        atexit.register(self._close_at_exit)

    def prepare(
        self, message: "Message", project_id: str | None, model: "Model | str | None"
    ) -> "tuple[Prepared, ...]":
        """Map and check a message; return one for each project that gets it. Raises MessageError."""
        limit = self.max_message_bytes
        if self._prepare_mapped is None:
            return (self.check(message, project_id=project_id, model=model, max_bytes=limit),)
        return self._prepare_mapped(message, project_id=project_id, model=model, max_bytes=limit)

    def offer(self, prepared: "Prepared", block_seconds: float) -> bool:
        """Accept a checked message; return False if there was no room for it within `block_seconds`."""
        row = Row(prepared.data_row_key, prepared.raw, prepared.slow, tracing.current())
        process = self._process
        outboxes = self.outboxes if process is None else process.outboxes
        return outboxes.put(prepared.project_id, row, block_seconds)

    def buffer_full(self, project_id: str) -> BufferFull:
        """Return the error for a message that found no room in the buffer."""
        buffer = self.outboxes.own[project_id].buffer
        disk = f" ({buffer.spooled:,} of them on the disk)" if buffer.spooled else ""
        return BufferFull(f"{counted(buffer.rows, 'row')}{disk} still waiting for {self._where()}")

    def check_flushed(self, flush: Flush) -> None:
        """Raise RedisUnavailable if Redis does not have all rows of a flush, or if rows were set aside."""
        if flush.remaining():
            raise self._unavailable(flush.remaining())
        rows = self.outboxes.take_set_aside()
        if rows:
            folder = self.settings.spool_folder
            raise RedisUnavailable(
                f"{counted(rows, 'row')} set aside in {folder}: see `{command('spool list', folder)}`"
            )

    def close(self, timeout: float) -> None:
        """Flush and stop. Raises RedisUnavailable if rows could not be handed over in time."""
        TIMEOUT("timeout", timeout)
        lost = self._stop(timeout)
        tracing.flush()
        if lost:
            raise self._unavailable(lost)

    def _stop(self, timeout: float) -> int:
        """Flush and stop; return the number of rows that neither Redis nor the disk has."""
        if self._closed:
            return 0
        process, interrupted = self._process, True
        try:
            # Marked here and not before: an interrupt that comes earlier leaves the rows to `_close_at_exit`.
            self._closed = True
            if process is None:  # a forked child that never published
                return 0
            process.outboxes.wait_for(process.outboxes.begin_hand_over().is_over, timeout)
            interrupted = False
        finally:
            lost = process.stop() if process else 0
            if lost and interrupted:  # by Ctrl-C, which tells the caller no number
                report_loss(lost, self._where())
            atexit.unregister(self._close_at_exit)
            if self._leave_child is not None:
                self._leave_child()
        return lost

    @property
    def outboxes(self) -> Outboxes:
        """Return the outboxes of this process; after a fork, start its threads first. Raises PublisherClosed."""
        process = self._process
        if process is None:
            with self._starting:
                if self._closed and self._process is None:
                    raise PublisherClosed("the publisher is closed")
                process = self._process or self._start()
        return process.outboxes

    def _start(self) -> _Process:
        process = self._process = _Process(self.settings)
        self._leave_child = close_with_child(self._close_at_exit)
        return process

    def forked(self) -> None:
        """Forget the parent's threads and locks: in the child the threads do not run, and locks may stay locked."""
        self._starting = threading.Lock()
        self._process = self._leave_child = None
        if self.mapping is not None:
            self.mapping.forked()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the options, with the password of the URL if it has one. The rows stay in this process."""
        return _unpickled, (self.settings, self.mapping, self._closed)

    def _close_at_exit(self) -> None:
        """Hand over as many rows as possible in a few seconds, if the interpreter ends without `close()`."""
        lost = self._stop(_AT_EXIT_SECONDS)
        if lost:
            report_loss(lost, self._where())

    def _unavailable(self, rows: int) -> RedisUnavailable:
        return RedisUnavailable(f"{counted(rows, 'row')} still waiting for {self._where()}")

    def _where(self) -> str:
        cause = self.outboxes.health.cause
        return f"Redis at {self.settings.redis_url}{f': {cause}' if cause else ''}"


def _unpickled(settings: PublisherSettings, mapping: "PredictionMapping | None", closed: bool) -> PublisherCore:
    core = PublisherCore(settings, mapping, starts=False)
    core._closed = closed
    return core


_CORES: "weakref.WeakSet[PublisherCore]" = weakref.WeakSet()


def _start_anew_in_child() -> None:
    for core in list(_CORES):
        core.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
