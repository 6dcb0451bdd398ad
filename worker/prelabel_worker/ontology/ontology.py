"""Check an annotation against its project: features, options, nesting, media type.

Source: docs/reference/labelbox-format.md#3 and #4.

Pure. What depends on the ontology alone is prepared, so that most annotations cost one look-up by name. Where the
reference says that sources disagree, the annotation passes and Labelbox decides.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from prelabel.annotations.base import CheckFailed
from prelabel.annotations.geo import check_degrees
from prelabel.annotations.kinds import DOCUMENTS, KINDS, MEDIA_TYPES, TILES, Kind, media_type_of
from prelabel.annotations.video import SHAPES, shape_of
from prelabel.errors import InvalidAnnotation, MessageError, NotInOntology, Reason, quoted
from prelabel_worker.ontology.classification_answers import TimedAnswers, check_answer, check_nested
from prelabel_worker.ontology.tree import FORMS, Feature, Level, feature_bytes, read_classification, read_tool

_FEATURE = "a feature of the project's ontology"


class Ontology:
    """A project's ontology, prepared for checking; equal `digest`, equal answers."""

    def __init__(self, tools: Iterable[Feature], classifications: Iterable[Feature], media_type: str | None) -> None:
        self.digest = ""
        self._tools = Level(tools)
        self._classifications = Level(classifications)
        self._media_type = media_type_of(media_type)
        # A type that is not known here refuses no row: Labelbox decides (docs/reference/labelbox-format.md#3).
        known = self._media_type in MEDIA_TYPES
        self._refused = {kind.name for kind in KINDS if known and self._media_type not in kind.media}
        self.tiled = self._media_type in TILES
        self.has_prompt = any(feature.type == "prompt" for feature in self._classifications.items)
        self._degrees = self._media_type == "TMSGEO"
        self._timed = TimedAnswers(self._media_type)
        self._parents = _parents([*self._tools.items, *self._classifications.items])
        self._plain = {kind.name: self._plain_names(kind) for kind in KINDS}

    @classmethod
    def from_normalized(cls, normalized: Mapping[str, Any], media_type: str | None) -> "Ontology":
        """Read what the API answers as `ontology.normalized`; keys it does not know are ignored."""
        ontology = cls(
            [read_tool(tool) for tool in normalized.get("tools") or ()],
            [read_classification(feature) for feature in normalized.get("classifications") or ()],
            media_type,
        )
        content = orjson.dumps([normalized, media_type], option=orjson.OPT_SORT_KEYS)
        ontology.digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        return ontology

    def plain(self, kind: Kind) -> Mapping[str, Feature]:
        """Return name → feature, where the name is enough: an object of this kind with nothing nested is right."""
        return self._plain[kind.name]

    def resolve(self, annotation: Any, kind: Kind, path: str) -> Feature:
        """Check everything about an annotation and return its feature. Raises MessageError."""
        if kind.name in self._refused:
            raise self._not_taken(annotation, kind, path)
        if annotation.masks is not None:
            return self._check_masks(annotation, kind, path)
        level = self._classifications if kind.classifies else self._tools
        if annotation.name not in level.by_name and annotation.schema_id not in level.by_id:
            self._check_elsewhere(annotation, kind, path)
        feature = level.find(annotation, path, Reason.UNKNOWN_FEATURE, _FEATURE)
        if kind.timed:
            self._timed.check(annotation, feature, path)
        elif kind.classifies:
            check_answer(annotation, feature, path)
        else:
            self._check_object(annotation, kind, feature, path)
        if kind.named and annotation.name is None:
            annotation.name = feature.name
        return feature

    def unidentified(self, kind: Kind) -> bool:
        """Return whether a line of this kind is sent without a derived uuid, so that Labelbox makes one.

        An assumption, after docs/reference/labelbox-format.md#2-20 and #question-7-10: Labelbox's own client writes no
        uuid on answers with ranges of time in audio, and whether the server takes one is unknown. A uuid from the
        producer is sent.
        """
        return kind.timed and self._media_type == "AUDIO"

    def slow(self, kinds: Iterable[Kind]) -> int:
        """Return how many of these Labelbox imports slowly: masks, and every object on tiled imagery.

        Source: docs/reference/labelbox-format.md#1-9.
        """
        return sum(kind.slow or (self.tiled and not kind.classifies) for kind in kinds)

    def _check_object(self, annotation: Any, kind: Kind, feature: Feature, path: str) -> None:
        if kind.name not in feature.kinds:
            raise _wrong_kind(feature, f"a {kind.name}", path)
        if annotation.segments is not None:
            shape = shape_of(annotation.segments[0].keyframes[0])
            if SHAPES[str(shape)] != feature.type:
                raise _wrong_kind(feature, f"keyframes with {shape}", path)
            _check_keyframes(annotation, feature, path)
        elif annotation.message_evaluation_task is not None:
            if annotation.message_evaluation_task.format != feature.type:
                raise _wrong_kind(feature, f"a task of {annotation.message_evaluation_task.format}", path)
        elif annotation.classifications:
            check_nested(annotation.classifications, feature.nested, f"'{feature.name}'", path)
        if self._degrees and kind.image:
            try:
                check_degrees(annotation)
            except CheckFailed as error:
                where = f"{path}.{error.path}"
                raise InvalidAnnotation(error.reason, where, error.found, error.expected) from None

    def _check_masks(self, annotation: Any, kind: Kind, path: str) -> Feature:
        """Check that each instance names a mask tool; return a stand-in, since the line has no feature as a whole."""
        for at, instance in enumerate(annotation.masks.instances):
            where = f"{path}.masks.instances[{at}]"
            named = _Named(instance.name, instance.feature_schema_id)
            feature = self._tools.find(named, where, Reason.UNKNOWN_FEATURE, _FEATURE)
            if kind.name not in feature.kinds:
                raise _wrong_kind(feature, f"a {kind.name}", where)
        return _MASKS[getattr(annotation, "group_key", None)]

    def _not_taken(self, annotation: Any, kind: Kind, path: str) -> MessageError:
        """Return the error for a kind that the media type refuses, with a kind of the same tools as a hint."""
        if kind.name == "tile box" and "bounding box" not in self._refused:
            expected = "a number greater than 0: only tiled imagery has boxes from their other edge"
            return InvalidAnnotation(Reason.INVALID_ANNOTATION, f"{path}.bbox.height", annotation.bbox.height, expected)
        accepted = [other for other in KINDS if self._media_type in other.media and other.tools & kind.tools]
        ways = " or ".join(f"a {other.name}" for other in accepted if other.timed == kind.timed or not kind.timed)
        hint = f"{self._media_type} assets take {ways}" if ways and not kind.classifies else None
        expected = f"a kind that {self._media_type} assets take"
        return NotInOntology(Reason.MEDIA_TYPE, path, f"a {kind.name}", expected, hint)

    def check_source_name(self, name: str, path: str) -> None:
        """Check the name of a classification as a link's source, which only documents accept.

        Source: docs/reference/labelbox-format.md#2-11.
        """
        if self._media_type in MEDIA_TYPES - DOCUMENTS:
            expected = f"a source: {self._media_type} assets have no sourceOntologyName"
            raise NotInOntology(Reason.MEDIA_TYPE, f"{path}.sourceOntologyName", "one", expected)
        if name not in self._classifications.by_name:
            expected = "a classification of the project's ontology"
            raise NotInOntology(Reason.UNKNOWN_FEATURE, f"{path}.sourceOntologyName", quoted(name), expected)

    def check_link(self, edge: Feature, source: Feature, target: Feature, both_ways: bool, path: str) -> None:
        """Check that this pair may be linked, and by this tool. Raises NotInOntology."""
        if source.type in FORMS and self._media_type in MEDIA_TYPES - DOCUMENTS:
            raise NotInOntology(Reason.BROKEN_RELATIONSHIP, f"{path}.source", f"'{source.name}'", "an object")
        pairs = {(source.id, target.id)} | ({(target.id, source.id)} if both_ways else set())
        if edge.constraints and not pairs & edge.constraints:
            pair = f"'{source.name}' to '{target.name}'"
            raise NotInOntology(Reason.BROKEN_RELATIONSHIP, path, pair, f"a pair that '{edge.name}' allows")

    def _plain_names(self, kind: Kind) -> dict[str, Feature]:
        if not kind.plain or kind.name in self._refused or (self._degrees and kind.image):
            return {}
        return {
            name: feature
            for name, feature in self._tools.by_name.items()
            if kind.name in feature.kinds and not feature.archived and name not in self._tools.twice
        }

    def _check_elsewhere(self, annotation: Any, kind: Kind, path: str) -> None:
        """Raise NotInOntology with a better reason where the feature exists at another level."""
        other = self._tools if kind.classifies else self._classifications
        wrong = other.by_name.get(annotation.name) or other.by_id.get(annotation.schema_id)
        if wrong is not None:
            raise _wrong_kind(wrong, f"a {kind.name}", path)
        parent = self._parents.get(annotation.name) or self._parents.get(annotation.schema_id)
        if parent is not None:
            feature = quoted(annotation.name or annotation.schema_id)
            expected = f"it nested under '{parent}', not at the top level"
            raise NotInOntology(Reason.WRONG_NESTING, path, feature, expected)


