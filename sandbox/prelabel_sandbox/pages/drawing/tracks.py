"""Video objects and masks of frames, in the form that the script of the frame slider reads.

Between two keyframes of a segment, the editor moves objects in a straight line. A new segment begins after a gap.
A mask belongs to its frame only (docs/reference/labelbox-format.md#2-16 and #2-17).
"""

from collections.abc import Callable, Iterator
from typing import Any

Track = dict[str, Any]


def track_of(line: dict[str, Any]) -> Track | None:
    """Return segments of keyframes `[frame, [x, y, …]]` of one kind, or None if the line has no keyframes.

    The kind is box (left, top, width, height), point or line.
    """
    segments = [[_keyframe(keyframe) for keyframe in segment["keyframes"]] for segment in line.get("segments") or ()]
    first = next((keyframe for segment in line.get("segments") or () for keyframe in segment["keyframes"]), None)
    if first is None:
        return None
    kind = next(key for key in ("bbox", "point", "line") if key in first)
    return {"kind": kind, "segments": segments}


def masks_of(line: dict[str, Any], address: Callable[[dict[str, Any]], str | None]) -> dict[int, str]:
    """Return the addresses of a set of masks, by frame."""
    frames = (line.get("masks") or {}).get("frames") or ()
    addresses = {frame["index"]: address(frame) for frame in frames}
    return {index: source for index, source in addresses.items() if source}


def weight(track: Track) -> int:
    """Return the number of numbers that a track holds."""
    return sum(1 + len(points) for segment in track["segments"] for _, points in segment)


def frames_of(line: dict[str, Any]) -> Iterator[int]:
    """Return the frames that a line names in keyframes and masks."""
    for segment in line.get("segments") or ():
        yield from (keyframe["frame"] for keyframe in segment["keyframes"])
    yield from (mask["index"] for mask in (line.get("masks") or {}).get("frames") or ())


def _keyframe(keyframe: dict[str, Any]) -> tuple[int, list[float]]:
    if "bbox" in keyframe:
        return keyframe["frame"], [keyframe["bbox"][key] for key in ("left", "top", "width", "height")]
    points = [keyframe["point"]] if "point" in keyframe else keyframe["line"]
    return keyframe["frame"], [value for point in points for value in (point["x"], point["y"])]
