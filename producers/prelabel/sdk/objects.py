"""Convert a label's objects (geometries, entities, masks) and message evaluations."""

import base64
from math import isfinite
from typing import Any

from labelbox import types as lb

from prelabel.builders.pixels import binary_png, plane_of_array
from prelabel.builders.values import number, refused

UNGROUPED = frozenset({lb.ObjectAnnotation, lb.ClassificationAnnotation})
"""The types of most annotations, which become one of ours each. Ask for them first: `isinstance` is slow for a class
of the SDK that a value does not belong to, as the SDK's classes are abstract base classes."""


def filled(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not None."""
    return {key: value for key, value in fields.items() if value is not None}


def envelope(annotation: Any) -> dict[str, Any]:
    """Return the fields that annotations share; only the user's uuid, since the SDK's own differs in every run."""
    uuid, name, schema_id = own_uuid(annotation), annotation.name, annotation.feature_schema_id
    confidence, of_run = getattr(annotation, "confidence", None), metrics(annotation)
    if name is not None and uuid is schema_id is confidence is of_run is None:  # nearly always
        return {"name": name}
    return filled(uuid=uuid, name=name, schemaId=schema_id, confidence=confidence, customMetrics=of_run)


def own_uuid(annotation: Any) -> str | None:
    """Return the uuid that the user gave in `extra`, or None."""
    uuid = annotation.extra.get("uuid")
    return None if uuid is None else str(uuid)


def metrics(annotation: Any) -> list[dict[str, Any]] | None:
    """Return the custom metrics, which are kept in the message and not sent."""
    values = getattr(annotation, "custom_metrics", None)
    return [{"name": metric.name, "value": metric.value} for metric in values] if values else None


def geometry(value: Any, path: str) -> dict[str, Any]:
    """Return a geometry under the key of its kind, with the fields that belong to it."""
    if type(value) is lb.Rectangle:
        return {"bbox": _box(value, f"{path}.bbox")}
    if isinstance(value, lb.Rectangle):
        fields = {"bbox": _box(value, f"{path}.bbox")}
        return fields | (
            {"page": value.page, "unit": value.unit.value} if isinstance(value, lb.DocumentRectangle) else {}
        )
    if isinstance(value, lb.Point):
        return {"point": _vertex(value, f"{path}.point")}
    if isinstance(value, lb.Polygon):
        return {"polygon": _vertices(value.points, f"{path}.polygon")}
    if isinstance(value, lb.Line):
        return {"line": _vertices(value.points, f"{path}.line")}
    if isinstance(value, lb.Mask):
        return {"mask": _mask(value, f"{path}.mask")}
    return _entity(value, path)


def video_masks(annotation: Any) -> dict[str, Any]:
    """Return all masks of a video."""
    frames = [
        filled(index=frame.index, instanceURI=frame.instance_uri, imBytes=_encoded(frame.im_bytes))
        for frame in annotation.frames
    ]
    instances = [
        filled(colorRGB=list(item.color_rgb), name=item.name, featureSchemaId=item.feature_schema_id)
        for item in annotation.instances
    ]
    return {"masks": {"frames": frames, "instances": instances}}


def evaluation(annotation: Any) -> dict[str, Any]:
    """Return a selection or ranking of replies."""
    task = annotation.value
    data = task.model_dump(by_alias=True, warnings=False)  # the gate checks it, and says what is wrong with it
    return {"messageEvaluationTask": {"format": task.format, "data": data}}


def _box(value: Any, path: str) -> dict[str, float]:
    left, top = _place(value.start, path)
    right, bottom = _place(value.end, path)
    return {
        "top": min(top, bottom),
        "left": min(left, right),
        "height": abs(bottom - top),
        "width": abs(right - left),
    }


def _place(vertex: Any, path: str) -> tuple[float, float]:
    x, y = vertex.x, vertex.y
    if type(x) is float and type(y) is float and isfinite(x) and isfinite(y):  # nearly always: no path is needed
        return x, y
    return number(x, f"{path}.x"), number(y, f"{path}.y")


def _vertex(value: Any, path: str) -> dict[str, float]:
    x, y = _place(value, path)
    return {"x": x, "y": y}


def _vertices(points: Any, path: str) -> list[dict[str, float]]:
    return [_vertex(point, f"{path}[{at}]") for at, point in enumerate(points)]


def _entity(value: Any, path: str) -> dict[str, Any]:
    if isinstance(value, lb.DocumentEntity):
        selections = [
            {"groupId": selection.group_id, "tokenIds": selection.token_ids, "page": selection.page}
            for selection in value.text_selections
        ]
        return {"textSelections": selections}
    if isinstance(value, lb.TextEntity):
        location = {"location": {"start": value.start, "end": value.end}}
        return location | filled(messageId=getattr(value, "message_id", None))
    raise refused(path, type(value).__name__, "an object that can be imported")


def _mask(value: Any, path: str) -> dict[str, Any]:
    """Return a mask: its address and colour if it has an address, else the pixels of the colour, as in the SDK."""
    color = [value.color] * 3 if isinstance(value.color, int) else list(value.color)
    if value.mask.url is not None:
        return {"instanceURI": value.mask.url, "colorRGB": color}
    plane = plane_of_array((value.mask.value == color).all(axis=-1), path)
    return {"png": base64.b64encode(binary_png(plane)).decode()}


def _encoded(image: Any) -> str | None:
    """Return a PNG file in base64; it may be base64 already, since the SDK's converter changes the label."""
    return image if image is None or isinstance(image, str) else base64.b64encode(image).decode()
