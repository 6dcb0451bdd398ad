"""Read the table `[output]` of `mapping.toml`."""

from collections.abc import Iterable
from typing import Any

from prelabel.errors import found_value
from prelabel.mapping.checks import BadMapping, check_keys, nearest, one_of
from prelabel.mapping.geometry import BOX_FORMATS
from prelabel.mapping.outputs import Output
from prelabel.mapping.path import ValuePath

_PATHS = ("tensors", "items", "count", "label", "score", "polygon", "keypoints")
KNOWN: dict[str, type] = {
    "tensors": str, "items": str, "count": str, "label": str, "class": str, "score": str, "labels": object,
    "box": object, "box_format": str, "polygon": str, "keypoints": str,
    "keypoint_names": list, "classification": str, "several": bool, "normalised": bool,
    "width": object, "height": object, "model_size": list, "letterbox": bool,
}  # fmt: skip
_OF_COORDINATES = ("normalised", "width", "height", "model_size", "letterbox")


def read_output(table: dict[str, Any], classes: Iterable[str]) -> Output:
    """Return what `[output]` says, for a mapping with entries for these classes. Raises BadMapping."""
    check_keys(table, KNOWN, "output.")
    shape = _shape(table)
    _check_label(table)
    _check_size(table, shape)
    _check_rows(table)
    if "several" in table and shape != "classification":
        raise BadMapping("output.several: it is for a classification only")
    labels = _labels(table.get("labels", {}))
    keypoint_names = _keypoint_names(table)
    if labels and ("keypoints" not in table or keypoint_names):  # else keypoints have names that only the output knows
        _check_classes(classes, {*labels.values(), *keypoint_names})
    if ("box_format" in table) != ("box" in table):
        problem = "it is for box only" if "box_format" in table else f"missing: one of {', '.join(BOX_FORMATS)}"
        raise BadMapping(f"output.box_format: {problem}")
    return Output(
        **{key: _path(table[key], key) for key in _PATHS if key in table},
        class_name=table.get("class"),
        labels=labels,
        box=_box(table["box"]) if "box" in table else (),
        box_format=one_of(table["box_format"], tuple(BOX_FORMATS), "output.box_format") if "box" in table else "",
        keypoint_names=keypoint_names,
        classification=table.get("classification"),
        several=table.get("several", False),
        normalised=table.get("normalised", False),
        width=_size(table, "width"),
        height=_size(table, "height"),
        model_size=_model_size(table.get("model_size")),
        letterbox=table.get("letterbox", False),
    )


def _shape(table: dict[str, Any]) -> str:
    """Return the key that says where predictions are."""
    shapes = [key for key in ("box", "polygon", "classification") if key in table]
    if shapes == ["classification"] and "keypoints" in table:
        raise BadMapping("output.keypoints: they are of detections: leave out classification")
    if not shapes and "keypoints" in table:
        return "keypoints"
    if len(shapes) != 1:
        found = " and ".join(shapes) or "none"
        raise BadMapping(f"output: expected one of box, polygon, keypoints and classification, found {found}")
    return shapes[0]


def _keypoint_names(table: dict[str, Any]) -> list[str]:
    names: list[str] = table.get("keypoint_names", [])
    if "keypoint_names" in table and "keypoints" not in table:
        raise BadMapping("output.keypoints: missing: the path of the keypoints that have these keypoint_names")
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        raise BadMapping(f"output.keypoint_names: expected an array of different names, found {found_value(names)}")
    return names


def _check_rows(table: dict[str, Any]) -> None:
    """Check where `*` stands: it needs the whole output, while paths below `items` see one prediction."""
    inside = ("label", "score", "box", "polygon", "keypoints") if "items" in table else ()
    for key in ("tensors", *inside):
        for text in table[key] if isinstance(table.get(key), list) else [table.get(key)]:
            if isinstance(text, str) and ValuePath.parse(text, f"output.{key}").row_step is not None:
                where = "the paths of tensors" if key == "tensors" else "items"
                raise BadMapping(
                    f"output.{key}: found {text!r}: * is the number of the row in a batch, write it in {where}"
                )


def _path(text: Any, key: str) -> ValuePath:
    if not isinstance(text, str):
        raise BadMapping(f"output.{key}: expected a path such as outputs.boxes, found {found_value(text)}")
    return ValuePath.parse(text, f"output.{key}")


def _check_label(table: dict[str, Any]) -> None:
    """Check that the class of a prediction is known in one way."""
    if "label" in table and "class" in table:
        raise BadMapping("output.class: it is the class of all predictions, so leave out label")
    if not {"label", "class"} & set(table) and not {"score", "labels"} <= set(table):
        raise BadMapping("output.label: missing: where is the class? Or give class, or labels with one score for each")


def _check_size(table: dict[str, Any], shape: str) -> None:
    """Check that what turns coordinates into pixels is complete."""
    given = [key for key in _OF_COORDINATES if key in table]
    if shape == "classification":
        if given:
            raise BadMapping(f"output.{given[0]}: it is for box, polygon and keypoints only")
        return
    needs_size = table.get("normalised") or "model_size" in table
    if needs_size and not {"width", "height"} <= set(table):
        missing = "height" if "width" in table else "width"
        raise BadMapping(f"output.{missing}: missing: a path to it, or its pixels; coordinates need the image's size")
    if not needs_size and {"width", "height"} & set(table):
        raise BadMapping("output.width and output.height: they are for normalised = true, or model_size")
    if table.get("letterbox") and "model_size" not in table:
        raise BadMapping("output.model_size: missing: the width and height to which images are resized")


def _labels(value: Any) -> dict[str, str]:
    """Return names by index."""
    named = dict(enumerate(value)) if isinstance(value, list) else value
    if not isinstance(named, dict) or not all(isinstance(name, str) and name for name in named.values()):
        raise BadMapping(f"output.labels: expected an array of names, or a table such as 1 = \"person\", found "
                         f"{found_value(value)}")  # fmt: skip
    return {str(index): name for index, name in named.items()}


def _check_classes(classes: Iterable[str], names: set[str]) -> None:
    for name in classes:
        if name not in names:
            raise BadMapping(f"classes.{name}: no such class in output.labels{nearest(name, names)}")


def _box(value: Any) -> tuple[ValuePath, ...]:
    if isinstance(value, str):
        return (_path(value, "box"),)
    if not isinstance(value, list) or len(value) != 4:
        raise BadMapping(f"output.box: expected a path, or an array of four, found {found_value(value)}")
    return tuple(_path(text, "box") for text in value)


def _size(table: dict[str, Any], key: str) -> ValuePath | int | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        return _path(value, key)
    return _pixels(value, f"output.{key}")


def _pixels(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise BadMapping(f"{where}: expected a path, or a number of pixels, found {found_value(value)}")
    return value


def _model_size(value: list[Any] | None) -> tuple[int, int] | None:
    if value is None:
        return None
    if len(value) != 2:
        raise BadMapping(f"output.model_size: expected [width, height], found {found_value(value)}")
    return _pixels(value[0], "output.model_size"), _pixels(value[1], "output.model_size")
