"""Uploaded manifests and chunks → data rows to make or change (docs/reference/labelbox-api.md#2-3)."""

from typing import Any, Literal

import msgspec
import orjson

from prelabel_sandbox.store.catalog import NOTHING, Given, Item

MOST_ROWS = 150_000  # of one task, as documented
_MOST_TEXT = 64 << 10  # of a data row that is its own text
_MOST_KEY = 200
_ADDRESSES = ("https://", "http://", "gs://", "s3://")


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
    """The data rows of a chunk. Raises msgspec.MsgspecError when it is none."""
    return [_item(entry) for entry in msgspec.json.decode(chunk, type=list[_Entry])]


def _item(entry: _Entry) -> Item:
    kind, value = entry.id.type, entry.id.value
    given = {name: _either(entry.payload, name) for name in ("dataset_id", "global_key", "external_id", "media_type")}
    given["row_data"] = _row_data(entry.payload)
    key = given["global_key"] or (value if kind == "GKEY" else None)
    wrong = _wrong(given, key)
    spec = {
        "externalId": _shown(given["external_id"]),
        "globalKey": _shown(key),
        "rowData": _shown(given["row_data"]),
        "metadata": _metadata(entry.payload),
        "attachments": _attachments(entry.payload),
    }
    return Item(kind, value, NOTHING if wrong else Given(**given), spec, wrong)


def _either(payload: dict[str, Any], name: str) -> Any:
    """A value by its name in Python, or in the API."""
    first, *rest = name.split("_")
    return payload.get(name, payload.get(first + "".join(word.title() for word in rest)))


def _row_data(payload: dict[str, Any]) -> Any:
    """The address or text; a conversation, a chat or tiles as JSON."""
    found = _either(payload, "row_data")
    if found is None and "tileLayerUrl" in payload:
        found = {key: value for key, value in payload.items() if key not in ("dataset_id", "global_key", "external_id")}
    return orjson.dumps(found).decode() if isinstance(found, dict) else found


def _wrong(given: dict[str, Any], key: Any) -> str | None:
    """Why the data row cannot be one, whatever else there is."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            return f"{name} must be a string"
    row_data = given["row_data"]
    if key is not None and not 0 < len(key) <= _MOST_KEY:
        return f"global_key must have 1 to {_MOST_KEY} characters"
    if row_data and not row_data.startswith((*_ADDRESSES, "{")) and len(row_data.encode()) > _MOST_TEXT:
        return f"row_data: a text has at most {_MOST_TEXT} bytes"
    return None


def _metadata(payload: dict[str, Any]) -> list[dict[str, Any]]:
    given = _objects(_either(payload, "metadata_fields"))
    return [
        {
            "schemaId": _shown(_either(each, "schema_id")),
            "value": each.get("value"),
            "name": _shown(each.get("name")),
        }
        for each in given
    ]


def _attachments(payload: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: each.get(key) for key in ("type", "value", "name")} for each in _objects(payload.get("attachments"))]


def _shown(value: Any) -> str | None:
    """What may be anything, where a text is answered."""
    return value if isinstance(value, str) else None


def _objects(given: Any) -> list[dict[str, Any]]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
