"""A folder of growing files with one JSON object a line, which are rotated, truncated, packed and removed by others.

How far each file was read is kept in a state file. A file is known by its inode and the hash of its beginning, so that
it is found again after it was renamed, copied or packed with gzip.
"""

import gzip
import hashlib
import json
import logging
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from prelabel import private_files
from prelabel.bridges.feed import MAX_RECORD_BYTES, Delivery, SourceAway, deliver, unreadable
from prelabel.bridges.positions import Positions
from prelabel.errors import PrelabelError

PATTERNS = ("**/*.jsonl*", "**/*.ndjson*")
"""Which files are read, unless patterns are given."""
STATE_NAME = ".prelabel-bridge.json"
_HEAD_BYTES = 1024
_CHUNK = 1024 * 1024
_POLL_SECONDS = 0.5
_COPY_SECONDS = 60.0
_FORGET_SECONDS = 7 * 86_400
_GZIP = b"\x1f\x8b"
_log = logging.getLogger("prelabel.bridge")


class BadState(PrelabelError):
    """The state file cannot be used."""


@dataclass(slots=True, eq=False)
class _Known:
    """What is known of a file: its identity, and how far it was read."""

    device: int
    inode: int
    #: Where it was last, relative to the folder.
    name: str
    #: Hash of its first bytes, and how many these are.
    head: str = ""
    head_bytes: int = 0
    #: Unix time at which it was last there.
    seen: float = 0.0
    #: Up to where its records are done.
    offset: int = 0
    #: Up to where it was read.
    read_to: int = 0
    #: Size and time of the file when its beginning was last looked at.
    stamp: tuple[int, int] | None = None
    #: Whether it is packed with gzip.
    packed: bool = False
    #: Size and time of a packed file that was read to its end.
    finished: tuple[int, int] | None = None
    positions: Positions = field(init=False)

    def __post_init__(self) -> None:
        self.read_to = self.offset
        self.positions = Positions(self.offset)

    def as_json(self) -> dict[str, Any]:
        """Return the fields that the state file keeps."""
        names = ("device", "inode", "name", "head", "head_bytes", "seen", "offset")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class _Place:
    """The token of a record: its file, and the bytes that it takes there."""

    known: _Known
    position: int


