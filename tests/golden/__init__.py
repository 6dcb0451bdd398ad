"""Annotations with known answers: all examples of docs/reference/labelbox-format.md and its ontology.

`valid` and `invalid` are its valid and invalid lines, with the media type of their project. `needs` is what a
validator must know to refuse one: its shape, the ontology, the media type or the lines `beside` it. `left` are lines
that nobody but the asset's owner, or Labelbox, can judge: they pass.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
HARBOUR: dict[str, Any] = json.loads((FOLDER / "harbour.json").read_text("utf-8"))


def cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of a file."""
    return [json.loads(line) for line in (FOLDER / f"{name}.ndjson").read_text("utf-8").split("\n") if line]


def message_of(lines: list[dict[str, Any]], project_id: str = "harbour") -> dict[str, Any]:
    """Return a message that has these lines of one data row as annotations."""
    annotations = [{key: value for key, value in line.items() if key != "dataRow"} for line in lines]
    return {"projectId": project_id, "dataRow": lines[0].get("dataRow"), "annotations": annotations}
