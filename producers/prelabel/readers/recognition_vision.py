"""Recognise what models and tools write about images; files of COCO are recognised by `recognition` itself."""

import re

_BOX = {b"xmin", b"ymin", b"xmax", b"ymax"}
_TASK = {b"from_name", b"to_name", b"result"}
_CLASSIFIED = ({b"top", b"confidence"}, {b"predicted_classes"})
"""Keys beside `predictions` of Roboflow's models that classify images."""
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
    return None
