"""What a message has of each feature: what is left of an older one when a newer is imported. Pure.

Labelbox overrides a pre-label by its uuid, and a derived uuid stands for (data row, model, feature, ordinal): when a
newer message has fewer annotations of a feature, those of the higher ordinals are left. So counts are enough.

Packed counts are, for each feature in ascending order of its number, one byte for the number and the count as a varint:
twice it, plus one when a message before had more; then that count follows. Number 0 stands for all annotations of a
message that is counted as a whole: the producer gave uuids, some lines are sent without, or its counts would be longer
than Redis packs. Of those only the least number that must be left is known.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prelabel_worker.rendering.identity import RowIdentity

MOST_BYTES = 64
"""Maximum bytes of packed counts: Redis packs small hashes only up to this size of a value."""
WHOLE = 0
_FEATURE = b"f"
MODEL = b"m"
"""What names begin with that have a number."""


class Slots(NamedTuple):
    """Annotations of a feature: of the last message, and the most that Labelbox has of any."""

    last: int
    most: int


class Counted(NamedTuple):
    """A message that is sent: its model, its annotations by feature (none: it is counted as a whole), and in all."""

    model: str
    features: Mapping[bytes, int]
    annotations: int


def names_of(rows: Iterable[Counted]) -> list[bytes]:
    """Return what needs a number before the counts of these messages can be packed: their features and models."""
    features = {feature: None for row in rows for feature in row.features}
    models = {row.model: None for row in rows}
    return [_FEATURE + each for each in features] + [MODEL + each.encode() for each in models]


def annotation_counts_of(rows: Iterable[Counted], numbers: Mapping[bytes, int]) -> tuple[bytes, ...]:
    """Return the packed counts of each message."""
    return tuple(
        pack({numbers[_FEATURE + feature]: count for feature, count in row.features.items()}, row.annotations)
        for row in rows
    )


def pack(counts: Mapping[int, int], annotations: int) -> bytes:
    """Pack counts by feature number; where a feature has no number, only that there are `annotations`."""
    packed = b"".join([bytes((number,)) + _varint(2 * counts[number]) for number in sorted(counts)])
    whole = not counts or WHOLE in counts or len(packed) > MOST_BYTES
    return bytes((WHOLE,)) + _varint(2 * annotations) if whole else packed


def unpack(packed: bytes) -> dict[int, Slots]:
    """By feature number: the inverse of `pack`, and of what annotation_counts_lib.lua makes of several messages."""
    found, at = {}, 0
    while at < len(packed):
        number = packed[at]
        count, at = _read_varint(packed, at + 1)
        last = most = count >> 1
        if count & 1:
            most, at = _read_varint(packed, at)
        found[number] = Slots(last, most)
    return found


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have the highest bit."""
    if number < 0x80:
        return bytes((number,))
    return bytes((number & 0x7F | 0x80,)) + _varint(number >> 7)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number there, and where it ends."""
    number = shift = 0
    while data[at] & 0x80:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return number | data[at] << shift, at + 1


class Leftovers(NamedTuple):
    """What is left in Labelbox of older messages of a data row and model: by uuid, and how many more at least."""

    model: str
    uuids: list[str]
    unnamed: int

    @property
    def annotations(self) -> int:
        """All of them, at least."""
        return len(self.uuids) + self.unnamed


def leftovers(model: str, packed: bytes, names: Mapping[int, bytes], row: RowIdentity) -> Leftovers:
    """Return those of a row with these packed counts; `names` by number, as `names_of` gave them."""
    uuids: list[str] = []
    unnamed = 0
    for number, slots in unpack(packed).items():
        if number == WHOLE:
            unnamed += slots.most - slots.last
        else:
            uuids += row.uuids([names[number][1:]] * slots.most)[1][slots.last :]
    return Leftovers(model, uuids, unnamed)
