"""Who is who, for ever: uuids of annotations, names of imports, keys of held rows.

Changing any digest here would break the override of everything imported before; `tests/unit/test_identity.py` has
golden values.
"""

import hashlib
from typing import Any

_UUID_PERSON = b"prelabel.uuid.1"
_ROW_PERSON = b"prelabel.row.1"


def _prefixed(text: str) -> bytes:
    """Length first: separators can occur in names."""
    data = text.encode()
    return len(data).to_bytes(4, "big") + data


class RowIdentity:
    """The uuids of one row's annotations: BLAKE2b-128 of (project, data row, model, feature, ordinal) as a UUIDv8.

    The ordinal counts the row's annotations of that feature. What the rows of a project share is digested once.
    """

    __slots__ = ("_digest",)

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def uuid(self, feature_id: bytes, ordinal: int) -> bytes:
        """The 16 bytes of the `ordinal`-th annotation of a feature; `feature_id` comes from `feature_bytes`."""
        digest = self._digest.copy()
        digest.update(feature_id + ordinal.to_bytes(4, "big"))
        value = bytearray(digest.digest())
        value[6] = 0x80 | (value[6] & 0x0F)  # version 8 and the variant of RFC 9562
        value[8] = 0x80 | (value[8] & 0x3F)
        return bytes(value)


def uuid_text(uuid: bytes) -> str:
    """16 bytes as a uuid is written: lower case, 8-4-4-4-12."""
    text = uuid.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


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


def feature_bytes(feature_schema_id: str) -> bytes:
    """How a feature goes into a digest."""
    return _prefixed(feature_schema_id)


def import_name(chunk_id: str, content: bytes) -> str:
    """The name of an import: a name never stands for two contents."""
    return f"prelabel-{chunk_id}-{hashlib.blake2b(content, digest_size=16).hexdigest()}"


def row_key(data_row_key: str, model: str) -> str:
    """The key of a held row's data row and model; 32 hexadecimal digits."""
    data = _prefixed(data_row_key) + _prefixed(model)
    return hashlib.blake2b(data, digest_size=16, person=_ROW_PERSON).hexdigest()
