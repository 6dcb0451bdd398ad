"""Frames of one project on disk, in the order in which they were cut: appended at the end, sent from the head.

A spool is a folder of segments, read in the order of their names. A segment is a sequence of records: a mark, the
length and the CRC-32 of a frame, and the frame. `append` returns when the records are on the disk. A cursor file beside
a segment says up to which offset Redis has its frames; when Redis has all of them, the segment is removed. After a
crash at any instant, some frames may be sent again, with the same ids, so Redis counts them once; and a segment may end
with one unfinished record.

This module works on files only. It starts no threads, and is safe to share between threads.
"""

import logging
import os
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from prelabel import private_files
from prelabel.errors import PrelabelError
from prelabel.printing import counted
from prelabel.wire.frame import HEADER, cut_at, id_of, lanes_of, rows_in

_log = logging.getLogger("prelabel.spool")
_MARK = b"pSpl"
_RECORD = struct.Struct(">4sII")
_CURSOR = struct.Struct(">QI")
_SEGMENT, _POSITION = ".frames", ".cursor"
_MAX_SEGMENT_BYTES = 8 * 1024 * 1024
_MIN_SEGMENT_BYTES = 64 * 1024
_MAX_RECORD = 64 * 1024 * 1024
EXPIRED = "expired"
DAMAGED = "damaged"


class SpoolFull(PrelabelError):
    """The project's spool is full; nothing was written."""


class SpoolDamaged(PrelabelError):
    """Rows on the disk cannot be read; their bytes are kept in `damaged/`."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"{counted(rows, 'row')} of the spool cannot be read")
        self.rows = rows


@dataclass
class _Segment:
    """A file of records."""

    path: Path
    #: Bytes up to the end of its last good record.
    size: int = 0
    #: Rows from the cursor on.
    rows: int = 0
    #: The cursor: where the first record begins that Redis does not have.
    offset: int = 0

    @property
    def cursor(self) -> Path:
        """Return the path of the cursor's file."""
        return self.path.with_suffix(_POSITION)


