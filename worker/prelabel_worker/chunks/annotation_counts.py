"""How many annotations a message has of each feature, and so which annotations of older messages Labelbox still has.

Labelbox overrides a pre-label by its uuid, and a derived uuid stands for (data row, model, feature, ordinal): when a
newer message has fewer annotations of a feature, Labelbox keeps the older annotations with the higher ordinals. So it
is enough to remember the counts. No I/O.

Packed counts list the features in ascending order of their numbers. A feature takes one byte for its number and a
varint of twice its count. Where an earlier message had more, one is added to the varint, and that higher count follows.
Number 0 stands for all annotations of a message that is counted as a whole: its producer chose the uuids, some of its
lines are sent without a uuid, or its counts would be too long. For such messages only a minimum is known of what is
left over.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prelabel_worker.rendering.identity import RowIdentity

MOST_BYTES = 64
"""Maximum bytes of packed counts: Redis packs small hashes only up to this size of a value."""
WHOLE = 0
_FEATURE = b"f"
MODEL = b"m"
"""First bytes of the names that get a number."""


class Slots(NamedTuple):
    """Numbers of annotations of one feature."""

    #: In the last message.
    last: int
    #: The highest number of any message, which Labelbox has.
    most: int


class Counted(NamedTuple):
    """A message that is sent."""

    model: str
    #: Number of annotations by feature; empty if the message is counted as a whole.
    features: Mapping[bytes, int]
    #: Number of all its annotations.
    annotations: int


def names_of(rows: Iterable[Counted]) -> list[bytes]:
    """Return the features and models of these messages: they need numbers before the counts can be packed."""
    features = {feature: None for row in rows for feature in row.features}
    models = {row.model: None for row in rows}
    return [_FEATURE + feature for feature in features] + [MODEL + model.encode() for model in models]


def annotation_counts_of(rows: Iterable[Counted], numbers: Mapping[bytes, int]) -> tuple[bytes, ...]:
    """Return the packed counts of each message."""
    return tuple(
        pack({numbers[_FEATURE + feature]: count for feature, count in row.features.items()}, row.annotations)
        for row in rows
    )


def pack(counts: Mapping[int, int], annotations: int) -> bytes:
    """Pack counts by feature number; only the number of all `annotations` where a feature has no number."""
    packed = b"".join([bytes((number,)) + _varint(2 * counts[number]) for number in sorted(counts)])
    whole = not counts or WHOLE in counts or len(packed) > MOST_BYTES
    return bytes((WHOLE,)) + _varint(2 * annotations) if whole else packed


def unpack(packed: bytes) -> dict[int, Slots]:
    """Return counts by feature number, as packed by `pack`, or by annotation_counts_lib.lua for several messages."""
    counts, at = {}, 0
    while at < len(packed):
        number = packed[at]
        count, at = _read_varint(packed, at + 1)
        last = most = count >> 1
        if count & 1:
            most, at = _read_varint(packed, at)
        counts[number] = Slots(last, most)
    return counts


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


def leftovers(model: str, packed: bytes, names: Mapping[int, bytes], row: RowIdentity) -> Leftovers:
    """Return the leftovers of a row with these packed counts; `names` maps numbers to what `names_of` returned."""
    uuids: list[str] = []
    unnamed = 0
    for number, slots in unpack(packed).items():
        if number == WHOLE:
            unnamed += slots.most - slots.last
        else:
            uuids += row.uuids([names[number][1:]] * slots.most)[1][slots.last :]
    return Leftovers(model, uuids, unnamed)
