"""Compute identities that never change: uuids of annotations, names of imports, keys of held rows. No I/O.

If a digest here changed, new pre-labels would no longer override those imported before. So
`tests/unit/rendering/test_identity.py` has golden values. Each part of a tuple is digested as its length (4 bytes,
big-endian) and its UTF-8 bytes, since a separator could occur in names.
"""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

_UUID_PERSON = b"prelabel.uuid.1"
_ROW_PERSON = b"prelabel.row.1"
_MARK_PERSON = b"prelabel.mark.1"
_FILE_PERSON = b"prelabel.file.1"
# RFC 9562: a UUID of version 8 fixes the version and two bits of the variant. The other bits are those of the digest.
_FIXED = 0x8 << 76 | 0x2 << 62
_FREE = (1 << 128) - 1 & ~(0xF << 76 | 0x3 << 62)
# A row has at most 5,000 annotations of a feature (docs/reference/labelbox-format.md#1-9).
_ORDINALS = [ordinal.to_bytes(4, "big") for ordinal in range(5000)]


def _prefixed(text: str) -> bytes:
    """Return the text's length in 4 bytes, then its UTF-8 bytes."""
    data = text.encode()
    return len(data).to_bytes(4, "big") + data


class RowIdentity:
    """Derives the uuids of one row's annotations: BLAKE2b-128 of (project, data row, model, feature, ordinal), UUIDv8.

    The data row is given by its key, `i:<id>` or `k:<global key>`; the model by its name, empty if there is none; the
    feature by its featureSchemaId. The ordinal counts the row's annotations of that feature from 0; it is digested as
    4 bytes without a length. The parts that all rows of a project share are digested once.
    """

    __slots__ = ("_digest",)

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def uuids(self, features: Iterable[bytes]) -> tuple[list[bytes], list[str], dict[bytes, int]]:
        """Return the uuids of annotations as bytes, the same uuids as text, and the number of annotations by feature.

        `features` has the feature of each annotation, in the form of `feature_bytes`.
        """
        copy, from_bytes, to_bytes = self._digest.copy, int.from_bytes, int.to_bytes
        ordinals: dict[bytes, int] = {}
        uuids, texts = [], []
        for feature in features:
            ordinal = ordinals.get(feature, 0)
            ordinals[feature] = ordinal + 1
            digest = copy()
            digest.update(feature + _ORDINALS[ordinal])
            uuid = to_bytes(from_bytes(digest.digest(), "big") & _FREE | _FIXED, 16, "big")
            text = uuid.hex("-", 6)  # groups of 6 bytes from the right: 8, 12 and 12 digits
            uuids.append(uuid)
            texts.append(f"{text[:13]}-{text[13:17]}-{text[17:]}")
        return uuids, texts, ordinals


class ProjectIdentity:
    """Makes the identities of a project's rows."""

    __slots__ = ("_digest",)

    def __init__(self, project_id: str) -> None:
        self._digest = hashlib.blake2b(_prefixed(project_id), digest_size=16, person=_UUID_PERSON)

    def row(self, data_row_key: str, model: str) -> RowIdentity:
        """Return the identity of a row. `data_row_key` is `i:<id>` or `k:<global key>`; `model` may be ''."""
        digest = self._digest.copy()
        digest.update(_prefixed(data_row_key) + _prefixed(model))
        return RowIdentity(digest)


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


def import_name(chunk_id: str, content: bytes) -> str:
    """Return the name of an import. It contains a digest of the content: two contents never have the same name."""
    return f"prelabel-{chunk_id}-{hashlib.blake2b(content, digest_size=16).hexdigest()}"


def file_message_id(project_id: str, content: bytes) -> str:
    """Return the message id of a record of a file that names none. It is the same when the file is read again."""
    digest = hashlib.blake2b(_prefixed(project_id) + content, digest_size=16, person=_FILE_PERSON).digest()
    return str(UUID(int=int.from_bytes(digest, "big") & _FREE | _FIXED))


def row_key(data_row_key: str, model: str) -> str:
    """Return the row key of a data row and model, 32 hexadecimal digits. Held rows are looked up by it."""
    data = _prefixed(data_row_key) + _prefixed(model)
    return hashlib.blake2b(data, digest_size=16, person=_ROW_PERSON).hexdigest()


def row_digest(key: str) -> int:
    """Return the first 8 bytes of a row key as a signed integer, by which imported rows are remembered."""
    return int.from_bytes(bytes.fromhex(key[:16]), "big", signed=True)
