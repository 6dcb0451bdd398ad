"""Read plain messages in one pass: all annotations are of one kind, and each has a name and its kind's own keys.

Nearly all messages of object detectors are plain. A struct that has only these keys is read and written faster than
one with the keys of every kind, and nothing that it accepts can break a rule about the other keys. A message that is
not plain, or that is wrong, is left to the readers of all messages.
"""

from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any

import msgspec
from pydantic import BaseModel

from prelabel.annotations.base import Annotation, CheckFailed, Rule
from prelabel.annotations.explain import broken_rule
from prelabel.annotations.kinds import Kind
from prelabel.annotations.objects import GeometricObject
from prelabel.annotations.together import MAX_PER_FEATURE, check_pictures
from prelabel.validation.structs import Structs

_MAX_PROJECTS = 10_000
"""Maximum number of projects whose ids are remembered."""


class _Reader:
    """The decoder and the rules of the plain messages of one kind."""

    def __init__(self, kind: Kind, message: Any) -> None:
        self.kind = kind
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(message).decode
        self.rules = kind.model.CHECKS
        self.pictures = kind.pictures


class PlainMessages:
    """Reads plain messages of the kind that was learned last: a producer's messages are mostly of one kind.

    Safe to share between threads: each call reads the guess once, and a wrong guess costs time only.
    """

    def __init__(self, structs: Structs, message: type[BaseModel], constants: Mapping[str, Any]) -> None:
        self._structs = structs
        self._message = message
        self._constants = {**constants, **dict.fromkeys(Annotation.model_fields)}
        self._readers: dict[tuple[str, bool], _Reader] = {}
        self._guess: _Reader | None = None
        self._projects: set[str] = set()
        """Ids of projects that were read: the pattern of ids takes longer than a look-up."""

    def read(self, raw: bytes) -> tuple[Any, list[Kind]] | None:
        """Return a message and the kinds of its annotations; None if another reader has to read it.

        The message's `plain` is True; its `confident` tells whether its annotations may have a confidence. Raises
        MessageError for a message that is plain but breaks a rule.
        """
        reader = self._guess
        if reader is None:
            return None
        try:
            message = reader.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._guess = None
            return None
        annotations, row = message.annotations, message.data_row
        if (
            message.project_id not in self._projects
            or (row.id is None) == (row.global_key is None)
            or len(annotations) > MAX_PER_FEATURE
        ):
            return None
        if reader.rules:
            _check(annotations, reader.rules)
        kinds = [reader.kind] * len(annotations)
        if reader.pictures:
            check_pictures(annotations, kinds)
        return message, kinds

    def learn(self, raw: bytes, message: Any, kinds: list[Kind]) -> None:
        """Take note of a message that another reader read: if it is plain, the next one probably is too."""
        if not kinds or len(kinds) > MAX_PER_FEATURE:
            return
        kind = kinds[0]
        if kinds[-1] is not kind or not kind.plain:
            return
        annotations = message.annotations
        if all(map(_is_plain, annotations)) and kinds.count(kind) == len(kinds) and b"null" not in raw:
            if len(self._projects) >= _MAX_PROJECTS:
                self._projects.clear()
            self._projects.add(message.project_id)
            confident = any(annotation.confidence is not None for annotation in annotations)
            self._guess = self._readers.get((kind.name, confident)) or self._add(kind, confident)

    def _add(self, kind: Kind, confident: bool) -> _Reader | None:
        # The other kinds have rules about several annotations, or about keys that are not here.
        if not issubclass(kind.model, GeometricObject):
            return None
        structs, optional = self._structs, {"confidence"} if confident else set()
        with structs.lock:
            # Workers fill in these two to render a line; JSON may have nothing but null there.
            fields = {"uuid": ("uuid", NoneType, False), "data_row": ("dataRow", NoneType, False)} | {
                name: (alias, read_as, name not in optional)
                for name, (alias, read_as, required) in structs.fields(kind.model).items()
                if required or name == "name" or name in optional
            }
            name = f"Plain{kind.model.__name__}{'WithConfidence' if confident else ''}"
            annotation = structs.define(name, fields, self._constants)
            constants = {"plain": True, "confident": confident}
            project_id = ("projectId", str, True)
            message = structs.of_message(
                f"MessageOf{name}", self._message, annotation, constants, project_id=project_id
            )
            return self._readers.setdefault((kind.name, confident), _Reader(kind, message))


def _is_plain(annotation: Any) -> bool:
    return (
        annotation.name is not None
        and annotation.uuid is None
        and annotation.schema_id is None
        and annotation.custom_metrics is None
        and annotation.classifications is None
        and annotation.is_benchmark_reference_label is None
    )


def _check(annotations: list[Any], rules: Iterable[Rule]) -> None:
    for at, annotation in enumerate(annotations):
        try:
            for rule in rules:
                rule(annotation)
        except CheckFailed as error:
            raise broken_rule(error, f"annotations[{at}]") from None
