"""Recognise what models and tools write about images; files of COCO are recognised by `recognition` itself."""

import re

_BOX = {b"xmin", b"ymin", b"xmax", b"ymax"}
_TASK = {b"from_name", b"to_name", b"result"}
_CLASSIFIED = ({b"top", b"confidence"}, {b"predicted_classes"})
"""Keys beside `predictions` of Roboflow's models that classify images."""
_SHARE = re.compile(rb"0|1|[01]?\.\d+|\d(?:\.\d+)?e-\d+")
_COLUMNS, _LINES = 5, 20
_FEATURES = re.compile(rb'"type"\s*:\s*"Feature(Collection)?"')


def like(head: bytes, keys: set[bytes]) -> str | None:
    """Return the format that the beginning of a file certainly has, or None."""
    if _FEATURES.search(head) and keys & {b"features", b"geometry"}:
        return "geojson"
    if keys >= _TASK:
        return "label-studio"
    if b"predictions" in keys and (b"inference_id" in keys or b"image" in keys):
        detected = keys >= {b"x", b"y", b"width", b"height", b"class"}
        if detected or any(keys >= classified for classified in _CLASSIFIED):
            return "roboflow"
    if keys >= _BOX | {b"label", b"box"} or keys >= {b"label", b"score", b"mask"}:
        return "huggingface-vision"
    return "yolo" if _is_yolo(head) else None


def _is_yolo(head: bytes) -> bool:
    """Return whether all lines are a class's number and shares of an image, at least those of a box."""
    lines = [line.split() for line in head.splitlines()[:_LINES] if line.strip()]
    whole = lines[:-1] if len(lines) > 1 else lines  # the last one may be cut off
    return bool(whole) and all(
        len(cells) >= _COLUMNS and cells[0].isdigit() and all(map(_SHARE.fullmatch, cells[1:_COLUMNS]))
        for cells in whole
    )
