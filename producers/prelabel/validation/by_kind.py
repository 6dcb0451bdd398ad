"""Read messages that have other kinds than those of images: annotation by annotation, each with its kind's struct.

A struct is created when the first annotation of its kind is read, so a process pays only for the kinds that it gets.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
from pydantic import BaseModel

from prelabel.annotations.base import CheckFailed
from prelabel.annotations.explain import broken_rule
from prelabel.annotations.kinds import ALL, Kind
from prelabel.messages import without_nulls
from prelabel.validation.structs import Structs

# The values of these keys help to choose the kind; of all other keys, only the presence matters.
_KEYS_WITH_VALUES = ("answer", "answers", "bbox")
# These keys choose between kinds that share a key.
_SECOND_KEYS = ("messageId", "page", "unit", "frames", "groupKey")
_NULL = msgspec.Raw(b"null")


class NotRead(Exception):
    """A message cannot be read: msgspec's error, and the index of the annotation that it is about, if any."""

    def __init__(self, at: int | None, refused: Exception) -> None:
        super().__init__(at, refused)
        self.at = at
        self.refused = refused


class _Unknown(Exception):
    """The annotation does not have exactly one of the keys that identify kinds."""


class _Reader:
    """The decoder and the rules of one kind."""

    def __init__(self, kind: Kind, struct: Any) -> None:
        self.kind = kind
        self.decode = msgspec.json.Decoder(struct).decode
        self.rules = (*kind.model.ENVELOPE, *kind.model.CHECKS)


class ByKind:
    """Reads whole messages; safe to share between threads."""

    def __init__(self, structs: Structs, data_row: Any, message: type[BaseModel], constants: Mapping[str, Any]) -> None:
        self._structs = structs
        self._data_row = data_row
        self._message = message
        self._constants = constants
        self._readers: dict[str, _Reader] = {}
        self._last: _Reader | None = None  # of the annotation before; only a guess, so no lock is needed
        self._made: tuple[Any, Any] | None = None

    def read(self, raw: bytes) -> tuple[Any, list[Kind]]:
        """Return the message with annotations as their kinds' structs, and the kinds. Raises NotRead, MessageError."""
        decode_message, decode_keys = self._made or self._make()
        try:
            message = decode_message(raw)
        except msgspec.ValidationError as error:
            raise NotRead(None, error) from None
        kinds: list[Kind] = []
        annotations = []
        for at, part in enumerate(message.annotations):
            try:
                kind, annotation = self._annotation(part, decode_keys)
            except CheckFailed as error:
                raise broken_rule(error, f"annotations[{at}]") from None
            except (msgspec.ValidationError, _Unknown) as error:
                raise NotRead(at, error) from None
            kinds.append(kind)
            annotations.append(annotation)
        message.annotations = annotations
        return message, kinds

    def _annotation(self, raw: Any, decode_keys: Any) -> tuple[Kind, Any]:
        reader, annotation = self._as_last(raw)
        if reader is None:
            keys = decode_keys(raw)
            try:
                kind = ALL.find([None if value == _NULL else value for value in keys.values()], keys.get)
            except CheckFailed as error:
                raise _Unknown from error
            reader = self._readers.get(kind.name) or self._reader(kind)
            try:
                annotation = reader.decode(raw)
            except msgspec.ValidationError:
                annotation = reader.decode(_without_nulls(bytes(raw)))
            self._last = reader
        if annotation.data_row is not None:  # the struct has it for workers, an annotation has none
            raise _Unknown
        for rule in reader.rules:
            rule(annotation)
        return reader.kind, annotation

    def _as_last(self, raw: Any) -> tuple[_Reader | None, Any]:
        """Read an annotation as the kind of the annotation before, which is usually right; else return None twice.

        A struct accepts only its own keys, so an annotation that it accepts is of its kind. Answers with ranges are an
        exception: their structs also accept some answers without ranges.
        """
        reader = self._last
        if reader is None or reader.kind.timed:
            return None, None
        try:
            annotation = reader.decode(raw)
        except msgspec.ValidationError:
            return None, None
        keys = reader.kind.keys  # a checklist has two, exactly one of which must be used
        if len(keys) > 1 and sum(getattr(annotation, key) is not None for key in keys) != 1:
            return None, None
        return reader, annotation

    def _make(self) -> tuple[Any, Any]:
        """Create the decoders of messages, and of the keys that identify a kind."""
        with self._structs.lock:
            struct = self._structs.of_message("MessageOfPartsStruct", self._message, msgspec.Raw, {"plain": False})
            message = msgspec.json.Decoder(struct)
            self._made = message.decode, msgspec.json.Decoder(_KindKeys).decode
            return self._made

    def _reader(self, kind: Kind) -> _Reader:
        with self._structs.lock:
            if kind.name not in self._readers:
                fields = self._structs.fields(kind.model)
                # First, as in the struct of image kinds: workers fill in both fields to render a line.
                first = {"uuid": fields.pop("uuid"), "data_row": ("dataRow", self._data_row, False)}
                struct = self._structs.define(f"{kind.model.__name__}Line", first | fields, self._constants)
                self._readers[kind.name] = _Reader(kind, struct)
            return self._readers[kind.name]


def _without_nulls(raw: bytes) -> bytes:
    """Return the annotation without keys that are null: they may belong to other kinds."""
    if b"null" not in raw:
        return raw
    try:
        return orjson.dumps(without_nulls(orjson.loads(raw)))
    except orjson.JSONDecodeError:  # a number that orjson does not accept
        return raw


def _kind_keys() -> Any:
    fields: list[Any] = []
    for key in (*ALL.wire, *_SECOND_KEYS):
        fields.append((key, Any, None) if key in _KEYS_WITH_VALUES else (key, msgspec.Raw, None))

    def values(keys: Any) -> list[Any]:
        return [getattr(keys, key) for key in ALL.wire]

    def get(keys: Any, key: str) -> Any:
        value = getattr(keys, key)
        return None if value == _NULL else value

    return msgspec.defstruct("KindKeys", fields, namespace={"values": values, "get": get})


_KindKeys = _kind_keys()
