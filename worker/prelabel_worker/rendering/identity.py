"""Who is who, for ever: uuids of annotations, names of imports, keys of held rows.

Changing any digest here would break the override of everything imported before;
`tests/unit/rendering/test_identity.py` has golden values. Every part of a tuple goes in as its length (4 bytes,
big-endian) and its UTF-8, since separators can occur in names.
"""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

_UUID_PERSON = b"prelabel.uuid.1"
_ROW_PERSON = b"prelabel.row.1"
_MARK_PERSON = b"prelabel.mark.1"
_FILE_PERSON = b"prelabel.file.1"
# RFC 9562: version 8, and the variant's two bits. The other bits are the digest's.
_FIXED = 0x8 << 76 | 0x2 << 62
_FREE = (1 << 128) - 1 & ~(0xF << 76 | 0x3 << 62)
# most of one feature (docs/reference/labelbox-format.md#1-9)
_ORDINALS = [ordinal.to_bytes(4, "big") for ordinal in range(5000)]


def _prefixed(text: str) -> bytes:
    """Length first."""
    data = text.encode()
    return len(data).to_bytes(4, "big") + data


class RowIdentity:
    """The uuids of one row's annotations: BLAKE2b-128 of (project, data row, model, feature, ordinal) as a UUIDv8.

    The data row is its key, `i:<id>` or `k:<global key>`; the model its name, empty without one; the feature its
    featureSchemaId; the ordinal counts the row's annotations of that feature from 0, in 4 bytes without a length.
    What the rows of a project share is digested once.
    """

    __slots__ = ("_digest",)

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def uuids(self, features: Iterable[bytes]) -> tuple[list[bytes], list[str], dict[bytes, int]]:
        """16 bytes for each annotation, and their canonical spelling; how many each feature has.

        Features are in the form of `feature_bytes`.
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
            text = uuid.hex("-", 6)  # from the right, so of 8, 12 and 12 digits
            uuids.append(uuid)
            texts.append(f"{text[:13]}-{text[13:17]}-{text[17:]}")
        return uuids, texts, ordinals


class ProjectIdentity:
    """Makes the identities of a project's rows."""

    __slots__ = ("_digest",)

    def __init__(self, project_id: str) -> None:
        self._digest = hashlib.blake2b(_prefixed(project_id), digest_size=16, person=_UUID_PERSON)

    def row(self, data_row_key: str, model: str) -> RowIdentity:
        """Of one row; `data_row_key` is `i:<id>` or `k:<global key>`, `model` '' when none is named."""
        digest = self._digest.copy()
        digest.update(_prefixed(data_row_key) + _prefixed(model))
        return RowIdentity(digest)


def uuid_bytes(uuid: str) -> bytes:
    """The 16 bytes of a canonical uuid."""
    return bytes.fromhex(uuid.replace("-", ""))


def row_mark(data_row_key: str) -> bytes:
    """8 bytes for a data row: how a status line is matched that has no uuid of ours."""
    return hashlib.blake2b(_prefixed(data_row_key), digest_size=8, person=_MARK_PERSON).digest()


def unsent_line(data_row_key: str, model: str, ordinal: int) -> bytes:
    """What stands for a line that is sent without uuid: its data row's mark, then 8 bytes of model and ordinal."""
    data = _prefixed(model) + ordinal.to_bytes(4, "big")
    return row_mark(data_row_key) + hashlib.blake2b(data, digest_size=8, person=_MARK_PERSON).digest()


def import_name(chunk_id: str, content: bytes) -> str:
    """The name of an import: a name never stands for two contents."""
    return f"prelabel-{chunk_id}-{hashlib.blake2b(content, digest_size=16).hexdigest()}"


def file_message_id(project_id: str, content: bytes) -> str:
    """The message id of a record of a file that gives none: the same when the file is read again."""
    digest = hashlib.blake2b(_prefixed(project_id) + content, digest_size=16, person=_FILE_PERSON).digest()
    return str(UUID(int=int.from_bytes(digest, "big") & _FREE | _FIXED))


def row_key(data_row_key: str, model: str) -> str:
    """The key of a held row's data row and model; 32 hexadecimal digits."""
    data = _prefixed(data_row_key) + _prefixed(model)
    return hashlib.blake2b(data, digest_size=16, person=_ROW_PERSON).hexdigest()


def row_digest(key: str) -> int:
    """The first 8 bytes of a row key as a signed integer: what is remembered of imported rows."""
    return int.from_bytes(bytes.fromhex(key[:16]), "big", signed=True)


def shape_digest(key: str) -> bytes:
    """The first 8 bytes of a row key: under which its annotation counts are remembered."""
    return bytes.fromhex(key[:16])
