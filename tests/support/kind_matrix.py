"""Each annotation kind beside each key of the others: the lines that try it, and what every check says of them."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

import orjson
from pydantic import BaseModel

from prelabel.annotations.kinds import BY_NAME, KEYS, KINDS, Kind, kind_of_json, media_type_of, own_keys, wire_name
from prelabel.errors import MessageError
from prelabel.validation.gate import prepare
from prelabel_sandbox.checks.envelope import check, neighbour_of, uuid_of
from prelabel_sandbox.checks.media import media_of
from prelabel_sandbox.checks.ontology import prepared
from prelabel_sandbox.checks.refusal import Refused
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.tables import kinds_of
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import FOLDER, HARBOUR

EXAMPLES: dict[str, dict[str, Any]] = json.loads((FOLDER / "kinds.json").read_text("utf-8"))
"""An annotation of each kind that is right for the ontology `HARBOUR`."""
MEDIA = (
    *("IMAGE", "VIDEO", "TEXT", "TMS_GEO", "TMS_SIMPLE", "PDF", "DOCUMENT", "CONVERSATIONAL", "AUDIO", "HTML", "DICOM"),
    *("LLM_PROMPT_CREATION", "LLM_PROMPT_RESPONSE_CREATION", "POINT_CLOUD", "LLM", None),
)
"""The media types of projects; None for a project that has none, whose data rows take every kind."""
PROJECT = "harbour"


def _tree(media: str | None) -> dict[str, Any]:
    """Return the ontology; in projects of prompts its classifications are responses, as these have no others."""
    if media not in ("LLM_PROMPT_CREATION", "LLM_PROMPT_RESPONSE_CREATION"):
        return HARBOUR
    answers = [
        {**feature, "type": f"response-{feature['type']}"}
        if feature["type"] in ("radio", "checklist", "text")
        else feature
        for feature in HARBOUR["classifications"]
    ]
    return {**HARBOUR, "classifications": answers}


ONTOLOGIES = {media: Ontology.from_normalized(_tree(media), media) for media in MEDIA}
BUILDERS = {media: RowBuilder(PROJECT, ontology) for media, ontology in ONTOLOGIES.items()}
_SANDBOX = {media: prepared(_tree(media), PROJECT) for media in MEDIA}
_DATA_ROW = {"globalKey": "pier-7/cam-2/000184.jpg"}
_ENDS = tuple(EXAMPLES["relationship"]["relationship"][word] for word in ("source", "target"))
_OF_PROJECTS = {"isBenchmarkReferenceLabel"}
"""Keys that a project takes or not, whatever the kind."""
_PLACE = re.compile(r"^annotations\[\d+\]\.?")
_VALUES: dict[str, Any] = {
    "uuid": "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1103",
    "confidence": 0.5,
    "customMetrics": [{"name": "iou", "value": 0.5}],
    "name": "vessel",
    "schemaId": "c" + 24 * "0",
    "frames": [{"start": 1, "end": 5}],
    "answers": [{"name": "red"}],
    "dataRow": {"id": "cmh2k4t8x00a107l5e1v9q3zr"},
}


@dataclass(frozen=True, slots=True)
class Cell:
    """An annotation of a kind, with a key that another kind has."""

    kind: Kind
    key: str
    annotation: dict[str, Any]

    @property
    def has(self) -> bool:
        """Whether the kind itself has the key."""
        return self.key in fields_of(self.kind)

    @property
    def becomes(self) -> Kind | None:
        """The kind that the annotation is with the key, or None if no kind has all its keys."""
        if len(set(KEYS) & self.annotation.keys()) > 1:
            return None
        kind = kind_of_json(self.annotation)
        return kind if self.annotation.keys() <= fields_of(kind) else None


def fields_of(kind: Kind) -> set[str]:
    """Return the keys that annotations of a kind may have, by their names in JSON."""
    return {wire_name(kind, field) for field in kind.model.model_fields}


def cells() -> Iterator[Cell]:
    """Yield every kind beside every key that its example does not have."""
    for kind in KINDS:
        example = EXAMPLES.get(kind.name)
        if example is None:  # a test of its own names the kinds without an example
            continue
        for key in sorted(own_keys() - _OF_PROJECTS - example.keys()):
            yield Cell(kind, key, {**example, key: _value(kind, key)})


def _value(kind: Kind, key: str) -> Any:
    """Return a value that is right for the key where it belongs."""
    if key == "schemaId" and (name := EXAMPLES[kind.name].get("name")):
        features = [*HARBOUR["tools"], *HARBOUR["classifications"]]
        return next(feature["featureSchemaId"] for feature in features if feature["name"] == name)
    if key == "classifications":  # no answer is nested below every example, so where the key belongs, it is empty
        return [] if key in fields_of(kind) else [{"name": "hull state", "answer": {"name": "intact"}}]
    return _VALUES[key] if key in _VALUES else next(each[key] for each in EXAMPLES.values() if key in each)


def accepts(media: str | None, kind: Kind) -> bool:
    """Return whether data rows of a media type take a kind."""
    return media is None or media_type_of(media) in kind.media


def message_of(annotation: dict[str, Any], media: str | None) -> dict[str, Any]:
    """Return a message that ends with an annotation; before it stand the ends of a relationship, if it is one."""
    return {"projectId": PROJECT, "dataRow": _DATA_ROW, "annotations": [*_ends(annotation, media), annotation]}


def _ends(annotation: dict[str, Any], media: str | None) -> list[dict[str, Any]]:
    if {key for key in KEYS if annotation.get(key) is not None} != {"relationship"}:
        return []
    linked = (
        kind for kind in KINDS if not kind.classifies and kind.name != "relationship" and "name" in EXAMPLES[kind.name]
    )
    kind = next((kind for kind in linked if accepts(media, kind)), BY_NAME["bounding box"])
    return [{**EXAMPLES[kind.name], "uuid": uuid} for uuid in _ENDS]


def worker_says(annotation: dict[str, Any], media: str | None) -> MessageError | None:
    """Return the error of a worker about the annotation, with the path in it; None if it is built."""
    return _error(lambda: BUILDERS[media].build(orjson.dumps(message_of(annotation, media))))


def publisher_says(annotation: dict[str, Any]) -> MessageError | None:
    """Return the error of publishing the annotation, with the path in it; None if it is published."""
    return _error(lambda: prepare(message_of(annotation, None)))


def _error(work: Callable[[], object]) -> MessageError | None:
    try:
        work()
    except MessageError as error:
        return error.at(_PLACE.sub("", error.path))
    return None


def lines_of(annotation: dict[str, Any], media: str | None) -> list[dict[str, Any]]:
    """Return the lines of a file that holds the annotation; the last one is its own."""
    return [{"dataRow": _DATA_ROW, **each} for each in message_of(annotation, media)["annotations"]]


def rendered(annotation: dict[str, Any], media: str | None) -> list[dict[str, Any]]:
    """Return the lines that a worker sends of a message with the annotation."""
    row = BUILDERS[media].build(orjson.dumps(message_of(annotation, media)))
    return [orjson.loads(line) for line in row.lines.splitlines()]


def sandbox_says(lines: list[dict[str, Any]], media: str | None, *, strict: bool = False) -> str | None:
    """Return the sandbox's refusal of the last of these lines, which are about one data row; None if it is accepted."""
    ontology = _SANDBOX[media]
    neighbours = dict(filter(None, (neighbour_of(line, ontology) for line in lines)))
    medium = media_of(media)
    try:
        uuid_of(lines[-1])
        check(lines[-1], kinds_of(medium, strict), Scene(medium, ontology, strict, neighbours=neighbours))
    except Refused as refused:
        return str(refused)
    return None


