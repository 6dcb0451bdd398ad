"""Checks of a whole line: uuid, kind, feature, keys, then its kind's check (docs/reference/labelbox-format.md#1)."""

from typing import Any

from prelabel_sandbox.checks.confidence import check_confidence
from prelabel_sandbox.checks.kinds import KEYS
from prelabel_sandbox.checks.ontology import Feature, Level, Ontology
from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, Refused, invalid
from prelabel_sandbox.checks.scene import Neighbour, Scene
from prelabel_sandbox.checks.tables import Kinds
from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.checks.values import known_keys, mapping, model_run_keys, text

_DATA_ROW = ("id", "globalKey")
_GLOBAL_KEY_CHARACTERS = 200
_ANSWERS = ("answer", "answers")
MARK = "isBenchmarkReferenceLabel"
"""The mark of a benchmark's label: for ground truth. What the service does with it in pre-labels is not known."""
# A line of masks of frames names its features in its instances.
_NO_FEATURE = Feature("", "", False, Level())


def data_row_of(line: dict[str, Any]) -> tuple[str, str]:
    """Return how a line names its data row: ("id" or "globalKey", the value). Raises Refused."""
    if "dataRow" not in line:
        raise invalid("dataRow", MISSING)
    reference = mapping(line["dataRow"], "dataRow")
    if len(reference) != 1:
        raise invalid("dataRow.id", MISSING if not reference else UNKNOWN)
    ((word, value),) = reference.items()
    if word not in _DATA_ROW:
        raise invalid(f"dataRow.{word}", UNKNOWN)
    if len(text(value, f"dataRow.{word}")) > _GLOBAL_KEY_CHARACTERS:
        raise invalid(f"dataRow.{word}", f"Longer than maximum length {_GLOBAL_KEY_CHARACTERS}.")
    return word, value


def uuid_of(line: dict[str, Any]) -> bytes | None:
    """Return the line's uuid, or None if it has none, which every kind allows. Raises Refused."""
    if "uuid" not in line:
        return None
    uuid = canonical(line["uuid"])
    if uuid is None:
        raise invalid("uuid", "Not a valid UUID.")
    return uuid


def kind_of(line: dict[str, Any]) -> str:
    """Return the key of the line's kind. Raises Refused unless there is exactly one."""
    present = KEYS.intersection(line)
    if len(present) != 1:
        raise invalid("_schema", f"One of {set(KEYS)} must be specified.")
    (key,) = present
    return key


def check(line: dict[str, Any], kinds: Kinds, scene: Scene) -> Feature:
    """Check everything but data row and uuid, and return the feature of the line. Raises Refused."""
    key = kind_of(line)
    kind = kinds.get(key)
    if kind is None:
        raise invalid("_schema", f"{key} cannot be imported on data rows of the media type {scene.media}.")
    if not kind.keys.issuperset(line):
        known_keys(line, kind.keys)
    if kind.level == "none":
        feature = _NO_FEATURE
    else:
        feature = (scene.ontology.tools if kind.level == "tools" else scene.ontology.classifications).find(line)
        if feature.type not in kind.types:
            raise invalid("_schema", f"A {feature.type} feature does not take {key}.")
    if "confidence" in line or "customMetrics" in line:
        model_run_keys(line)
    if type(line.get(MARK, True)) is not bool:
        raise invalid(MARK, "Not a valid boolean.")
    kind.check(line, feature, scene)
    if scene.strict:
        check_confidence(line)
    return feature


def neighbour_of(line: dict[str, Any], ontology: Ontology) -> tuple[bytes, Neighbour] | None:
    """Return the uuid and description of a line to which a relationship may refer; None for any other line."""
    uuid = canonical(line.get("uuid"))
    present = KEYS.intersection(line)
    if uuid is None or not present or "relationship" in present:
        return None
    is_object = present.isdisjoint(_ANSWERS)
    try:
        return uuid, Neighbour(
            (ontology.tools if is_object else ontology.classifications).find(line).schema_id, is_object
        )
    except Refused:
        return uuid, Neighbour("", is_object)  # this line is refused; whether the relationship is too is not known
