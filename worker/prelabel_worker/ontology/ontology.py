"""Check annotations against a project's ontology: features, options, nesting, media type. No I/O.

Source: docs/reference/labelbox-format.md#3 and #4.

Everything that depends only on the ontology is computed in advance, so that most annotations need a single look-up by
name. Where the reference says that its sources disagree, the annotation passes and Labelbox decides.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from prelabel.annotations.base import CheckFailed
from prelabel.annotations.geo import check_degrees
from prelabel.annotations.kinds import (
    CLASSIFICATION_MEDIA,
    DOCUMENTS,
    KINDS,
    MEDIA_TYPES,
    TILES,
    Kind,
    media_type_of,
)
from prelabel.annotations.video import SHAPES, shape_of
from prelabel.errors import MessageError, Misnamed, NotInOntology, Reason, quoted
from prelabel_worker.ontology.classification_answers import TimedAnswers, check_answer, check_nested
from prelabel_worker.ontology.foreign_keys import as_accepted_kind, foreign_key
from prelabel_worker.ontology.tree import FORMS, Feature, Level, feature_bytes, read_classification, read_tool

_FEATURE = "a feature of the project's ontology"


class Ontology:
    """A project's ontology, prepared for checks. Ontologies with the same `digest` give the same results."""

    def __init__(self, tools: Iterable[Feature], classifications: Iterable[Feature], media_type: str | None) -> None:
        self.digest = ""
        self._tools = Level(tools)
        self._classifications = Level(classifications)
        self._media_type = media_type_of(media_type)
        # An unknown media type refuses no annotation: Labelbox decides (docs/reference/labelbox-format.md#3).
        known = self._media_type in MEDIA_TYPES
        self._refused = {kind.name for kind in KINDS if known and self._media_type not in kind.media}
        self._foreign = {
            kind for kind, media in CLASSIFICATION_MEDIA.items() if known and self._media_type not in media
        }
        self.tiled = self._media_type in TILES
        self.has_prompt = any(feature.type == "prompt" for feature in self._classifications.items)
        self._degrees = self._media_type == "TMSGEO"
        self._timed = TimedAnswers(self._media_type)
        self._parents = _parents([*self._tools.items, *self._classifications.items])
        self._plain = {kind.name: self._plain_names(kind) for kind in KINDS}

    @classmethod
    def from_normalized(cls, normalized: Mapping[str, Any], media_type: str | None) -> "Ontology":
        """Read an ontology in the form of the API's `ontology.normalized`. Unknown keys are ignored."""
        ontology = cls(
            [read_tool(tool) for tool in normalized.get("tools") or ()],
            [read_classification(feature) for feature in normalized.get("classifications") or ()],
            media_type,
        )
        content = orjson.dumps([normalized, media_type], option=orjson.OPT_SORT_KEYS)
        ontology.digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        return ontology

    def plain(self, kind: Kind) -> Mapping[str, Feature]:
        """Return name → feature for the features of this kind that need no check but the name.

        An annotation is valid if it has such a name and nothing nested.
        """
        return self._plain[kind.name]

    def resolve(self, annotation: Any, kind: Kind, path: str) -> Feature:
        """Check an annotation by the ontology, add its name if its kind needs one, and return its feature.

        Raises MessageError.
        """
        if kind.name in self._refused:
            raise self._not_taken(annotation, kind, path)
        if annotation.masks is not None:
            return self._check_masks(annotation, kind, path)
        level = self._classifications if kind.classifies else self._tools
        if annotation.name not in level.by_name and annotation.schema_id not in level.by_id:
            self._check_elsewhere(annotation, kind, path)
        feature = level.find(annotation, path, Reason.UNKNOWN_FEATURE, _FEATURE)
        if feature.type in self._foreign:
            raise self._not_had(feature, path)
        if kind.timed:
            self._timed.check(annotation, feature, path)
        elif kind.classifies:
            check_answer(annotation, feature, path)
        else:
            self._check_object(annotation, kind, feature, path)
        if kind.named and annotation.name is None:
            annotation.name = feature.name
        return feature

    def about_kind(self, annotation: Any, error: MessageError, path: str) -> MessageError:
        """Return the error that says best what is wrong with an annotation, as JSON, that was refused with `error`.

        If the media type does not accept its kind, that is the key that makes it one of this kind, or what it lacks as
        one of the kind that is accepted.
        """
        better = foreign_key(annotation, path, self._accepts, self._media_type)
        if better is None and error.reason is Reason.INVALID_ANNOTATION:
            better = as_accepted_kind(annotation, path, self._accepts)
        return better or error

    def _accepts(self, kind: Kind) -> bool:
        return kind.name not in self._refused

    def unidentified(self, kind: Kind) -> bool:
        """Return whether lines of this kind are sent without a derived uuid, so that Labelbox assigns one.

        Labelbox's own client sends no uuid with audio answers that have time ranges. Whether the server would accept
        one is unknown (docs/reference/labelbox-format.md#2-20 and #question-7-10), so prelabel derives none
        either. A uuid that the producer gave is still sent.
        """
        return kind.timed and self._media_type == "AUDIO"

    def slow(self, kinds: Iterable[Kind]) -> int:
        """Return how many annotations Labelbox imports slowly, given their kinds: masks, and objects on tiled imagery.

        Source: docs/reference/labelbox-format.md#1-9.
        """
        return sum(map(self.is_slow, kinds))

    def is_slow(self, kind: Kind) -> bool:
        """Return whether Labelbox imports annotations of this kind slowly."""
        return kind.slow or (self.tiled and not kind.classifies)

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
                raise NotInOntology(error.reason, where, error.found, error.expected) from None

    def _check_masks(self, annotation: Any, kind: Kind, path: str) -> Feature:
        """Check that each instance names a mask tool, and return the feature that stands for the whole set of masks."""
        for at, instance in enumerate(annotation.masks.instances):
            where = f"{path}.masks.instances[{at}]"
            named = _Named(instance.name, instance.feature_schema_id)
            feature = self._tools.find(named, where, Reason.UNKNOWN_FEATURE, _FEATURE)
            if kind.name not in feature.kinds:
                raise _wrong_kind(feature, f"a {kind.name}", where)
        return _MASKS[getattr(annotation, "group_key", None)]

    def _not_taken(self, annotation: Any, kind: Kind, path: str) -> MessageError:
        """Return the error for a kind that the media type refuses. The hint names accepted kinds for the same tools."""
        if kind.name == "tile box" and "bounding box" not in self._refused:
            expected = "a number greater than 0: a box may have a negative height on tiled imagery only"
            return NotInOntology(Reason.INVALID_ANNOTATION, f"{path}.bbox.height", annotation.bbox.height, expected)
        accepted = [other for other in KINDS if self._media_type in other.media and other.tools & kind.tools]
        ways = " or ".join(f"a {other.name}" for other in accepted if other.timed == kind.timed or not kind.timed)
        hint = f"{self._media_type} assets take {ways}" if ways and not kind.classifies else None
        expected = f"a kind that {self._media_type} assets take"
        return NotInOntology(Reason.MEDIA_TYPE, path, f"a {kind.name}", expected, hint)

    def _not_had(self, feature: Feature, path: str) -> NotInOntology:
        """Return the error for a classification of a type that projects of this media type do not have."""
        had = [kind for kind in CLASSIFICATION_MEDIA if kind not in self._foreign]
        expected = f"a classification that {self._media_type} projects have: {', '.join(had)}"
        return NotInOntology(Reason.MEDIA_TYPE, path, f"'{feature.name}', which is a {feature.type}", expected)

    def check_source_name(self, name: str, path: str) -> None:
        """Check the `sourceOntologyName` of a relationship: only documents accept it, and it names a classification.

        Source: docs/reference/labelbox-format.md#2-11.
        """
        if self._media_type in MEDIA_TYPES - DOCUMENTS:
            expected = f"source: {self._media_type} assets do not take sourceOntologyName"
            raise NotInOntology(Reason.MEDIA_TYPE, f"{path}.sourceOntologyName", "sourceOntologyName", expected)
        if name not in self._classifications.by_name:
            expected = "a classification of the project's ontology"
            nearest = self._classifications.nearest(name)
            hint, misnamed = nearest and f"did you mean {nearest}?", Misnamed("feature", name, nearest)
            where = f"{path}.sourceOntologyName"
            raise NotInOntology(Reason.UNKNOWN_FEATURE, where, quoted(name), expected, hint, misnamed)

    def check_link(self, edge: Feature, source: Feature, target: Feature, both_ways: bool, path: str) -> None:
        """Check that the relationship tool `edge` may link `source` to `target`. Raises NotInOntology."""
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
        """Raise NotInOntology with a more exact reason if the feature is of another type, or nested."""
        other = self._tools if kind.classifies else self._classifications
        wrong = other.by_name.get(annotation.name) or other.by_id.get(annotation.schema_id)
        if wrong is not None:
            raise _wrong_kind(wrong, f"a {kind.name}", path)
        parent = self._parents.get(annotation.name) or self._parents.get(annotation.schema_id)
        if parent is not None:
            name = annotation.name or annotation.schema_id
            expected = f"an answer nested under '{parent}', not one at the top level"
            misnamed = Misnamed("feature", name)
            raise NotInOntology(Reason.WRONG_NESTING, path, quoted(name), expected, misnamed=misnamed)


