"""Read messages in JSON, one per line."""

from collections.abc import Iterable

import orjson

from prelabel.errors import found_value
from prelabel.readers.base import BadRecord, Record, Source

MAX_LINE_BYTES = 16 * 1024 * 1024
BEGINNING = 64 * 1024
"""How many bytes of a line that is not read are looked at for its data row."""


def read_messages(lines: Iterable[bytes], project_id: str | None = None) -> Source:
    """Yield every non-empty line as a message; messages without a project get `project_id`."""
    for number, line in enumerate(lines, 1):
        where = f"line {number}"
        raw = line.strip()
        if not raw:
            continue
        if len(raw) > MAX_LINE_BYTES:
            problem = f"the line has {len(raw)} bytes, at most {MAX_LINE_BYTES} are read"
            yield BadRecord(where, problem, beginning=raw[:BEGINNING])
        elif project_id is None:
            yield Record(where, raw)
        else:
            yield _with_project(where, raw, project_id)


def _with_project(where: str, raw: bytes, project_id: str) -> Record | BadRecord:
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return BadRecord(where, f"not JSON in UTF-8: {error}", beginning=raw)
    if not isinstance(message, dict):
        return BadRecord(where, f"expected an object, found {found_value(message)}")
    return Record(where, {"projectId": project_id, **message})
