"""The tile layer that the row data of tiled imagery describes (docs/reference/labelbox-format.md#2-21)."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

import orjson

from prelabel_sandbox.pages.drawing.extent import Extent

_CHARACTERS = 100_000  # of row data that is read
_SHOWN = 500  # characters of one value
_SIMPLE = re.compile(r"simple(pixel)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TileLayer:
    """A tile layer; what row data does not say, or says in another form, is None."""

    #: Address of the tiles, with `{z}`, `{x}` and `{y}`.
    url: str
    #: Where the layer has tiles.
    bounds: Extent | None
    #: The smallest and the largest zoom level.
    zooms: tuple[int | None, int | None]
    #: Name of the coordinate system.
    epsg: str | None

    @property
    def zoom(self) -> str:
        """Return the zoom levels in words; "" if none is known."""
        lowest, highest = self.zooms
        if lowest is not None and highest is not None:
            return f"{lowest} to {highest}"
        return f"from {lowest}" if lowest is not None else f"up to {highest}" if highest is not None else ""


def tile_layer_of(row_data: str | None, *, longitude_first: bool) -> TileLayer | None:
    """Return the tile layer that row data describes, or None.

    `longitude_first` says how its corners are read if neither its version nor its coordinate system does.
    """
    fields = _object(row_data)
    url = _either(fields, "tile_layer_url")
    if not isinstance(url, str):
        return None
    epsg = fields.get("epsg")
    zooms = (_zoom(_either(fields, "min_zoom")), _zoom(_either(fields, "max_zoom")))
    known = epsg[:_SHOWN] if isinstance(epsg, str) else None
    if fields.get("version") in (1, 2):
        longitude_first = fields["version"] == 2
    elif known:
        longitude_first = _SIMPLE.fullmatch(known) is not None
    return TileLayer(url[:_SHOWN], _bounds(fields.get("bounds"), longitude_first), zooms, known)


def _object(row_data: str | None) -> dict[str, Any]:
    """Return the object that row data is; an empty one if it is something else."""
    if row_data is None or len(row_data) > _CHARACTERS or not row_data.lstrip().startswith("{"):
        return {}
    try:
        fields: dict[str, Any] = orjson.loads(row_data)
    except orjson.JSONDecodeError:
        return {}
    return fields


def _either(fields: dict[str, Any], name: str) -> Any:
    """Return a value by its snake-case name or by its camel-case name; Labelbox has both."""
    first, *rest = name.split("_")
    return fields.get(name, fields.get(first + "".join(word.title() for word in rest)))


def _zoom(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 99 else None


def _bounds(value: Any, longitude_first: bool) -> Extent | None:
    """Return the extent between two corners, whichever these are."""
    if not (isinstance(value, list) and len(value) == 2 and all(_is_corner(corner) for corner in value)):
        return None
    corners = value if longitude_first else [corner[::-1] for corner in value]
    (left, right), (low, high) = (sorted(float(corner[axis]) for corner in corners) for axis in (0, 1))
    return Extent(left, low, right, high) if left < right and low < high else None


def _is_corner(corner: Any) -> bool:
    return isinstance(corner, list) and len(corner) == 2 and all(_is_place(value) for value in corner)


def _is_place(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= 1e9 and isfinite(value)
