"""What the SDK's own lines and ours have in common."""

import base64
from collections.abc import Callable
from typing import Any

import orjson

from prelabel.annotations.png import read_png

Line = dict[str, Any]


def everywhere(change: Callable[[Line], Line]) -> Callable[[Line], Line]:
    """Do it to every object of a line, from the innermost on."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(each) for each in value]
        return change({key: changed(each) for key, each in value.items()}) if isinstance(value, dict) else value

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
        [each | {"frames": frames} for each in answer] if isinstance(answer, list) else answer | {"frames": frames}
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
    "uuid": (own_uuid, "the SDK's is random at each run, so publishing again would add; ours is derived"),
    "schema_id": (everywhere(spelt), "a defect of the SDK below options; the server's word is schemaId"),
    "confidence": (
        everywhere(without("confidence", "customMetrics", "custom_metrics")),
        "MAL takes neither: kept in the message, taken off by the worker",
    ),
    "empty classifications": (everywhere(no_empty_classifications), "an empty array says nothing"),
    "frames": (frames_in_options, "form A is the documented one, and the only one for options that change"),
    "png": (everywhere(pixels), "another encoder; the pixels are the same"),
    "benchmark": (without("isBenchmarkReferenceLabel"), "ground truth, not MAL"),
}
"""What is done to the SDK's lines before they are compared, and why. The order of lines is another difference: ours is
the label's, and no reader needs one."""


def compared(lines: list[Line]) -> list[bytes]:
    for change, _ in DIFFERENCES.values():
        lines = [change(line) for line in lines]
    return sorted(orjson.dumps(line, option=orjson.OPT_SORT_KEYS, default=bytes.hex) for line in lines)
