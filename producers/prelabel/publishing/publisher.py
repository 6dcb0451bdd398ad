"""The publisher: takes messages at once, sends them as frames from a thread, and says when Redis has them."""

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypedDict

from prelabel.errors import BufferFull, PublisherClosed, RedisUnavailable
from prelabel.messages import Model
from prelabel.printing import command
from prelabel.publishing.buffer import Limits, Row
from prelabel.publishing.inbox import MAX_INBOX_ROWS, Durability, Inbox
from prelabel.publishing.outbox import Flush, Outboxes, no_room
from prelabel.publishing.sender import Sender
from prelabel.publishing.spooler import Spooler
from prelabel.spool.slots import take_slot
from prelabel.validation.gate import MAX_MESSAGE_BYTES, Message, Prepared, prepare
from prelabel.wire import keys
from prelabel.wire.client import open_client
from prelabel.wire.frame import MAX_FRAME_BYTES, MAX_FRAME_ROWS
from prelabel.wire.redis_url import RedisUrl

_SOCKET_SECONDS = 10.0
_SOCKET_SECONDS_WITH_SPOOL = 2.0
CLOSE_SECONDS = 30.0
"""How long `close()` waits for Redis unless it is told otherwise."""
_AT_EXIT_SECONDS = 5.0
_FRAME_SLOW = 250


@dataclass(frozen=True, slots=True)
class _Options:
    redis_url: RedisUrl
    key_prefix: str
    limits: Limits
    max_rows: int
    max_bytes: int
    durability: Durability
    max_inbox_rows: int
    spool_dir: Path | None
    spool_bytes: int
    spool_max_age_seconds: float


class _Running:
    """What a process of its own needs: outboxes, threads, a connection, a slot; a forked child gets another."""

    def __init__(self, options: _Options) -> None:
        self.slot = take_slot(options.spool_dir) if options.spool_dir else None
        self.outboxes = Outboxes(options.limits, options.max_rows, options.max_bytes, self.slot, options.spool_bytes)
        self.seconds = _SOCKET_SECONDS_WITH_SPOOL if options.spool_dir else _SOCKET_SECONDS
        # What failed is repeated by the sender, which can write it down first.
        self.client = open_client(options.redis_url, self.seconds)
        inbox = Inbox(self.client, options.key_prefix, options.max_inbox_rows, options.durability)
        sender = Sender(self.outboxes, inbox, options.spool_max_age_seconds)
        self.spooler = Spooler(self.outboxes, options.spool_dir) if options.spool_dir else None
        self.threads = [threading.Thread(target=sender.run, name="prelabel-publisher", daemon=True)]
        if self.spooler is not None:
            self.threads.append(threading.Thread(target=self.spooler.run, name="prelabel-spooler", daemon=True))
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """End the threads, and write down what they leave."""
        with self.outboxes.changed:
            self.outboxes.closed = True
            self.outboxes.tell()
        for thread in self.threads:
            thread.join(_SOCKET_SECONDS)
        if self.spooler is not None:
            self.spooler.write_rest()
        if self.slot is not None and self.spooler is not None and not any(each.is_alive() for each in self.threads):
            self.spooler.release()
            self.slot.release()
        self.client.close()


class PublisherOptions(TypedDict, total=False):
    """The keyword arguments of `Publisher`, for those who pass them on."""

    key_prefix: str
    linger_seconds: float
    frame_rows: int
    frame_bytes: int
    send_rows: int
    send_bytes: int
    max_rows: int
    max_bytes: int
    when_full: Literal["block", "raise"]
    block_seconds: float
    durability: Durability
    max_inbox_rows: int
    spool_dir: str | os.PathLike[str] | None
    spool_bytes: int
    spool_max_age_days: float