def _parents(features: list[Feature]) -> dict[str | None, str]:
    """Return name or id of each nested classification → name of the feature or option above it."""
    parents: dict[str | None, str] = {}
    while features:
        feature = features.pop()
        nests = [(feature.name, feature.nested), *((option.name, option.nested) for option in feature.options.items)]
        for parent, nested in nests:
            features += nested.items
            parents |= dict.fromkeys((*nested.by_name, *nested.by_id), parent)
    return parents


def _wrong_kind(feature: Feature, actual: str, path: str) -> NotInOntology:
    return NotInOntology(
        Reason.WRONG_KIND, path, actual, f"a kind that fits '{feature.name}', which is a {feature.type}"
    )


def _check_keyframes(annotation: Any, feature: Feature, path: str) -> None:
    """Check the nested classifications of each keyframe on its own."""
    for at, segment in enumerate(annotation.segments):
        for index, keyframe in enumerate(segment.keyframes):
            nested = getattr(keyframe, "classifications", None)
            if nested:
                where = f"{path}.segments[{at}].keyframes[{index}]"
                check_nested(nested, feature.nested, f"'{feature.name}'", where)


class _Named(NamedTuple):
    """The name and id by which a feature is looked up."""

    name: str
    schema_id: str | None


def _mask_set(name: str) -> Feature:
    """Return the feature from which the uuid of a set of masks is derived.

    All masks of a data row, or of one of its groups (axial, …), share one uuid: an import replaces the whole set.
    """
    return Feature(name, (name,), False, Level(()), "masks", frozenset(), digest=feature_bytes(name))


_MASKS: dict[str | None, Feature] = {None: _mask_set("masks")}
_MASKS |= {group: _mask_set(f"masks:{group}") for group in ("axial", "sagittal", "coronal")}