def _parents(features: list[Feature]) -> dict[str | None, str]:
    """Return name or id of a nested classification → what it is nested under."""
    parents: dict[str | None, str] = {}
    while features:
        feature = features.pop()
        nests = [(feature.name, feature.nested), *((option.name, option.nested) for option in feature.options.items)]
        for parent, nested in nests:
            features += nested.items
            parents |= dict.fromkeys((*nested.by_name, *nested.by_id), parent)
    return parents


def _wrong_kind(feature: Feature, actual: str, path: str) -> NotInOntology:
    return NotInOntology(Reason.WRONG_KIND, path, actual, f"what '{feature.name}' is: {feature.type}")


def _check_keyframes(annotation: Any, feature: Feature, path: str) -> None:
    """Check what is answered in a frame; each frame has its own answers."""
    for at, segment in enumerate(annotation.segments):
        for index, keyframe in enumerate(segment.keyframes):
            nested = getattr(keyframe, "classifications", None)
            if nested:
                where = f"{path}.segments[{at}].keyframes[{index}]"
                check_nested(nested, feature.nested, f"'{feature.name}'", where)


class _Named(NamedTuple):
    """The name and the id that a feature is looked up by."""

    name: str
    schema_id: str | None


def _mask_set(name: str) -> Feature:
    """Return a feature for the uuid of a line of masks: Labelbox replaces the whole set of a data row."""
    return Feature(name, (name,), False, Level(()), "masks", frozenset(), digest=feature_bytes(name))


_MASKS: dict[str | None, Feature] = {None: _mask_set("masks")}
_MASKS |= {group: _mask_set(f"masks:{group}") for group in ("axial", "sagittal", "coronal")}
