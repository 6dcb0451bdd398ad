"""The examples of docs/reference/labelbox-format.md, for tests that need lines of every kind."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "sandbox" / "data"
HARBOUR: dict[str, Any] = json.loads((DATA / "harbour.json").read_text())


def read(name: str) -> list[dict[str, Any]]:
    """Return the lines of a table in `tests/sandbox/data`."""
    return [json.loads(line) for line in (DATA / f"{name}.ndjson").read_text().splitlines()]


EXAMPLES = read("examples")
_BY_NAME = {entry["case"]: entry["lines"] for entry in EXAMPLES}


def example(name: str, number: int = 0, /, **changes: Any) -> dict[str, Any]:
    """Return a line of an example, with `changes` to its keys; None removes a key."""
    changed = {**_BY_NAME[name][number], **changes}
    return {key: value for key, value in changed.items() if value is not None}
