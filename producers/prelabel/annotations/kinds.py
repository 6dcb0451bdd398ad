"""The one table of annotation kinds: what tells a kind, its definition, its tools, and the media types that take it.

Everything that has to know kinds reads it here: the message's union, the fast gate, the ontology check. A new kind is
a line in this table and a module with its definition.
"""

from dataclasses import dataclass

from prelabel.annotations.base import Annotation
from prelabel.annotations.classifications import Checklist, FreeText, Radio
from prelabel.annotations.mask import Mask
from prelabel.annotations.objects import BoundingBox, Point, Polygon, Polyline
from prelabel.annotations.relationship import Relationship

_GEOSPATIAL = frozenset({"TMSGEO", "TMSSIMPLE"})
_EVERY = _GEOSPATIAL | {"IMAGE", "VIDEO", "TEXT", "PDF", "DOCUMENT", "CONVERSATIONAL", "AUDIO", "HTML"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One annotation kind.

    Attributes:
        name: what errors and docs call it.
        key: the JSON key that tells it; the form of an `answer` tells radio, checklist and text apart.
        model: its definition.
        tools: the ontology's tool and classification types that accept it (ndjson-formats, section 4.1).
        media: the media types that take it (section 3), upper case without `_` and `-`.
        slow: whether Labelbox imports it slowly, so that chunks hold fewer (section 1.9).
        classifies: whether the feature is a classification and not a tool.

    """

    name: str
    key: str
    model: type[Annotation]
    tools: frozenset[str]
    media: frozenset[str]
    slow: bool = False
    classifies: bool = False


KINDS = (
    Kind("bounding box", "bbox", BoundingBox, frozenset({"rectangle"}), frozenset({"IMAGE"})),
    Kind("polygon", "polygon", Polygon, frozenset({"polygon"}), _GEOSPATIAL | {"IMAGE"}),
    Kind("point", "point", Point, frozenset({"point"}), _GEOSPATIAL | {"IMAGE"}),
    Kind("polyline", "line", Polyline, frozenset({"line"}), _GEOSPATIAL | {"IMAGE"}),
    Kind(
        "mask",
        "mask",
        Mask,
        frozenset({"raster-segmentation", "superpixel"}),
        frozenset({"IMAGE"}),
        slow=True,
    ),
    Kind(
        "relationship",
        "relationship",
        Relationship,
        frozenset({"edge"}),
        frozenset({"IMAGE", "PDF", "DOCUMENT", "TEXT"}),
    ),
    Kind("radio", "answer", Radio, frozenset({"radio"}), _EVERY, classifies=True),
    Kind("checklist", "answer", Checklist, frozenset({"checklist"}), _EVERY, classifies=True),
    Kind("free text", "answer", FreeText, frozenset({"text"}), _EVERY, classifies=True),
)
BY_NAME = {kind.name: kind for kind in KINDS}
OBJECT_KEYS = tuple(kind.key for kind in KINDS if not kind.classifies)
KEYS = (*OBJECT_KEYS, "answer", "answers")


def kind_name_of_answer(answer: object, answers: object) -> str:
    """Radio, checklist or free text, by the form of the answer."""
    if answers is not None or isinstance(answer, list):
        return "checklist"
    return "free text" if isinstance(answer, str) else "radio"
