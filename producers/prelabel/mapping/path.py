"""The place of a value in decoded JSON, such as `metadata.path` or `items.0.name`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prelabel.mapping.checks import BadMapping

_NAME = r'[^."{}\s]+|"[^"{}]+"'
_PATH = re.compile(rf"(?:{_NAME})(?:\.(?:{_NAME}))*")
_STEP = re.compile(_NAME)
_WHOLE = "."
MISSING: Any = object()
"""What `ValuePath.find` returns if nothing stands at the path."""


@dataclass(frozen=True, slots=True)
class ValuePath:
    """A path of keys and indexes, separated by dots; a key that has a dot stands in double quotes. `.` is all of it."""

    text: str
    steps: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, where: str) -> "ValuePath":
        """Return the path that a text means. Raises BadMapping, which says where in the file it stands."""
        if text == _WHOLE:
            return cls(text, ())
        if not _PATH.fullmatch(text):
            raise BadMapping(f"{where}: expected a path such as outputs.boxes or items.0.name, found {text!r}")
        return cls(text, tuple(match[0].strip('"') for match in _STEP.finditer(text)))

    def find(self, value: Any) -> Any:
        """Return what stands at the path below a value, or MISSING."""
        for step in self.steps:
            if isinstance(value, Mapping):
                value = value.get(step, MISSING)
            elif step.isdecimal() and _is_array(value) and int(step) < len(value):
                value = value[int(step)]
            else:
                return MISSING
        return value

    def __str__(self) -> str:
        return self.text


def _is_array(value: Any) -> bool:
    return isinstance(value, list | tuple) or hasattr(value, "tolist")
