"""The base of dataclasses whose JSON follows from their declaration, for `--json` output and for reports."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, ClassVar

from prelabel.unix_time import UnixTime


class JsonRecord:
    """The base of a dataclass that is shown as JSON: its fields in their order, with names in camel case.

    A record that hides a field, or shows a property, lists the names to show in `json_fields`. `json_names` has the
    JSON names that differ from the field's name in camel case.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    #: The fields and properties that the JSON has, in order; empty for all fields.
    json_fields: ClassVar[tuple[str, ...]] = ()
    #: Field or property → its name in the JSON.
    json_names: ClassVar[Mapping[str, str]] = {}

    def as_json(self, *names: str) -> dict[str, Any]:
        """Return the record as JSON values; with `names`, these fields and properties in place of `json_fields`."""
        shown = names or self.json_fields or tuple(field.name for field in fields(self))
        return {self.json_names.get(name) or camel_case(name): json_value(getattr(self, name)) for name in shown}


def camel_case(name: str) -> str:
    """Return a Python name as JSON spells it: `project_id` → `projectId`."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def json_value(value: Any) -> Any:
    """Return a field's value as JSON: a time in ISO 8601, a `Counter` with its largest counts first."""
    if isinstance(value, JsonRecord):
        return value.as_json()
    if isinstance(value, UnixTime):
        return value.iso()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Counter):
        return {json_value(key): count for key, count in value.most_common()}
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value
