"""Which column of a table has which role."""

from collections.abc import Mapping
from typing import Any

from prelabel.readers.base import UnreadableSource

_OTHER_NAMES = {
    "key": ("global_key", "globalkey", "image", "image_id", "file_name", "filename", "path"),
    "class": ("label", "class_name", "category", "name"),
    "feature": (),
    "score": ("confidence", "conf", "probability"),
    "left": ("xmin", "x_min", "x1"),
    "top": ("ymin", "y_min", "y1"),
    "right": ("xmax", "x_max", "x2"),
    "bottom": ("ymax", "y_max", "y2"),
    "width": ("w",),
    "height": ("h",),
    "x": (),
    "y": (),
    "page": (),
    "unit": (),
    "start": (),
    "end": (),
    "start_seconds": (),
    "end_seconds": (),
    "text": (),
    "annotations": (),
}
"""Role → other names of columns that have it, in small letters."""
ROLES = tuple(_OTHER_NAMES)


class Columns:
    """The columns of a table by their roles."""

    def __init__(self, file: str, names: list[str], given: Mapping[str, str]) -> None:
        self._file = file
        self._names = names
        for role, name in given.items():
            if role not in _OTHER_NAMES:
                raise UnreadableSource(f"column of {role}: expected one of {', '.join(ROLES)}")
            if name not in names:
                raise UnreadableSource(
                    f"{file} has no column {name!r} for {role}: expected one of {', '.join(map(repr, names[:40]))}"
                )
        columns = {role: given.get(role) or self._own(role, given) for role in ROLES}
        self._by_role = {role: name for role, name in columns.items() if name is not None}
        if "class" not in self._by_role and "annotations" not in self._by_role:
            self.need("class")

    def column(self, role: str) -> str | None:
        """Return the name of the column with a role, or None."""
        return self._by_role.get(role)

    def need(self, role: str) -> None:
        """Raise UnreadableSource if no column has the role."""
        if role not in self._by_role:
            raise UnreadableSource(
                f"{self._file}: no column is the {role}, of {', '.join(map(repr, self._names[:40]))}: "
                f"type --columns {role}=COLUMN"
            )

    def of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row's values by role."""
        return {role: row[name] for role, name in self._by_role.items()}

    def _own(self, role: str, given: Mapping[str, str]) -> str | None:
        """Return the column that is named like a role. Raises UnreadableSource if several are."""
        wanted = (role, *_OTHER_NAMES[role])
        by_name = [name for name in self._names if name.strip().lower() == role]
        found = by_name or [
            name for name in self._names if name.strip().lower() in wanted and name not in given.values()
        ]
        if len(found) > 1:
            raise UnreadableSource(
                f"{self._file}: {' and '.join(map(repr, found))} may be the {role}: type --columns {role}=COLUMN"
            )
        return found[0] if found else None
