"""Ranges of frames or milliseconds, both ends included (docs/reference/labelbox-format.md#2-18 and #2-20)."""

from typing import Any

from prelabel_sandbox.checks.refusal import Refused
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import exact_keys, filled, integer

Range = tuple[int, int]

_RANGE = frozenset({"start", "end"})


def ranges_of(value: Any, path: str, least: int = 0) -> list[Range]:
    """One range or more."""
    return [_range(each, path, least) for each in filled(value, path)]


def frame_ranges(value: Any, path: str, scene: Scene) -> list[Range]:
    """Ranges of a video's frames."""
    found = ranges_of(value, path, first_frame(scene))
    for _, end in found:
        check_frame(end, scene)
    return found


def first_frame(scene: Scene) -> int:
    """All official examples begin with frame 1; that 0 is refused is not known."""
    return 1 if scene.strict else 0


def check_frame(frame: int, scene: Scene) -> None:
    """The frame is not behind the last, where that is known."""
    last = scene.asset.frames
    if last is not None and frame > last:
        raise Refused("InvalidAnnotation", f"frame {frame} lies behind the last frame ({last})")


def _range(value: Any, path: str, least: int) -> Range:
    given = exact_keys(value, _RANGE, path)
    start = integer(given["start"], f"{path}.start", least)
    return start, integer(given["end"], f"{path}.end", start)
