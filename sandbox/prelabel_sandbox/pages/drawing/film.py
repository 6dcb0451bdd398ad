"""Tracks, and masks of frames, over a video."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from prelabel_sandbox.checks.asset import Asset
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.answers import intervals
from prelabel_sandbox.pages.drawing.canvas import MASKS, NOT_DRAWN, Address, Canvas, Mask, blank
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.masks import filter_of
from prelabel_sandbox.pages.drawing.shapes import Point
from prelabel_sandbox.pages.drawing.tracks import Track, frames_of, masks_of, track_of, weight

_NUMBERS = 100_000  # maximum in all tracks of a page
_FRAMES = 20_000  # maximum with masks


@dataclass(slots=True)
class Film:
    """What is drawn over a video."""

    canvas: Canvas
    #: Number of the last frame.
    frames: int
    #: Whether the number of frames is the asset's; otherwise it is the last frame that an annotation names.
    known: bool
    tracks: list[tuple[Annotation, Track]] = field(default_factory=list)
    #: Addresses of masks: by number of the annotation, then by frame.
    masks: dict[int, dict[int, str]] = field(default_factory=dict)

    @property
    def drawn(self) -> set[int]:
        """Return the numbers of the visible annotations."""
        return self.canvas.drawn | {annotation.number for annotation, _ in self.tracks}

    @property
    def first(self) -> int:
        """Return the number of the first frame: 1, or 0 if an annotation names frame 0."""
        return min([1, *self.keyframes])

    @property
    def script_data(self) -> dict[str, Any]:
        """Return what the script of the frame slider reads."""
        tracks = [{"shape": f"s{item.number}", "entry": f"a{item.number}", **track} for item, track in self.tracks]
        masks = {f"a{number}": frames for number, frames in self.masks.items()}
        return {"keyframes": self.keyframes, "tracks": tracks, "masks": masks}

    @property
    def keyframes(self) -> list[int]:
        """Return all keyframes and frames with masks, in order."""
        of_tracks = {frame for _, track in self.tracks for segment in track["segments"] for frame, _ in segment}
        return sorted(of_tracks.union(*self.masks.values()))


def film_of(annotations: Sequence[Annotation], classes: Classes, asset: Asset, address: Address) -> Film:
    """Return the drawing of a video's annotations."""
    tracks = _tracks(annotations)
    canvas = blank(asset, [point for _, track in tracks for point in _reach(track)])
    film = Film(canvas, asset.frames or _last(annotations), asset.frames is not None, tracks)
    for annotation in annotations:
        if "masks" in annotation.line:
            _add_masks(film, annotation, classes, address)
    moving = [annotation for annotation in annotations if annotation.key in ("segments", "masks")]
    film.canvas.notes = {annotation.number: NOT_DRAWN for annotation in moving}
    for number in film.drawn:
        film.canvas.notes.pop(number, None)
    return film


def _tracks(annotations: Sequence[Annotation]) -> list[tuple[Annotation, Track]]:
    """Return the tracks of the annotations, as many as a page can hold."""
    tracks, budget = [], _NUMBERS
    for annotation in annotations:
        track = track_of(annotation.line)
        if track and weight(track) <= budget:
            tracks.append((annotation, track))
            budget -= weight(track)
    return tracks


def _add_masks(film: Film, annotation: Annotation, classes: Classes, address: Address) -> None:
    instances = annotation.line["masks"]["instances"]
    frames = masks_of(annotation.line, lambda frame: address(annotation, frame, frame["index"]))
    count = len(frames) + sum(map(len, film.masks.values()))
    if not frames or count > _FRAMES or len(film.canvas.masks) + len(instances) > MASKS:
        return
    film.masks[annotation.number] = frames
    for place, instance in enumerate(instances):
        picked = filter_of(instance["colorRGB"], classes.tool(instance).color)
        film.canvas.masks.append(Mask(annotation, picked, None, place == 0))


def _last(annotations: Sequence[Annotation]) -> int:
    """Return the last frame that an annotation names."""
    frames = [frame for annotation in annotations for frame in frames_of(annotation.line)]
    choices = [choice for annotation in annotations for _, choice in intervals(annotation.answers)]
    return max([1, *frames, *(int(end) for choice in choices for _, end in choice.ranges)])


def _reach(track: Track) -> Iterable[Point]:
    for segment in track["segments"]:
        for _, values in segment:
            if track["kind"] == "bbox":
                yield values[0] + values[2], values[1] + values[3]
            else:
                yield from zip(values[::2], values[1::2], strict=True)
