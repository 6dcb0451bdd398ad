"""The place of a value in decoded JSON, such as `metadata.path`, `items.0.name`, or `items.*.name` for each row."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prelabel.mapping.checks import BadMapping

_NAME = r'[^."{}\s]+|"[^"{}]+"'
_PATH = re.compile(rf"(?:{_NAME})(?:\.(?:{_NAME}))*")
_STEP = re.compile(_NAME)
_SLICE = re.compile(r"(\d{1,9}):(\d{0,9})")
_WHOLE = "."
_ROW = "*"
MISSING: Any = object()
"""What `ValuePath.find` returns if nothing stands at the path."""


@dataclass(frozen=True, slots=True)
class ValuePath:
    """A path of keys and indexes, separated by dots; a key that has a dot stands in double quotes. `.` is all of it.

    `6:` and `6:57` are a part of an array. `*` stands for the number of a row in a batch: `at_row` fills it in.
    """

    text: str
    steps: tuple[str, ...]
    #: The place of `*` among the steps; None for a path that is the same for all rows.
    row_step: int | None = None

    @classmethod
    def parse(cls, text: str, where: str) -> "ValuePath":
        """Return the path that a text means. Raises BadMapping, which says where in the file it stands."""
        if text == _WHOLE:
            return cls(text, ())
        if not _PATH.fullmatch(text):
            raise BadMapping(f"{where}: expected a path such as outputs.boxes or items.0.name, found {text!r}")
        words = _STEP.findall(text)
        if words.count(_ROW) > 1:
            raise BadMapping(f"{where}: expected one * at most, the number of the row in a batch, found {text!r}")
        row_step = words.index(_ROW) if _ROW in words else None
        return cls(text, tuple(word.strip('"') for word in words), row_step)

    def at_row(self, row: int) -> "ValuePath":
        """Return the path of a row of a batch, from 0."""
        if self.row_step is None:
            return self
        words = _STEP.findall(self.text)
        words[self.row_step] = str(row)
        steps = (*self.steps[: self.row_step], str(row), *self.steps[self.row_step + 1 :])
        return ValuePath(".".join(words), steps)

    @property
    def rows(self) -> "ValuePath":
        """Return the path of the array that has an element for each row of a batch."""
        steps = self.steps[: self.row_step]
        return ValuePath(".".join(_STEP.findall(self.text)[: self.row_step]) or _WHOLE, steps)

    def find(self, value: Any) -> Any:
        """Return what stands at the path below a value, or MISSING."""
        for step in self.steps:
            if isinstance(value, Mapping):
                value = value.get(step, MISSING)
            elif not _is_array(value):
                return MISSING
            elif step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            elif part := _SLICE.fullmatch(step):
                value = value[int(part[1]) : int(part[2]) if part[2] else None]
            else:
                return MISSING
        return value

    def __str__(self) -> str:
        return self.text


def _is_array(value: Any) -> bool:
    return isinstance(value, list | tuple) or hasattr(value, "tolist")
