"""Rules between the annotations of one message, called with the gate's structs."""

from collections.abc import Iterable
from typing import Any

from prelabel.annotations.base import CheckFailed
from prelabel.annotations.explain import broken_rule
from prelabel.annotations.kinds import Kind
from prelabel.annotations.png import PictureWork
from prelabel.errors import InvalidAnnotation, Reason

MAX_PER_FEATURE = 5000
"""Labelbox's limit for one feature on one data row in one import (docs/reference/labelbox-format.md#1-9)."""

MAX_SPREAD = 200_000
"""Maximum number of ranges beside answers, counted once per option: about as many as a message has room for."""


def check_uuids(annotations: list[Any], kinds: list[Kind]) -> None:
    """Check that no uuid occurs twice and that relationships link annotations of the same message.

    Source: docs/reference/labelbox-format.md#2-11.
    """
    places: dict[str, int] = {}
    for at, annotation in enumerate(annotations):
        uuid = annotation.uuid
        if uuid is not None and places.setdefault(uuid, at) != at:
            expected = "each uuid once in a message"
            raise InvalidAnnotation(Reason.DUPLICATE_UUID, f"annotations[{at}].uuid", uuid, expected)
    for at, annotation in enumerate(annotations):
        link = annotation.relationship
        if link is None:
            continue
        for word, uuid in (("source", link.source), ("target", link.target)):
            end = kinds[places[uuid]] if uuid in places else None
            # On documents a source may be a classification; the ontology check, which knows the media type, decides it.
            fits = end is not None and end.keys != ("relationship",) and not (end.classifies and word == "target")
            if uuid is not None and not fits:
                path, expected = f"annotations[{at}].relationship.{word}", "the uuid of an object in this message"
                raise InvalidAnnotation(Reason.BROKEN_RELATIONSHIP, path, uuid, expected)


def check_count(features: Iterable[str]) -> None:
    """Check the number of annotations per feature; publishers name a feature by its name, workers by its id."""
    counts: dict[str, int] = {}
    for at, feature in enumerate(features):
        counts[feature] = counts.get(feature, 0) + 1
        if counts[feature] > MAX_PER_FEATURE:
            expected = f"at most {MAX_PER_FEATURE} annotations of a feature on a data row"
            raise InvalidAnnotation(Reason.TOO_MANY_ANNOTATIONS, f"annotations[{at}]", feature, expected)


def check_pictures(annotations: list[Any], kinds: list[Kind]) -> None:
    """Check a message's pictures until the work allowed for them is used up; Labelbox checks the rest."""
    work = PictureWork()
    for at, (annotation, kind) in enumerate(zip(annotations, kinds, strict=True)):
        if not kind.pictures:
            continue
        try:
            for rule in kind.model.PICTURES:
                rule(annotation, work)
        except CheckFailed as error:
            raise broken_rule(error, f"annotations[{at}]") from None


def check_spread(annotations: list[Any], kinds: list[Kind]) -> None:
    """Limit the ranges beside the options of an answer: on audio they are written once per option."""
    spread = 0
    for at, (annotation, kind) in enumerate(zip(annotations, kinds, strict=True)):
        if not kind.timed or annotation.frames is None:
            continue
        options = len(annotation.answer) if isinstance(annotation.answer, list) else 1
        spread += options * len(annotation.frames)
        if spread > MAX_SPREAD:
            expected = f"at most {MAX_SPREAD} ranges in a message, those beside an answer counted for each option"
            raise InvalidAnnotation(Reason.INVALID_ANNOTATION, f"annotations[{at}].frames", f"{spread}", expected)
