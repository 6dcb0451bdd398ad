"""The publisher: accepts messages at once, sends them as frames from a thread, and reports when Redis has them."""

import os
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from prelabel.publishing.core import PublisherCore
from prelabel.publishing.default_redis import default_redis_url
from prelabel.publishing.options import TIMEOUT, PublisherSettings, is_mapping
from prelabel.wire.durability import Durability
from prelabel.wire.redis_url import InvalidUrl, RedisUrl

if TYPE_CHECKING:
    from prelabel.mapping import PredictionMapping
    from prelabel.messages import Model
    from prelabel.validation.gate import Message

CLOSE_SECONDS = 30.0
"""How long `close()` waits for Redis by default."""


class PublisherBase:
    """The constructor of `Publisher` and `AsyncPublisher`; its arguments are documented at `Publisher`."""

    def __init__(
        self,
        redis_url: str | None = None,
        *,
        key_prefix: str = PublisherSettings.key_prefix,
        linger_seconds: float = PublisherSettings.linger_seconds,
        frame_rows: int = PublisherSettings.frame_rows,
        frame_bytes: int = PublisherSettings.frame_bytes,
        send_rows: int = PublisherSettings.send_rows,
        send_bytes: int = PublisherSettings.send_bytes,
        max_rows: int = PublisherSettings.max_rows,
        max_bytes: int = PublisherSettings.max_bytes,
        when_full: Literal["block", "raise"] = PublisherSettings.when_full,
        block_seconds: float = PublisherSettings.block_seconds,
        durability: Durability = PublisherSettings.durability,
        max_inbox_rows: int = PublisherSettings.max_inbox_rows,
        spool_dir: str | os.PathLike[str] | None = PublisherSettings.spool_dir,
        spool_bytes: int = PublisherSettings.spool_bytes,
        spool_max_age_days: float = PublisherSettings.spool_max_age_days,
        journal: bool = PublisherSettings.journal,
        mapping: "PredictionMapping | None" = None,
    ) -> None:
        is_mapping("mapping", mapping)
        settings = PublisherSettings(
            redis_url=default_redis_url() if redis_url is None else _parsed(redis_url),
            key_prefix=key_prefix,
            linger_seconds=linger_seconds,
            frame_rows=frame_rows,
            frame_bytes=frame_bytes,
            send_rows=send_rows,
            send_bytes=send_bytes,
            max_rows=max_rows,
            max_bytes=max_bytes,
            when_full=when_full,
            block_seconds=block_seconds,
            durability=durability,
            max_inbox_rows=max_inbox_rows,
            spool_dir=spool_dir,
            spool_bytes=spool_bytes,
            spool_max_age_days=spool_max_age_days,
            journal=journal,
        )
        self._core = PublisherCore(settings, mapping)

    @property
    def spooled_rows(self) -> int:
        """Return the number of rows that are on the disk and not known to be in Redis."""
        return self._core.outboxes.spooled_rows()


