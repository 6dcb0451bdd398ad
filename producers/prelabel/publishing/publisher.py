"""The publisher: takes messages at once, sends them as frames from a thread, and says when Redis has them."""

import os
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from prelabel.messages import Model
from prelabel.publishing.buffer import Limits
from prelabel.publishing.core import PublisherCore, PublisherSettings
from prelabel.publishing.default_redis import default_redis_url
from prelabel.publishing.inbox import MAX_INBOX_ROWS
from prelabel.validation.gate import Message
from prelabel.wire import keys
from prelabel.wire.durability import Durability
from prelabel.wire.frame import MAX_FRAME_BYTES, MAX_FRAME_ROWS
from prelabel.wire.redis_url import RedisUrl

CLOSE_SECONDS = 30.0
"""How long `close()` waits for Redis by default."""
_FRAME_SLOW = 250


class PublisherBase:
    """The arguments of `Publisher` and `AsyncPublisher`, which `Publisher` explains."""

    def __init__(
        self,
        redis_url: str | None = None,
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
        url = default_redis_url() if redis_url is None else RedisUrl.parse(redis_url)
        if not (1 <= frame_rows <= MAX_FRAME_ROWS and 1 <= frame_bytes <= MAX_FRAME_BYTES):
            raise ValueError(f"a frame has at most {MAX_FRAME_ROWS} rows and {MAX_FRAME_BYTES} bytes")
        self._core = PublisherCore(
            PublisherSettings(
                redis_url=url,
                key_prefix=key_prefix,
                limits=Limits(send_rows, send_bytes, frame_rows, frame_bytes, _FRAME_SLOW, linger_seconds),
                max_rows=max_rows,
                max_bytes=max_bytes,
                block_seconds=block_seconds if when_full == "block" else 0.0,
                durability=durability,
                max_inbox_rows=max_inbox_rows,
                spool_dir=None if spool_dir is None else Path(spool_dir).absolute(),
                spool_bytes=spool_bytes,
                spool_max_age_seconds=spool_max_age_days * 86_400,
            )
        )

    @property
    def spooled_rows(self) -> int:
        """Rows that are on the disk and, as far as is known, not yet in Redis."""
        return self._core.outboxes.spooled_rows()


class Publisher(PublisherBase):
    """Publishes predictions to the inbox of their project.

    `publish()` checks a message and returns at once; a thread sends what has gathered, one frame for each lane and
    one round trip for all of them, when a project has `send_rows` or `send_bytes`, or its oldest row has waited for
    `linger_seconds`. Redis has a row for certain when a later `flush()` has returned; leaving a `with` block flushes.

    With a `spool_dir`, rows that Redis does not take go to the disk within `linger_seconds` and the time-out of a send
    (2 s), and newer rows of that project follow them, until Redis has them. However this process ends, the next one
    sends what is on the disk. See docs/how-to/publish-from-python.md.

    Safe to share between threads. After a fork, the child starts with an empty buffer, and with a connection and a
    spool of its own; the parent keeps what it had buffered.

    Args:
        redis_url: where the inbox is, for example `redis://localhost:6379/0`. Without it, the environment variable
            `PRELABEL_REDIS_URL` says so, or else the stack that `prelabel up` runs in the working directory or above
            it, if it is this user's (`.prelabel/stack.json` 0600, its folder 0700).
        key_prefix: the prefix of all keys; the workers' setting must be the same.
        linger_seconds: how long a row waits for others to be sent with.
        frame_rows: maximum rows in one frame, up to 10,000.
        frame_bytes: maximum bytes of messages in one frame, up to 16 MiB. A single message that is larger, or larger
            than 4 MiB, is refused when it is published.
        send_rows: rows of one project that are sent without waiting for `linger_seconds`.
        send_bytes: the same in bytes of messages.
        max_rows: maximum rows of one project in memory.
        max_bytes: the same in bytes of messages.
        when_full: what `publish()` does when a project has its maximum in memory, and its spool, if there is one, has
            no room either: `block` (up to `block_seconds`, then raise BufferFull) or `raise` BufferFull at once.
            Other projects are unaffected.
        block_seconds: how long `publish()` waits for room.
        durability: what makes an answer of Redis durable, see `prelabel.wire.durability.Durability`.
        max_inbox_rows: maximum rows in the inbox of a project; above it, rows of that project stay in memory.
        spool_dir: a folder on a local disk for rows that Redis does not take. Any number of processes can share it, all
            with the same Redis and the same `key_prefix`.
        spool_bytes: maximum bytes on the disk for one project of one process.
        spool_max_age_days: frames older than this are moved to `expired/` instead of being sent. Keep it below the
            workers' `frame_memory_days`: for that long, a frame is counted once however often it is sent.

    Raises NoRedisUrl where nothing says which Redis to use, ValueError for a malformed URL and for limits that no
    worker reads, OSError when `spool_dir` cannot be used.
    A spool needs file locks as Linux and macOS have them.

    """

    def publish(self, message: Message, *, project_id: str | None = None, model: Model | str | None = None) -> str:
        """Take a message and return its id; Redis has it when a later `flush()` has returned.

        `message` may be a `labelbox.types.Label`, which names neither its project nor a model: pass `project_id`, and
        perhaps `model`, beside it (docs/how-to/build-annotations.md).

        Raises MessageError (which field, what was found, what was expected), BufferFull or PublisherClosed; in
        each case the message was not taken.
        """
        core = self._core
        prepared = core.prepare(message, project_id, model)
        if not core.offer(prepared, core.settings.block_seconds):
            raise core.buffer_full(prepared.project_id)
        return prepared.message_id

    def flush(self, timeout: float | None = None) -> None:
        """Return when Redis has every message published before this call, durably; the disk is not enough.

        Raises RedisUnavailable when that takes longer than `timeout` seconds, or as soon as Redis refuses this
        publisher for a reason that waiting cannot fix, such as a wrong password; the rows stay in the
        buffer, or in the spool, and the publisher continues to send them. Also raises it, once, when rows were set
        aside in `expired/` or `damaged/` of the spool.
        """
        outboxes = self._core.outboxes
        flush = outboxes.begin_flush()
        outboxes.wait_for(flush.is_over, timeout)
        self._core.check_flushed(flush)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Flush and stop. Raises RedisUnavailable when rows could not be handed over in time.

        With a spool: what Redis does not take within `timeout` seconds, or at once when it is known to be away, is
        handed to the disk; `spooled_rows` is the number of these rows. Raises only when the spool has no room for all.
        """
        self._core.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