class ProjectSpool:
    """The spool of one project.

    Args:
        folder: a folder for this project alone, created by the first `append`.
        max_bytes: the maximum size of all its files, including the frames in `expired/`.

    Raises OSError if the folder cannot be read. Moves bytes that are not a record to `damaged/`.

    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(_MAX_SEGMENT_BYTES, max(_MIN_SEGMENT_BYTES, max_bytes // 8))
        self._lock = threading.Lock()
        self._segments = [_opened(path) for path in _current_segments(folder)]
        self._aside_bytes = sum(path.stat().st_size for path in (folder / EXPIRED).glob(f"*{_SEGMENT}"))
        with self._lock:
            self._drop_finished()

    @property
    def rows(self) -> int:
        """Return the number of rows on the disk that Redis does not have."""
        return sum(segment.rows for segment in self._segments)

    @property
    def size(self) -> int:
        """Return the bytes of its files, including frames that Redis has if their segment is still there."""
        return sum(segment.size for segment in self._segments) + self._aside_bytes

    def last_ids(self) -> set[bytes]:
        """Return the ids of the frames in its last segment, which has all frames of the last `append`."""
        with self._lock:
            return {id_of(frame) for segment in self._segments[-1:] for frame, _ in _records(segment)}

    def append(self, frames: Sequence[bytes], *, beyond_limit: bool = False) -> None:
        """Write frames at the end; they are on the disk when this returns.

        Raises SpoolFull or OSError; then no frame counts as written, and they may be appended again.
        """
        records = _records_of(frames)
        with self._lock:
            if self.size + len(records) > self._max_bytes and not beyond_limit:
                raise SpoolFull(f"the spool {self.folder} holds {self.size} of {self._max_bytes} bytes")
            segment = self._tail()
            _append(segment, records)
            segment.size += len(records)
            segment.rows += rows_in(frames)

    def head(self, max_rows: int, max_bytes: int) -> list[bytes]:
        """Return the first frames, all cut for the same lane count; at least one, unless the spool is empty.

        Each call returns the same frames until they are removed. Raises SpoolDamaged if the first frame cannot be read
        any more: it is moved to `damaged/` with the rest of its segment, and the next call begins with the next one.
        """
        with self._lock:
            if not self._segments:
                return []
            frames: list[bytes] = []
            rows = size = 0
            for frame, _ in _records(self._segments[0], at_most=max_bytes):
                rows, size = rows + rows_in([frame]), size + len(frame)
                if frames and (rows > max_rows or size > max_bytes or lanes_of(frame) != lanes_of(frames[0])):
                    break
                frames.append(frame)
            if not frames:
                segment = self._segments.pop(0)
                _cut_off(segment, segment.offset)
                _remove(segment)
                raise SpoolDamaged(segment.rows)
            return frames

    def advance(self, frames: Sequence[bytes]) -> None:
        """Remove the first frames, as `head` returned them, because Redis has them.

        An error of the disk is only logged: at worst these frames are sent again after a crash, and counted once.
        """
        with self._lock:
            segment = self._segments[0]
            segment.offset += _size_of(frames)
            segment.rows -= rows_in(frames)
            try:
                if segment.offset < segment.size:
                    private_files.replace(segment.cursor, _sealed(segment.offset))
                self._drop_finished()
            except OSError as error:
                _log.warning("the cursor of %s cannot be written: %s", self.folder, error)

    def replace(self, old: Sequence[bytes], new: Sequence[bytes]) -> None:
        """Replace the first frames with new ones, durably: a crash leaves either the old frames or the new ones."""
        with self._lock:
            segment = self._segments[0]
            rest = _read(segment.path, segment.offset + _size_of(old), segment.size)
            content = _records_of(new) + rest
            number, generation = segment.path.stem.split(".")
            path = self.folder / f"{number}.{int(generation) + 1:04d}{_SEGMENT}"
            private_files.replace(path, content)
            kept_rows = segment.rows - rows_in(old)
            self._segments[0] = _Segment(path, len(content), kept_rows + rows_in(new))
            _remove(segment)

    def expire(self, frames: Sequence[bytes]) -> None:
        """Move the first frames to the spool in `expired/`, which only `prelabel spool send --force` sends."""
        aside = ProjectSpool(self.folder / EXPIRED, self._max_bytes)
        before = aside.size
        aside.append(frames, beyond_limit=True)
        self._aside_bytes += aside.size - before
        self.advance(frames)
        _log.warning(
            "%s moved to %s: too old to be sent, since Redis may have forgotten their frames and count them twice",
            counted(rows_in(frames), "row"),
            aside.folder,
        )

    def _tail(self) -> _Segment:
        """Return the segment to write to, a new one if the last is large; the caller holds the lock."""
        if not self._segments or self._segments[-1].size >= self._segment_bytes:
            make_folder(self.folder)
            last = int(self._segments[-1].path.stem.split(".")[0]) if self._segments else 0
            # Never use a name again: a cursor that a crash left behind would be taken for the new segment's cursor.
            number = max(last + 1, time.time_ns() // 1000)
            path = self.folder / f"{number:020d}.0000{_SEGMENT}"
            path.touch(mode=0o600)
            private_files.sync_folder(self.folder)
            self._segments.append(_Segment(path))
        return self._segments[-1]

    def _drop_finished(self) -> None:
        while self._segments and self._segments[0].offset >= self._segments[0].size:
            _remove(self._segments.pop(0))  # it leaves the list even if the disk refuses


class SpoolFacts(NamedTuple):
    """The facts about a spool that users are shown."""

    rows: int
    #: Bytes of its files.
    size: int
    #: When the first frame was cut, in seconds since the epoch; None if there are no frames.
    oldest: float | None
    damaged_files: int


def facts_of(folder: Path) -> SpoolFacts:
    """Return the facts about a spool without changing it: another process may be using it."""
    rows = size = 0
    oldest: float | None = None
    for path in sorted(folder.glob(f"*{_SEGMENT}")):
        try:
            segment = _at_cursor(path)
            for frame, _ in _records(segment):
                rows += rows_in([frame])
                oldest = cut_at(frame) if oldest is None else oldest
        except FileNotFoundError:  # removed meanwhile, since Redis has all its frames
            continue
        size += segment.size
    return SpoolFacts(rows, size, oldest, len(list((folder / DAMAGED).glob("*"))))


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, durably, with access for the owner alone."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        private_files.sync_folder(folder.parent)


def _current_segments(folder: Path) -> list[Path]:
    """Return the latest file of each segment; remove older files, cursors and part files that a crash left."""
    latest: dict[str, Path] = {}
    leftovers = [*folder.glob(f"*{private_files.PART}")]
    for path in sorted(folder.glob(f"*{_SEGMENT}")):
        number = path.stem.split(".")[0]
        if number in latest:
            leftovers.append(latest[number])
        latest[number] = path
    stems = {path.stem for path in latest.values()}
    leftovers += [path for path in folder.glob(f"*{_POSITION}") if path.stem not in stems]
    for path in leftovers:
        path.unlink()
    return sorted(latest.values())


def _opened(path: Path) -> _Segment:
    """Open a segment: count the rows from its cursor on, and cut off the bytes after the last good record."""
    segment = _at_cursor(path)
    good = segment.offset
    for frame, end in _records(segment):
        segment.rows += rows_in([frame])
        good = end
    if good < segment.size:
        _cut_off(segment, good)
    return segment


def _at_cursor(path: Path) -> _Segment:
    """Return a segment with its cursor; its rows are not counted yet.

    Without a valid cursor it begins at the start: frames that Redis has are then sent again, and counted once.
    """
    segment = _Segment(path, path.stat().st_size)
    with suppress(FileNotFoundError, struct.error):
        content = segment.cursor.read_bytes()
        offset, _ = _CURSOR.unpack(content)
        if content == _sealed(offset) and offset <= segment.size:
            segment.offset = offset
    return segment


def _sealed(offset: int) -> bytes:
    """Return the content of a cursor's file, with a checksum that reveals an unfinished write."""
    return _CURSOR.pack(offset, crc32(offset.to_bytes(8, "big")))


