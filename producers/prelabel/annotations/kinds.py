"""The one table of annotation kinds: how to recognize a kind, its definition, its tools, the media types that have it.

Everything that has to know kinds reads it here: the message, the fast gate, the ontology check, the docs. A new kind
is a line in this table and a module with its definition, which is loaded when the first of its kind is read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from pydantic.alias_generators import to_camel

from prelabel.annotations.base import Annotation, CheckFailed

MEDIA_TYPES = frozenset({
    *("IMAGE", "VIDEO", "TEXT", "TMSGEO", "TMSSIMPLE", "PDF", "DOCUMENT", "CONVERSATIONAL", "AUDIO", "HTML", "DICOM"),
    *("LLMPROMPTCREATION", "LLMPROMPTRESPONSECREATION", "POINTCLOUD", "LLM"),
})  # fmt: skip
"""The API's media types (docs/reference/labelbox-format.md#3), in upper case without `_` and `-`."""
TILES = frozenset({"TMSGEO", "TMSSIMPLE"})
"""Tiled imagery: geographic layers, and plain ones."""
DOCUMENTS = frozenset({"PDF", "DOCUMENT"})
"""Two names of one media type."""
_ANSWERED = MEDIA_TYPES - {"POINTCLOUD", "LLM"}
# Documents certainly accept relationships. For text, conversations, video, tiles and DICOM sources differ or are
# silent, so rows are not refused for it (docs/reference/labelbox-format.md#question-7-13).
_LINKED = {"IMAGE", "TEXT", "CONVERSATIONAL", "VIDEO", "DICOM"} | DOCUMENTS | TILES

Get = Callable[[str], Any]
"""Returns the value of a wire key of an annotation, or None."""


def media_type_of(text: str | None) -> str:
    """Return a media type as `MEDIA_TYPES` spells it, even if it is not one of them."""
    return (text or "").upper().replace("_", "").replace("-", "")


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One annotation kind."""

    #: Its name in errors and docs.
    name: str
    #: The wire keys that determine it, by their names in Python; of several one is used.
    keys: tuple[str, ...]
    #: The module of `prelabel.annotations` and the class in it that define it.
    place: tuple[str, str]
    #: The ontology's tool and classification types that accept it (docs/reference/labelbox-format.md#4-1).
    tools: frozenset[str]
    #: The media types, of `MEDIA_TYPES`, that accept it or may do so (docs/reference/labelbox-format.md#3).
    media: frozenset[str]
    #: Whether Labelbox imports it slowly, so that chunks hold fewer (docs/reference/labelbox-format.md#1-9).
    slow: bool = False
    #: Whether the feature is a classification and not a tool.
    classifies: bool = False
    #: For kinds whose feature is a classification, the form of the answer: `radio`, `checklist` or `text`.
    form: str | None = None
    #: Whether the answers have ranges of time.
    timed: bool = False
    #: Whether the line must name its feature, even where it has the id (docs/reference/labelbox-format.md#1-5).
    named: bool = False
    #: Whether it may carry pictures, which are checked together with the message's other pictures.
    pictures: bool = False
    #: Whether the tool's name alone identifies the feature when nothing is nested beside the geometry.
    plain: bool = False
    #: Whether images have it; the fast gate reads these kinds, and all others one by one.
    image: bool = False
    #: For kinds that share a key, their difference in words.
    how: str = ""
    #: For kinds that share a key, tells this one by (the key's value, a getter of other wire keys); None for the last.
    tells: Callable[[Any, Get], bool] | None = None

    @property
    def model(self) -> type[Annotation]:
        """Return its definition."""
        return _load(self.place)


@cache
def _load(place: tuple[str, str]) -> type[Annotation]:
    module, name = place
    model: type[Annotation] = getattr(import_module(f"prelabel.annotations.{module}"), name)
    return model


def _kind(name: str, keys: str, place: str, tools: Iterable[str], media: Iterable[str], **more: Any) -> Kind:
    module, _, model = place.partition(".")
    more = {"classifies": "form" in more, "plain": "form" not in more} | more
    return Kind(name, tuple(keys.split()), (module, model), frozenset(tools), frozenset(media), **more)


def _radio(name: str, place: str, media: Iterable[str], tells: Any = None, **more: Any) -> Kind:
    tools = {"radio"} if more.get("timed") else {"radio", "response-radio"}
    return _kind(name, "answer", place, tools, media, form="radio", tells=tells, **more)


def _checklist(name: str, place: str, media: Iterable[str], tells: Any, **more: Any) -> Kind:
    tools = {"checklist"} if more.get("timed") else {"checklist", "response-checklist"}
    return _kind(name, "answer answers", place, tools, media, form="checklist", tells=tells, **more)


def _text(name: str, place: str, media: Iterable[str], tells: Any, **more: Any) -> Kind:
    tools = {"text"} if more.get("timed") else {"text", "response-text", "prompt"}
    return _kind(name, "answer", place, tools, media, form="text", tells=tells, **more)


# -- recognizing kinds that share a key --------------------------------------------------------------------------------


def _has(*keys: str) -> Callable[[Any, Get], bool]:
    return lambda _, get: any(get(key) is not None for key in keys)


def _form(form: type) -> Callable[[Any, Get], bool]:
    return lambda value, _: isinstance(value, form)


def _of_message(form: type | None) -> Callable[[Any, Get], bool]:
    return lambda value, get: get("messageId") is not None and (form is None or isinstance(value, form))


def _upward(value: Any, _: Get) -> bool:
    """Return whether a box starts at its lower or northern edge, which only tiled imagery has."""
    height = _part(value, "height")
    return isinstance(height, int | float) and height < 0


def _valued(value: Any, _: Get) -> bool:
    return isinstance(value, list) and any(_part(item, "value") is not None for item in value)


def _timed(value: Any, get: Get, form: type) -> bool:
    if not isinstance(value, form):
        return False
    items = value if isinstance(value, list) else [value]
    return get("frames") is not None or any(_part(item, "frames") is not None for item in items)


def _part(item: Any, key: str) -> Any:
    """Return a key of a JSON object, or an attribute of the gate's struct or the model that reads it."""
    return item.get(key) if isinstance(item, dict) else getattr(item, key, None)


