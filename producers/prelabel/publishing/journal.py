"""The rows in a publisher's memory, once more in files: what the process has accepted outlives it.

A journal is a folder of files, which are read in the order of their names. A file is a sequence of records: the length
and the CRC-32 of a record's bytes, then these. A record is written by copying it into a memory map. From then on it
belongs to the kernel, so it survives the end of the process at any instant, without a system call. Nothing is synced,
so it need not survive the end of the machine.

Rows are known by their numbers: the n-th row that the buffer of their project has accepted has the number n. They leave
in this order, so one number says which rows have left.

Of the threads that share a `Journal`, only the one that holds the lock of the outboxes may call it.
"""

import errno
import logging
import mmap
import os
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import msgspec

from prelabel.errors import PrelabelError
from prelabel.publishing.buffer import Row
from prelabel.wire.frame import rows_in

_log = logging.getLogger("prelabel.publisher")
_HEAD = struct.Struct("<II")
_SUFFIX = ".rows"
_FILE_BYTES = 4 * 1024 * 1024
_FILES = 8
_AGAIN_SECONDS = 1.0


class Accepted(msgspec.Struct, tag=0, array_like=True, gc=False):
    """A row was accepted."""

    project_id: str
    number: int
    row: Row


class Cut(msgspec.Struct, tag=1, array_like=True, gc=False):
    """All rows up to this number that have not left are in these frames, and in no others.

    It is written before any of the frames can be sent or be in the spool, so that no row is ever sent under two ids.
    """

    project_id: str
    number: int
    frames: list[bytes]


class Left(msgspec.Struct, tag=2, array_like=True, gc=False):
    """The rows up to this number have left the memory: Redis or the spool has them."""

    project_id: str
    number: int


class UnknownRecord(PrelabelError):
    """A newer release wrote this journal: leave it to that release."""


Record = Accepted | Cut | Left
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


