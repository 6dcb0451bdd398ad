"""What is drawn of a data row's annotations, for each way of looking at one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from prelabel_sandbox.checks.asset import Asset
from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.answers import stretches
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.highlights import Highlighted, Span, highlighted
from prelabel_sandbox.pages.drawing.masks import Filter, filter_of
from prelabel_sandbox.pages.drawing.shapes import Point, Shape, shape_of, size_of
from prelabel_sandbox.pages.drawing.tracks import MOST, Track, frames_of, masks_of, track_of, weight

Address = Callable[[Annotation, dict[str, Any], int | None], str | None]
"""Where the image of a mask is: of an annotation, what names it, its frame."""

_MASKS = 100  # that one page draws
_LANES = 400
_QUOTED = 80  # characters of an entity in the list


@dataclass(slots=True)
class Mask:
    """An image whose pixels are picked by a filter; of frames: an image for each."""

    annotation: Annotation
    filter: Filter
    source: str | None
    css: str
    frames: dict[int, str] = field(default_factory=dict)
    first: bool = True  # of its annotation


@dataclass(slots=True)
class Canvas:
    """Shapes, masks and links over an image; `known` says whether the size is the asset's."""

    width: float
    height: float
    known: bool
    shapes: list[tuple[Annotation, Shape]]
    masks: list[Mask]
    links: list[tuple[Annotation, Shape, Shape]] = field(default_factory=list)
    undrawn: set[int] = field(default_factory=set)

    @property
    def drawn(self) -> set[int]:
        """The numbers of what can be seen in it."""
        of_shapes = {each.number for each, _ in self.shapes} | {each.number for each, _, _ in self.links}
        return of_shapes | {each.annotation.number for each in self.masks}

    @property
    def filters(self) -> list[Filter]:
        """Each filter once."""
        return list({each.filter.id: each.filter for each in self.masks}.values())


@dataclass(slots=True)
class Film:
    """Tracks and masks over a video of so many frames."""

    canvas: Canvas
    frames: int
    known: bool
    tracks: list[tuple[Annotation, Track]]

    @property
    def keyframes(self) -> list[int]:
        """The frames where something is said, in order."""
        of_tracks = {frame for _, track in self.tracks for segment in track["segments"] for frame, _ in segment}
        return sorted(of_tracks | {frame for mask in self.canvas.masks for frame in mask.frames})


@dataclass(frozen=True, slots=True)
class Lane:
    """One answer on a timeline: where, of a thousand, each of its stretches begins and how long it is."""

    annotation: Annotation
    label: str
    stretches: tuple[tuple[float, float, float, float], ...]  # start, end, begin and length of a thousand


def canvas_of(annotations: Sequence[Annotation], asset: Asset, address: Address) -> Canvas:
    """An image's annotations."""
    shapes = [(each, shape) for each in annotations if (shape := shape_of(each.line))]
    shapes.sort(key=lambda pair: (pair[1].dot, -pair[1].area))
    masks = [_mask(each, address) for each in annotations if "mask" in each.line]
    width, height = size_of((asset.width, asset.height), [shape.most for _, shape in shapes])
    undrawn = {each.annotation.number for each in masks if each.source is None}
    drawn = [each for each in masks if each.source is not None]
    undrawn |= {each.annotation.number for each in drawn[_MASKS:]}
    links = list(_links(annotations, {each.uuid: shape for each, shape in shapes}))
    return Canvas(width, height, bool(asset.width and asset.height), shapes, drawn[:_MASKS], links, undrawn)


def film_of(annotations: Sequence[Annotation], classes: Classes, asset: Asset, address: Address) -> Film:
    """A video's annotations."""
    tracks, undrawn, left = [], set(), MOST
    for each in annotations:
        track = track_of(each.line)
        if track and (left := left - weight(track)) >= 0:
            tracks.append((each, track))
        elif track:
            undrawn.add(each.number)
    masks = [mask for each in annotations if "masks" in each.line for mask in _frame_masks(each, classes, address)]
    width, height = size_of((asset.width, asset.height), [point for _, track in tracks for point in _reach(track)])
    canvas = Canvas(width, height, bool(asset.width and asset.height), [], masks[:_MASKS], undrawn=undrawn)
    named = [frame for each in annotations for frame in frames_of(each.line)]
    answered = [end for each in annotations for _, choice in stretches(each.answers) for _, end in choice.ranges]
    last = asset.frames or max([1, *named, *map(int, answered)])
    return Film(canvas, last, asset.frames is not None, tracks)


def text_of(annotations: Sequence[Annotation], text: str) -> Highlighted:
    """A text with its entities."""
    entities = [each for each in annotations if "location" in each.line]
    return highlighted(
        text, [Span(each.number, each.line["location"]["start"], each.line["location"]["end"]) for each in entities]
    )


def quoted(annotation: Annotation, text: str) -> Annotation:
    """An entity that also says which words it means."""
    if "location" not in annotation.line:
        return annotation
    place = annotation.line["location"]
    words = " ".join(text[place["start"] : place["end"] + 1][: _QUOTED + 1].split())
    more = "…" if place["end"] - place["start"] >= _QUOTED else ""
    return replace(annotation, where=f"“{words}{more}”, {annotation.where}" if words else annotation.where)


def timeline_of(
    annotations: Iterable[Annotation], total: float | None, *, unit: float = 0.0
) -> tuple[list[Lane], float]:
    """Answers with stretches, a lane each; and how long the whole is.

    `unit` is 1 for frames, of which the first is 1 and the last is in its stretch; 0 for time.
    """
    found = [(each, label, choice) for each in annotations for label, choice in stretches(each.answers)][:_LANES]
    whole = total or max([1.0, *(end for _, _, choice in found for _, end in choice.ranges)])
    return [Lane(each, label, _parts(choice.ranges, whole, unit)) for each, label, choice in found], whole


def _parts(
    ranges: Iterable[tuple[float, float]], whole: float, unit: float
) -> tuple[tuple[float, float, float, float], ...]:
    def part(start: float, end: float) -> tuple[float, float, float, float]:
        begin = min(1000.0, 1000 * max(0.0, start - unit) / whole)
        return start, end, round(begin, 2), round(max(2.0, min(1000.0, 1000 * end / whole) - begin), 2)

    return tuple(part(*each) for each in ranges)


def _mask(annotation: Annotation, address: Address) -> Mask:
    given = annotation.line["mask"]
    feature = annotation.feature
    picked = filter_of(given.get("colorRGB"), feature.color)
    return Mask(annotation, picked, address(annotation, given, None), feature.css)


def _frame_masks(annotation: Annotation, classes: Classes, address: Address) -> Iterable[Mask]:
    frames = masks_of(annotation.line, lambda frame: address(annotation, frame, frame["index"]))
    for place, instance in enumerate(annotation.line["masks"]["instances"]):
        tool = classes.tool(instance)
        yield Mask(annotation, filter_of(instance["colorRGB"], tool.color), None, tool.css, frames, place == 0)


def _links(annotations: Sequence[Annotation], shapes: dict[bytes, Shape]) -> Iterable[tuple[Annotation, Shape, Shape]]:
    for each in annotations:
        if each.key == "relationship":
            given = each.line["relationship"]
            ends = [shapes.get(canonical(given.get(word)) or b"") for word in ("source", "target")]
            if ends[0] and ends[1]:
                yield each, ends[0], ends[1]


def _reach(track: Track) -> Iterable[Point]:
    for segment in track["segments"]:
        for _, values in segment:
            if track["kind"] == "bbox":
                yield values[0] + values[2], values[1] + values[3]
            else:
                yield from zip(values[::2], values[1::2], strict=True)
