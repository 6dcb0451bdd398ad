"""Converts lines of pre-labels to annotations as pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.pages.drawing.answers import Answer, answer_of, nested
from prelabel_sandbox.pages.drawing.classes import Classes, Feature
from prelabel_sandbox.pages.drawing.masks import without_images
from prelabel_sandbox.pages.drawing.where import kind_of, name_of, where

_KEYFRAMES = 20  # of one track, whose answers are listed; further keyframes are left out


@dataclass(frozen=True, slots=True)
class Annotation:
    """One pre-label on a page."""

    #: Its position on the page, from 1.
    number: int
    #: The pre-label's uuid.
    uuid: bytes
    #: The key that determines its kind, as in `where.NAMES`; "answer" for an answer.
    key: str
    #: Name of its kind.
    kind: str
    #: The ontology's feature, with its colour.
    feature: Feature
    #: Its place in words.
    where: str
    #: The answers to show: its own, or those nested below it.
    answers: tuple[Answer, ...]
    #: The line without inline images.
    line: dict[str, Any]

    @property
    def uuid_text(self) -> str:
        """Return the uuid as text."""
        return str(UUID(bytes=self.uuid))

    @property
    def is_answer(self) -> bool:
        """Return whether it is the answer of a classification and not an object."""
        return self.key == "answer"


def annotations_of(lines: Iterable[tuple[bytes, bytes]], classes: Classes) -> list[Annotation]:
    """Return an annotation for each (uuid, line)."""
    annotations = [
        _annotation(number, uuid, without_images(orjson.loads(line)), classes)
        for number, (uuid, line) in enumerate(lines, 1)
    ]
    return [_linked(item, annotations) if item.key == "relationship" else item for item in annotations]


def _annotation(number: int, uuid: bytes, line: dict[str, Any], classes: Classes) -> Annotation:
    key = kind_of(line)
    if key == "answer":
        feature = classes.classification(line)
        return Annotation(
            number, uuid, key, feature.type or key, feature, where(line, key), (answer_of(line, feature),), line
        )
    feature = _of_instances(line, classes) if key == "masks" else classes.tool(line)
    below = tuple(_below(line, feature))
    return Annotation(number, uuid, key, name_of(line, key), feature, where(line, key), below, line)


def _below(line: dict[str, Any], feature: Feature) -> Iterable[Answer]:
    yield from nested(line.get("classifications"), feature)
    keyframes = [keyframe for segment in line.get("segments") or () for keyframe in segment["keyframes"]]
    for keyframe in [keyframe for keyframe in keyframes if keyframe.get("classifications")][:_KEYFRAMES]:
        for answer in nested(keyframe["classifications"], feature):
            yield Answer(f"{answer.question}, from frame {keyframe['frame']}", answer.choices, answer.left_out)


def _of_instances(line: dict[str, Any], classes: Classes) -> Feature:
    tools = [classes.tool(instance) for instance in line["masks"]["instances"]]
    first = tools[0]
    return Feature(", ".join(dict.fromkeys(tool.name for tool in tools)), first.type, first.css, first.color)


def _linked(edge: Annotation, annotations: list[Annotation]) -> Annotation:
    """Return a relationship whose `where` has the names of its ends."""
    link = edge.line["relationship"]
    names = {annotation.uuid: annotation.feature.name for annotation in annotations}
    source = link.get("sourceOntologyName") or _end(link.get("source"), names)
    arrow = "↔" if link.get("type") == "bidirectional" else "→"
    text = f"{source} {arrow} {_end(link.get('target'), names)}"
    return Annotation(edge.number, edge.uuid, edge.key, edge.kind, edge.feature, text, (), edge.line)


def _end(reference: Any, names: dict[bytes, str]) -> str:
    uuid = canonical(reference)
    return names.get(uuid, f"{reference}, not on this page") if uuid else "nothing"
