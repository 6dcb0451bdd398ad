"""Open text that other people and tools wrote: the one way to read a file or standard input.

Gzip is recognised by its first bytes, not by the file's name, and unpacked as it is read. A byte-order mark of UTF-8 is
left out, at the beginning and after a line end, where joined files have them. Lines end with LF, CR LF or CR. UTF-16,
UTF-32 and other packings are refused by name: the bytes of such a file would be read as garbage.

The memory used does not depend on the size of the text, so that a small packed file cannot fill it; those who
read lines or elements limit these themselves.
"""

import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from prelabel.errors import PrelabelError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_WHOLE = 64 * 1024 * 1024
"""Maximum bytes of a text that is held in memory as a whole."""
STANDARD_INPUT = "-"
_PIECE = 64 * 1024
_LOOK = 4
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_LATER_BOM = re.compile(rb"(?<=\n)" + _BOM)
_CR = re.compile(rb"\r(?!\n)")
#: Bytes at the end of a piece whose meaning depends on the next byte.
_UNDECIDED = (b"\r", _BOM[:1], _BOM[:2])
_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32LE"),
    (b"\0\0\xfe\xff", "UTF-32BE"),
    (b"\xff\xfe", "UTF-16LE"),
    (b"\xfe\xff", "UTF-16BE"),
)
_PACKINGS = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
)
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)


class UnreadableInput(PrelabelError):
    """A file or standard input cannot be opened, is not text in UTF-8, or its gzip data is damaged or cut off."""


class TextInput(io.BufferedReader):
    """A stream of UTF-8 whose lines end with LF or CR LF. It can seek if the file can and is not packed."""

    def __init__(self, raw: "_Text", source: "_Source", size: int | None) -> None:
        super().__init__(raw, _PIECE)
        self._source = source
        #: How many bytes the file has on the disk, as they are stored; None when that is not known.
        self.size = size

    @property
    def place(self) -> int:
        """Return how many of the file's `size` bytes were read so far."""
        return self._source.place


@contextmanager
def open_text(file: Path | str) -> Iterator[TextInput]:
    """Open a file, or standard input for the string `-`. Raises UnreadableInput, possibly after some of the text."""
    if file == STANDARD_INPUT:
        yield _opened(cast(io.BufferedIOBase, sys.stdin.buffer), "standard input", None)
        return
    path = Path(file)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UnreadableInput(f"{path}: {error.strerror}") from None
    with stream:
        size = path.stat().st_size if path.is_file() else None
        yield _opened(stream, str(path), size)


def read_text(file: Path | str, max_bytes: int = MAX_WHOLE) -> bytes:
    """Return a whole text in UTF-8. Raises UnreadableInput."""
    with open_text(file) as stream:
        text = stream.read(max_bytes + 1)
    if len(text) > max_bytes:
        raise UnreadableInput(f"{name_of(file)}: more than {max_bytes:,} bytes of text, which is the most that is read")
    return text


def stem_of(path: Path) -> str:
    """Return a file's name without its suffix, and without a `.gz` after that."""
    name = path.name.removesuffix(".gz") if path.name != ".gz" else path.name
    return Path(name).stem


def name_of(file: Path | str) -> str:
    """Return the words for a file in an error."""
    return "standard input" if file == STANDARD_INPUT else str(file)


def _opened(stream: io.BufferedIOBase, name: str, size: int | None) -> TextInput:
    source = text = _Source(stream)
    try:
        head = source.look()
        if head.startswith(_GZIP):
            # GzipFile would seek by unpacking everything from the beginning, so nothing may seek here.
            text = _Source(gzip.GzipFile(fileobj=source), seekable=False)
            head = text.look()
    except (*_DAMAGED, OSError) as error:
        raise _unreadable(name, error, 0) from None
    if problem := _problem(head, unpacked=text is not source):
        raise UnreadableInput(f"{name}: {problem}")
    return TextInput(_Text(text, name), source, size)


def _problem(head: bytes, *, unpacked: bool) -> str | None:
    """Return why these first bytes are not those of a text in UTF-8, or None."""
    if unpacked and head.startswith(_GZIP):
        return "it is packed with gzip twice: unpack it once with gunzip"
    for mark, packing in _PACKINGS:
        if head.startswith(mark):
            return f"it is packed with {packing}, and only gzip is unpacked: unpack it first, or pack it with gzip"
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), None) or _wide(head)
    if encoding is not None:
        return f"it is in {encoding}, expected UTF-8: convert it with `iconv -f {encoding} -t UTF-8`"
    return None


