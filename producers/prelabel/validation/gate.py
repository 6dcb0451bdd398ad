"""The fast check of a message.

"Validate fast, explain slowly": msgspec reads the JSON into structs derived from the pydantic models. Plain messages
(`plain`) and messages of image kinds are read in one pass, all others annotation by annotation (`by_kind`). Only a
message that these structs refuse is read again by the models, whose errors say where and why. If the models accept it,
the message is still refused, with the reason `gate-disagrees`. Rules between fields are the models' own. Threads can
share decoders and encoders, which keep no state between calls.
"""

import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import orjson
from msgspec.structs import astuple

from prelabel.annotations.base import CheckFailed
from prelabel.annotations.confidence import with_rounded_confidences
from prelabel.annotations.explain import broken_rule, unknown_key
from prelabel.annotations.kinds import FIELDS, IMAGE, KINDS, Kind, wire_name
from prelabel.annotations.together import MAX_PER_FEATURE, check_count, check_pictures, check_spread, check_uuids
from prelabel.errors import MalformedMessage, MessageTooLarge, Reason
from prelabel.messages import (
    DataRow,
    Model,
    PredictionMessage,
    check_data_row,
    new_message_id,
)
from prelabel.validation.by_kind import ByKind, NotRead
from prelabel.validation.explain_message import explained, not_json, too_deep, unwritten_number
from prelabel.validation.json_fields import json_fields
from prelabel.validation.plain import PlainMessages
from prelabel.validation.structs import Structs

if TYPE_CHECKING:
    from labelbox.types import Label

Message: TypeAlias = "PredictionMessage | Mapping[str, Any] | bytes | Label"
"""What can be published: a message as an object, a mapping with the keys of JSON, or JSON; or a label of the SDK. The
values of a mapping may be typed."""
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_ASKED = dict.fromkeys((*FIELDS, "classifications", "frames", "answers"))
"""Attributes that code reads from annotations of every kind: None where a kind has no such field."""
_IMAGE_KINDS = tuple(kind for kind in KINDS if kind.image)
_STRUCTS = Structs(__name__, globals())
DataRowStruct = _STRUCTS.of(DataRow)


def _flat_annotation() -> Any:
    """Create one struct with the fields of all image kinds: to try a struct for each kind in turn would cost more.

    `uuid` and `dataRow` come first: workers fill in both and encode the struct to render a line.
    """
    merged: dict[str, tuple[str, Any, bool]] = {}
    for kind in _IMAGE_KINDS:
        for name, (alias, read_as, _) in _STRUCTS.fields(kind.model).items():
            if name in merged and merged[name][1] != read_as:
                read_as = merged[name][1] | read_as
            merged[name] = (alias, read_as, False)
    first = {"uuid": merged.pop("uuid"), "data_row": ("dataRow", DataRowStruct, False)}
    return _STRUCTS.define("AnnotationStruct", first | merged, _ASKED)


