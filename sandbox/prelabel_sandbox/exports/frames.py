"""Objects in the frames of a video, or in the slices of a group of a volume."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from prelabel_sandbox.exports.answers import nested
from prelabel_sandbox.exports.features import Feature
from prelabel_sandbox.exports.objects import Address, composite, geometry_of, kind_of

Json = dict[str, Any]

_MAX_BETWEEN = 10_000  # frames; if keyframes are farther apart, only the keyframes are exported


class Frames:
    """Collects objects by frame; `interpolated` also fills the frames between keyframes."""

    def __init__(self, media: str, *, interpolated: bool) -> None:
        self._media = media
        self._interpolated = interpolated
        self._frames: dict[int, dict[str, Json]] = {}
        self.segments: dict[str, list[list[float]]] = {}
        self.keyframes: dict[str, dict[str, bool]] = {}

    def add_track(self, line: Json, feature: Feature, feature_id: str) -> None:
        """Add an object with keyframes in one or more segments."""
        self.segments[feature_id] = []
        self.keyframes[feature_id] = {}
        for segment in line["segments"]:
            keyframes = segment["keyframes"]
            self.segments[feature_id].append([keyframes[0]["frame"], keyframes[-1]["frame"]])
            for is_key, keyframe in self._filled(keyframes):
                below = nested(keyframe.get("classifications"), feature.below, feature_id)
                geometry = geometry_of(keyframe, None, _no_address)
                shown = {**feature.shown(feature_id), "annotation_kind": kind_of(keyframe, self._media)}
                self._put(keyframe["frame"], feature_id, {**shown, "classifications": below, **geometry}, is_key)

    def add_masks(self, masks: Json, feature: Feature, feature_id: str, color: Any, address: Address) -> None:
        """Add the masks of one colour."""
        self.keyframes[feature_id] = {}
        frames = sorted(masks["frames"], key=lambda frame: frame["index"])
        self.segments[feature_id] = _runs(frame["index"] for frame in frames)
        kind = kind_of({"mask": None}, self._media)
        for frame in frames:
            shown = {**feature.shown(feature_id), "annotation_kind": kind, "classifications": []}
            self._put(frame["index"], feature_id, {**shown, **composite(address(frame, frame["index"]), color)}, True)

    def shown(self) -> Json:
        """Return the objects by frame, in order."""
        return {str(frame): {"objects": self._frames[frame], "classifications": []} for frame in sorted(self._frames)}

    def _put(self, frame: int, feature_id: str, shown: Json, is_key: bool) -> None:
        self._frames.setdefault(frame, {})[feature_id] = shown
        self.keyframes[feature_id][str(frame)] = is_key

    def _filled(self, keyframes: list[Json]) -> Iterator[tuple[bool, Json]]:
        """Return keyframes, and the frames between them if they are wanted."""
        for earlier, later in pairwise(keyframes):
            yield True, earlier
            if self._interpolated and later["frame"] - earlier["frame"] <= _MAX_BETWEEN:
                for frame in range(earlier["frame"] + 1, later["frame"]):
                    share = (frame - earlier["frame"]) / (later["frame"] - earlier["frame"])
                    yield False, {**_between(earlier, later, share), "frame": frame}
        yield True, keyframes[-1]


def _between(earlier: Any, later: Any, share: float) -> Any:
    """Return what is on the straight line between two geometries; what cannot move stays as it is earlier."""
    if isinstance(earlier, dict) and isinstance(later, dict):
        moving = {
            key: _between(value, later.get(key), share) for key, value in earlier.items() if key != "classifications"
        }
        return {**earlier, **moving}
    if isinstance(earlier, list) and isinstance(later, list) and len(earlier) == len(later):
        return [_between(one, other, share) for one, other in zip(earlier, later, strict=True)]
    if isinstance(earlier, (int, float)) and isinstance(later, (int, float)):
        return earlier + (later - earlier) * share
    return earlier


def _runs(frames: Iterable[int]) -> list[list[float]]:
    """Return ranges of consecutive frames."""
    runs: list[list[float]] = []
    for frame in frames:
        if runs and frame <= runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return runs


def _no_address(_: Json, __: int | None) -> None:
    return None
