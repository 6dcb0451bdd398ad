"""Compute identities that never change: uuids of annotations, names of imports, keys of held rows. No I/O.

If a digest here changed, new pre-labels would no longer override those imported before. So
`tests/unit/rendering/test_identity.py` has golden values. Each part of a tuple is digested as its length (4 bytes,
big-endian) and its UTF-8 bytes, since a separator could occur in names.
"""

import hashlib
from binascii import hexlify
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

FORMS = {"i": "id", "k": "globalKey"}
"""The forms of a data row's name: how keys begin, and the field of a message."""
_UUID_PERSON = b"prelabel.uuid.2"
_ROW_PERSON = b"prelabel.row.1"
_MARK_PERSON = b"prelabel.mark.1"
_FILE_PERSON = b"prelabel.file.1"
# RFC 9562: a UUID of version 8 fixes the version and two bits of the variant. The other bits are those of the digest.
_FIXED = 0x8 << 76 | 0x2 << 62
_FREE = (1 << 128) - 1 & ~(0xF << 76 | 0x3 << 62)
_FREE_BYTES = _FREE.to_bytes(16, "big")

_ROW = hashlib.blake2b(digest_size=16, person=_ROW_PERSON)
_ORDINALS_KEPT = 256  # of each feature: few rows have more annotations of a feature


_LENGTHS = tuple(length.to_bytes(4, "big") for length in range(1024))


def _prefixed(text: str) -> bytes:
    """Return the text's length in 4 bytes, then its UTF-8 bytes."""
    data = text.encode()
    length = len(data)
    return (_LENGTHS[length] if length < len(_LENGTHS) else length.to_bytes(4, "big")) + data


_prefixed_model = lru_cache(1024)(_prefixed)  # a chunk has few models


class ProjectIdentity:
    """Derives the uuids of annotations in a project: UUIDv8, whose 122 free bits are those of R xor F xor ordinal.

    R is the row key: 128 bits of BLAKE2b over the data row, given by its key (`i:<id>` or `k:<global key>`), and the
    model's name, empty if there is none. F has 128 bits of BLAKE2b over the project and the feature, given by its
    featureSchemaId. The ordinal counts the row's annotations of that feature from 0. So a row costs one digest.

    *No two annotations of a project share a uuid.* An ordinal is below 5,000 and so changes the last 13 bits only. Two
    annotations of a row would need two features that agree in the other 109 bits of F. Annotations of two rows would
    need `R1 xor R2` to agree with `F1 xor F2` there, whatever their ordinals are: for a billion rows of four features
    each the odds are 1 in 10^13. Who may publish and wants two equal uuids need not search for such names: a message
    may give uuids.
    """

    __slots__ = ("_parts", "_project")

    def __init__(self, project_id: str) -> None:
        self._project = hashlib.blake2b(_prefixed(project_id), digest_size=16, person=_UUID_PERSON)
        # F xor ordinal by feature and ordinal, with the bits that a UUIDv8 fixes. No subclass of dict with
        # `__missing__`: Python looks keys of such a class up in a slower way.
        self._parts: dict[bytes, dict[int, bytes]] = {}

    def row(self, data_row_key: str, model: str) -> "RowIdentity":
        """Return the identity of a row. `data_row_key` is `i:<id>` or `k:<global key>`; `model` may be ''."""
        return RowIdentity(self, packed_row_key(data_row_key, model))

    def derive(self, rows: Iterable[tuple[bytes, Sequence[bytes]]]) -> tuple[bytes, list[dict[bytes, int]]]:
        """Return the uuids of the annotations of rows, 16 bytes each, and each row's number of annotations by feature.

        A row is its row key (`packed_row_key`) and the feature of each annotation (`tree.feature_bytes`).
        """
        known, parts, row_keys = self._parts, [], []
        counts_of_rows: list[dict[bytes, int]] = []
        for row_key, features in rows:
            counts: dict[bytes, int] = {}
            for feature in features:
                ordinal = counts.get(feature, 0)
                counts[feature] = ordinal + 1
                try:
                    parts.append(known[feature][ordinal])
                except KeyError:
                    parts.append(self._part(feature, ordinal))
            row_keys.append(row_key * len(features))
            counts_of_rows.append(counts)
        # All uuids in one step: an integer for each would cost more.
        own = int.from_bytes(b"".join(row_keys), "big") & int.from_bytes(_FREE_BYTES * len(parts), "big")
        uuids = int.from_bytes(b"".join(parts), "big") ^ own
        return uuids.to_bytes(16 * len(parts), "big"), counts_of_rows

    def _part(self, feature: bytes, ordinal: int) -> bytes:
        ordinals = self._parts.get(feature)
        if ordinals is None:
            digest = self._project.copy()
            digest.update(feature)
            first = int.from_bytes(digest.digest(), "big") & _FREE | _FIXED
            ordinals = self._parts[feature] = {0: first.to_bytes(16, "big")}
        part = (int.from_bytes(ordinals[0], "big") ^ ordinal).to_bytes(16, "big")
        if ordinal < _ORDINALS_KEPT:
            ordinals[ordinal] = part
        return part