AnnotationStruct = _flat_annotation()
MessageStruct = _STRUCTS.of_message("MessageStruct", PredictionMessage, AnnotationStruct, {"plain": False})
_DECODER = msgspec.json.Decoder(MessageStruct)
_BY_KIND = ByKind(_STRUCTS, DataRowStruct, PredictionMessage, _ASKED)
_PLAIN = PlainMessages(_STRUCTS, PredictionMessage, _ASKED)
_ENCODER = msgspec.json.Encoder()
_AT_ANNOTATION = re.compile(r"\$\.annotations\[(\d{1,9})\](?:\.(bbox\.height|\w+))?")
_READ_OTHERWISE = {"answer", "answers", "bbox.height"}
"""Keys whose value may be wrong for the kinds of images but right for another kind."""


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A checked message as the publisher sends it."""

    project_id: str
    #: See `data_row_key`.
    data_row_key: str
    message_id: str
    #: One line of JSON with the message id, in bytes that nobody else has.
    raw: bytes
    #: The number of its annotations that Labelbox imports slowly.
    slow: int
    #: The kinds of its annotations.
    kinds: list[Kind]


def prepare(
    message: Message,
    *,
    project_id: str | None = None,
    model: Model | str | None = None,
    max_bytes: int = MAX_MESSAGE_BYTES,
) -> Prepared:
    """Check a message in any form of `Message`, and return it ready to be sent. Raises MessageError.

    `project_id` and `model` are only for a label of Labelbox's SDK, which lacks them; a message contains them itself.
    """
    if type(message) not in _OURS and is_label(message):
        message = of_label(message, project_id, model)
    elif project_id is not None or model is not None:
        path, argument = ("model", "model") if project_id is None else ("projectId", "project_id")
        expected = "no such argument: a message contains the value itself"
        raise MalformedMessage(Reason.MALFORMED_MESSAGE, path, f"{argument}=…", expected)
    raw = message if type(message) is bytes else as_json(message)
    if len(raw) > max_bytes:
        raise _too_large(raw, max_bytes)
    plain = _PLAIN.read(raw)
    if plain is None:
        raw, decoded, kinds = _read(raw)
        slow = slow_count(kinds)
    else:
        decoded, kinds = plain
        slow = len(kinds) if kinds and kinds[0].slow else 0
    # All three make new bytes: JSON encoders return a part of a larger buffer, which would leave gaps of kilobytes in
    # the memory of the publisher.
    message_id = decoded.message_id
    if message_id is not None:
        raw = b"".join((raw, b""))  # takes half the time of a copy of its memoryview
    else:
        message_id = decoded.message_id = new_message_id()
        if plain is None or raw.rfind(_ID_KEY) >= 0:
            raw = bytes(memoryview(_ENCODER.encode(decoded)))
        else:
            raw = _with_id(raw, message_id)
        if len(raw) > max_bytes:
            raise _too_large(raw, max_bytes)
    if _LINE_FEED in raw:  # white space between tokens: inside a string it was refused above
        raw = raw.replace(b"\n", b" ")
    return Prepared(decoded.project_id, data_row_key(decoded.data_row), message_id, raw, slow, kinds)


def _with_id(raw: bytes, message_id: str) -> bytes:
    """Add an id to a message that has none; the rest of a plain message has no spelling that is to be replaced."""
    return b"".join((raw[: raw.rindex(b"}")], b',"messageId":"', message_id.encode(), b'"}'))


_LINE_FEED = 0x0A  # as a number, which is searched for four times as fast as a byte string: 0.1 µs a message
_ID_KEY = b'"messageId"'
"""Where a message without an id has this, it is null, or stands in a text."""
_OURS = frozenset({PredictionMessage, dict, bytes})
"""The types of nearly all messages, for which the check for a label is skipped."""


def is_label(message: object) -> bool:
    """Return whether a message is a `labelbox.types.Label`, judged by class names, so as not to import the SDK."""
    return any(base.__name__ == "Label" and base.__module__.startswith("labelbox.") for base in type(message).__mro__)


def of_label(label: Any, project_id: str | None, model: Model | str | None) -> dict[str, Any]:
    """Return a label of the SDK as a message. Raises MessageError."""
    if project_id is None:
        raise MalformedMessage(Reason.MALFORMED_MESSAGE, "projectId", "nothing", "project_id=… beside a label")
    from prelabel.sdk import message_of  # imports the SDK, which takes a second and which we do not depend on

    return message_of(label, project_id=project_id, model=model)


def read_message(raw: bytes, *, max_bytes: int = MAX_MESSAGE_BYTES) -> tuple[Any, list[Kind]]:
    """Return a message as a struct, with canonical uuids and current spellings, and the kinds of its annotations.

    If its attribute `plain` is true, its annotations are of one kind, and each has a name and no uuid, id or nested
    answer. Raises MessageError.
    """
    if len(raw) > max_bytes:
        raise _too_large(raw, max_bytes)
    plain = _PLAIN.read(raw)
    if plain is not None:
        return plain
    _, message, kinds = _read(raw)
    return message, kinds


def _read(raw: bytes) -> tuple[bytes, Any, list[Kind]]:
    """Return the message's JSON with confidences within 0 to 1, the struct, and the kinds. Raises MessageError."""
    try:
        return raw, *_decode(raw)
    except NotRead as error:
        refused = error
    # The structs accept 0 to 1 exactly, so that the usual message costs nothing more; rounding is undone only here.
    rounded = with_rounded_confidences(raw) if "confidence" in str(refused.refused) else None
    if rounded is None:
        raise explained(raw, refused.refused, refused.at)
    try:
        return rounded, *_decode(rounded)
    except NotRead as error:
        raise explained(rounded, error.refused, error.at) from None


def _decode(raw: bytes) -> tuple[Any, list[Kind]]:
    """Read and check a message. Raises NotRead where the models have to explain the refusal, else MessageError."""
    try:
        message = _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        return _read_each(raw, error)
    except RecursionError:
        raise too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(raw, error) from None
    kinds = check(message)
    _PLAIN.learn(raw, message, kinds)
    return message, kinds


def _read_each(raw: bytes, refused: msgspec.ValidationError) -> tuple[Any, list[Kind]]:
    """Read a message that the struct of image kinds refused: it has other kinds, or is wrong.

    Raises NotRead and MessageError as `_decode` does.
    """
    place = _AT_ANNOTATION.search(str(refused))
    if place is None:  # the error is not about an annotation
        raise NotRead(None, refused)
    if place[2] and place[2] not in _READ_OTHERWISE:  # no kind has this key with such a value
        raise NotRead(int(place[1]), refused)
    try:
        message, kinds = _BY_KIND.read(raw)
    except RecursionError:  # the first reader stopped at a wrong key; this one reads to the end
        raise too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(raw, error) from None
    _check_row(message)
    _check_together(message, kinds)
    _PLAIN.learn(raw, message, kinds)
    return message, kinds


_NAMES = AnnotationStruct.__struct_fields__
_WIRE_NAMES = AnnotationStruct.__struct_encode_fields__
_NAME, _CONFIDENCE, _DATA_ROW = (_NAMES.index(name) for name in ("name", "confidence", "data_row"))
# Number of absent fields if an annotation has only a name and its kind's key.
_BARE = len(_NAMES) - 2


