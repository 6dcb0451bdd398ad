"""Check the objects that `row_data` may be: documents, tiles, conversations, chats. No I/O.

Source: docs/reference/labelbox-api.md#row-data.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson

from prelabel.errors import PrelabelError, found_value, quoted

CONVERSATION = "application/vnd.labelbox.conversational"
CHAT = "application/vnd.labelbox.conversational.model-chat-evaluation"
MAX_CHAT = 2_621_440
"""Maximum number of characters of a chat that is not at an address."""
MAX_MESSAGES, MAX_CONTENT = 250, 10_000
LOCAL = ("pdf_url", "pdfUrl", "text_layer_url", "textLayerUrl")
"""Keys of a document whose value may be a local file, which is uploaded."""

Check = Callable[[Any, str], None]
"""A check of the value at a path. Raises WrongRowData."""


class WrongRowData(PrelabelError):
    """A value of `row_data` cannot be used; the text names the path, what was found and what is expected."""


def _refuse(path: str, expected: str, value: Any, hint: str = "") -> NoReturn:
    raise WrongRowData(f"{path}: expected {expected}, found {found_value(value)}" + (f" ({hint})" if hint else ""))


def _near(name: Any, names: Iterable[str]) -> str:
    """Return a hint with the most similar name, or nothing."""
    near = difflib.get_close_matches(str(name), list(names), 1)
    return f"did you mean {near[0]}?" if near else ""


# -- single values -----------------------------------------------------------------------------------------------------


def _text(least: int = 1, most: int | None = None) -> Check:
    expected = "a text that is not empty" if least else "a text"
    expected += f" of at most {most:,} characters" if most else ""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str) or len(value) < least:
            _refuse(path, expected, value)
        if most is not None and len(value) > most:
            raise WrongRowData(f"{path}: expected {expected}, found {len(value):,} characters")

    return check


def _one_of(*values: Any) -> Check:
    def check(value: Any, path: str) -> None:
        if type(value) not in {type(known) for known in values} or value not in values:
            words = [str(known) for known in values]
            _refuse(path, f"one of {', '.join(words)}" if len(words) > 1 else words[0], value, _near(value, words))

    return check


def _whole(least: int) -> Check:
    def check(value: Any, path: str) -> None:
        if type(value) is not int or value < least:
            _refuse(path, f"a whole number from {least}", value)

    return check


def _number(value: Any, path: str) -> None:
    if type(value) is not int and type(value) is not float:
        _refuse(path, "a number", value)


def _time(value: Any, path: str) -> None:
    if not isinstance(value, str):
        _number(value, path)


def _truth(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        _refuse(path, "true or false", value)


def check_address(value: Any, path: str) -> None:
    """Refuse an address that Labelbox cannot fetch: of another scheme, or without a host. Raises WrongRowData."""
    expected = "an address (https://HOST/…)"
    if not isinstance(value, str):
        _refuse(path, expected, value)
    if value.lower().startswith("s3:"):
        _refuse(path, expected, value, "write https://BUCKET.s3.REGION.amazonaws.com/KEY for a file of S3")
    try:
        scheme, host = urlsplit(value)[:2]
    except ValueError:
        scheme = host = ""
    if scheme.lower() not in ("https", "http", "gs") or not host:
        _refuse(path, expected, value, "the host is missing" if scheme and not host else "")


def _address(value: Any, path: str) -> None:
    check_address(value, path)
    if re.search(r"\s", value):
        _refuse(path, "an address without spaces", value)


# -- arrays and objects ------------------------------------------------------------------------------------------------


def _array(item: Check, most: int | None = None) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            _refuse(path, "an array", value)
        if most is not None and len(value) > most:
            _refuse(path, f"at most {most:,} items", value)
        for at, each in enumerate(value):
            item(each, f"{path}[{at}]")

    return check


def _by_id(item: Check) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            _refuse(path, "an object by id", value)
        for key, each in value.items():
            item(each, f"{path}.{key[:40]}")

    return check


def _any_object(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        _refuse(path, "an object", value)


@dataclass(frozen=True, slots=True)
class _Object:
    """An object with these keys. A key may be null unless it is required."""

    #: Keys that must be there.
    required: Mapping[str, Check]
    #: Keys that may be there.
    optional: Mapping[str, Check]
    #: Whether keys that no source names pass, unless they look like a misspelt one.
    is_open: bool = False
    #: Whether a key may have either spelling: `pdf_url` or `pdfUrl`.
    either_case: bool = False

    def __call__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            _refuse(path, "an object", value)
        checks = {**self.required, **self.optional}
        names = {key: _snake(key) if self.either_case else key for key in value}
        for key, name in names.items():
            if name not in checks:
                self._unknown(key, path, checks)
        if len(set(names.values())) < len(names):
            raise WrongRowData(f"{path}: expected each key once, found one in two spellings: {', '.join(names)}")
        for name in self.required:
            if name not in names.values():
                is_camel = self.either_case and any(key != names[key] for key in names)
                raise WrongRowData(f"{path}.{_camel(name) if is_camel else name}: missing")
        for key, name in names.items():
            if name in checks and (value[key] is not None or name in self.required):
                checks[name](value[key], f"{path}.{key}")

    def _unknown(self, key: str, path: str, checks: Mapping[str, Check]) -> None:
        near = difflib.get_close_matches(_snake(key) if self.either_case else key, checks, 1, 0.75)
        if self.is_open and not near:
            return
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(checks)}"
        raise WrongRowData(f"{path}.{key[:40]}: expected no such key: {known}")


def _snake(key: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)


def _camel(key: str) -> str:
    return re.sub("_([a-z])", lambda letter: letter[1].upper(), key)


# -- documents ---------------------------------------------------------------------------------------------------------

_DOCUMENT = _Object({"pdf_url": _address}, {"text_layer_url": _address}, either_case=True)

# -- tiles -------------------------------------------------------------------------------------------------------------

_PLACES = ("{z}", "{x}", "{y}")
_FILE_OF_TILES = re.compile(r"[^?#]*\.(tiff?|ntf|nitf)([?#].*)?", re.IGNORECASE)


def _corner(value: Any, path: str) -> None:
    if not isinstance(value, list) or len(value) != 2:
        _refuse(path, "a corner of two numbers", value)
    for at, each in enumerate(value):
        _number(each, f"{path}[{at}]")


def _corners(value: Any, path: str) -> None:
    if not isinstance(value, list) or len(value) != 2:
        _refuse(path, "two corners, such as [[53.87, 8.70], [53.86, 8.71]]", value)
    for at, each in enumerate(value):
        _corner(each, f"{path}[{at}]")
    if any(one == other for one, other in zip(*value, strict=True)):
        raise WrongRowData(f"{path}: expected corners that differ in both coordinates, found {value}")


def _tile_address(value: Any, path: str) -> None:
    _address(value, path)
    count = sum(place in value for place in _PLACES)
    if count < len(_PLACES) and (count or not _FILE_OF_TILES.match(value)):
        _refuse(path, "an address with {z}, {x} and {y}, or of a GeoTIFF or NITF file", value)


_EPSG = _one_of("EPSG4326", "EPSG3857", "EPSG3395", "Simple", "SIMPLEPIXEL")
_LAYER: Mapping[str, Check] = {
    "bounds": _corners,
    "epsg": _EPSG,
    "min_zoom": _whole(0),
    "max_zoom": _whole(0),
    "max_native_zoom": _whole(0),
    "tile_size": _whole(1),
    "version": _one_of(1, 2),
}
_TILES = _Object(
    {"tile_layer_url": _tile_address},
    {
        **_LAYER,
        "name": _text(),
        "alternative_layers": _array(
            _Object({"tile_layer_url": _tile_address, "name": _text()}, _LAYER, either_case=True)
        ),
    },
    either_case=True,
)


def _check_tiles(row_data: dict[str, Any], path: str) -> None:
    first = {_snake(key): value for key, value in row_data.items() if value is not None}
    if not _FILE_OF_TILES.match(first["tile_layer_url"]):
        for name in ("bounds", "epsg"):
            if name not in first:
                raise WrongRowData(f"{path}.{name}: missing: a tile layer needs it")
    _check_layer(row_data, path, {})
    key = "alternativeLayers" if "alternativeLayers" in row_data else "alternative_layers"
    for at, layer in enumerate(row_data.get(key) or ()):
        _check_layer(layer, f"{path}.{key}[{at}]", first)


def _check_layer(layer: dict[str, Any], path: str, first: Mapping[str, Any]) -> None:
    """Check what depends on several keys of a layer; it has those that it leaves out from the first one."""
    keys = {_snake(key): key for key, value in layer.items() if value is not None}
    merged = {**first, **{name: layer[key] for name, key in keys.items()}}
    low, high = merged.get("min_zoom"), merged.get("max_zoom")
    if low is not None and high is not None and low > high:
        raise WrongRowData(f"{path}.{keys.get('min_zoom', 'min_zoom')}: expected at most max_zoom, {high}, found {low}")
    if merged.get("epsg") == "EPSG4326" and "bounds" in keys:
        _check_degrees(layer["bounds"], f"{path}.bounds", merged.get("version"))


def _check_degrees(bounds: list[list[float]], path: str, version: int | None) -> None:
    """Check the order of degrees: version 1, the default, has the latitude first, version 2 the longitude."""
    words, hint = ("latitude", "longitude"), "version 1 has the latitude first, version 2 the longitude"
    if version == 2:
        words = words[::-1]
    for at, corner in enumerate(bounds):
        for axis, (word, degrees) in enumerate(zip(words, corner, strict=True)):
            limit = 90 if word == "latitude" else 180
            if not -limit <= degrees <= limit:
                _refuse(f"{path}[{at}][{axis}]", f"a {word} from -{limit} to {limit}", degrees, hint)


# -- conversations and chats -------------------------------------------------------------------------------------------

_CONVERSATION = _Object(
    {
        "type": _one_of(CONVERSATION),
        "version": _one_of(1),
        "messages": _array(
            _Object(
                {
                    "messageId": _text(),
                    "content": _text(0, MAX_CONTENT),
                    "user": _Object({"userId": _text(), "name": _text()}, {}),
                },
                {"timestampUsec": _time, "align": _one_of("left", "right"), "canLabel": _truth},
            ),
            MAX_MESSAGES,
        ),
    },
    {
        "modelOutputs": _array(
            _Object({"content": _text(0)}, {"title": _text(0), "modelConfigName": _text(0)}, is_open=True)
        )
    },
    is_open=True,
)
_PART = _Object({"type": _text()}, {}, is_open=True)
_CHAT = _Object(
    {
        "type": _one_of(CHAT),
        "actors": _by_id(_Object({"role": _one_of("human", "model")}, {"metadata": _any_object}, is_open=True)),
        "messages": _by_id(
            _Object({"actorId": _text(), "content": _array(_PART)}, {"childMessageIds": _array(_text())}, is_open=True)
        ),
    },
    {"version": _one_of(2), "rootMessageIds": _array(_text()), "draft": _truth},
    is_open=True,
)


def _check_conversation(row_data: dict[str, Any], path: str) -> None:
    seen: dict[str, int] = {}
    for at, message in enumerate(row_data["messages"]):
        first = seen.setdefault(message["messageId"], at)
        if first != at:
            name = quoted(message["messageId"])
            raise WrongRowData(f"{path}.messages[{at}].messageId: expected an id of its own, found {name} of [{first}]")


def _check_chat(row_data: dict[str, Any], path: str) -> None:
    actors, messages = row_data["actors"], row_data["messages"]
    if (length := len(orjson.dumps(row_data).decode())) > MAX_CHAT:
        raise WrongRowData(f"{path}: expected a chat of at most {MAX_CHAT:,} characters, found {length:,}")
    for message_id, message in messages.items():
        here = f"{path}.messages.{message_id[:40]}"
        _known(message["actorId"], actors, "an actor", f"{here}.actorId")
        for at, child in enumerate(message.get("childMessageIds") or ()):
            _known(child, messages, "a message", f"{here}.childMessageIds[{at}]")
        for at, part in enumerate(message["content"]):
            if part["type"] == "text" and not isinstance(part.get("content"), str):
                _refuse(f"{here}.content[{at}].content", "a text", part.get("content"))
    if not row_data.get("draft"):
        for at, root in enumerate(row_data.get("rootMessageIds") or ()):
            _known(root, messages, "a message", f"{path}.rootMessageIds[{at}]")


def _known(name: str, names: Mapping[str, Any], kind: str, path: str) -> None:
    if name not in names:
        _refuse(path, f"the id of {kind} of this chat", name, _near(name, names))


# -- the four kinds ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of object that `row_data` may be."""

    #: Its name in errors.
    name: str
    #: The media types whose data rows it may be, in the API's spelling.
    media_types: tuple[str, ...]
    #: Its keys.
    shape: _Object
    #: Checks what depends on several keys, once the shape is right.
    whole: Callable[[dict[str, Any], str], None] = lambda row_data, path: None


_KINDS = {
    "pdf_url": _Kind("a PDF document", ("PDF", "DOCUMENT"), _DOCUMENT),
    "tile_layer_url": _Kind("a tile layer", ("TMS_GEO", "TMS_SIMPLE"), _TILES, _check_tiles),
    CONVERSATION: _Kind("a conversation", ("CONVERSATIONAL",), _CONVERSATION, _check_conversation),
    CHAT: _Kind("a multimodal chat", ("CONVERSATIONAL",), _CHAT, _check_chat),
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
    names = {_snake(key) for key in row_data}
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
        _one_of(CONVERSATION, CHAT)(type_, f"{path}.type")
    near = [
        match for key in row_data for match in difflib.get_close_matches(_snake(key), ("pdf_url", "tile_layer_url"))
    ]
    _refuse(
        path,
        "an address, a text, or an object with pdf_url (a document), tile_layer_url (tiles) or type (a conversation)",
        row_data,
        f"did you mean {near[0]}?" if near else f"its keys: {', '.join(map(quoted, list(row_data)[:5])) or 'none'}",
    )