@dataclass
class Pending:
    """The rows of one project that have not left, as a journal has them."""

    #: The number of the newest row.
    last: int = 0
    #: The last cut.
    cut: int = 0
    frames: list[bytes] = field(default_factory=list)
    #: Rows up to this number have left.
    left: int = 0
    #: The rows after the last cut by their numbers; they were never sent.
    uncut: dict[int, Row] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take in the next record. The same record may come again later, since a journal is rewritten at times."""
        self.last = max(self.last, record.number)
        if isinstance(record, Accepted):
            if record.number > max(self.cut, self.left):
                self.uncut[record.number] = record.row
            return
        if isinstance(record, Cut):
            self.cut, self.frames = record.number, record.frames
        else:
            self.left = max(self.left, record.number)
        if self.cut <= self.left:
            self.frames = []
        gone = max(self.cut, self.left)
        self.uncut = {number: row for number, row in self.uncut.items() if number > gone}

    @property
    def rows(self) -> int:
        """The number of rows that have not left."""
        return rows_in(self.frames) + len(self.uncut)


def read(folder: Path) -> dict[str, Pending]:
    """Return what a journal has, by project; projects all of whose rows have left are included.

    Raises OSError if a file cannot be read, and UnknownRecord.
    """
    projects: dict[str, Pending] = {}
    for path in _files_of(folder):
        for record in _records_of(path):
            projects.setdefault(record.project_id, Pending()).add(record)
    return projects


def append(folder: Path, records: Sequence[Record]) -> None:
    """Write records to a new file at the end of a journal that no publisher writes to. Raises OSError; then none is."""
    contents = [_encode(record) for record in records]
    file = _File(_next_path(folder), sum(len(content) + _HEAD.size for content in contents))
    for record, content in zip(records, contents, strict=True):
        file.append(record, content)
    file.close()


def discard(folder: Path) -> None:
    """Remove all files of a journal, oldest first: what is left then never has rows without the news that they left."""
    for path in _files_of(folder):
        _remove(path)


class Journal:
    """Writes a journal; its folder must be empty or missing, and is made for the first record.

    If the disk has no room for it, the publisher works without: the journal is removed, a warning is logged, and about
    once a second the next record tries to begin again with everything that is in memory.

    Args:
        folder: for this journal alone.
        in_memory: returns the records that stand for everything in memory.

    """

    def __init__(self, folder: Path, in_memory: Callable[[], Iterable[Record]]) -> None:
        self._folder, self._in_memory = folder, in_memory
        self._files: list[_File] = []
        #: With this many files, most records are of rows that have left: write the others again, and only these.
        self._most_files = _FILES
        self._left: dict[str, int] = {}
        #: Whether it has every row in memory.
        self.is_complete = True
        self._begin_again_at = 0.0

    def write(self, record: Record) -> None:
        """Write a record."""
        try:
            if self.is_complete:
                self._append(record)
            elif time.monotonic() >= self._begin_again_at:
                self._rewrite()
                self._append(record)
                self.is_complete = True
                _log.warning("the journal in %s can be written again", self._folder)
        except OSError as error:
            self._give_up(error)

    def rows_left(self, numbers: Mapping[str, int]) -> None:
        """Write that the rows of these projects up to these numbers have left, and remove files of no further use."""
        for project_id, number in numbers.items():
            self.write(Left(project_id, number))
        self._left |= numbers
        while len(self._files) > 1 and self._files[0].is_over(self._left):
            self._end_oldest()

    def close(self, *, keep: bool) -> None:
        """End the journal: leave its files to the next process that takes the slot, or remove them."""
        for file in self._files:
            file.close()
        self._files = []
        if not keep:
            discard(self._folder)

    def _append(self, record: Record) -> None:
        content = _encode(record)
        if self._files and self._files[-1].append(record, content):
            return
        if len(self._files) >= self._most_files:
            self._rewrite()
        self._add_file(_HEAD.size + len(content))
        self._files[-1].append(record, content)

    def _rewrite(self) -> None:
        """Write everything in memory to new files, and remove the old ones, oldest first."""
        old = len(self._files)
        self._most_files = sys.maxsize
        try:
            self._add_file(0)
            for record in self._in_memory():
                self._append(record)
            for _ in range(old):
                self._end_oldest()
        finally:
            self._most_files = 2 * len(self._files) + _FILES

    def _end_oldest(self) -> None:
        _remove(self._files[0].path)  # before it is forgotten: an interrupt must not leave it behind
        self._files.pop(0).close()

    def _add_file(self, size: int) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._files.append(_File(_next_path(self._folder), max(_FILE_BYTES, size)))

    def _give_up(self, error: OSError) -> None:
        """Remove the files: a journal that lacks a cut would send rows twice, under two ids."""
        if self.is_complete:
            _log.warning(
                "the journal in %s cannot be written: %s. Until it can, the rows in memory are lost if this process is "
                "killed",
                self._folder,
                error,
            )
        self.is_complete = False
        self._begin_again_at = time.monotonic() + _AGAIN_SECONDS
        self.close(keep=False)


class _File:
    """A file that is written through a memory map."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        #: Where the next record begins.
        self._end = 0
        #: For each project, the highest number of its records here.
        self._last: dict[str, int] = {}
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            # Zeros take the room on the disk: a write into a map without room would end the process.
            if os.pwrite(handle, bytes(size), 0) < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._map = mmap.mmap(handle, size)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(handle)

    def append(self, record: Record, content: bytes) -> bool:
        """Write a record; return False if it has no room. Its head comes last: a record without one is not read."""
        end_before, target, size = self._end, self._map, len(content)
        start = end_before + _HEAD.size
        end = start + size
        if end > len(target):
            return False
        target[start:end] = content
        target[end_before:start] = _HEAD.pack(size, crc32(content))
        self._end = end
        if record.number > self._last.get(record.project_id, 0):
            self._last[record.project_id] = record.number
        return True

    def close(self) -> None:
        """Write no more records."""
        self._map.close()

    def is_over(self, left: Mapping[str, int]) -> bool:
        """Return whether all rows that it has records of have left."""
        return all(left.get(project_id, 0) >= number for project_id, number in self._last.items())


def _files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{_SUFFIX}"))


def _next_path(folder: Path) -> Path:
    """Return a path after all files, also when the clock was set back."""
    last = max((int(path.stem) for path in _files_of(folder)), default=0)
    return folder / f"{max(last + 1, time.time_ns()):020d}{_SUFFIX}"


def _records_of(path: Path) -> Iterator[Record]:
    """Yield the records of a file up to the first that is not whole, which the end of its process left."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # another process took the slot meanwhile, and has the rows
        return
    start = _HEAD.size
    while start <= len(content):
        size, check = _HEAD.unpack_from(content, start - _HEAD.size)
        record = content[start : start + size]
        if not size or len(record) < size or crc32(record) != check:
            return
        try:
            yield _decode(record)
        except msgspec.MsgspecError as error:
            raise UnknownRecord(f"{path} has a record that only a newer release knows: {error}; use that") from None
        start += size + _HEAD.size


def _remove(path: Path) -> None:
    """Remove a file of a journal; where it cannot be removed, make it an empty one: its rows have left."""
    with suppress(OSError), path.open("r+b") as file:
        file.write(bytes(_HEAD.size))
    with suppress(OSError):
        path.unlink()
