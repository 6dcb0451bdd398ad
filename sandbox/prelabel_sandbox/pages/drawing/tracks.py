"""Video objects and masks of frames, as the script of the frame slider reads them.

Between keyframes of one segment the editor goes in a straight line, a gap is a new segment, and masks are those of
their frame only (docs/reference/labelbox-format.md#2-16 and #2-17).
"""

from collections.abc import Callable, Iterator
from typing import Any

Track = dict[str, Any]


def track_of(line: dict[str, Any]) -> Track | None:
    """Segments of keyframes `[frame, [x, y, …]]` of one kind: box (left, top, width, height), point or line."""
    segments = [[_keyframe(each) for each in segment["keyframes"]] for segment in line.get("segments") or ()]
    first = next((each for segment in line.get("segments") or () for each in segment["keyframes"]), None)
    if first is None:
        return None
    kind = next(key for key in ("bbox", "point", "line") if key in first)
    return {"kind": kind, "segments": segments}


def masks_of(line: dict[str, Any], address: Callable[[dict[str, Any]], str | None]) -> dict[int, str]:
    """The addresses of a set of masks, by frame."""
    frames = (line.get("masks") or {}).get("frames") or ()
    found = {each["index"]: address(each) for each in frames}
    return {frame: source for frame, source in found.items() if source}


def weight(track: Track) -> int:
    """How many numbers are in it."""
    return sum(1 + len(points) for segment in track["segments"] for _, points in segment)


def frames_of(line: dict[str, Any]) -> Iterator[int]:
    """The frames that a line names."""
    for segment in line.get("segments") or ():
        yield from (each["frame"] for each in segment["keyframes"])
    yield from (each["index"] for each in (line.get("masks") or {}).get("frames") or ())


def _keyframe(given: dict[str, Any]) -> tuple[int, list[float]]:
    if "bbox" in given:
        return given["frame"], [given["bbox"][key] for key in ("left", "top", "width", "height")]
    points = [given["point"]] if "point" in given else given["line"]
    return given["frame"], [value for point in points for value in (point["x"], point["y"])]
