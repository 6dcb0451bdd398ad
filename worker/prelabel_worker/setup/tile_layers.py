"""The check of tiles as `row_data`: layers, their corners and zooms. No I/O."""

import re
from collections.abc import Mapping
from typing import Any

from prelabel_worker.setup.row_values import (
    Check,
    ObjectOf,
    WrongRowData,
    address,
    array,
    number,
    one_of,
    refuse,
    snake_case,
    text,
    whole_number,
)

_PLACES = ("{z}", "{x}", "{y}")
_FILE_OF_TILES = re.compile(r"[^?#]*\.(tiff?|ntf|nitf)([?#].*)?", re.IGNORECASE)


def _corner(value: Any, path: str) -> None:
    if not isinstance(value, list) or len(value) != 2:
        refuse(path, "a corner of two numbers", value)
    for at, each in enumerate(value):
        number(each, f"{path}[{at}]")


def _corners(value: Any, path: str) -> None:
    if not isinstance(value, list) or len(value) != 2:
        refuse(path, "two corners, such as [[53.87, 8.70], [53.86, 8.71]]", value)
    for at, each in enumerate(value):
        _corner(each, f"{path}[{at}]")
    if any(one == other for one, other in zip(*value, strict=True)):
        raise WrongRowData(f"{path}: expected corners that differ in both coordinates, found {value}")


def _tile_address(value: Any, path: str) -> None:
    address(value, path)
    count = sum(place in value for place in _PLACES)
    if count < len(_PLACES) and (count or not _FILE_OF_TILES.match(value)):
        refuse(path, "an address with {z}, {x} and {y}, or of a GeoTIFF or NITF file", value)


_EPSG = one_of("EPSG4326", "EPSG3857", "EPSG3395", "Simple", "SIMPLEPIXEL")
_LAYER: Mapping[str, Check] = {
    "bounds": _corners,
    "epsg": _EPSG,
    "min_zoom": whole_number(0),
    "max_zoom": whole_number(0),
    "max_native_zoom": whole_number(0),
    "tile_size": whole_number(1),
    "version": one_of(1, 2),
}
TILES = ObjectOf(
    {"tile_layer_url": _tile_address},
    {
        **_LAYER,
        "name": text(),
        "alternative_layers": array(
            ObjectOf({"tile_layer_url": _tile_address, "name": text()}, _LAYER, either_case=True)
        ),
    },
    either_case=True,
)


def check_tiles(row_data: dict[str, Any], path: str) -> None:
    """Check what depends on several keys of tiles whose shape is right. Raises WrongRowData."""
    first = {snake_case(key): value for key, value in row_data.items() if value is not None}
    if not _FILE_OF_TILES.match(first["tile_layer_url"]):
        for name in ("bounds", "epsg"):
            if name not in first:
                raise WrongRowData(f"{path}.{name}: missing: a tile layer needs it")
    _check_layer(row_data, path, {})
    key = "alternativeLayers" if "alternativeLayers" in row_data else "alternative_layers"
    for at, layer in enumerate(row_data.get(key) or ()):
        _check_layer(layer, f"{path}.{key}[{at}]", first)


def _check_layer(layer: dict[str, Any], path: str, first: Mapping[str, Any]) -> None:
    """Check what depends on several keys of a layer; it has those that it leaves out from the first one."""
    keys = {snake_case(key): key for key, value in layer.items() if value is not None}
    merged = {**first, **{name: layer[key] for name, key in keys.items()}}
    low, high = merged.get("min_zoom"), merged.get("max_zoom")
    if low is not None and high is not None and low > high:
        raise WrongRowData(f"{path}.{keys.get('min_zoom', 'min_zoom')}: expected at most max_zoom, {high}, found {low}")
    if merged.get("epsg") == "EPSG4326" and "bounds" in keys:
        _check_degrees(layer["bounds"], f"{path}.bounds", merged.get("version"))


def _check_degrees(bounds: list[list[float]], path: str, version: int | None) -> None:
    """Check the order of degrees: version 1, the default, has the latitude first, version 2 the longitude."""
    words, hint = ("latitude", "longitude"), "version 1 has the latitude first, version 2 the longitude"
    if version == 2:
        words = words[::-1]
    for at, corner in enumerate(bounds):
        for axis, (word, degrees) in enumerate(zip(words, corner, strict=True)):
            limit = 90 if word == "latitude" else 180
            if not -limit <= degrees <= limit:
                refuse(f"{path}[{at}][{axis}]", f"a {word} from -{limit} to {limit}", degrees, hint)