def _wide(head: bytes) -> str | None:
    """Return the encoding in which every character takes 2 or 4 bytes, as the places of zero bytes show it; or None.

    The texts that we read are mostly of ASCII at their beginning, whatever the names in them are. Zero bytes that show
    no pattern are left to the reader: only their own lines are wrong.
    """
    head = head[: len(head) // 4 * 4][:4096]
    quarter = len(head) // 4
    zeros = [head[at::4].count(0) for at in range(4)]
    if not quarter:
        return None
    for order, (first, second, _, last) in (("LE", zeros[::-1]), ("BE", zeros)):
        if first == quarter and 4 * second >= 3 * quarter and 4 * last < quarter:
            return f"UTF-32{order}"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    for order, high, low in (("LE", odd, even), ("BE", even, odd)):
        if high > 1 and 2 * high >= quarter and 8 * low <= high:
            return f"UTF-16{order}"
    return None


def _unreadable(name: str, error: Exception, after: int) -> UnreadableInput:
    if isinstance(error, EOFError):
        problem = f"the gzip data is cut off after {after:,} bytes of text: copy or pack the file again"
    elif isinstance(error, _DAMAGED):
        problem = f"the gzip data is damaged after {after:,} bytes of text ({error}): copy or pack the file again"
    else:
        problem = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return UnreadableInput(f"{name}: {problem}")


class _Source:
    """Bytes of a stream, whose beginning can be looked at without taking it."""

    def __init__(self, stream: io.BufferedIOBase, *, seekable: bool = True) -> None:
        self._stream = stream
        self._head = b""
        #: How many bytes were taken from the stream.
        self.place = 0
        self.seekable = seekable and stream.seekable()
        self._start = stream.tell() if self.seekable else 0

    def look(self) -> bytes:
        """Return the first bytes: at least 4 unless there are fewer, and all that are there without waiting for more.

        A pipe on which lines come slowly must not wait for a fuller look.
        """
        while len(self._head) < _LOOK and (more := self._stream.read1(_PIECE)):
            self.place += len(more)
            self._head += more
        return self._head

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, without waiting for all of them; none at the end."""
        if self._head or not size:
            data, self._head = self._head[:size], self._head[size:]
            return data
        data = self._stream.read1(size)
        self.place += len(data)
        return data

    def seek(self, offset: int) -> None:
        """Move to a place, counted from where the stream stood."""
        self._head = b""
        self._stream.seek(self._start + offset)


class _Text(io.RawIOBase):
    """The text of a source. Bytes that are replaced keep their number, so that places in it are places in the file."""

    def __init__(self, source: _Source, name: str) -> None:
        self._source = source
        self._name = name
        self._skipped = len(_BOM) if source.look().startswith(_BOM) else 0
        source.read(self._skipped)
        self._at = 0
        self._rest = b""
        self._after_line = True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._source.seekable

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to the beginning of a line; with SEEK_CUR and 0, return the place only."""
        if whence == io.SEEK_CUR and offset == 0:
            return self._at
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only places from the beginning")
        self._source.seek(self._skipped + offset)
        self._rest, self._after_line, self._at = b"", True, offset
        return offset

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        try:
            piece = self._rest or self._piece(len(view))
        except (*_DAMAGED, OSError) as error:
            raise _unreadable(self._name, error, self._at) from None
        piece, self._rest = piece[: len(view)], piece[len(view) :]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _piece(self, size: int) -> bytes:
        """Return the next bytes, none at the end, with LF for each CR alone and spaces for each mark after a line."""
        data = self._source.read(size)
        while data.endswith(_UNDECIDED) and len(data) < size + len(_BOM) and (more := self._source.read(1)):
            data += more
        if b"\r" in data:
            data = _CR.sub(b"\n", data)
        if _BOM in data:
            if self._after_line and data.startswith(_BOM):
                data = data.replace(_BOM, b"   ", 1)
            data = _LATER_BOM.sub(b"   ", data)
        self._after_line = data.endswith(b"\n")
        return data
