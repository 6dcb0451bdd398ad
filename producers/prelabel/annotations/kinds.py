"""The table of annotation kinds: how to recognize each kind, its model, its tools in ontologies, and its media types.

The message, the gate, the ontology check and the docs all use this table. To add a kind, add a line here and a module
with its model; the module is loaded when the first annotation of the kind is read.
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
_ANSWERED = MEDIA_TYPES - {"POINTCLOUD", "LLM", "DICOM"}
_PROMPTS = frozenset({"LLMPROMPTCREATION", "LLMPROMPTRESPONSECREATION"})
_RESPONSES = _PROMPTS | {"TEXT"}  # responses to prompts that are the text of the data row
CLASSIFICATION_MEDIA = {
    **dict.fromkeys(("radio", "checklist", "text"), _ANSWERED - _PROMPTS),
    **dict.fromkeys(("response-radio", "response-checklist", "response-text"), _RESPONSES),
    "prompt": _PROMPTS,
}
"""Type of a classification → the media types whose projects have it (docs/reference/labelbox-format.md#2-25)."""
# Documents certainly accept relationships. For text, conversations, video, tiles and DICOM, the sources disagree or say
# nothing, so relationships are not refused there (docs/reference/labelbox-format.md#question-7-13).
_LINKED = {"IMAGE", "TEXT", "CONVERSATIONAL", "VIDEO", "DICOM"} | DOCUMENTS | TILES

Get = Callable[[str], Any]
"""A function that returns the value of an annotation's JSON key, or None if the annotation does not have it."""


def media_type_of(text: str | None) -> str:
    """Return a media type in the spelling of `MEDIA_TYPES`, even if it is not one of them."""
    return (text or "").upper().replace("_", "").replace("-", "")


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One annotation kind."""

    #: Its name in errors and docs.
    name: str
    #: The keys that identify it, by their Python names; an annotation has exactly one of them.
    keys: tuple[str, ...]
    #: Where its model is: a module of `prelabel.annotations`, and a class in that module.
    place: tuple[str, str]
    #: The types of tools and classifications in ontologies that accept it (docs/reference/labelbox-format.md#4-1).
    tools: frozenset[str]
    #: The media types, as in `MEDIA_TYPES`, that accept it or may accept it (docs/reference/labelbox-format.md#3).
    media: frozenset[str]
    #: Whether Labelbox imports it slowly, so that a chunk holds fewer of them (docs/reference/labelbox-format.md#1-9).
    slow: bool = False
    #: Whether its feature is a classification and not a tool.
    classifies: bool = False
    #: For kinds whose feature is a classification, the form of the answer: `radio`, `checklist` or `text`.
    form: str | None = None
    #: Whether the answers have ranges of time.
    timed: bool = False
    #: Whether a data row, or a message of it, has at most one annotation of the same feature, or one at a time.
    once: bool = False
    #: Whether its line must have the feature's name even if it has the feature's id
    #: (docs/reference/labelbox-format.md#1-5).
    named: bool = False
    #: Whether it may carry pictures, which are checked together with the message's other pictures.
    pictures: bool = False
    #: Whether the feature can be looked up by name alone if the annotation has no nested answers.
    plain: bool = False
    #: Whether images have it. The gate reads messages of such kinds in one pass, others annotation by annotation.
    image: bool = False
    #: For kinds that share a key: how this kind differs, in words for the docs.
    how: str = ""
    #: The other keys, by their names in JSON, that make an annotation one of this kind and not of another that shares
    #: its key.
    marks: tuple[str, ...] = ()
    #: For kinds that share a key: whether an annotation is of this kind, given the key's value and a getter of other
    #: keys. None for the last of these kinds, which is for all other annotations with the key.
    tells: Callable[[Any, Get], bool] | None = None

    @property
    def model(self) -> type[Annotation]:
        """Return the model that defines it; its module is loaded on the first call."""
        return _load(self.place)


@cache
def _load(place: tuple[str, str]) -> type[Annotation]:
    module, name = place
    model: type[Annotation] = getattr(import_module(f"prelabel.annotations.{module}"), name)
    return model


def _kind(name: str, keys: str, place: str, tools: Iterable[str], media: Iterable[str], **more: Any) -> Kind:
    module, _, model = place.partition(".")
    more = {"classifies": "form" in more, "once": "form" in more, "plain": "form" not in more} | more
    return Kind(name, tuple(keys.split()), (module, model), frozenset(tools), frozenset(media), **more)


def _radio(name: str, place: str, media: Iterable[str], tells: Any = None, **more: Any) -> Kind:
    tools = {"radio", "response-radio"} if more.get("image") else {"radio"}
    return _kind(name, "answer", place, tools, media, form="radio", tells=tells, **more)


def _checklist(name: str, place: str, media: Iterable[str], tells: Any, **more: Any) -> Kind:
    tools = {"checklist", "response-checklist"} if more.get("image") else {"checklist"}
    return _kind(name, "answer answers", place, tools, media, form="checklist", tells=tells, **more)


def _text(name: str, place: str, media: Iterable[str], tells: Any, **more: Any) -> Kind:
    tools = {"text", "response-text", "prompt"} if more.get("image") else {"text"}
    return _kind(name, "answer", place, tools, media, form="text", tells=tells, **more)


# -- recognizing kinds that share a key --------------------------------------------------------------------------------


def _has(*keys: str) -> Callable[[Any, Get], bool]:
    return lambda _, get: any(get(key) is not None for key in keys)


def _form(form: type) -> Callable[[Any, Get], bool]:
    return lambda value, _: isinstance(value, form)


def _of_message(form: type) -> Callable[[Any, Get], bool]:
    fits = _listed if form is list else _form(form)
    return lambda value, get: get("messageId") is not None and fits(value, get)


def _listed(value: Any, get: Get) -> bool:
    """Return whether an answer has several options. What stands under `answers` should have, even if it is no array."""
    return isinstance(value, list) or get("answers") is not None


def _sliced(value: Any, get: Get) -> bool:
    """Return whether segments are those of a volume: grouped, and without the boxes and points that only videos have.

    The gate does not read segments to choose a kind, so it need not find boxes: volumes have no key for them.
    """
    if get("groupKey") is None:
        return False
    segments = value if isinstance(value, list) else []
    first = next((keyframe for segment in segments for keyframe in _list(_part(segment, "keyframes"))), None)
    return _part(first, "bbox") is None and _part(first, "point") is None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _paged(value: Any, get: Get) -> bool:
    """Return whether a box is on a page; with one of the two keys and a negative height, it is on a tile layer."""
    absent = [get(key) for key in _PAGE].count(None)
    return absent == 0 or (absent == 1 and not _upward(value, get))


def _upward(value: Any, _: Get) -> bool:
    """Return whether a box has a negative height, which only tiled imagery has."""
    height = _part(value, "height")
    return isinstance(height, int | float) and height < 0


def _valued(value: Any, _: Get) -> bool:
    return isinstance(value, list) and any(_part(item, "value") is not None for item in value)


def _timed(value: Any, get: Get) -> bool:
    """Return whether options have ranges of time, or the answer has some for all of them."""
    items = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    beside = get("frames") is not None and (isinstance(value, list | dict) or get("answers") is not None)
    return beside or any(_part(item, "frames") is not None for item in items)


def _part(item: Any, key: str) -> Any:
    """Return the value of a key of a JSON object, or of the attribute in a model or a struct of the gate."""
    return item.get(key) if isinstance(item, dict) else getattr(item, key, None)


_MASKS = {"raster-segmentation", "superpixel"}
_EVALUATIONS = {"message-single-selection", "message-multi-selection", "message-ranking"}
_TIMED_MEDIA = {"VIDEO", "AUDIO"}
_TALK = {"CONVERSATIONAL"}
_PAGE, _MESSAGE, _GROUP, _TIMES = ("page", "unit"), ("messageId",), ("groupKey",), ("frames",)

KINDS = (
    # The order matters for kinds that share a key: the first one whose `tells` returns True is used, else the last.
    _kind("document box", "bbox", "document.DocumentBox", {"rectangle"}, DOCUMENTS,
          how="with `page` and `unit`", marks=_PAGE, tells=_paged),
    _kind("tile box", "bbox", "geo.TileBox", {"rectangle"}, TILES, slow=True,
          how="with a negative `height`", tells=_upward),
    _kind("bounding box", "bbox", "objects.BoundingBox", {"rectangle"}, {"IMAGE", *TILES}, image=True),
    _kind("polygon", "polygon", "objects.Polygon", {"polygon"}, {"IMAGE", *TILES}, image=True),
    _kind("point", "point", "objects.Point", {"point"}, {"IMAGE", *TILES}, image=True),
    _kind("polyline", "line", "objects.Polyline", {"line"}, {"IMAGE", *TILES}, image=True),
    _kind("mask", "mask", "mask.Mask", _MASKS, {"IMAGE"}, slow=True, pictures=True, image=True),
    _kind("relationship", "relationship", "relationship.Relationship", {"edge"}, _LINKED, image=True, named=True),
    _kind("conversation entity", "location", "conversation.ConversationEntity", {"named-entity"}, _TALK,
          how="with `messageId`", marks=_MESSAGE, tells=_has(*_MESSAGE)),
    _kind("text entity", "location", "text.TextEntity", {"named-entity"}, {"TEXT"}),
    _kind("document entity", "text_selections", "document.DocumentEntity", {"named-entity"}, DOCUMENTS,
          named=True),
    _kind("DICOM polyline", "segments", "dicom.DicomPolyline", {"line"}, {"DICOM"}, how="with `groupKey`",
          marks=_GROUP, tells=_sliced),
    _kind("video object", "segments", "video.VideoObject", {"rectangle", "point", "line"}, {"VIDEO"}, plain=False),
    _kind("DICOM mask set", "masks", "dicom.DicomMasks", _MASKS, {"DICOM"}, plain=False, slow=True,
          pictures=True, how="with `groupKey`", marks=_GROUP, tells=_has(*_GROUP)),
    _kind("video mask set", "masks", "video_masks.VideoMasks", _MASKS, {"VIDEO"}, plain=False, slow=True,
          pictures=True),
    _kind("message evaluation", "message_evaluation_task", "evaluation.MessageEvaluation", _EVALUATIONS, _TALK,
          plain=False, once=True),
    _text("timed text", "timed.TimedText", _TIMED_MEDIA, _valued, timed=True, how="an array of `value` and `frames`"),
    _checklist("timed checklist", "timed.TimedChecklist", _TIMED_MEDIA,
               lambda value, get: _listed(value, get) and _timed(value, get), timed=True, how="an array, with `frames`",
               marks=_TIMES),
    _radio("timed radio", "timed.TimedRadio", _TIMED_MEDIA, _timed, timed=True, how="an object, with `frames`",
           marks=_TIMES),
    _text("message text", "conversation.MessageText", _TALK, _of_message(str), how="a string, with `messageId`",
          marks=_MESSAGE),
    _checklist("message checklist", "conversation.MessageChecklist", _TALK, _of_message(list),
               how="an array, with `messageId`", marks=_MESSAGE),
    _radio("message radio", "conversation.MessageRadio", _TALK, _has(*_MESSAGE), how="an object, with `messageId`",
           marks=_MESSAGE),
    _text("free text", "classifications.FreeText", _ANSWERED, _form(str), image=True, how="a string"),
    _checklist("checklist", "classifications.Checklist", _ANSWERED, _form(list), image=True, how="an array"),
    _radio("radio", "classifications.Radio", _ANSWERED, image=True, how="an object"),
)  # fmt: skip
BY_NAME = {kind.name: kind for kind in KINDS}
BY_PLACE = {(f"prelabel.annotations.{kind.place[0]}", kind.place[1]): kind for kind in KINDS}
"""Module and name of a model's class → its kind."""


def wire_name(kind: Kind, field: str) -> str:
    """Return the JSON name of a field."""
    return str(kind.model.model_fields[field].alias)


@cache
def own_keys() -> frozenset[str]:
    """Return the JSON keys that annotations of any kind may have; with the value null, they count as absent."""
    return frozenset({wire_name(kind, field) for kind in KINDS for field in kind.model.model_fields} | {"dataRow"})


def owners(key: str) -> tuple[Kind, ...]:
    """Return the kinds whose annotations may have a key, by its name in JSON."""
    return _owners().get(key, ())


@cache
def _owners() -> dict[str, tuple[Kind, ...]]:
    owners: dict[str, tuple[Kind, ...]] = {}
    for kind in KINDS:
        for field in kind.model.model_fields:
            key = wire_name(kind, field)
            owners[key] = (*owners.get(key, ()), kind)
    return owners


class Keys:
    """The keys that identify a set of kinds, and the look-up of an annotation's kind among them."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        kinds = tuple(kinds)
        #: The keys by their names in Python.
        self.fields = tuple(dict.fromkeys(key for kind in kinds for key in kind.keys))
        #: The same keys by their names in JSON.
        self.wire = tuple(to_camel(field) for field in self.fields)
        self._sharing = tuple(tuple(kind for kind in kinds if key in kind.keys) for key in self.fields)
        #: The names of kinds that have one key and share it with no other kind.
        self.alone = frozenset(
            sharing[0].name for sharing in self._sharing if len(sharing) == 1 and len(sharing[0].keys) == 1
        )

    def find(self, values: Sequence[Any], get: Get) -> Kind:
        """Return the kind of an annotation whose keys have these values; `get` reads other keys. Raises CheckFailed."""
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
"""The keys that identify kinds, by their names in JSON."""


def kind_of_json(annotation: Any) -> Kind:
    """Return the kind of a JSON annotation. Raises CheckFailed."""
    return ALL.find([annotation.get(key) for key in KEYS], annotation.get)


def no_kind(present: Iterable[str]) -> CheckFailed:
    """Return the error for an annotation that does not have exactly one of the keys that identify kinds."""
    present = tuple(present)
    if present == ("answer", "answers"):
        return CheckFailed("answers", "both", "one of answer and answers")
    return CheckFailed("", " and ".join(present) or "none of them", "exactly one of " + ", ".join(KEYS))
