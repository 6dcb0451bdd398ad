"""One line as a whole: uuid, kind, feature, keys; then the check of its kind (format reference, section 1)."""

from typing import Any

from prelabel_sandbox.checks.kinds import KINDS
from prelabel_sandbox.checks.ontology import Ontology
from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, Refused, invalid
from prelabel_sandbox.checks.relationship import Neighbours
from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.checks.values import known_keys, mapping, model_run_keys, text

_DATA_ROW = ("id", "globalKey")
_GLOBAL_KEY_CHARACTERS = 200


def data_row_of(line: dict[str, Any]) -> tuple[str, str]:
    """What the line calls its data row: ("id" or "globalKey", the value). Raises Refused."""
    if "dataRow" not in line:
        raise invalid("dataRow", MISSING)
    given = mapping(line["dataRow"], "dataRow")
    if len(given) != 1:
        raise invalid("dataRow.id", MISSING if not given else UNKNOWN)
    ((word, value),) = given.items()
    if word not in _DATA_ROW:
        raise invalid(f"dataRow.{word}", UNKNOWN)
    if len(text(value, f"dataRow.{word}")) > _GLOBAL_KEY_CHARACTERS:
        raise invalid(f"dataRow.{word}", f"Longer than maximum length {_GLOBAL_KEY_CHARACTERS}.")
    return word, value


def kind_of(line: dict[str, Any]) -> str:
    """The key of the line's kind. Raises Refused when there is none, or more than one."""
    present = KINDS.keys() & line.keys()
    if len(present) != 1:
        raise invalid("_schema", f"One of {set(KINDS)} must be specified.")
    return present.pop()


def check(line: dict[str, Any], ontology: Ontology, neighbours: Neighbours) -> None:
    """Check everything but the data row. Raises Refused."""
    if "uuid" in line and canonical(line["uuid"]) is None:
        raise invalid("uuid", "Not a valid UUID.")
    key = kind_of(line)
    kind = KINDS[key]
    if not line.keys() <= kind.keys:
        known_keys(line, kind.keys)
    feature = (ontology.tools if kind.level == "tools" else ontology.classifications).find(line)
    if feature.type not in kind.types:
        raise invalid("_schema", f"A {feature.type} feature does not take {key}.")
    if "confidence" in line or "customMetrics" in line:
        model_run_keys(line)
    kind.check(line, feature, neighbours)


def object_of(line: dict[str, Any], ontology: Ontology) -> tuple[bytes, str] | None:
    """Uuid and feature of a line that a relationship may point at; None when it is none."""
    uuid = canonical(line.get("uuid"))
    present = KINDS.keys() & line.keys()
    if uuid is None or not present or not present.isdisjoint(("answer", "answers", "relationship")):
        return None
    try:
        return uuid, ontology.tools.find(line).schema_id
    except Refused:
        return uuid, ""  # it is refused itself; what becomes of the link is not known