class Publisher:
    """Publishes predictions to the inbox of their project.

    `publish()` checks a message and returns at once; a thread sends what has gathered, one frame for each lane and
    one round trip for all of them, when `send_rows` or `send_bytes` wait or the oldest row has waited for
    `linger_seconds`. Rows are the publisher's until `flush()` has returned; leaving a `with` block flushes.

    With a `spool_dir`, what Redis does not take goes to the disk within `linger_seconds` and a send's time-out (2 s),
    and newer rows of that project behind it, until Redis has them; a restart goes on where this process ended,
    however it ended. See docs/how-to/publish-from-python.md.

    Safe to share between threads. After a fork the child starts with an empty buffer, a connection and a spool of its
    own; what the parent had buffered stays the parent's.

    Args:
        redis_url: where the inbox is, for example `redis://localhost:6379/0`.
        key_prefix: the prefix of all keys; the workers' setting must be the same.
        linger_seconds: how long a row waits for company.
        frame_rows: most rows in one frame, up to 10,000.
        frame_bytes: most bytes of messages in one frame, up to 16 MiB; a larger single message, or one above 4 MiB, is
            refused when published.
        send_rows: rows of one project that are sent without waiting for the linger time.
        send_bytes: the same in bytes.
        max_rows: rows a project may have in memory before `when_full` applies.
        max_bytes: bytes of messages, the same.
        when_full: what to do when a project's buffer is full, and its spool, if there is one, has no room either:
            `block` (up to `block_seconds`, then BufferFull) or `raise` BufferFull at once. Other projects go on.
        durability: what makes Redis's answer durable, see `prelabel.publishing.inbox.Durability`.
        max_inbox_rows: rows that may wait in a project's inbox; above it that project's buffer fills instead.
        spool_dir: a folder on a local disk for what Redis does not take; for one Redis and one `key_prefix`, shared
            by as many processes as want to.
        spool_bytes: most bytes on the disk for one project of one process.
        spool_max_age_days: frames older than that are set aside in `expired/` instead of being sent. Keep it below
            the workers' `frame_memory_days`: a frame that was sent already, unknown to us, is counted once that long.

    Raises ValueError for a URL that is none and for limits that no worker reads, OSError when `spool_dir` cannot be
    used. A spool needs file locks as Linux and macOS have them.

    """

    def __init__(
        self,
        redis_url: str,
        *,
        key_prefix: str = keys.DEFAULT_PREFIX,
        linger_seconds: float = 0.05,
        frame_rows: int = 256,
        frame_bytes: int = 4 * 1024 * 1024,
        send_rows: int = 3072,
        send_bytes: int = 4 * 1024 * 1024,
        max_rows: int = 50_000,
        max_bytes: int = 256 * 1024 * 1024,
        when_full: Literal["block", "raise"] = "block",
        block_seconds: float = 30.0,
        durability: Durability = "fsync",
        max_inbox_rows: int = MAX_INBOX_ROWS,
        spool_dir: str | os.PathLike[str] | None = None,
        spool_bytes: int = 1024 * 1024 * 1024,
        spool_max_age_days: float = 6.0,
    ) -> None:
        url = RedisUrl.parse(redis_url)
        if not (1 <= frame_rows <= MAX_FRAME_ROWS and 1 <= frame_bytes <= MAX_FRAME_BYTES):
            raise ValueError(f"a frame has at most {MAX_FRAME_ROWS} rows and {MAX_FRAME_BYTES} bytes")
        limits = Limits(send_rows, send_bytes, frame_rows, frame_bytes, _FRAME_SLOW, linger_seconds)
        folder = None if spool_dir is None else Path(spool_dir).absolute()
        age = spool_max_age_days * 86_400
        self._options = _Options(
            url, key_prefix, limits, max_rows, max_bytes, durability, max_inbox_rows, folder, spool_bytes, age
        )
        self._block_seconds = block_seconds if when_full == "block" else 0.0
        self._closed = False
        self._starting = threading.Lock()
        self._running: _Running | None = _Running(self._options)
        _PUBLISHERS.add(self)
        atexit.register(self._at_exit)

    def publish(self, message: Message, *, project_id: str | None = None, model: Model | str | None = None) -> str:
        """Take a message and return its id; Redis has it when a later `flush()` has returned.

        `message` may be a `labelbox.types.Label`, with `project_id` and perhaps the `model` beside it, which a label
        does not say (docs/how-to/build-annotations.md).

        Raises MessageError (which field, what was found, what was expected), BufferFull or PublisherClosed; in
        each case the message was not taken.
        """
        prepared = self._prepare(message, project_id, model)
        if not self._offer(prepared, self._block_seconds):
            raise self._no_room(prepared.project_id)
        return prepared.message_id

    def flush(self, timeout: float | None = None) -> None:
        """Return when Redis has every message published before this call, durably; the disk is not enough.

        Raises RedisUnavailable when that takes longer than `timeout` seconds, or as soon as Redis refuses this
        publisher for a reason that waiting does not fix, such as a wrong password; the rows stay in the buffer or the
        spool, and go on being sent. Also, once, when rows were set aside in `expired/` or `damaged/` of the spool.
        """
        outboxes, flush = self._here().outboxes, self._begin_flush()
        with outboxes.changed:
            outboxes.changed.wait_for(flush.is_over, timeout)
            if flush.left():
                raise RedisUnavailable(self._trouble(flush.left()))
        self._tell_of_set_aside()

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Flush and stop. Raises RedisUnavailable when rows could not be handed over in time.

        With a spool: what Redis does not take within `timeout` seconds, or at once when it is known to be away, is
        handed to the disk; `spooled_rows` says how many. Raises only when the spool has no room for all.
        """
        atexit.unregister(self._at_exit)
        if self._closed:
            return
        self._closed = True
        running = self._running
        if running is None:  # a forked child that never published
            return
        left = running.outboxes.begin_flush().left
        safe = running.outboxes.begin_hand_over()
        try:
            with running.outboxes.changed:
                running.outboxes.changed.wait_for(lambda: left() == 0 or (running.slot is not None and safe()), timeout)
        finally:
            running.stop()
        lost = running.outboxes.rows_in_memory()
        if lost:
            raise RedisUnavailable(self._trouble(lost))

    @property
    def spooled_rows(self) -> int:
        """Rows that are on the disk, and that Redis does not have yet as far as is known."""
        return self._here().outboxes.spooled_rows()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, message: Message, project_id: str | None, model: Model | str | None) -> Prepared:
        max_bytes = min(self._options.limits.frame_bytes, MAX_MESSAGE_BYTES)
        return prepare(message, project_id=project_id, model=model, max_bytes=max_bytes)

    def _offer(self, prepared: Prepared, block_seconds: float) -> bool:
        """Take a checked message; False when there was no room."""
        # A copy of its own size: JSON encoders give the end of a large buffer back, which leaves holes of kilobytes.
        row = Row(prepared.data_row_key, bytes(memoryview(prepared.raw)), prepared.slow)
        return (self._running or self._here()).outboxes.put(prepared.project_id, row, block_seconds)

    def _begin_flush(self) -> Flush:
        """Hurry what was published so far."""
        return self._here().outboxes.begin_flush()

    def _listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call this, from any thread, whenever there may be room or an answer; returns what ends it."""
        outboxes = self._here().outboxes
        with outboxes.changed:
            outboxes.listeners.append(listener)

        def stop() -> None:
            with outboxes.changed:
                outboxes.listeners.remove(listener)

        return stop

    def _here(self) -> _Running:
        """The threads and buffers of this process; started anew after a fork."""
        with self._starting:
            if self._running is None:
                if self._closed:
                    raise PublisherClosed("the publisher is closed")
                self._running = _Running(self._options)
            return self._running

    def _forked(self) -> None:
        """In a forked child: its threads are not there, its locks may be held for ever."""
        self._starting = threading.Lock()
        self._running = None

    def _at_exit(self) -> None:
        """An interpreter that ends without `close()` still hands over what it can in a few seconds."""
        self.close(_AT_EXIT_SECONDS)

    def _tell_of_set_aside(self) -> None:
        rows = self._here().outboxes.told_of_set_aside()
        if rows:
            folder = self._options.spool_dir
            raise RedisUnavailable(f"{rows} rows were set aside in {folder}: see `{command('spool list', folder)}`")

    def _no_room(self, project_id: str) -> BufferFull:
        return no_room(self._here().outboxes, project_id, self._where())

    def _where(self) -> str:
        outboxes = self._here().outboxes
        cause = "; ".join(each for each in (outboxes.last_error, outboxes.remedy) if each)
        return f"Redis at {self._options.redis_url}{f': {cause}' if cause else ''}"

    def _trouble(self, rows: int) -> str:
        return f"{rows} rows are still waiting for {self._where()}"


_PUBLISHERS: "weakref.WeakSet[Publisher]" = weakref.WeakSet()


def _start_anew_in_child() -> None:
    for publisher in list(_PUBLISHERS):
        publisher._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