class Publisher(PublisherBase):
    """Publishes predictions to the inbox of their project.

    `publish()` checks a message, puts it into a buffer and returns. A thread sends the rows of a project as soon as
    `send_rows` or `send_bytes` are waiting, or the oldest row has waited for `linger_seconds`; the rows of each lane
    form a frame, and the frames of many projects travel in one round trip. Only when a later `flush()` has returned is
    it certain that Redis has a row. Leaving a `with` block flushes and closes the publisher.

    With a `spool_dir`, rows that Redis does not accept are written to the disk within `linger_seconds` plus the
    time-out of a send (2 s). Newer rows of that project follow them to the disk, until Redis has them all. However this
    process ends, the next process with this `spool_dir` sends the rows on the disk. See
    docs/how-to/publish-from-python.md. With `journal=True` it also sends the rows that were in this process's memory.

    Safe to share between threads. After a fork, the child starts with an empty buffer, and with its own connection and
    spool; the parent keeps the rows that it had buffered. A pickled publisher is the same in the process that gets it:
    its pickle has the options, and the password if the URL has one.

    Args:
        redis_url: where the inbox is, for example `redis://localhost:6379/0`. By default, it is the environment
            variable `PRELABEL_REDIS_URL`, or else the Redis of the stack that `prelabel up` runs in the working
            directory or above it. That stack must belong to this user: `.prelabel/stack.json` with mode 0600, in a
            folder with mode 0700.
        key_prefix: the prefix of all keys; it must be the same as in the workers' settings.
        linger_seconds: how long a row waits for more rows before it is sent.
        frame_rows: maximum rows in one frame, up to 10,000.
        frame_bytes: maximum bytes of messages in one frame, up to 16 MiB. A single message that is larger, or larger
            than 4 MiB, is refused when it is published.
        send_rows: this many rows of one project are sent without waiting for `linger_seconds`.
        send_bytes: the same in bytes of messages.
        max_rows: maximum rows of one project in memory.
        max_bytes: the same in bytes of messages.
        when_full: what `publish()` does when a project has its maximum in memory and its spool, if there is one, is
            full too: `block` waits up to `block_seconds` and then raises BufferFull, `raise` raises it at once. Other
            projects are not affected.
        block_seconds: how long `publish()` waits for room.
        durability: which answer of Redis means that a write is safe, see `prelabel.wire.durability.Durability`.
        max_inbox_rows: maximum rows in the inbox of a project; above it, the rows of that project stay in memory.
        spool_dir: a folder on a local disk for rows that Redis does not accept. Any number of processes can share it if
            they all use the same Redis and the same `key_prefix`.
        spool_bytes: maximum bytes on the disk for one project of one process, at least `frame_bytes`.
        spool_max_age_days: frames older than this are moved to `expired/` instead of being sent. Keep it below the
            workers' `frame_memory_days`: only for that long does Redis recognise a frame that is sent again.
        journal: keep accepted rows in files of `spool_dir` too, for as long as they are in memory. If this process is
            killed then (by SIGKILL, SIGTERM, `os._exit`, a crash of a library), the next process sends them. A crash of
            the machine may still lose them. A row costs about two microseconds more.
        mapping: what `publish()` does to its messages first, such as `read_mapping("mapping.toml")`: see
            docs/reference/mapping.md. With one, the output of a model can be published as it is.

    Raises NoRedisUrl if no Redis URL is given and no stack runs, ValueError for a malformed URL or an option with a
    wrong value (which option, what was expected, what was found), OSError if `spool_dir` cannot be used. A spool needs
    the file locks of Linux and macOS.

    """

    def publish(self, message: "Message", *, project_id: str | None = None, model: "Model | str | None" = None) -> str:
        """Accept a message and return its id; it is certain to be in Redis only after a later `flush()`.

        `message` may be a `labelbox.types.Label`, which names neither its project nor a model: pass `project_id` with
        it, and `model` if there is one (docs/how-to/build-annotations.md).

        With a `mapping`, what is published may go to several projects, under one id, or nowhere: then the id is an
        empty string. The output for a batch becomes a message for each of its rows; the id is that of the first.

        Raises MessageError (which field, what was found, what was expected), BufferFull or PublisherClosed; in each
        case the message was not accepted. Of several messages, those before a full buffer were accepted; publishing
        them again overrides them.
        """
        core = self._core
        if core.mapping is None:
            one = core.check(message, project_id=project_id, model=model, max_bytes=core.max_message_bytes)
            if not core.offer(one, core.wait_seconds):
                raise core.buffer_full(one.project_id)
            return one.message_id
        prepared = core.prepare(message, project_id, model)
        for one in prepared:
            if not core.offer(one, core.wait_seconds):
                raise core.buffer_full(one.project_id)
        return prepared[0].message_id if prepared else ""

    def flush(self, timeout: float | None = None) -> None:
        """Wait until Redis has, durably, every message published before this call; rows in the spool do not count.

        Raises RedisUnavailable if that takes longer than `timeout` seconds, or as soon as Redis refuses this publisher
        for a reason that waiting cannot fix, such as a wrong password. The rows then stay in the buffer or in the
        spool, and the publisher continues to send them. Also raises it, once, if rows were moved to `expired/` or
        `damaged/` in the spool.
        """
        TIMEOUT("timeout", timeout)
        outboxes = self._core.outboxes
        flush = outboxes.begin_flush()
        outboxes.wait_for(flush.is_over, timeout)
        self._core.check_flushed(flush)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Flush and stop. Raises RedisUnavailable if rows are lost: Redis did not accept them in time.

        With a spool, the rows that Redis does not accept within `timeout` seconds are written to the disk, and
        `spooled_rows` is their number; it raises only if the spool has no room for all of them. If Redis is down, it
        does not wait for the time-out: one more failed send is enough.
        """
        self._core.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parsed(redis_url: str) -> RedisUrl:
    try:
        return RedisUrl.parse(redis_url)
    except InvalidUrl as error:
        raise InvalidUrl(f"redis_url: {error}") from None
