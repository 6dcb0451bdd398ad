"""Propose an ontology that accepts given predictions: features, their types, options, nested classifications. No I/O.

The proposal has only features and options that occur in the predictions. If predictions use a feature as several types,
the type with the most annotations is proposed, and the conflict is reported.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from prelabel.annotations.kinds import CLASSIFICATION_MEDIA, MEDIA_TYPES, Kind
from prelabel.annotations.video import SHAPES, shape_of
from prelabel.errors import PrelabelError, quoted
from prelabel.printing import counted

MAX_FEATURES = 4000
"""Maximum tools, classifications and options of an ontology (docs/reference/labelbox-api.md#5)."""
_API_WORDS = {"TMSGEO": "TMS_GEO", "TMSSIMPLE": "TMS_SIMPLE", "POINTCLOUD": "POINT_CLOUD", "DOCUMENT": "PDF"}
_COLORS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b",
    "#e377c2", "#7f7f7f", "#bcbd22", "#17becf", "#aec7e8", "#ffbb78",
)  # fmt: skip
# Labelbox has two mask tools; it creates only this one today (docs/reference/labelbox-format.md#4-1).
_MASK = "raster-segmentation"
_CHOICES = {"radio", "checklist"}


class TooManyFeatures(PrelabelError):
    """The predictions name more features than an ontology can have."""


@dataclass(slots=True)
class _Node:
    """A feature or an option."""

    #: Its name.
    name: str
    #: Type, in the ontology's words → number of annotations that need it.
    types: Counter[str] = field(default_factory=Counter)
    #: Type → place in the input of the first annotation that needs it.
    first: dict[str, str] = field(default_factory=dict)
    #: The features or options below it, by name.
    below: dict[str, "_Node"] = field(default_factory=dict)
    #: Whether an annotation answers it for a moment of a data row: a time range, or one message of a conversation.
    moments: bool = False
    #: Whether an annotation answers it for a whole data row.
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """An ontology for `prelabel ontology create`, conflicts between the predictions, and other remarks."""

    ontology: dict[str, Any]
    conflicts: tuple[str, ...]
    remarks: tuple[str, ...]


class Inference:
    """Collects the features of messages, one message after the other. Keeps no messages."""

    def __init__(self) -> None:
        self._tools: dict[str, _Node] = {}
        self._classifications: dict[str, _Node] = {}
        self._sources: set[str] = set()
        self._media: frozenset[str] = MEDIA_TYPES
        self._kinds: dict[str, None] = {}
        self._nodes = 0
        self._unnamed = 0
        self._with_ids = 0
        self._where = ""

    def add(self, message: Any, kinds: Sequence[Kind], where: str) -> None:
        """Add a message that `prelabel.validation.gate.read_message` returned. Raises TooManyFeatures."""
        self._where = where
        for annotation, kind in zip(message.annotations, kinds, strict=True):
            self._media &= kind.media
            self._kinds[kind.name] = None
            if kind.classifies:
                self._media &= CLASSIFICATION_MEDIA[kind.form or ""]  # the types that are proposed
                self._classified(annotation, kind)
            elif annotation.masks is not None:
                for instance in annotation.masks.instances:
                    self._with_ids += instance.feature_schema_id is not None
                    self._node(self._tools, instance.name, _MASK)
            else:
                self._object(annotation, kind)

    def proposal(self) -> Proposal:
        """Return an ontology that accepts all messages that were added, except where they conflict."""
        conflicts: list[str] = []
        colors = (_COLORS[at % len(_COLORS)] for at in range(len(self._tools)))
        tools = [_tool(node, color, conflicts) for node, color in zip(self._tools.values(), colors, strict=True)]
        classifications = [_classification(node, conflicts, top=True) for node in self._classifications.values()]
        media = sorted({_API_WORDS.get(media_type, media_type) for media_type in self._media})
        if self._kinds and not media:
            conflicts.append(f"no media type takes all of {', '.join(self._kinds)}")
        ontology = {
            "mediaType": media[0] if self._kinds and len(media) == 1 else None,
            "tools": tools,
            "classifications": classifications,
        }
        return Proposal(ontology, tuple(conflicts), tuple(self._remarks(media)))

    def _remarks(self, media: list[str]) -> Iterator[str]:
        if self._kinds and len(media) > 1:
            yield f"the media type is not certain: give `ontology create` a --media-type, one of {', '.join(media)}"
        if self._unnamed:
            yield f"features and options named by schemaId alone are not proposed ({self._unnamed:,}): give their names"
        if self._with_ids:
            features = counted(self._with_ids, "feature")
            yield f"a new ontology has new ids, so schemaIds in the predictions will not fit: {features}"
        if missing := sorted(self._sources - set(self._classifications)):
            names = ", ".join(map(quoted, missing))
            yield f"relationships start from {names}: not proposed, since no answer shows the type"
        for node in self._classifications.values():
            if node.moments and node.whole:
                yield f"{quoted(node.name)} is answered for moments and for whole data rows: proposed for moments"

    def _object(self, annotation: Any, kind: Kind) -> None:
        node = self._named(self._tools, annotation, _tool_type(annotation, kind))
        if annotation.relationship is not None and annotation.relationship.source_ontology_name:
            self._sources.add(annotation.relationship.source_ontology_name)
        if node is None:
            return
        for nested in annotation.classifications or ():
            self._answered(node.below, nested)
        for segment in annotation.segments or ():
            for keyframe in segment.keyframes:
                for nested in getattr(keyframe, "classifications", None) or ():
                    self._answered(node.below, nested)

    def _classified(self, annotation: Any, kind: Kind) -> None:
        node = self._answered(self._classifications, annotation)
        if node is not None:
            moments = kind.timed or getattr(annotation, "message_id", None) is not None
            node.moments, node.whole = node.moments or moments, node.whole or not moments

    def _answered(self, level: dict[str, _Node], item: Any) -> _Node | None:
        """Add a classification, the options that its answer chose, and the classifications answered below them."""
        answer = item.answer
        listed = answer if isinstance(answer, list) else [answer]
        texts = any(isinstance(option, str) or getattr(option, "value", None) is not None for option in listed)
        node = self._named(level, item, "text" if texts else "checklist" if isinstance(answer, list) else "radio")
        if node is None or texts:
            return node
        for chosen in listed:
            option = self._named(node.below, chosen, "")
            if option is not None:
                for nested in chosen.classifications or ():
                    self._answered(option.below, nested)
        return node

    def _named(self, level: dict[str, _Node], item: Any, kind: str) -> _Node | None:
        if item.name is None:
            self._unnamed += 1
            return None
        self._with_ids += item.schema_id is not None
        return self._node(level, item.name, kind)

    def _node(self, level: dict[str, _Node], name: str, kind: str) -> _Node:
        node = level.get(name)
        if node is None:
            self._nodes += 1
            if self._nodes > MAX_FEATURES:
                raise TooManyFeatures(f"more than {MAX_FEATURES} features and options: an ontology cannot have more")
            node = level[name] = _Node(name)
        node.types[kind] += 1
        node.first.setdefault(kind, self._where)
        return node