def _records(segment: _Segment, at_most: int | None = None) -> Iterator[tuple[bytes, int]]:
    """Yield the frames of good records from the cursor on, each with the offset where its record ends.

    Records are read one at a time.
    """
    with segment.path.open("rb") as file:
        file.seek(segment.offset)
        place = segment.offset
        while place < segment.size and (at_most is None or place - segment.offset <= at_most):
            head = file.read(_RECORD.size)
            if len(head) < _RECORD.size:
                return
            mark, length, check = _RECORD.unpack(head)
            if mark != _MARK or not HEADER.size <= length <= _MAX_RECORD:
                return
            frame = file.read(length)
            if len(frame) < length or crc32(frame) != check:
                return
            place += _RECORD.size + length
            yield frame, place


def _records_of(frames: Sequence[bytes]) -> bytes:
    """Return the records of frames."""
    return b"".join(_RECORD.pack(_MARK, len(frame), crc32(frame)) + frame for frame in frames)


def _cut_off(segment: _Segment, good: int) -> None:
    """Cut off the bytes after the last good record: drop an unfinished write, move anything else to `damaged/`."""
    rest = _read(segment.path, good, segment.size)
    if _is_unfinished(rest):
        _log.warning("cut off %d bytes of an unfinished write from %s", len(rest), segment.path)
    else:
        folder = segment.path.parent / DAMAGED
        make_folder(folder)
        kept = folder / f"{segment.path.name}.{good}"
        private_files.replace(kept, rest)
        _log.error("%d bytes of %s are damaged: moved to %s", len(rest), segment.path, kept)
    os.truncate(segment.path, good)
    segment.size = good


def _is_unfinished(rest: bytes) -> bool:
    """Return whether these bytes can be the beginning of a single record, as an unfinished write leaves it."""
    if len(rest) < _RECORD.size:
        return _MARK.startswith(rest[:4])
    mark, length, _ = _RECORD.unpack_from(rest)
    return mark == _MARK and len(rest) < _RECORD.size + length and _MARK not in rest[1:]


def _size_of(frames: Sequence[bytes]) -> int:
    return sum(_RECORD.size + len(frame) for frame in frames)


def _read(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _append(segment: _Segment, records: bytes) -> None:
    """Write records after the last good one, in place of anything that a failed write left there."""
    handle = os.open(segment.path, os.O_WRONLY)
    try:
        os.ftruncate(handle, segment.size)
        done = 0
        while done < len(records):
            done += os.pwrite(handle, records[done:], segment.size + done)
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(segment: _Segment) -> None:
    """Remove a segment, then its cursor: a cursor without a segment is removed when the spool is opened."""
    segment.path.unlink(missing_ok=True)
    segment.cursor.unlink(missing_ok=True)
    private_files.sync_folder(segment.path.parent)