class RowIdentity(NamedTuple):
    """Derives the uuids of one row's annotations."""

    project: ProjectIdentity
    row_key: bytes

    def uuids(self, features: Sequence[bytes]) -> tuple[list[bytes], list[str], dict[bytes, int]]:
        """Return the uuids of annotations as bytes, the same uuids as text, and the number of annotations by feature.

        `features` has the feature of each annotation, in the form of `feature_bytes`.
        """
        packed, (counts,) = self.project.derive([(self.row_key, features)])
        return split_uuids(packed), uuid_texts(packed), counts


def split_uuids(packed: bytes) -> list[bytes]:
    """Return uuids of 16 bytes each, one by one."""
    return [packed[start : start + 16] for start in range(0, len(packed), 16)]


def uuid_texts(packed: bytes) -> list[str]:
    """Return uuids of 16 bytes each in canonical form."""
    count = len(packed) // 16
    if count <= _FEW:
        return _texts_of_few(packed)
    digits, texts = hexlify(packed), bytearray(_TEXT * count)
    for at, place in enumerate(_DIGITS):  # one digit of all uuids at a time, because there are only 32 of them
        texts[place :: len(_TEXT)] = digits[at::32]
    return texts.decode().split("\n")[:-1]


def _texts_of_few(packed: bytes) -> list[str]:
    # `translate` puts the byte at place n of the table where the layout has n: it sets the dashes of all uuids at once.
    layout, slices = _LAYOUTS[len(packed) // 16]
    return list(map(layout.translate(hexlify(packed).ljust(256, b"-")).decode().__getitem__, slices))


def _layout(count: int) -> tuple[bytes, tuple[slice, ...]]:
    """Return the places of the digits of so many uuids in their texts, and the slices of the texts."""
    places = bytearray()
    for start in range(0, 32 * count, 32):
        for group in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)):
            places += bytes(range(start + group[0], start + group[1])) + b"\xff"
        del places[-1]
    return bytes(places), tuple(slice(start, start + 36) for start in range(0, 36 * count, 36))


_FEW = 7  # a table has 256 places: the 32 digits of seven uuids, and a dash
_TEXT = b"00000000-0000-0000-0000-000000000000\n"
_DIGITS = [at for at, character in enumerate(_TEXT) if character == ord("0")]
_LAYOUTS = [_layout(count) for count in range(_FEW + 1)]


def uuid_bytes(uuid: str) -> bytes:
    """Return the 16 bytes of a canonical uuid."""
    return bytes.fromhex(uuid.replace("-", ""))


def row_mark(data_row_key: str) -> bytes:
    """Return 8 bytes that stand for a data row, to match status lines that do not have a uuid of ours."""
    return hashlib.blake2b(_prefixed(data_row_key), digest_size=8, person=_MARK_PERSON).digest()


def unsent_line(data_row_key: str, model: str, ordinal: int) -> bytes:
    """Return 16 bytes in place of the uuid of a line that is sent without one.

    They are the data row's mark, then 8 bytes for the model and the line's position in the row.
    """
    data = _prefixed(model) + ordinal.to_bytes(4, "big")
    return row_mark(data_row_key) + hashlib.blake2b(data, digest_size=8, person=_MARK_PERSON).digest()


def import_name(chunk_id: str, content: Iterable[bytes]) -> str:
    """Return the name of an import of these pieces: it has their digest, so two contents never have the same name.

    SHA-256 and not BLAKE2b, as elsewhere here: processors have instructions for it, which matters with so many bytes.
    """
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
    return f"prelabel-{chunk_id}-{digest.hexdigest()[:32]}"


def file_message_id(project_id: str, content: bytes) -> str:
    """Return the message id of a record of a file that names none. It is the same when the file is read again."""
    digest = hashlib.blake2b(_prefixed(project_id) + content, digest_size=16, person=_FILE_PERSON).digest()
    return str(UUID(int=int.from_bytes(digest, "big") & _FREE | _FIXED))


def packed_row_key(data_row_key: str, model: str) -> bytes:
    """Return the row key of a data row and model, 16 bytes."""
    digest = _ROW.copy()
    digest.update(_prefixed(data_row_key) + _prefixed_model(model))
    return digest.digest()


def row_key(data_row_key: str, model: str) -> str:
    """Return the row key of a data row and model, 32 hexadecimal digits. Held rows are looked up by it."""
    return packed_row_key(data_row_key, model).hex()


def row_digest(key: str) -> int:
    """Return the first 8 bytes of a row key as a signed integer, by which imported rows are remembered."""
    return int.from_bytes(bytes.fromhex(key[:16]), "big", signed=True)
