"""Make the table of docs/reference/messages.md that says which keys may stand beside those of each annotation kind.

`docs/make_tables.py` writes it into the page. Every cell is what publishing says of an example with the key.
"""

import json
from pathlib import Path
from typing import Any

from prelabel import MessageError
from prelabel.annotations.kinds import KEYS, KINDS, Kind, kind_of_json, wire_name
from prelabel.validation.gate import prepare

_EXAMPLES = Path(__file__).parents[1] / "tests" / "golden" / "kinds.json"
_ENDS = ("5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101", "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1102")
# The keys that identify kinds, and those that every annotation may have.
_SHOWN_ELSEWHERE = {*KEYS, "uuid", "confidence", "customMetrics", "isBenchmarkReferenceLabel"}


def matrix() -> str:
    """Return the table: a row for each kind, a column for each key that only some kinds have beside their own."""
    examples: dict[str, dict[str, Any]] = json.loads(_EXAMPLES.read_text("utf-8"))
    values = {key: value for example in examples.values() for key, value in example.items()}
    values |= {"schemaId": 25 * "c", "classifications": [], "frames": [{"start": 1, "end": 2}]}
    keys = [key for key in dict.fromkeys(key for kind in KINDS for key in _fields(kind)) if key not in _SHOWN_ELSEWHERE]
    lines = [f"| kind | {' | '.join(f'`{key}`' for key in keys)} |", f"|---|{'---|' * len(keys)}"]
    for kind in KINDS:
        example = examples[kind.name]
        cells = [_cell(kind, example, key, values[key]) for key in keys]
        lines.append(f"| {kind.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _fields(kind: Kind) -> list[str]:
    return [wire_name(kind, field) for field in kind.model.model_fields]


def _cell(kind: Kind, example: dict[str, Any], key: str, value: Any) -> str:
    """Return `yes`, `no`, or the kind that the annotation becomes with the key."""
    if key in kind.marks and key in example:
        return "always"
    beside = example | {key: value}
    becomes = kind_of_json(beside)
    if becomes is not kind:
        return f"→ {becomes.name}" if beside.keys() <= set(_fields(becomes)) else "no"
    if kind.timed and key == "frames" and key in _fields(kind):
        return "yes, or in the options"
    return "yes" if _passes(beside) else "no"


def _passes(annotation: dict[str, Any]) -> bool:
    box = {"name": "vessel", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}
    ends = [box | {"uuid": uuid} for uuid in _ENDS] if "relationship" in annotation else []
    try:
        prepare({"projectId": "p", "dataRow": {"globalKey": "k"}, "annotations": [*ends, annotation]})
    except MessageError:
        return False
    return True
