"""Objects as `row_data`: documents, tiles, conversations and chats (docs/reference/labelbox-api.md#row-data)."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from prelabel_sandbox.checks.media import media_of

CONVERSATION = "application/vnd.labelbox.conversational"
CHAT = "application/vnd.labelbox.conversational.model-chat-evaluation"
_MAX_CHAT = 2_621_440  # characters, as documented
_ADDRESS = re.compile(r"(https?|gs)://[^/?#\s]+[^\s]*", re.IGNORECASE)
_PLACES = ("{z}", "{x}", "{y}")
_FILE_OF_TILES = re.compile(r"[^?#]*\.(tiff?|ntf|nitf)([?#].*)?", re.IGNORECASE)

Text = Annotated[str, Meta(min_length=1)]
Zoom = Annotated[int, Meta(ge=0)]
Corner = tuple[float, float]
T = TypeVar("T")
Epsg = Literal["EPSG3857", "EPSG3395", "EPSG4326", "Simple", "SIMPLEPIXEL"]


class Document(Struct, forbid_unknown_fields=True):
    """A PDF, and its text layer."""

    pdf_url: str
    text_layer_url: str | None = None


class Layer(Struct, forbid_unknown_fields=True, kw_only=True):
    """A layer of tiles."""

    tile_layer_url: str
    name: Text | None = None
    bounds: tuple[Corner, Corner] | None = None
    epsg: Epsg | None = None
    min_zoom: Zoom | None = None
    max_zoom: Zoom | None = None
    max_native_zoom: Zoom | None = None
    tile_size: Annotated[int, Meta(ge=1)] | None = None
    version: Literal[1, 2] | None = None


class NamedLayer(Layer, kw_only=True):
    """A further layer to choose; what it leaves out it has from the first."""

    name: Text


class Tiles(Layer, kw_only=True):
    """Tiled imagery."""

    alternative_layers: list[NamedLayer] | None = None


class User(Struct, rename="camel", forbid_unknown_fields=True):
    """The person who wrote a message."""

    user_id: Text
    name: Text


class Message(Struct, rename="camel", forbid_unknown_fields=True):
    """A message of a conversation."""

    message_id: Text
    content: Annotated[str, Meta(max_length=10_000)]
    user: User
    timestamp_usec: float | str | None = None
    align: Literal["left", "right"] | None = None
    can_label: bool | None = None


class Output(Struct, rename="camel"):
    """What a model would have answered to a conversation."""

    content: str
    title: str | None = None
    model_config_name: str | None = None


class Conversation(Struct, rename="camel"):
    """A conversation between people. No source lists all its keys, so others pass."""

    type: str
    version: Literal[1]
    messages: Annotated[list[Message], Meta(max_length=250)]
    model_outputs: list[Output] | None = None


class Actor(Struct):
    """Who writes in a chat; the metadata of a model has its `modelConfigName`."""

    role: Literal["human", "model"]
    metadata: dict[str, Any] | None = None


class Part(Struct):
    """A part of what a message of a chat contains."""

    type: Text
    content: Any = None


class ChatMessage(Struct, rename="camel"):
    """A message of a chat."""

    actor_id: Text
    content: list[Part]
    child_message_ids: list[Text] | None = None


class Chat(Struct, rename="camel"):
    """A multimodal chat, of which a draft has no messages yet. No source lists all its keys, so others pass."""

    type: str
    actors: dict[str, Actor]
    messages: dict[str, ChatMessage]
    version: Literal[2] | None = None
    root_message_ids: list[Text] | None = None
    draft: bool | None = None


def check_row_data(row_data: dict[str, Any], media_type: str | None) -> None:
    """Refuse an object that is no row data, or row data of another medium. Raises ValueError, which says where."""
    media, problems = _read(row_data)
    if media_type is not None and media_of(media_type) not in media:
        raise ValueError(f"Found invalid contents for media type: '{media_type}'. row_data is of the medium {media[0]}")
    for problem in problems:
        raise ValueError(f"row_data{problem}")


def _read(row_data: dict[str, Any]) -> tuple[tuple[str, ...], Iterator[str]]:
    """Return the media whose projects take such row data, and what is wrong with it."""
    type_ = row_data.get("type")
    if type_ == CONVERSATION:
        return ("conversational",), _conversation(_converted(row_data, Conversation))
    if type_ == CHAT:
        return ("conversational",), _chat(_converted(row_data, Chat))
    if row_data.keys() & {"pdf_url", "pdfUrl"}:
        return ("document",), _document(_converted(_snake_case(row_data), Document))
    if row_data.keys() & {"tile_layer_url", "tileLayerUrl"}:
        return ("geospatial", "tiled"), _tiles(_converted(_snake_case(row_data), Tiles))
    raise ValueError(
        f"row_data: an object needs pdf_url, tile_layer_url, or the type {CONVERSATION} or {CHAT}; "
        "detected: application/json"
    )


def _converted(row_data: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(row_data, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"row_data: {error}".replace("`$", "`row_data")) from None


def _snake_case(value: Any) -> Any:
    """Return the value with every key in snake case: documents and tiles may have either."""
    if isinstance(value, list):
        return [_snake_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    snake = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key): _snake_case(value[key]) for key in value}
    if len(snake) < len(value):
        raise ValueError("row_data: a key is there in two spellings")
    return snake


def _document(document: Document) -> Iterator[str]:
    yield from _address(document.pdf_url, ".pdf_url")
    if document.text_layer_url is not None:
        yield from _address(document.text_layer_url, ".text_layer_url")


def _tiles(tiles: Tiles) -> Iterator[str]:
    yield from _layer(tiles, "", tiles)
    for at, layer in enumerate(tiles.alternative_layers or ()):
        yield from _layer(layer, f".alternative_layers[{at}]", tiles)


def _layer(layer: Layer, path: str, first: Layer) -> Iterator[str]:
    yield from _address(layer.tile_layer_url, f"{path}.tile_layer_url")
    if not all(place in layer.tile_layer_url for place in _PLACES):
        if any(place in layer.tile_layer_url for place in _PLACES) or not _FILE_OF_TILES.match(layer.tile_layer_url):
            yield f"{path}.tile_layer_url: must contain {{z}}, {{x}} and {{y}}, or name a GeoTIFF or NITF file"
    elif layer is first:
        yield from (f": {name} is missing" for name in ("bounds", "epsg") if getattr(layer, name) is None)
    low, high = (getattr(layer, name) if getattr(layer, name) is not None else getattr(first, name)
                 for name in ("min_zoom", "max_zoom"))  # fmt: skip
    if low is not None and high is not None and low > high:
        yield f"{path}.min_zoom: {low} is above max_zoom, {high}"
    if layer.bounds is not None:
        yield from _bounds(layer.bounds, f"{path}.bounds", layer.epsg or first.epsg, layer.version or first.version)


def _bounds(bounds: tuple[Corner, Corner], path: str, epsg: str | None, version: int | None) -> Iterator[str]:
    if any(one == other for one, other in zip(*bounds, strict=True)):
        yield f"{path}: the corners must differ in both coordinates"
    if epsg == "EPSG4326":
        # Version 1, the default of layers with degrees, has the latitude first, version 2 the longitude.
        limits = (180, 90) if version == 2 else (90, 180)
        for at, corner in enumerate(bounds):
            for axis, (degrees, limit) in enumerate(zip(corner, limits, strict=True)):
                if abs(degrees) > limit:
                    yield f"{path}[{at}][{axis}]: {degrees} is not from -{limit} to {limit}"


def _conversation(conversation: Conversation) -> Iterator[str]:
    seen: set[str] = set()
    for at, message in enumerate(conversation.messages):
        if message.message_id in seen:
            yield f".messages[{at}].messageId: another message has this id"
        seen.add(message.message_id)


def _chat(chat: Chat) -> Iterator[str]:
    if len(msgspec.json.encode(chat).decode()) > _MAX_CHAT:
        yield f": a chat has at most {_MAX_CHAT} characters"
    for at, root in enumerate(chat.root_message_ids or ()):
        if root not in chat.messages and not chat.draft:
            yield f".rootMessageIds[{at}]: there is no such message"
    for message_id, message in chat.messages.items():
        path = f".messages.{message_id}"
        if message.actor_id not in chat.actors:
            yield f"{path}.actorId: there is no such actor"
        for at, child in enumerate(message.child_message_ids or ()):
            if child not in chat.messages:
                yield f"{path}.childMessageIds[{at}]: there is no such message"
        for at, part in enumerate(message.content):
            if part.type == "text" and not isinstance(part.content, str):
                yield f"{path}.content[{at}].content: a text is missing"


def _address(value: str, path: str) -> Iterator[str]:
    if not _ADDRESS.fullmatch(value):
        yield f"{path}: not an address: https://HOST/…, http://HOST/… or gs://BUCKET/…"
