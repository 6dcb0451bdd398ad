"""Read GeoJSON: a FeatureCollection, or a feature on each line. For tiled imagery, and images where it has pixels.

Points, lines and polygons become annotations of these kinds; a geometry of several parts becomes one for each part. A
feature's class and score are among its properties, and so are the fields for templates of global keys.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from prelabel.errors import found_value, quoted
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Scores,
    Source,
    UnreadableSource,
    bad_record,
    messages_of,
    number,
    text_of,
)
from prelabel.readers.coco import part
from prelabel.readers.documents import JSON, Document, array_of, documents, files_of, object_of
from prelabel.readers.groups import Origin
from prelabel.readers.json_stream import elements
from prelabel.text_input import open_text, stem_of

_CLASSES = ("class", "label", "category", "classification", "name")
"""Properties that hold a class, in the order in which they are looked for."""
_SCORES = ("score", "confidence", "probability")
_DEGREES = ("CRS84", "EPSG::4326", "EPSG:4326")
"""Ends of names of the coordinate system that GeoJSON has, longitude and latitude in degrees."""
_COORDINATES = "geometry.coordinates"
_EMPTY: Any = object()
"""The feature of a collection that has none."""
_LOOK = 64 * 1024
_PARTS = {"MultiPoint": "Point", "MultiLineString": "LineString", "MultiPolygon": "Polygon"}


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per data row, which is the file unless the template has properties. Raises UnreadableInput."""
    template, scores = options.key_template("{file}"), Scores(path.name)

    def annotations() -> Iterator[KeyedAnnotation | BadRecord]:
        for record in _features(path):
            if isinstance(record, BadRecord):
                yield record
                continue
            where, feature, key = record.where, record.value, None
            if feature is _EMPTY:
                with suppress(ValueError):  # without features, their properties name no data row
                    key = record.key(template)
                    yield KeyedAnnotation(key, None, Origin("data row", key, where))
                continue
            try:
                properties = object_of(object_of(feature, "the feature").get("properties") or {}, "properties")
                key = replace(record, value=properties).key(template)
                found = _annotations(feature, properties, scores, options)
            except ValueError as error:
                yield bad_record(where, error, key)
                continue
            for annotation in found or (None,):
                yield KeyedAnnotation(key, annotation, Origin("data row", key, where))
        scores.check()

    return messages_of(annotations(), options, path.name, apart="{file}")


def _features(path: Path) -> Iterator[Document | BadRecord]:
    """Yield the features of collections, and those that stand alone. Raises UnreadableInput."""
    for file in files_of(path, ".geojson", ".geojsonl", *JSON):
        with open_text(file) as stream:
            collection = b'"features"' in stream.peek(_LOOK)
        if not collection:
            yield from documents(file)
            continue
        others: dict[str, Any] = {}
        empty = True
        for index, feature in enumerate(elements(file, "features", others=others)):
            if not index:
                _check_system(file, others)
            empty = False
            yield Document(f"{file.name}, features[{index}]", stem_of(file), index, feature)
        if empty:
            yield Document(file.name, stem_of(file), 0, _EMPTY)
        _check_system(file, others)


def _check_system(path: Path, others: dict[str, Any]) -> None:
    """Raise UnreadableSource if the file says that its coordinates are not degrees."""
    system = others.get("crs")
    name = system.get("properties", {}).get("name") if isinstance(system, dict) else None
    if isinstance(name, str) and not name.endswith(_DEGREES):
        raise UnreadableSource(
            f"{path}: its coordinates are in {quoted(name)}; expected longitude and latitude in degrees. "
            "Convert it, for example with ogr2ogr -t_srs EPSG:4326"
        )


def _annotations(
    feature: dict[str, Any], properties: dict[str, Any], scores: Scores, options: ReaderOptions
) -> list[dict[str, Any]]:
    """Return the annotations of a feature. Raises ValueError."""
    shapes = list(_shapes(object_of(part(feature, "geometry"), "geometry")))
    score = scores.read(next((properties[name] for name in _SCORES if properties.get(name) is not None), None))
    target = options.mapping.choose(_class(properties), score)
    if target is None:
        return []
    annotation: dict[str, Any] = {"name": target.feature}
    if answers := target.answers():
        annotation["classifications"] = answers
    if score is not None:
        annotation["confidence"] = score
    return [annotation | shape for shape in shapes]


def _class(properties: dict[str, Any]) -> str:
    for name in _CLASSES:
        value = properties.get(name)
        if isinstance(value, dict):  # QuPath has an object with a name
            value = value.get("name")
        if value is not None:
            return text_of(value, f"properties.{name}")
    raise ValueError(f"properties: expected the class as one of {', '.join(_CLASSES)}")


def _shapes(geometry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind, coordinates = geometry.get("type"), part(geometry, "coordinates")
    if kind in _PARTS:
        for each in array_of(coordinates, _COORDINATES):
            yield _shape(_PARTS[kind], each)
    else:
        yield _shape(kind, coordinates)


def _shape(kind: Any, coordinates: Any) -> dict[str, Any]:
    """Return the geometry of an annotation. Raises ValueError."""
    match kind:
        case "Point":
            return {"point": _position(coordinates)}
        case "LineString":
            return {"line": [_position(each) for each in array_of(coordinates, _COORDINATES)]}
        case "Polygon":
            rings = array_of(coordinates, _COORDINATES)
            if len(rings) != 1:
                raise BadValue(_COORDINATES, "a polygon without holes: one ring", f"{len(rings)} rings")
            return {"polygon": [_position(each) for each in array_of(rings[0], _COORDINATES)]}
        case _:
            expected = "Point, LineString, Polygon, or Multi… of these"
            raise BadValue("geometry.type", expected, found_value(kind))


def _position(value: Any) -> dict[str, float]:
    if not isinstance(value, list) or len(value) < 2:
        raise BadValue(_COORDINATES, "positions of x and y", found_value(value))
    return {"x": number(value[0], _COORDINATES), "y": number(value[1], _COORDINATES)}
