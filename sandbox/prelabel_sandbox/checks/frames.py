"""Ranges of frames or milliseconds, both ends included (docs/reference/labelbox-format.md#2-18 and #2-20)."""

from typing import Any

from prelabel_sandbox.checks.refusal import Refused
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import exact_keys, filled, integer

Range = tuple[int, int]

_RANGE = frozenset({"start", "end"})


def ranges_of(value: Any, path: str, minimum: int = 0) -> list[Range]:
    """Check an array of one or more ranges."""
    return [_range(entry, path, minimum) for entry in filled(value, path)]


def frame_ranges(value: Any, path: str, scene: Scene) -> list[Range]:
    """Check ranges of a video's frames."""
    ranges = ranges_of(value, path, first_frame(scene))
    for _, end in ranges:
        check_frame(end, scene)
    return ranges


def first_frame(scene: Scene) -> int:
    """Return the number of the first frame: official examples begin with 1, but whether 0 is refused is not known."""
    return 1 if scene.strict else 0


def check_frame(frame: int, scene: Scene) -> None:
    """Check that a frame is not after the last one, if the number of frames is known."""
    last = scene.asset.frames
    if last is not None and frame > last:
        raise Refused("InvalidAnnotation", f"frame {frame} is after the last frame ({last})")


def _range(value: Any, path: str, minimum: int) -> Range:
    entry = exact_keys(value, _RANGE, path)
    start = integer(entry["start"], f"{path}.start", minimum)
    return start, integer(entry["end"], f"{path}.end", start)
