"""Brings the SDK's lines and ours into one form, to compare them."""

import base64
from collections.abc import Callable
from typing import Any

import orjson

from prelabel.annotations.png import read_png

Line = dict[str, Any]


def everywhere(change: Callable[[Line], Line]) -> Callable[[Line], Line]:
    """Return a function that applies a change to every object of a line, inner objects first."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(item) for item in value]
        return change({key: changed(child) for key, child in value.items()}) if isinstance(value, dict) else value

    return changed


def without(*keys: str) -> Callable[[Line], Line]:
    return lambda line: {key: value for key, value in line.items() if key not in keys}


def no_empty_classifications(line: Line) -> Line:
    return {key: value for key, value in line.items() if key != "classifications" or value}


def spelt(line: Line) -> Line:
    return {"schemaId" if key == "schema_id" else key: value for key, value in line.items()}


def frames_in_options(line: Line) -> Line:
    if "frames" not in line or "answer" not in line:
        return line
    frames, answer = line["frames"], line["answer"]
    options = (
        [option | {"frames": frames} for option in answer] if isinstance(answer, list) else answer | {"frames": frames}
    )
    return without("frames")(line) | {"answer": options}


def pixels(line: Line) -> Line:
    if "png" not in line:
        return line
    image = read_png(base64.b64decode(line["png"]))
    return line | {"png": (image.width, image.height, image.color, image.depth, image.rows)}


def own_uuid(line: Line) -> Line:
    return line if line.get("uuid", "").startswith("5b0c9a1e") else without("uuid")(line)


DIFFERENCES: dict[str, tuple[Callable[[Line], Line], str]] = {
    "uuid": (own_uuid, "the SDK makes random uuids, so publishing again would add pre-labels; ours are derived"),
    "schema_id": (everywhere(spelt), "a defect of the SDK below options; the server's key is schemaId"),
    "confidence": (
        everywhere(without("confidence", "customMetrics", "custom_metrics")),
        "MAL accepts neither: the message keeps them, and the worker leaves them out of the line",
    ),
    "empty classifications": (everywhere(no_empty_classifications), "an empty array has no meaning"),
    "frames": (frames_in_options, "frames in the options are documented, and the only form for options that change"),
    "png": (everywhere(pixels), "another encoder; the pixels are the same"),
}
"""Changes of the lines before they are compared, each with its reason. The order of lines differs too: ours is the
order in the label, and no reader needs an order."""


def compared(lines: list[Line]) -> list[bytes]:
    for change, _ in DIFFERENCES.values():
        lines = [change(line) for line in lines]
    return sorted(orjson.dumps(line, option=orjson.OPT_SORT_KEYS, default=bytes.hex) for line in lines)
