"""Check the objects that `row_data` may be: documents, tiles, conversations, chats. No I/O.

Source: docs/reference/labelbox-api.md#row-data.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from prelabel.errors import quoted
from prelabel_worker.setup.conversations import (
    CHAT,
    CHAT_SHAPE,
    CONVERSATION,
    CONVERSATION_SHAPE,
    check_chat,
    check_conversation,
)
from prelabel_worker.setup.row_values import (
    ObjectOf,
    WrongRowData,
    address,
    one_of,
    refuse,
    snake_case,
)
from prelabel_worker.setup.tile_layers import TILES, check_tiles

LOCAL = ("pdf_url", "pdfUrl", "text_layer_url", "textLayerUrl")
"""Keys of a document whose value may be a local file, which is uploaded."""

_DOCUMENT = ObjectOf({"pdf_url": address}, {"text_layer_url": address}, either_case=True)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of object that `row_data` may be."""

    #: Its name in errors.
    name: str
    #: The media types whose data rows it may be, in the API's spelling.
    media_types: tuple[str, ...]
    #: Its keys.
    shape: ObjectOf
    #: Checks what depends on several keys, once the shape is right.
    whole: Callable[[dict[str, Any], str], None] = lambda row_data, path: None


_KINDS = {
    "pdf_url": _Kind("a PDF document", ("PDF", "DOCUMENT"), _DOCUMENT),
    "tile_layer_url": _Kind("a tile layer", ("TMS_GEO", "TMS_SIMPLE"), TILES, check_tiles),
    CONVERSATION: _Kind("a conversation", ("CONVERSATIONAL",), CONVERSATION_SHAPE, check_conversation),
    CHAT: _Kind("a multimodal chat", ("CONVERSATIONAL",), CHAT_SHAPE, check_chat),
}
OBJECTS_OF = {media_type for kind in _KINDS.values() for media_type in kind.media_types}
"""The media types whose `row_data` may be an object."""


def is_row_data(value: Any) -> bool:
    """Return whether a value looks like an object that `row_data` may be, right or wrong."""
    return isinstance(value, dict) and _kind_of(value) is not None


def _kind_of(row_data: dict[str, Any]) -> _Kind | None:
    type_ = row_data.get("type")
    if isinstance(type_, str) and type_ in (CONVERSATION, CHAT):
        return _KINDS[type_]
    names = {snake_case(key) for key in row_data}
    return next((_KINDS[name] for name in ("pdf_url", "tile_layer_url") if name in names), None)


def check_row_data(row_data: dict[str, Any], media_type: str | None, path: str = "row_data") -> None:
    """Check an object. `media_type` is the data row's own, in the API's spelling. Raises WrongRowData."""
    kind = _kind_of(row_data)
    if kind is None:
        _refuse_kind(row_data, path)
    if media_type is not None and media_type not in kind.media_types:
        expected = f"row data of the media type {media_type}"
        raise WrongRowData(f"{path}: expected {expected}, found {kind.name} ({' or '.join(kind.media_types)})")
    kind.shape(row_data, path)
    kind.whole(row_data, path)


def _refuse_kind(row_data: dict[str, Any], path: str) -> NoReturn:
    """Refuse an object of no kind: name what it may be, and the key or the type that it nearly has."""
    type_ = row_data.get("type")
    if isinstance(type_, str):
        one_of(CONVERSATION, CHAT)(type_, f"{path}.type")
    near = [
        match for key in row_data for match in difflib.get_close_matches(snake_case(key), ("pdf_url", "tile_layer_url"))
    ]
    refuse(
        path,
        "an address, a text, or an object with pdf_url (a document), tile_layer_url (tiles) or type (a conversation)",
        row_data,
        f"did you mean {near[0]}?" if near else f"its keys: {', '.join(map(quoted, list(row_data)[:5])) or 'none'}",
    )
