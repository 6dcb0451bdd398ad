"""Name a place in a message by the words in which the message was written.

Checks first rewrite old spellings: `answers` becomes `answer`, `schema_id` becomes `schemaId`, and
classifications beside an answer move into its only option. An error that is found later has the path of the new
spelling.
"""

import re
from typing import Any

from prelabel.errors import MessageError

AT_ANNOTATION = re.compile(r"annotations\[(\d+)\]")
"""The beginning of a path in an annotation."""
_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_OLD = {"answer": ("answers",), "schemaId": ("schema_id", "featureSchemaId")}
"""Key → the keys that may stand in its place; the names of mask instances have their own."""


def as_written(error: MessageError, message: Any) -> MessageError:
    """Return an error with the path that the message itself, as JSON, has."""
    path = written_path(error.path, message)
    return error if path == error.path else error.at(path)


def written_path(path: str, message: Any) -> str:
    """Return a path with the keys that a message has, where it has an old spelling."""
    written, item, holder = "", message, ("", None)
    for match in _PART.finditer(path):
        key, at = match[1], match[2]
        if at is not None:
            written, item = f"{written}[{at}]", _item(item, int(at))
            continue
        if isinstance(item, dict) and item.get(key) is None:
            if key == "classifications" and isinstance(holder[1], dict) and holder[1].get(key) is not None:
                written, item = holder  # beside the answer, not in the option
            key = next((old for old in _OLD.get(key, ()) if item.get(old) is not None), key)
        if key in ("answer", "answers"):
            holder = (written, item)
        written = f"{written}.{key}" if written else key
        item = item.get(key) if isinstance(item, dict) else None
    return written if _PART.sub("", path) == "" else path


def _item(items: Any, at: int) -> Any:
    return items[at] if isinstance(items, list) and at < len(items) else None