class Folder:
    """The lines of the files in a folder, in the order in which the files were last written."""

    def __init__(
        self,
        folder: Path,
        state: Path,
        patterns: Sequence[str] = PATTERNS,
        *,
        never: Sequence[Path] = (),
        patient: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`never` are files of ours, which may be in the folder. Raises BadState.

        With `patient`, what looks like a copy of a file that is still there is left alone for a minute, since the other
        one is about to be truncated.
        """
        self._folder = folder
        self._state = state
        self._patterns = patterns
        self._never = {path.absolute() for path in (state, _lock_of(state), *never)}
        self._patient = patient
        self._clock = clock
        self._copies: dict[tuple[int, int], float] = {}
        self._skipped: set[str] = set()
        self._drained = False
        self._lock = _locked(_lock_of(state))
        self._known = _read_state(state)

    def read(self, max_records: int, seconds: float) -> list[Delivery]:
        """Return the next lines of all files."""
        deliveries: list[Delivery] = []
        try:
            files = self._files()
        except OSError as error:
            raise SourceAway(f"{self._folder}: {error.strerror or error}") from None
        for path, known in files:
            if len(deliveries) >= max_records:
                break
            try:
                deliveries += self._lines(path, known, max_records - len(deliveries))
            except FileNotFoundError:
                continue  # rotated in this moment: the next look finds it
            except OSError as error:
                self._skip(known.name, error.strerror or str(error))
        self._drained = not deliveries
        if not deliveries:
            time.sleep(min(seconds, _POLL_SECONDS))
        return deliveries

    def drained(self) -> bool:
        """Return whether no file had a complete line more."""
        return self._drained

    def acknowledge(self, groups: Sequence[Sequence[Delivery]]) -> None:
        """Keep durably how far each file was read."""
        for group in groups:
            by_file: dict[int, list[_Place]] = {}
            for delivery in group:
                by_file.setdefault(id(delivery.token.known), []).append(delivery.token)
            for places in by_file.values():
                places[0].known.positions.finish([place.position for place in places])
        for known in self._known:
            known.offset = known.positions.safe()
        self._save()

    def hold(self) -> None:
        """Do nothing: nobody else reads these files."""

    def close(self) -> None:
        """Let another process read the folder."""
        os.close(self._lock)

    def _save(self) -> None:
        now = self._clock()
        self._known = [known for known in self._known if now - known.seen < _FORGET_SECONDS]
        document = {"version": 1, "files": [known.as_json() for known in self._known]}
        try:
            private_files.replace(self._state, orjson.dumps(document))
        except OSError as error:
            raise SourceAway(f"the state file {self._state}: {error.strerror or error}") from None

    def _files(self) -> list[tuple[Path, _Known]]:
        """Return the files to read, those first that were written first, each with what is known of it."""
        if not self._folder.is_dir():
            raise FileNotFoundError(None, "no such folder", str(self._folder))
        found: dict[Path, os.stat_result] = {}
        for pattern in self._patterns:
            for path in self._folder.glob(pattern):
                facts = _regular(path)
                if facts is not None and path.absolute() not in self._never:
                    found[path] = facts
        ordered = sorted(found.items(), key=lambda item: (item[1].st_mtime_ns, str(item[0])))
        by_inode = {(known.device, known.inode): known for known in self._known}
        known: dict[Path, _Known] = {}
        unknown: list[tuple[Path, os.stat_result]] = []
        now = self._clock()
        for path, facts in ordered:
            match = _same(by_inode.get((facts.st_dev, facts.st_ino)), path, facts)
            if match is None:
                unknown.append((path, facts))
            else:
                known[path] = match
        for path, facts in unknown:
            match = self._moved(path, facts, set(map(id, known.values())))
            if match is not None:
                known[path] = match
        for path, each in known.items():
            each.name, each.seen = str(path.relative_to(self._folder)), now
        return [(path, known[path]) for path, _ in ordered if path in known]

    def _moved(self, path: Path, facts: os.stat_result, live: set[int]) -> _Known | None:
        """Return what is known of a file that was copied, packed or replaced; None for one that must wait."""
        head = _head(path)
        if head is None:
            return None
        alike = [known for known in self._known if known.head_bytes and _begins(known, head)]
        origin = next((known for known in alike if id(known) not in live), None)
        if origin is None and alike and self._patient:
            since = self._copies.setdefault((facts.st_dev, facts.st_ino), self._clock())
            if self._clock() - since < _COPY_SECONDS:
                return None
        if origin is None:
            origin = _Known(facts.st_dev, facts.st_ino, str(path.relative_to(self._folder)))
            self._known.append(origin)
        # The old file at this inode, if there was one, is found by its beginning where its content is now.
        for other in self._known:
            if other is not origin and (other.device, other.inode) == (facts.st_dev, facts.st_ino):
                other.device = other.inode = 0
        origin.device, origin.inode, origin.finished = facts.st_dev, facts.st_ino, None
        _learn(origin, path, facts, head)
        return origin

    def _lines(self, path: Path, known: _Known, most: int) -> list[Delivery]:
        facts = path.stat()
        if known.packed:
            stamp = _stamp(facts)
            if known.finished == stamp:
                return []
            with open(path, "rb") as packed, gzip.open(packed) as stream:
                deliveries, whole = self._packed_lines(stream, known, most)  # type: ignore[arg-type]
            known.finished = stamp if whole else None
            return deliveries
        if facts.st_size <= known.read_to:
            return []
        with open(path, "rb") as stream:
            return list(self._of_stream(stream, known, most, complete=False))

    def _packed_lines(self, stream: BinaryIO, known: _Known, most: int) -> tuple[list[Delivery], bool]:
        """Return lines of a packed file, and whether it was read to its end; a file that is not whole waits."""
        deliveries: list[Delivery] = []
        try:
            for delivery in self._of_stream(stream, known, most, complete=True):
                deliveries.append(delivery)
        except EOFError:
            return deliveries, False
        except (gzip.BadGzipFile, zlib.error) as error:
            self._skip(known.name, f"damaged: {error}")
            return deliveries, True
        return deliveries, len(deliveries) < most

    def _of_stream(self, stream: BinaryIO, known: _Known, most: int, *, complete: bool) -> Iterator[Delivery]:
        """Yield the lines behind what was read. Without `complete`, a last line without its end may still grow."""
        stream.seek(known.read_to)
        while most > 0:
            line = stream.readline(MAX_RECORD_BYTES + 2)
            end = known.read_to + len(line)
            if line and not line.endswith(b"\n"):
                if len(line) > MAX_RECORD_BYTES:
                    rest = _skip_line(stream)
                    if rest is None and not complete:
                        return
                    end += rest or 0
                elif not complete and not _is_object(line):
                    return
            if not line:
                return
            start, known.read_to = known.read_to, end
            known.positions.begin(start, end)
            token = _Place(known, start)
            if not line.strip():
                known.positions.finish([start])
                continue
            most -= 1
            yield _delivery(known, start, line, token)

    def _skip(self, name: str, why: str) -> None:
        """Say once that a file cannot be read."""
        if name not in self._skipped:
            self._skipped.add(name)
            _log.error("bridge.file_skipped", extra={"fields": {"file": name, "detail": why}})


def _delivery(known: _Known, start: int, line: bytes, token: _Place) -> Delivery:
    # The name changes when a file is rotated, so the record is named by its content and where it stands.
    where, identity = f"{known.name}, byte {start}", f"folder:{start}:{_hash(line.strip())}"
    if len(line) > MAX_RECORD_BYTES:
        return unreadable(where, identity, token, line, f"expected at most {MAX_RECORD_BYTES:,} bytes in a line")
    return deliver(where, identity, token, line, record={"file": known.name, "offset": start})


def _skip_line(stream: BinaryIO) -> int | None:
    """Read to the end of a line; return how many bytes that were, or None if the line does not end yet."""
    skipped = 0
    while True:
        piece = stream.readline(_CHUNK)
        skipped += len(piece)
        if piece.endswith(b"\n"):
            return skipped
        if not piece:
            return None


def _is_object(line: bytes) -> bool:
    """Return whether a line is a whole object: nothing that is written behind it can be a part of it."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _regular(path: Path) -> os.stat_result | None:
    """Return the facts about a regular file; None for anything else, such as a link."""
    try:
        facts = path.lstat()
    except OSError:
        return None
    return facts if stat.S_ISREG(facts.st_mode) else None


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == _GZIP


def _head(path: Path) -> bytes | None:
    """Return the first bytes of a file, unpacked; None if they cannot be read now."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
            if not head.startswith(_GZIP):
                return head
            file.seek(0)
            with gzip.open(file) as unpacked:
                return unpacked.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return None


def _hash(head: bytes) -> str:
    return hashlib.blake2b(head, digest_size=16).hexdigest()


def _begins(known: _Known, head: bytes) -> bool:
    """Return whether a file begins as a known one did."""
    return len(head) >= known.head_bytes and _hash(head[: known.head_bytes]) == (known.head or _hash(b""))


def _same(known: _Known | None, path: Path, facts: os.stat_result) -> _Known | None:
    """Return what is known of the file with this inode, if it still begins in the same way."""
    if known is None or known.stamp == _stamp(facts):
        return known
    head = _head(path)
    if head is None or not _begins(known, head) or (facts.st_size < known.read_to and not known.packed):
        return None
    _learn(known, path, facts, head)
    return known


def _stamp(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_size, facts.st_mtime_ns


def _learn(known: _Known, path: Path, facts: os.stat_result, head: bytes) -> None:
    known.stamp, known.packed = _stamp(facts), _is_gzip(path)
    if len(head) > known.head_bytes:
        known.head_bytes, known.head = len(head), _hash(head)


def _lock_of(state: Path) -> Path:
    return state.with_name(f"{state.name}.lock")


def _locked(path: Path) -> int:
    """Take the lock of a state file. Raises BadState if another process has it."""
    import fcntl  # imported here, since Windows has no fcntl, and the other sources work there

    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadState(f"{path}: {error.strerror}: name a place for the state with --state") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise BadState(f"{path}: another bridge uses this state: stop it, or name another one with --state") from None
    return handle


@contextmanager
def _explaining(state: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadState(
            f"{state}: not a state of a bridge ({error}): name another file with --state, or remove it to read all "
            "files from their beginning"
        ) from None


def _read_state(state: Path) -> list[_Known]:
    with _explaining(state):
        private_files.check_regular(state)
        if not state.exists():
            return []
        document = json.loads(state.read_bytes())
        if document["version"] != 1:
            raise ValueError(f"version {document['version']}")
        return [_Known(**entry) for entry in document["files"]]
