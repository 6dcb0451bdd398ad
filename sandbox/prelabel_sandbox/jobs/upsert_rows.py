"""Reads data rows to create or change from uploaded manifests and chunks (docs/reference/labelbox-api.md#2-3)."""

from typing import Any, Literal

import msgspec
import orjson

from prelabel_sandbox.checks.addresses import has_scheme, is_address
from prelabel_sandbox.checks.media import check_media_type
from prelabel_sandbox.checks.row_data import check_row_data
from prelabel_sandbox.store.catalog import NOTHING, Fields, Item

MAX_ROWS = 150_000  # of one task, as documented
_MAX_TEXT_BYTES = 64 << 10  # of row data that is itself the text, not its address
_MAX_KEY_CHARACTERS = 200
# Keys of a data row beside those of tiles that have no row_data of their own.
_COLUMNS = {
    *("dataset_id", "datasetId", "global_key", "globalKey", "external_id", "externalId", "media_type", "mediaType"),
    *("metadata_fields", "metadataFields", "attachments", "embeddings"),
}
_ADDRESSES = ("https", "http", "gs", "s3")


class Manifest(msgspec.Struct):
    """Where the chunks are."""

    item_count: int
    chunk_uris: list[str]


class _Id(msgspec.Struct):
    type: Literal["AUTO", "GKEY", "ID"]
    value: str


class _Entry(msgspec.Struct):
    id: _Id
    payload: dict[str, Any]


def items_of(chunk: bytes) -> list[Item]:
    """Return the data rows of a chunk. Raises msgspec.MsgspecError if it cannot be read."""
    return [_item(entry) for entry in msgspec.json.decode(chunk, type=list[_Entry])]


def _item(entry: _Entry) -> Item:
    kind, value = entry.id.type, entry.id.value
    fields = {name: _either(entry.payload, name) for name in ("dataset_id", "global_key", "external_id", "media_type")}
    row_data = _row_data(entry.payload)
    # An object is stored as it was sent: the pages draw it.
    fields["row_data"] = orjson.dumps(row_data).decode() if isinstance(row_data, dict) else row_data
    key = fields["global_key"] or (value if kind == "GKEY" else None)
    wrong = _wrong(fields, key) or _wrong_content(row_data, fields["media_type"])
    spec = {
        "externalId": _shown(fields["external_id"]),
        "globalKey": _shown(key),
        "rowData": _shown(fields["row_data"]),
        "metadata": _metadata(entry.payload),
        "attachments": _attachments(entry.payload),
    }
    return Item(kind, value, NOTHING if wrong else Fields(**fields), spec, wrong)


def _either(payload: dict[str, Any], name: str) -> Any:
    """Return a value by its snake-case name or by its camel-case name."""
    first, *rest = name.split("_")
    return payload.get(name, payload.get(first + "".join(word.title() for word in rest)))


def _row_data(payload: dict[str, Any]) -> Any:
    """Return the address or text of an asset, or the object that describes it."""
    row_data = _either(payload, "row_data")
    if row_data is None and "tileLayerUrl" in payload:
        row_data = {key: value for key, value in payload.items() if key not in _COLUMNS}
    return row_data


def _wrong_content(row_data: Any, media_type: str | None) -> str | None:
    """Return why the media type does not exist, or why an object is not row data of this media type."""
    try:
        if media_type is not None:
            check_media_type(media_type)
        if isinstance(row_data, dict):
            check_row_data(row_data, media_type)
    except ValueError as error:
        return str(error)
    return None


def _wrong(fields: dict[str, Any], key: Any) -> str | None:
    """Return why these fields are wrong, independent of the rows that are stored; None if they are right."""
    for name, value in fields.items():
        if value is not None and not isinstance(value, str):
            return f"{name} must be a string"
    row_data = fields["row_data"]
    if key is not None and not 0 < len(key) <= _MAX_KEY_CHARACTERS:
        return f"global_key must have 1 to {_MAX_KEY_CHARACTERS} characters"
    if row_data and has_scheme(row_data, *_ADDRESSES):
        return None if is_address(row_data, *_ADDRESSES) else "row_data: an address needs a host"
    if row_data and not row_data.startswith("{") and len(row_data.encode()) > _MAX_TEXT_BYTES:
        return f"row_data: a text has at most {_MAX_TEXT_BYTES} bytes"
    return None


def _metadata(payload: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "schemaId": _shown(_either(field, "schema_id")),
            "value": field.get("value"),
            "name": _shown(field.get("name")),
        }
        for field in _objects(_either(payload, "metadata_fields"))
    ]


def _attachments(payload: dict[str, Any]) -> list[dict[str, Any]]:
    attachments = _objects(payload.get("attachments"))
    return [{key: attachment.get(key) for key in ("type", "value", "name")} for attachment in attachments]


def _shown(value: Any) -> str | None:
    """Return a posted value for a field of type String, or None if it is not a string."""
    return value if isinstance(value, str) else None


def _objects(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
