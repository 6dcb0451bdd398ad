"""What the lines of a chunk's import were: their uuids and rows, in columns. Pure."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

_TRACE = 12  # bytes, see history.py


_KEY = 16  # bytes, see identity.row_key


_UUID = 16  # bytes


@dataclass(frozen=True, slots=True)
class SentLines:
    """The uuids of an import's lines, by row: what its status file will be matched with; each row's trace and row key.

    And its annotation counts, which imports that an older worker recorded do not have. Kept while the import
    runs: a later build may derive other lines, since the ontology may have changed.
    """

    rows: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    traces: tuple[bytes, ...] = ()
    keys: tuple[str, ...] = ()
    uuids: bytes = b""
    annotation_counts: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, built: Iterable[tuple[int, list[bytes], bytes, str]]) -> "SentLines":
        """From (row index, its uuids of 16 bytes each, its trace of 12, its row key)."""
        rows = list(built)
        return cls(
            tuple(index for index, _, _, _ in rows),
            tuple(len(uuids) for _, uuids, _, _ in rows),
            tuple(trace for _, _, trace, _ in rows),
            tuple(key for _, _, _, key in rows),
            b"".join(uuid for _, uuids, _, _ in rows for uuid in uuids),
        )

    def to_bytes(self) -> bytes:
        """The number of rows, their indexes, line counts, traces and row keys, the uuids, then the annotation counts.

        Big-endian; packed counts after their length, in a byte. An older worker, which knows none, reads the rest.
        """
        size = len(self.rows)
        numbers = struct.pack(f">I{size}I{size}I", size, *self.rows, *self.counts)
        annotation_counts = b"".join([bytes((len(counts),)) + counts for counts in self.annotation_counts])
        return numbers + b"".join(self.traces) + bytes.fromhex("".join(self.keys)) + self.uuids + annotation_counts

    @classmethod
    def from_bytes(cls, data: bytes) -> "SentLines":
        """Inverse of `to_bytes`."""
        (size,) = struct.unpack_from(">I", data)
        numbers = struct.unpack_from(f">{2 * size}I", data, 4)
        at = 4 + 8 * size
        keys = at + _TRACE * size
        uuids = keys + _KEY * size
        traces = tuple(data[start : start + _TRACE] for start in range(at, keys, _TRACE))
        digits = data[keys:uuids].hex()
        row_keys = tuple(digits[start : start + 2 * _KEY] for start in range(0, len(digits), 2 * _KEY))
        annotation_counts = uuids + _UUID * sum(numbers[size:])
        return cls(
            numbers[:size],
            numbers[size:],
            traces,
            row_keys,
            data[uuids:annotation_counts],
            _annotation_counts(data[annotation_counts:]),
        )

    def all_uuids(self) -> set[bytes]:
        """Every uuid that was sent."""
        uuids = self.uuids
        return {uuids[at : at + 16] for at in range(0, len(uuids), 16)}

    def row_of_uuid(self) -> dict[bytes, int]:
        """Which row each uuid belongs to."""
        uuids, position, found = self.uuids, 0, {}
        for row, count in zip(self.rows, self.counts, strict=True):
            for _ in range(count):
                found[uuids[position : position + 16]] = row
                position += 16
        return found


def _annotation_counts(data: bytes) -> tuple[bytes, ...]:
    found, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        found.append(data[at + 1 : end])
        at = end
    return tuple(found)


def newest(rows: Iterable[tuple[int, int, tuple[str, str]]]) -> tuple[list[int], list[int]]:
    """Of (index, arrival number, (data row, model)): the rows that stay and those a newer one supersedes."""
    best: dict[tuple[str, str], tuple[int, int]] = {}
    superseded: list[int] = []
    for index, seq, key in rows:
        other = best.get(key)
        if other is None:
            best[key] = (seq, index)
        elif (seq, index) > other:
            superseded.append(other[1])
            best[key] = (seq, index)
        else:
            superseded.append(index)
    return sorted(index for _, index in best.values()), sorted(superseded)