class _Fields:
    """The positions of a kind's fields in the tuple of an annotation's values, and the kind's rules."""

    def __init__(self, kind: Kind) -> None:
        own = [at for at, name in enumerate(_NAMES) if name in kind.model.model_fields]
        self.kind = kind
        self.own = itemgetter(*own)
        self.others = len(_NAMES) - len(own)
        self.own_rules = kind.model.CHECKS
        self.rules = (*kind.model.ENVELOPE, *kind.model.CHECKS)
        # The key that alone identifies the kind; if there is none, a field that annotations never have.
        self.only_key = _NAMES.index(kind.keys[0]) if kind.name in IMAGE.alone else _DATA_ROW


_FIELDS = {kind.name: _Fields(kind) for kind in _IMAGE_KINDS}
_BOXES = _FIELDS["bounding box"]  # the kind that most messages begin with
_kind_values = itemgetter(*(_NAMES.index(field) for field in IMAGE.fields))
_FIELD_OF = dict(zip(_WIRE_NAMES, _NAMES, strict=True))


def check(message: Any) -> list[Kind]:
    """Check the rules between fields and between annotations; return the annotations' kinds. Raises MessageError."""
    _check_row(message)
    kinds: list[Kind] = []
    together = pictures = False
    kind, key, own_rules = _BOXES.kind, _BOXES.only_key, _BOXES.own_rules
    try:
        for annotation in message.annotations:
            values = astuple(annotation)
            # Most annotations have a name, the same key as the annotation before and perhaps a confidence: only the
            # rules about that key can be broken.
            if (
                values[key] is not None
                and values[_NAME] is not None
                and values.count(None) + (values[_CONFIDENCE] is not None) == _BARE
            ):
                rules = own_rules
            else:
                fields = _fields_of(annotation, values, len(kinds))
                kind, key, own_rules, rules = fields.kind, fields.only_key, fields.own_rules, fields.rules
                together = together or annotation.uuid is not None or annotation.relationship is not None
                pictures = pictures or kind.pictures
            if rules:
                for rule in rules:
                    rule(annotation)
            kinds.append(kind)
    except CheckFailed as error:
        raise broken_rule(error, f"annotations[{len(kinds)}]") from None
    if together:
        check_uuids(message.annotations, kinds)
    if len(kinds) > MAX_PER_FEATURE:
        check_count(_features(message))
    if pictures:
        check_pictures(message.annotations, kinds)
    return kinds


def _check_row(message: Any) -> None:
    try:
        check_data_row(message.data_row)
    except CheckFailed as error:
        raise broken_rule(error, "dataRow") from None


def _check_together(message: Any, kinds: list[Kind]) -> None:
    check_uuids(message.annotations, kinds)
    if len(kinds) > MAX_PER_FEATURE:
        check_count(_features(message))
    check_spread(message.annotations, kinds)
    check_pictures(message.annotations, kinds)


def _features(message: Any) -> Iterator[str]:
    return (annotation.schema_id or annotation.name or "masks" for annotation in message.annotations)


def _fields_of(annotation: Any, values: tuple[Any, ...], at: int) -> _Fields:
    """Return the fields of the annotation's kind. Raises MessageError if the annotation has a field of another kind."""
    kind = IMAGE.find(_kind_values(values), lambda key: getattr(annotation, _FIELD_OF[key]))
    fields = _FIELDS[kind.name]
    if fields.own(values).count(None) + fields.others != values.count(None):
        known = kind.model.model_fields
        present = [at for at, value in enumerate(values) if value is not None]
        key = next(_WIRE_NAMES[at] for at in present if _NAMES[at] not in known)
        raise unknown_key(f"annotations[{at}]", key, [wire_name(kind, field) for field in known], kind)
    return fields


def data_row_key(data_row: Any) -> str:
    """Return the key by which lanes, identities and held rows know a data row: `i:<id>` or `k:<global key>`."""
    return f"k:{data_row.global_key}" if data_row.id is None else f"i:{data_row.id}"


def slow_count(kinds: list[Kind]) -> int:
    """Return the number of annotations that Labelbox imports slowly."""
    return 0 if _SLOW.isdisjoint(kinds) else sum(map(_SLOW.__contains__, kinds))


_SLOW = frozenset(kind for kind in KINDS if kind.slow)


def as_json(message: Any) -> bytes:
    """Return a message as JSON. Raises MessageError, also for NaN and Infinity, which encoders write as null."""
    if isinstance(message, bytes):
        return message
    try:
        raw = orjson.dumps(message, json_fields, orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        expected = f"something that can be JSON: {error}"
        raise MalformedMessage(Reason.MALFORMED_MESSAGE, "", type(message).__name__, expected) from None
    if _has_null(raw) and (refused := unwritten_number(message)):
        raise refused
    return raw


def _has_null(raw: bytes) -> bool:
    return raw.rfind(b"null") >= 0  # a third of the time of `in`, 0.25 µs less a message


def _too_large(raw: bytes, limit: int) -> MessageTooLarge:
    expected = f"at most {limit} bytes in a message"
    return MessageTooLarge(Reason.MESSAGE_TOO_LARGE, "", f"{len(raw)} bytes", expected)
