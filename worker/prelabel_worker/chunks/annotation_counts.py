"""How many annotations a message has of each feature, and so which annotations of older messages Labelbox still has.

Labelbox overrides a pre-label by its uuid, and a derived uuid stands for (data row, model, feature, ordinal): when a
newer message has fewer annotations of a feature, Labelbox keeps the older annotations with the higher ordinals. So the
counts of all messages tell what is left over. They are kept in the history, a column of each import, and compared only
when somebody asks. No I/O.

A row of the column is its size in a byte, the number of its model, and pairs of a feature's number and a count.
Numbers are varints, and places in the lists of names that the column begins with. Feature number 0 stands for all
annotations of a message that is counted as a whole: its producer chose the uuids, some of its lines are sent without a
uuid, or its counts would be too long. For such messages only a minimum is known of what is left over.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import zstandard

from prelabel_worker.rendering.identity import RowIdentity

_MOST_BYTES = 255  # of a row, since its size takes one byte
_MOST_COLUMN = 64 * 1024 * 1024
_WHOLE = 0
_LEVEL = 1


class Counted(NamedTuple):
    """A message that is sent."""

    model: str
    #: Number of annotations by feature; empty if the message is counted as a whole.
    features: Mapping[bytes, int]
    #: Number of all its annotations.
    annotations: int


class _Column(msgspec.Struct, frozen=True, array_like=True):
    """The counts of an import's messages, in the order in which they were sent."""

    models: list[str]
    #: Features by number, from 1 on.
    features: list[bytes]
    #: The packed rows, one after the other.
    rows: bytes


class _Codes(dict[tuple[bytes, int], bytes]):
    """Bytes of a feature and its count. A feature that is new gets the next number."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}

    def __missing__(self, counted: tuple[bytes, int]) -> bytes:
        feature, count = counted
        number = self.numbers.setdefault(feature, len(self.numbers) + 1)
        code = self[counted] = _varint(number) + _varint(count)
        return code


class Packer:
    """Packs the column of an import: its rows one by one, so that a message's counts need not be kept."""

    def __init__(self) -> None:
        self._codes = _Codes()
        self._code_of = self._codes.__getitem__
        self._models: dict[str, bytes] = {}

    def row(self, model: str, features: Mapping[bytes, int], annotations: int) -> bytes:
        """Return the row of a message; see `Counted` for the arguments."""
        of_model = self._models.get(model)
        if of_model is None:
            of_model = self._models[model] = _varint(len(self._models))
        row = of_model + b"".join(map(self._code_of, features.items()))
        if not features or len(row) > _MOST_BYTES:
            row = of_model + _varint(_WHOLE) + _varint(annotations)
        return _SIZES[len(row)] + row

    def column(self, rows: Iterable[bytes]) -> bytes:
        """Return the column of these rows, compressed."""
        column = _Column(list(self._models), list(self._codes.numbers), b"".join(rows))
        return zstandard.ZstdCompressor(level=_LEVEL).compress(_encode(column))


class AnnotationCounts:
    """The column of an import's messages, as `Packer` made it. Raises ValueError for what it did not make."""

    def __init__(self, packed: bytes) -> None:
        # zstandard allocates the size that the content declares, whatever limit it gets: check that size first.
        if zstandard.frame_content_size(packed) > _MOST_COLUMN:
            raise ValueError("the annotation counts of an import are larger than any")
        self._column = _decode(zstandard.ZstdDecompressor(max_window_size=_MOST_COLUMN).decompress(packed))
        self._starts = list(_starts(self._column.rows))

    def of(self, position: int) -> Counted:
        """Return the message at this position of the import."""
        rows, start = self._column.rows, self._starts[position]
        end = start + 1 + rows[start]
        number, at = _read_varint(rows, start + 1)
        model, features, whole = self._column.models[number], {}, 0
        while at < end:
            feature, at = _read_varint(rows, at)
            count, at = _read_varint(rows, at)
            if feature == _WHOLE:
                whole = count
            else:
                features[self._column.features[feature - 1]] = count
        return Counted(model, features, whole or sum(features.values()))


def _starts(rows: bytes) -> Iterable[int]:
    start = 0
    while start < len(rows):
        yield start
        start += 1 + rows[start]


def _varint(number: int) -> bytes:
    """Return a number in bytes of seven bits, the lowest first; all bytes but the last have the highest bit set."""
    if number < 0x80:
        return bytes((number,))
    return bytes((number & 0x7F | 0x80,)) + _varint(number >> 7)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at this place, and the place behind it."""
    number = shift = 0
    while data[at] & 0x80:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return number | data[at] << shift, at + 1


_SIZES = [bytes((size,)) for size in range(_MOST_BYTES + 1)]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Column).decode


class Leftovers(NamedTuple):
    """Annotations of older messages of a data row and model that Labelbox still has."""

    model: str
    uuids: list[str]
    #: Minimum number of further annotations, whose uuids are not known.
    unnamed: int

    @property
    def annotations(self) -> int:
        """Minimum number of all of them."""
        return len(self.uuids) + self.unnamed


class ImportedMessage(NamedTuple):
    """A message of a data row and model that was imported, or that has no annotations."""

    counted: Counted
    #: Whether its import was undone: Labelbox deletes what no other import has overridden.
    undone: bool


def leftovers(messages: Sequence[ImportedMessage], row: RowIdentity) -> Leftovers:
    """Return what is left over of the messages of a data row and model, the oldest first, of which there is one."""
    # Labelbox has an annotation from the last message that had its feature and ordinal.
    owners: dict[bytes, list[int]] = {}
    for number, (counted, _) in enumerate(messages):
        for feature, count in counted.features.items():
            owners.setdefault(feature, [])[:count] = [number] * count
    kept = [number for number, message in enumerate(messages) if not message.undone]
    model = messages[-1].counted.model
    if not kept:
        return Leftovers(model, [], 0)
    older, last = set(kept[:-1]), messages[kept[-1]].counted
    uuids = [
        uuid
        for feature, numbers in owners.items()
        for number, uuid in zip(numbers, row.uuids([feature] * len(numbers))[1], strict=True)
        if number in older
    ]
    wholes = [messages[number].counted.annotations for number in older if not messages[number].counted.features]
    if last.annotations and not last.features:  # its uuids are unknown, and may be those of the older messages
        wholes, uuids = [*wholes, len(uuids)], []
    return Leftovers(model, uuids, max(0, max(wholes, default=0) - last.annotations))
