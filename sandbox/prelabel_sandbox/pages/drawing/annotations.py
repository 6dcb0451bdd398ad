"""Lines of pre-labels → what pages say of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.pages.drawing.answers import Answer, answer_of, nested
from prelabel_sandbox.pages.drawing.classes import Classes, Feature
from prelabel_sandbox.pages.drawing.masks import without_images
from prelabel_sandbox.pages.drawing.where import NAMES, kind_of, where

_KEYFRAMES = 20  # of one track whose answers are listed


@dataclass(frozen=True, slots=True)
class Annotation:
    """One pre-label. `number` is its place on the page, `key` tells its kind and `kind` says it."""

    number: int
    uuid: bytes
    key: str
    kind: str
    feature: Feature
    where: str
    answers: tuple[Answer, ...]
    line: dict[str, Any]

    @property
    def uuid_text(self) -> str:
        """The uuid as it is written."""
        return str(UUID(bytes=self.uuid))

    @property
    def is_answer(self) -> bool:
        """Whether it answers a question, rather than being an object."""
        return self.key == "answer"


def annotations_of(lines: Iterable[tuple[bytes, bytes]], classes: Classes) -> list[Annotation]:
    """One for each (uuid, line)."""
    found = [
        _annotation(number, uuid, without_images(orjson.loads(line)), classes)
        for number, (uuid, line) in enumerate(lines, 1)
    ]
    return [_linked(each, found) if each.key == "relationship" else each for each in found]


def _annotation(number: int, uuid: bytes, line: dict[str, Any], classes: Classes) -> Annotation:
    key = kind_of(line)
    if key == "answer":
        feature = classes.classification(line)
        return Annotation(
            number, uuid, key, feature.type or key, feature, where(line, key), (answer_of(line, feature),), line
        )
    feature = _of_instances(line, classes) if key == "masks" else classes.tool(line)
    return Annotation(number, uuid, key, NAMES[key], feature, where(line, key), tuple(_below(line, feature)), line)


def _below(line: dict[str, Any], feature: Feature) -> Iterable[Answer]:
    yield from nested(line.get("classifications"), feature)
    frames = [each for segment in line.get("segments") or () for each in segment["keyframes"]]
    for each in [frame for frame in frames if frame.get("classifications")][:_KEYFRAMES]:
        for answer in nested(each["classifications"], feature):
            yield Answer(f"{answer.question}, from frame {each['frame']}", answer.choices, answer.left_out)


def _of_instances(line: dict[str, Any], classes: Classes) -> Feature:
    tools = [classes.tool(each) for each in line["masks"]["instances"]]
    first = tools[0]
    return Feature(", ".join(dict.fromkeys(each.name for each in tools)), first.type, first.css, first.color)


def _linked(edge: Annotation, all_: list[Annotation]) -> Annotation:
    """A relationship with the names of its ends."""
    given = edge.line["relationship"]
    ends = {each.uuid: each.feature.name for each in all_}
    source = given.get("sourceOntologyName") or _end(given.get("source"), ends)
    arrow = "↔" if given.get("type") == "bidirectional" else "→"
    said = f"{source} {arrow} {_end(given.get('target'), ends)}"
    return Annotation(edge.number, edge.uuid, edge.key, edge.kind, edge.feature, said, (), edge.line)


def _end(given: Any, ends: dict[bytes, str]) -> str:
    uuid = canonical(given)
    return ends.get(uuid, f"{given}, not on this page") if uuid else "nothing"