def _tool_type(annotation: Any, kind: Kind) -> str:
    """Return the type of the tool for this annotation, in the ontology's words."""
    if annotation.message_evaluation_task is not None:
        return str(annotation.message_evaluation_task.format)
    if annotation.segments is not None:
        return SHAPES[str(shape_of(annotation.segments[0].keyframes[0]))]
    return _MASK if _MASK in kind.tools else next(iter(kind.tools))


def _type_of(node: _Node, path: str, conflicts: list[str]) -> str:
    """Return the type that most annotations need, and append a conflict if they need several.

    Answers with one option count for a checklist if any answer is an array, since a checklist accepts both.
    """
    types = Counter(node.types)
    if types["checklist"]:
        types["checklist"] += types.pop("radio", 0)
    chosen = types.most_common(1)[0][0]
    if len(+types) > 1:
        uses = "; ".join(f"{kind} {count:,} times, first {node.first.get(kind)}" for kind, count in types.most_common())
        conflicts.append(f"{quoted(path)} is used as {uses}: proposed as {chosen}, the others will be refused")
    return chosen


def _tool(node: _Node, color: str, conflicts: list[str]) -> dict[str, Any]:
    return {
        "tool": _type_of(node, node.name, conflicts),
        "name": node.name,
        "color": color,
        "required": False,
        "classifications": _nested(node.below.values(), node.name, conflicts),
    }


def _nested(nodes: Iterable[_Node], path: str, conflicts: list[str]) -> list[dict[str, Any]]:
    return [_classification(node, conflicts, path=f"{path} / ") for node in nodes]


def _classification(node: _Node, conflicts: list[str], *, top: bool = False, path: str = "") -> dict[str, Any]:
    path += node.name
    kind = _type_of(node, path, conflicts)
    options = [
        {
            "value": option.name,
            "label": option.name,
            "options": _nested(option.below.values(), f"{path} / {option.name}", conflicts),
        }
        for option in (node.below.values() if kind in _CHOICES else ())
    ]
    classification = {"type": kind, "name": node.name, "instructions": node.name, "required": False, "options": options}
    return classification | ({"scope": "index" if node.moments else "global"} if top else {})