# -- keys below the annotation -----------------------------------------------------------------------------------------

_HULL = [
    {"name": "hull state", "answer": {"name": "damaged", "classifications": [
        {"name": "damage kinds", "answer": [{"name": "hole", "classifications": [
            {"name": "hole remark", "answer": "below the water line"}]}]}]}}
]  # fmt: skip
_VESSEL = {"frame": 12, "bbox": {"top": 48, "left": 16, "height": 12, "width": 26}, "classifications": _HULL}
_SPLASH = {"name": "splash size", "answer": {"name": "small"}}
DEEP: dict[str, dict[str, Any]] = EXAMPLES | {
    "bounding box": EXAMPLES["bounding box"] | {"classifications": _HULL},
    "document box": EXAMPLES["document box"] | {"classifications": _HULL},
    "video object": EXAMPLES["video object"] | {"segments": [{"keyframes": [_VESSEL]}]},
    "radio": EXAMPLES["radio"] | {
        "answer": {"name": "fog", "classifications": [{"name": "fog density", "answer": {"name": "light"}}]}},
    "checklist": EXAMPLES["checklist"] | {
        "answer": [{"name": "yellow", "classifications": [{"name": "yellow side", "answer": [{"name": "port"}]}]}]},
    "timed checklist": EXAMPLES["timed checklist"] | {
        "answer": [{"name": "splash", "frames": [{"start": 30, "end": 34}], "classifications": [_SPLASH]}]},
}  # fmt: skip
"""The examples with answers below them, where the ontology has some."""
_BELOW: dict[str, Any] = {
    "answers": [{"name": "red"}],
    "custom_metrics": [{"name": "iou", "value": 0.5}],
    "featureSchemaId": 25 * "c",
    "imBytes": "aGk=",
    "isBenchmarkReferenceLabel": True,
    "order": 1,
    "png": "aGk=",
    "rankedMessages": [{"messageId": "r-1", "modelConfigName": "tide-13b", "order": 1}],
    "readonly": True,
    "schema_id": 25 * "c",
    "selectedMessages": [{"messageId": "r-1", "modelConfigName": "tide-13b"}],
    "sourceOntologyName": "remark",
}
"""Values for keys that no example has."""


