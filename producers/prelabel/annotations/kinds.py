"""The one table of annotation kinds: what tells a kind, its definition, its tools, and the media types that take it.

Everything that has to know kinds reads it here: the message's union, the fast gate, the ontology check. A new kind is
a line in this table and a module with its definition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prelabel.annotations.base import Annotation, CheckFailed
from prelabel.annotations.classifications import Checklist, FreeText, Radio
from prelabel.annotations.mask import Mask
from prelabel.annotations.objects import BoundingBox, Point, Polygon, Polyline
from prelabel.annotations.relationship import Relationship

MEDIA_TYPES = frozenset({
    *("IMAGE", "VIDEO", "TEXT", "TMSGEO", "TMSSIMPLE", "PDF", "DOCUMENT", "CONVERSATIONAL", "AUDIO", "HTML", "DICOM"),
    *("LLMPROMPTCREATION", "LLMPROMPTRESPONSECREATION", "POINTCLOUD", "LLM"),
})  # fmt: skip
"""Those the API names (ndjson-formats, section 3), in upper case without `_` and `-`."""
_TILES = {"TMSGEO", "TMSSIMPLE"}
_ANSWERED = MEDIA_TYPES - {"POINTCLOUD", "LLM"}
# Documents take them beyond doubt; for text, conversations, video, tiles and DICOM sources are split or silent, and
# what is unknown is not held against a row (open question 7.13).
_LINKED = {"IMAGE", "PDF", "DOCUMENT", "TEXT", "CONVERSATIONAL", "VIDEO", "DICOM"} | _TILES


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One annotation kind.

    Attributes:
        name: what errors and docs call it.
        keys: the wire keys that tell it, as its fields are called in Python; of several one is used.
        model: its definition.
        tools: the ontology's tool and classification types that accept it (ndjson-formats, section 4.1).
        media: the media types that take it (section 3): yes and unknown, of `MEDIA_TYPES`.
        slow: whether Labelbox imports it slowly, so that chunks hold fewer (section 1.9).
        classifies: whether the feature is a classification and not a tool.
        tells: for kinds that share a key, whether (the key's value, a getter of the other wire keys) is this kind;
            the last of them has none.

    """

    name: str
    keys: tuple[str, ...]
    model: type[Annotation]
    tools: frozenset[str]
    media: frozenset[str]
    slow: bool = False
    classifies: bool = False
    tells: Callable[[Any, Callable[[str], Any]], bool] | None = None


def _tool(name: str, key: str, model: type[Annotation], tools: set[str], media: set[str], slow: bool = False) -> Kind:
    return Kind(name, (key,), model, frozenset(tools), frozenset(media), slow)


def _answers(
    name: str, keys: tuple[str, ...], model: type[Annotation], tools: set[str], form: type | None = None
) -> Kind:
    tells = (lambda value, _: isinstance(value, form)) if form else None
    return Kind(name, keys, model, frozenset(tools), _ANSWERED, classifies=True, tells=tells)


KINDS = (
    _tool("bounding box", "bbox", BoundingBox, {"rectangle"}, {"IMAGE"}),
    _tool("polygon", "polygon", Polygon, {"polygon"}, {"IMAGE", *_TILES}),
    _tool("point", "point", Point, {"point"}, {"IMAGE", *_TILES}),
    _tool("polyline", "line", Polyline, {"line"}, {"IMAGE", *_TILES}),
    _tool("mask", "mask", Mask, {"raster-segmentation", "superpixel"}, {"IMAGE"}, slow=True),
    _tool("relationship", "relationship", Relationship, {"edge"}, _LINKED),
    _answers("free text", ("answer",), FreeText, {"text", "response-text", "prompt"}, str),
    _answers("checklist", ("answer", "answers"), Checklist, {"checklist", "response-checklist"}, list),
    _answers("radio", ("answer",), Radio, {"radio", "response-radio"}),
)
BY_NAME = {kind.name: kind for kind in KINDS}


def wire_name(kind: Kind, field: str) -> str:
    """What JSON calls a field."""
    return str(kind.model.model_fields[field].alias)


FIELDS = tuple(dict.fromkeys(key for kind in KINDS for key in kind.keys))
"""The keys that tell kinds, as Python calls them."""
KEYS = tuple(wire_name(next(kind for kind in KINDS if key in kind.keys), key) for key in FIELDS)
"""The same as JSON calls them."""
OWN_KEYS = frozenset(
    {wire_name(kind, field) for kind in KINDS for field in kind.model.model_fields} | {"dataRow"}
)  # fmt: skip
"""Every key that some annotation may have; null stands for its absence."""
_SHARING = tuple(tuple(kind for kind in KINDS if key in kind.keys) for key in FIELDS)
ALONE = frozenset(kinds[0].name for kinds in _SHARING if len(kinds) == 1 and len(kinds[0].keys) == 1)
"""Kinds that their one key tells without a second look."""


def find_kind(values: Sequence[Any], get: Callable[[str], Any]) -> Kind:
    """The kind of an annotation with these values of `KEYS`; `get` finds others. Raises CheckFailed."""
    if values.count(None) != len(values) - 1:
        raise no_kind(values)
    at = [value is None for value in values].index(False)
    for kind in _SHARING[at]:
        if kind.tells is None or kind.tells(values[at], get):
            return kind
    raise AssertionError("the last kind of a key has no test")


def no_kind(values: Sequence[Any]) -> CheckFailed:
    """What is wrong with an annotation that has no kind key, or two."""
    present = [key for key, value in zip(KEYS, values, strict=True) if value is not None]
    return CheckFailed("", " and ".join(present) or "none of them", "exactly one of " + ", ".join(KEYS))
