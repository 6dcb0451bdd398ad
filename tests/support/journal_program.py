"""A program that publishes with a journal: python -m tests.support.journal_program URL PREFIX FOLDER FIRST ROWS END.

It writes the number of each row to standard output when `publish()` has returned. END is what it does after the last.
"""

import asyncio
import json
import os
import resource
import shutil
import sys
from itertools import count
from pathlib import Path
from typing import Any

from prelabel import AsyncPublisher, Publisher
from prelabel.publishing.options import PublisherSettings
from prelabel.publishing.recovery import recovered
from prelabel.spool.slots import take_slots
from prelabel.wire.frame import read_messages
from prelabel.wire.redis_url import RedisUrl
from tests.support.publishing import message

_LIMITS = PublisherSettings(redis_url=RedisUrl.parse("redis://localhost")).limits


def numbered(n: int) -> dict[str, object]:
    """Return the n-th message; its data row comes again every 20 messages."""
    return message(f"k{n % 20}") | {"messageId": f"{n:06d}"}


def publish(publisher: Publisher, first: int, rows: int) -> None:
    """Publish so many rows, and say so row by row."""
    for n in range(first, first + rows):
        publisher.publish(numbered(n))
        say(n)


def say(n: int | str) -> None:
    """Write a line at once, without a buffer that a kill would take along."""
    os.write(1, f"{n}\n".encode())


async def publish_from_asyncio(first: int, rows: int, *args: Any, **options: Any) -> None:
    """Publish with an `AsyncPublisher`, and end without a word."""
    publisher = AsyncPublisher(*args, **options)
    for n in range(first, first + rows):
        await publisher.publish(numbered(n))
        say(n)
    os._exit(9)


def recover_and_be_killed(folder: Path) -> None:
    """Recover copies of a spool, each in a child process that is killed, and then here.

    The children end at their first, second, third … operation on a file. For each copy this writes a line with the
    numbers of the rows that its spool has in the end; the last child is not killed.
    """
    for after in count():
        copy = folder.with_name(f"copy{after}")
        shutil.copytree(folder, copy)
        child = os.fork()
        if not child:
            sys.addaudithook(_Kill(after))
            next(recovered(take_slots(copy), _LIMITS))
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        spool = next(recovered(take_slots(copy), _LIMITS)).spool("p", 10**9)
        rows = [json.loads(raw)["messageId"] for frame in spool.head(10**9, 10**9) for raw in read_messages(frame)]
        say(" ".join(rows))
        if code == 0:
            return


class _Kill:
    """An audit hook that ends the process after so many operations on files."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, event: str, args: object) -> None:
        if event in ("open", "os.remove", "os.rename", "os.mkdir", "os.truncate", "mmap.__new__"):
            self.left -= 1
            if self.left < 0:
                os._exit(9)


def main(url: str, prefix: str, folder: str, first: int, rows: int, end: str) -> None:
    """Publish, and end."""
    if end == "recovers":
        recover_and_be_killed(Path(folder))
        return
    options: dict[str, Any] = {"key_prefix": prefix, "spool_dir": folder, "journal": True}
    if end != "sends":
        options["linger_seconds"] = 3600  # nothing leaves the memory
    if end == "asyncio":
        asyncio.run(publish_from_asyncio(first, rows, url, **options))
    if end == "no room":  # for the files of a journal; smaller files can be written
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, resource.RLIM_INFINITY))
    publisher = Publisher(url, **options)
    if end == "fork":
        publish(publisher, first, rows // 2)
        if os.fork() == 0:
            publish(publisher, first + rows // 2, rows - rows // 2)
            os._exit(9)
        os.wait()
        os._exit(9)
    publish(publisher, first, rows)
    if end == "no room":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        journal = publisher._core.outboxes.journal
        assert journal is not None
        while not journal.is_complete:
            publish(publisher, first + rows, 1)
            rows += 1
    if end == "exit":
        os._exit(9)
    say("ready")
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
