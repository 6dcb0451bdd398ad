"""The fast check of a message, and the explanation of a refusal.

"Validate fast, explain slowly": msgspec reads the JSON into structs made from the pydantic models; only what it
refuses is read again by the models, whose errors say where and why. When the two disagree the message is refused with
a reason of its own, never passed.
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
import orjson
from pydantic import BaseModel, ValidationError

from prelabel.annotations.base import CheckFailed, canonical_uuid
from prelabel.annotations.kinds import BY_NAME, KEYS, KINDS, OBJECT_KEYS, Kind, kind_name_of_answer
from prelabel.errors import InvalidAnnotation, MalformedMessage, MessageError, MessageTooLarge, Reason
from prelabel.explain import explanation
from prelabel.messages import MAX_ANNOTATIONS_PER_FEATURE, DataRow, PredictionMessage, uuid7
from prelabel.structs import Structs

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_STRUCTS = Structs(__name__, globals())
DataRowStruct = _STRUCTS.of(DataRow)


def _flat_annotation() -> Any:
    """One struct with the fields of every kind: trying them one after the other would cost more with each kind.

    `uuid` and `dataRow` come first, so that a rendered line is this struct with both filled in.
    """
    merged: dict[str, tuple[str, Any, bool]] = {}
    for kind in KINDS:
        for name, (alias, read_as, _) in _STRUCTS.fields(kind.model).items():
            if name in merged and merged[name][1] != read_as:
                read_as = merged[name][1] | read_as
            merged[name] = (alias, read_as, False)
    first = {"uuid": merged.pop("uuid"), "data_row": ("dataRow", DataRowStruct, False)}
    return _STRUCTS.define("AnnotationStruct", first | merged)


AnnotationStruct = _flat_annotation()
_ANNOTATIONS = Annotated[list[AnnotationStruct], msgspec.Meta(min_length=1)]  # type: ignore[valid-type]
MessageStruct = _STRUCTS.define(
    "MessageStruct", _STRUCTS.fields(PredictionMessage) | {"annotations": ("annotations", _ANNOTATIONS, True)}
)
_DECODER = msgspec.json.Decoder(MessageStruct)
_OBJECT_KINDS = tuple(kind for kind in KINDS if not kind.classifies)
_VALUES = attrgetter(*KEYS)
_ALL_BUT_ONE = len(KEYS) - 1


class Prepared(NamedTuple):
    """A checked message as the publisher sends it: one line of JSON with a message id."""

    project_id: str
    data_row_key: str
    message_id: str
    raw: bytes
    slow: int


def prepare(message: PredictionMessage | Mapping[str, Any] | bytes, *, max_bytes: int = MAX_MESSAGE_BYTES) -> Prepared:
    """Check a message in any of its forms. Raises MessageError."""
    raw = _as_json(message)
    decoded, kinds = decode_message(raw, max_bytes=max_bytes, source=message)
    message_id = decoded.message_id
    if message_id is None:
        message_id = uuid7()
        raw = b'{"messageId":"%s",' % message_id.encode() + raw[raw.index(b"{") + 1 :]
    if b"\n" in raw:  # white space between tokens: inside a string it would have been refused
        raw = raw.replace(b"\n", b" ")
    slow = sum(kind.slow for kind in kinds)
    return Prepared(decoded.project_id, data_row_key(decoded.data_row), message_id, raw, slow)


def decode_message(raw: bytes, *, max_bytes: int = MAX_MESSAGE_BYTES, source: Any = None) -> tuple[Any, list[Kind]]:
    """A message as a `MessageStruct`, and the kind of each annotation; `source` is what the bytes were made from.

    Raises MessageError.
    """
    if len(raw) > max_bytes:
        raise MessageTooLarge(
            Reason.MESSAGE_TOO_LARGE, "", f"{len(raw)} bytes", f"at most {max_bytes} bytes in a message"
        )
    try:
        message = _DECODER.decode(raw)
        return message, check(message)
    except RecursionError:
        raise InvalidAnnotation(Reason.TOO_DEEP, "", "deep nesting", "JSON that can be read") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, CheckFailed) as error:
        raise _explained(raw, source, error) from None


def check(message: Any) -> list[Kind]:
    """The rules between fields, and between annotations; the kind of each. Raises CheckFailed or MessageError."""
    if (message.data_row.id is None) == (message.data_row.global_key is None):
        raise CheckFailed("dataRow", "none or both", "exactly one of id and globalKey")
    uuids: dict[str, int] = {}
    kinds: list[Kind] = []
    relationships = False
    for at, annotation in enumerate(message.annotations):
        kind = kind_of(annotation)
        kinds.append(kind)
        if annotation.data_row is not None:
            raise CheckFailed(f"annotations[{at}].dataRow", "an object", "no dataRow in an annotation")
        for rule in kind.model.CHECKS:
            rule(annotation)
        if annotation.uuid is not None:
            annotation.uuid = canonical_uuid(annotation.uuid)
            if uuids.setdefault(annotation.uuid, at) != at:
                raise InvalidAnnotation(
                    Reason.DUPLICATE_UUID, f"annotations[{at}].uuid", annotation.uuid, "each uuid once in a message"
                )
        relationships |= annotation.relationship is not None
    if relationships:
        _check_relationships(message.annotations, uuids)
    if len(message.annotations) > MAX_ANNOTATIONS_PER_FEATURE:
        _check_count(message.annotations)
    return kinds


def kind_of(annotation: Any) -> Kind:
    """The kind of a decoded annotation, by its one key. Raises CheckFailed."""
    values = _VALUES(annotation)
    if values.count(None) != _ALL_BUT_ONE:
        present = [key for key, value in zip(KEYS, values, strict=True) if value is not None]
        raise CheckFailed("", ", ".join(present) or "none", "one kind in an annotation")
    for value, kind in zip(values, _OBJECT_KINDS, strict=False):
        if value is not None:
            return kind
    if annotation.classifications is not None:
        raise CheckFailed("classifications", "an array", "none beside answer")
    return BY_NAME[kind_name_of_answer(annotation.answer, annotation.answers)]


def data_row_key(data_row: Any) -> str:
    """How lanes, identities and held rows know a data row: `i:<id>` or `k:<global key>`."""
    return f"k:{data_row.global_key}" if data_row.id is None else f"i:{data_row.id}"


def _check_relationships(annotations: list[Any], uuids: dict[str, int]) -> None:
    """Both ends are objects of the same message (ndjson-formats, section 2.11)."""
    for at, annotation in enumerate(annotations):
        link = annotation.relationship
        if link is None:
            continue
        for word in ("source", "target"):
            uuid = getattr(link, word)
            if uuid is None:
                continue
            uuid = canonical_uuid(uuid)
            setattr(link, word, uuid)
            end = annotations[uuids[uuid]] if uuid in uuids else None
            if end is None or not any(getattr(end, key) is not None for key in OBJECT_KEYS if key != "relationship"):
                raise InvalidAnnotation(
                    Reason.BROKEN_RELATIONSHIP,
                    f"annotations[{at}].relationship.{word}",
                    uuid,
                    "the uuid of an object in this message",
                )


def _check_count(annotations: list[Any]) -> None:
    counts: dict[str | None, int] = {}
    for at, annotation in enumerate(annotations):
        feature = annotation.schema_id or annotation.name
        counts[feature] = counts.get(feature, 0) + 1
        if counts[feature] > MAX_ANNOTATIONS_PER_FEATURE:
            raise InvalidAnnotation(
                Reason.TOO_MANY_ANNOTATIONS,
                f"annotations[{at}]",
                feature,
                f"at most {MAX_ANNOTATIONS_PER_FEATURE} annotations of a feature on a data row",
            )


def _as_json(message: PredictionMessage | Mapping[str, Any] | bytes) -> bytes:
    if isinstance(message, bytes):
        return message
    if isinstance(message, BaseModel):
        return message.model_dump_json(by_alias=True, exclude_none=True).encode()
    try:
        return orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        raise MalformedMessage(
            Reason.MALFORMED_MESSAGE, "", type(message).__name__, f"something that can be JSON: {error}"
        ) from None


def _explained(raw: bytes, source: Any, refusal: Exception) -> MessageError:
    """What the models say about a message that the gate refused."""
    try:
        if isinstance(source, Mapping):
            PredictionMessage.model_validate(source)
        else:
            PredictionMessage.model_validate_json(raw)
    except ValidationError as error:
        return explanation(error, raw)
    except RecursionError:
        return InvalidAnnotation(Reason.TOO_DEEP, "", "deep nesting", "JSON that can be read")
    text = refusal.args[2] if isinstance(refusal, CheckFailed) else str(refusal)
    return InvalidAnnotation(Reason.GATE_DISAGREES, "", "a message that one of two checks refuses", text)