_MASKS = {"raster-segmentation", "superpixel"}
_EVALUATIONS = {"message-single-selection", "message-multi-selection", "message-ranking"}
_TIMED_MEDIA = {"VIDEO", "AUDIO"}
_TALK = {"CONVERSATIONAL"}

KINDS = (
    # Of the kinds that share a key, the first whose `tells` says yes is the kind; the last is for everything else.
    _kind("document box", "bbox", "document.DocumentBox", {"rectangle"}, DOCUMENTS,
          how="with `page` and `unit`", tells=_has("page", "unit")),
    _kind("tile box", "bbox", "geo.TileBox", {"rectangle"}, TILES, slow=True,
          how="with a negative `height`", tells=_upward),
    _kind("bounding box", "bbox", "objects.BoundingBox", {"rectangle"}, {"IMAGE", *TILES}, image=True),
    _kind("polygon", "polygon", "objects.Polygon", {"polygon"}, {"IMAGE", *TILES}, image=True),
    _kind("point", "point", "objects.Point", {"point"}, {"IMAGE", *TILES}, image=True),
    _kind("polyline", "line", "objects.Polyline", {"line"}, {"IMAGE", *TILES}, image=True),
    _kind("mask", "mask", "mask.Mask", _MASKS, {"IMAGE"}, slow=True, pictures=True, image=True),
    _kind("relationship", "relationship", "relationship.Relationship", {"edge"}, _LINKED, image=True, named=True),
    _kind("conversation entity", "location", "conversation.ConversationEntity", {"named-entity"}, _TALK,
          how="with `messageId`", tells=_has("messageId")),
    _kind("text entity", "location", "text.TextEntity", {"named-entity"}, {"TEXT"}),
    _kind("document entity", "text_selections", "document.DocumentEntity", {"named-entity"}, DOCUMENTS,
          named=True),
    _kind("DICOM polyline", "segments", "dicom.DicomPolyline", {"line"}, {"DICOM"}, how="with `groupKey`",
          tells=_has("groupKey")),
    _kind("video object", "segments", "video.VideoObject", {"rectangle", "point", "line"}, {"VIDEO"}, plain=False),
    _kind("DICOM mask set", "masks", "dicom.DicomMasks", _MASKS, {"DICOM"}, plain=False, slow=True,
          pictures=True, how="with `groupKey`", tells=_has("groupKey")),
    _kind("video mask set", "masks", "video_masks.VideoMasks", _MASKS, {"VIDEO"}, plain=False, slow=True,
          pictures=True),
    _kind("message evaluation", "message_evaluation_task", "evaluation.MessageEvaluation", _EVALUATIONS, _TALK,
          plain=False),
    _text("message text", "conversation.MessageText", _TALK, _of_message(str), how="a string, with `messageId`"),
    _checklist("message checklist", "conversation.MessageChecklist", _TALK, _of_message(list),
               how="an array, with `messageId`"),
    _radio("message radio", "conversation.MessageRadio", _TALK, _of_message(None), how="an object, with `messageId`"),
    _text("timed text", "timed.TimedText", _TIMED_MEDIA, _valued, timed=True, how="an array of `value` and `frames`"),
    _checklist("timed checklist", "timed.TimedChecklist", _TIMED_MEDIA,
               lambda value, get: _timed(value, get, list), timed=True, how="an array, with `frames`"),
    _radio("timed radio", "timed.TimedRadio", _TIMED_MEDIA, lambda value, get: _timed(value, get, dict), timed=True,
           how="an object, with `frames`"),
    _text("free text", "classifications.FreeText", _ANSWERED, _form(str), image=True, how="a string"),
    _checklist("checklist", "classifications.Checklist", _ANSWERED, _form(list), image=True, how="an array"),
    _radio("radio", "classifications.Radio", _ANSWERED, image=True, how="an object"),
)  # fmt: skip
BY_NAME = {kind.name: kind for kind in KINDS}
BY_PLACE = {(f"prelabel.annotations.{kind.place[0]}", kind.place[1]): kind for kind in KINDS}
"""Module and name of a definition → its kind."""


