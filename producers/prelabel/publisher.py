"""The publisher: takes messages at once, sends them as frames from a thread, and says when Redis has them."""

import atexit
import os
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self

import redis

from prelabel import keys
from prelabel.buffer import Limits, ProjectBuffer, Row
from prelabel.errors import BufferFull, InboxFull, PublisherClosed, RedisUnavailable
from prelabel.gate import prepare
from prelabel.inbox import MAX_INBOX_ROWS, Durability, Inbox, LanesDiffer, NotDurable, without_password
from prelabel.messages import PredictionMessage

_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0)
_SOCKET_SECONDS = 10.0
_CLOSE_SECONDS = 30.0
_AT_EXIT_SECONDS = 5.0


class Publisher:
    """Publishes predictions to the inbox of their project.

    `publish()` checks a message and returns at once; a thread sends what has gathered, one frame for each lane and
    one round trip for all of them, when `send_rows` or `send_bytes` wait or the oldest row has waited for
    `linger_seconds`. Rows are the publisher's until `flush()` has returned; leaving a `with` block flushes.

    Safe to share between threads. After a fork the child starts with an empty buffer and a connection of its own;
    what the parent had buffered stays the parent's.

    Args:
        redis_url: where the inbox is, for example `redis://localhost:6379/0`.
        key_prefix: the prefix of all keys; the workers' setting must be the same.
        linger_seconds: how long a row waits for company.
        frame_rows: most rows in one frame.
        frame_bytes: most bytes of messages in one frame; a larger single message is refused when published.
        send_rows: rows of one project that are sent without waiting for the linger time.
        send_bytes: the same in bytes.
        max_rows: rows a project may have in the buffer before `when_full` applies.
        when_full: `block` (up to `block_seconds`, then BufferFull) or `raise` BufferFull at once.
        durability: what makes Redis's answer durable, see `prelabel.inbox.Durability`.
        max_inbox_rows: rows that may wait in a project's inbox; above it the buffer fills instead.

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
        when_full: Literal["block", "raise"] = "block",
        block_seconds: float = 30.0,
        durability: Durability = "fsync",
        max_inbox_rows: int = MAX_INBOX_ROWS,
    ) -> None:
        self._url = redis_url
        self._prefix = key_prefix
        self._limits = Limits(send_rows, send_bytes, frame_rows, frame_bytes, 250, linger_seconds)
        self._max_rows = max_rows
        self._block_seconds = block_seconds if when_full == "block" else 0.0
        self._durability: Durability = durability
        self._max_inbox_rows = max_inbox_rows
        self._closed = False
        self._start()
        atexit.register(self._at_exit)

    def publish(self, message: PredictionMessage | Mapping[str, Any] | bytes) -> str:
        """Take a message and return its id; Redis has it when a later `flush()` has returned.

        Raises MessageError (which field, what was found, what was expected), BufferFull or PublisherClosed; in
        each case the message was not taken.
        """
        prepared = prepare(message, max_bytes=self._limits.frame_bytes)
        row = Row(prepared.data_row_key, prepared.raw, prepared.slow)
        if self._pid != os.getpid():
            self._start()
        with self._changed:
            buffer = self._buffers.get(prepared.project_id)
            if buffer is None:
                buffer = self._buffers[prepared.project_id] = ProjectBuffer(self._limits)
            if buffer.rows >= self._max_rows:
                self._wait_for_room(buffer)
            if self._closed:
                raise PublisherClosed("the publisher is closed")
            before = buffer.due_at()
            buffer.add(row, time.monotonic())
            if before != buffer.due_at():
                self._changed.notify_all()
        return prepared.message_id

    def flush(self, timeout: float | None = None) -> None:
        """Return when Redis has every message published before this call, durably.

        Raises RedisUnavailable when that takes longer than `timeout` seconds; the rows stay in the buffer and go
        on being sent.
        """
        if self._pid != os.getpid():
            self._start()
        with self._changed:
            goals = [(buffer, buffer.accepted) for buffer in self._buffers.values()]
            for buffer, goal in goals:
                buffer.flush_until = goal
            self._changed.notify_all()

            def done() -> bool:
                return all(buffer.answered >= goal for buffer, goal in goals)

            if not self._changed.wait_for(done, timeout):
                left = sum(max(0, goal - buffer.answered) for buffer, goal in goals)
                raise RedisUnavailable(self._trouble(left))

    def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        """Flush and stop. Raises RedisUnavailable when rows could not be handed over in time."""
        atexit.unregister(self._at_exit)
        if self._closed:
            return
        try:
            self.flush(timeout)
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            if self._thread is not None:
                self._thread.join(_SOCKET_SECONDS)
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        """Begin with an empty buffer: at first, and again in a forked child."""
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._buffers: dict[str, ProjectBuffer] = {}
        self._last_error: str | None = None
        self._client = redis.Redis.from_url(
            self._url, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS
        )
        self._inbox = Inbox(self._client, self._prefix, self._max_inbox_rows, self._durability)
        self._thread = threading.Thread(target=self._run, name="prelabel-publisher", daemon=True)
        self._thread.start()

    def _at_exit(self) -> None:
        """An interpreter that ends without `close()` still hands over what it can in a few seconds."""
        if self._pid == os.getpid():
            self.close(_AT_EXIT_SECONDS)

    def _wait_for_room(self, buffer: ProjectBuffer) -> None:
        def room() -> bool:
            return self._closed or buffer.rows < self._max_rows

        if not self._changed.wait_for(room, self._block_seconds):
            raise BufferFull(self._trouble(buffer.rows))

    def _trouble(self, rows: int) -> str:
        cause = f": {self._last_error}" if self._last_error else ""
        return f"{rows} rows are still waiting for Redis at {without_password(self._url)}{cause}"

    def _run(self) -> None:
        pid, failures = self._pid, 0
        while pid == os.getpid():
            with self._changed:
                work = self._next_work()
                if work is None:
                    return
                project_id, buffer = work
                frames = buffer.cut(time.monotonic())
            failures = self._send(project_id, buffer, frames, failures)

    def _next_work(self) -> tuple[str, ProjectBuffer] | None:
        """Wait for the project whose send is due first; None when the publisher is closed."""
        while not self._closed:
            due = [(at, name) for name, buffer in self._buffers.items() if (at := buffer.due_at()) is not None]
            now = time.monotonic()
            if not due:
                self._changed.wait()
                continue
            at, name = min(due)
            if at <= now:
                return name, self._buffers[name]
            self._changed.wait(at - now)
        return None

    def _send(self, project_id: str, buffer: ProjectBuffer, frames: list[bytes], failures: int) -> int:
        """One round trip; returns how many sends have failed in a row."""
        try:
            self._inbox.put(project_id, frames)
        except LanesDiffer as refusal:
            with self._changed:
                buffer.recut(refusal.lanes)
            return failures
        except (redis.RedisError, OSError, NotDurable, InboxFull) as error:
            wait = _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]
            with self._changed:
                buffer.retry_at = time.monotonic() + wait
                self._last_error = str(error) or type(error).__name__
                self._changed.notify_all()
            return 0 if isinstance(error, InboxFull) else failures + 1
        with self._changed:
            buffer.answer()
            self._last_error = None
            self._changed.notify_all()
        return 0