@dataclass(frozen=True, slots=True)
class Below:
    """An annotation with a key in one of the objects that it holds."""

    #: The path of the object.
    holder: str
    key: str
    annotation: dict[str, Any]

    @property
    def path(self) -> str:
        """The path of the key."""
        return f"{self.holder}.{self.key}"


def below(kind: Kind) -> Iterator[Below]:
    """Yield the deep example of a kind with each key of any model in each object that it holds."""
    values = _VALUES | _BELOW | _values_in([*DEEP.values()])
    for holder, place in [*_objects(DEEP[kind.name])][1:]:
        for key in sorted(_all_keys() - place.keys()):
            annotation = copy.deepcopy(DEEP[kind.name])
            dict(_objects(annotation))[holder][key] = copy.deepcopy(values[key])
            yield Below(holder, key, annotation)


@cache
def _all_keys() -> frozenset[str]:
    """Return the keys, in JSON, of annotations and of all their parts."""
    keys: set[str] = set()
    models: list[Any] = [kind.model for kind in KINDS]
    seen: set[Any] = set()
    while models:
        model = models.pop()
        if isinstance(model, type) and issubclass(model, BaseModel) and model not in seen:
            seen.add(model)
            keys |= {str(field.alias) for field in model.model_fields.values()}
            models += [field.annotation for field in model.model_fields.values()]
        elif not isinstance(model, type) or get_args(model):
            models += get_args(model)
    return frozenset(keys)


def _objects(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path of each object in a value, and the object, the outer ones first."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from _objects(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _objects(item, f"{path}[{at}]")


def _values_in(value: Any) -> dict[str, Any]:
    """Return a value of each key that occurs in a value."""
    return {key: item for _, place in _objects({"": value}) for key, item in place.items()}