def wire_name(kind: Kind, field: str) -> str:
    """Return the JSON name of a field."""
    return str(kind.model.model_fields[field].alias)


@cache
def own_keys() -> frozenset[str]:
    """Return every key that some annotation may have; null stands for its absence."""
    return frozenset({wire_name(kind, field) for kind in KINDS for field in kind.model.model_fields} | {"dataRow"})


class Keys:
    """The keys that determine some of the kinds, and the look-up of the kind."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        kinds = tuple(kinds)
        #: The keys by their names in Python.
        self.fields = tuple(dict.fromkeys(key for kind in kinds for key in kind.keys))
        #: The same keys by their names in JSON.
        self.wire = tuple(to_camel(field) for field in self.fields)
        self._sharing = tuple(tuple(kind for kind in kinds if key in kind.keys) for key in self.fields)
        #: The names of kinds that their only key determines.
        self.alone = frozenset(
            sharing[0].name for sharing in self._sharing if len(sharing) == 1 and len(sharing[0].keys) == 1
        )

    def find(self, values: Sequence[Any], get: Get) -> Kind:
        """Return the kind of an annotation with these values of the keys; `get` reads others. Raises CheckFailed."""
        if values.count(None) != len(values) - 1:
            present = [key for key, value in zip(self.wire, values, strict=True) if value is not None]
            raise no_kind(present)
        at = [value is None for value in values].index(False)
        for kind in self._sharing[at]:
            if kind.tells is None or kind.tells(values[at], get):
                return kind
        return self._sharing[at][-1]


ALL = Keys(KINDS)
IMAGE = Keys(kind for kind in KINDS if kind.image)
FIELDS = ALL.fields
KEYS = ALL.wire
"""The keys that determine kinds, by their names in JSON."""


def kind_of_json(annotation: Any) -> Kind:
    """Return the kind of a JSON annotation. Raises CheckFailed."""
    return ALL.find([annotation.get(key) for key in KEYS], annotation.get)


def no_kind(present: Iterable[str]) -> CheckFailed:
    """Return the error of an annotation that has no kind's key, or two."""
    return CheckFailed("", " and ".join(present) or "none of them", "exactly one of " + ", ".join(KEYS))
