"""Shapes, masks and links over an image."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from prelabel_sandbox.checks.asset import Asset
from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.masks import Filter, filter_of
from prelabel_sandbox.pages.drawing.shapes import Point, Shape, shape_of, size_of

Address = Callable[[Annotation, dict[str, Any], int | None], str | None]
"""Where the image of a mask is: of an annotation, what names it, its frame. None: it may not be loaded."""

NOT_DRAWN = "not drawn"
_FEWER = "drawn with fewer points"
MASKS = 100
"""Masks that one page draws."""
_POINTS = 50_000  # that one page draws


@dataclass(slots=True)
class Mask:
    """An image whose pixels are picked by a filter; without `source` it is another one in each frame."""

    annotation: Annotation
    filter: Filter
    source: str | None
    first: bool = True  # of its annotation


@dataclass(slots=True)
class Canvas:
    """What is drawn, the largest first; `known`: the size is the asset's; `notes` say what is missing of whom."""

    width: float
    height: float
    known: bool
    shapes: list[tuple[Annotation, Shape]]
    masks: list[Mask]
    links: list[tuple[Annotation, Shape, Shape]] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)

    @property
    def drawn(self) -> set[int]:
        """The numbers of what can be seen in it."""
        of_shapes = {each.number for each, _ in self.shapes} | {each.number for each, _, _ in self.links}
        return of_shapes | {each.annotation.number for each in self.masks}

    @property
    def filters(self) -> list[Filter]:
        """Each filter once."""
        return list({each.filter.id: each.filter for each in self.masks}.values())


def canvas_of(annotations: Sequence[Annotation], asset: Asset, address: Address) -> Canvas:
    """An image's annotations."""
    most = max(100, _POINTS // max(1, len(annotations)))
    shapes = [(each, shape) for each in annotations if (shape := shape_of(each.line, most))]
    shapes.sort(key=lambda pair: (pair[1].dot, -pair[1].area))
    wanted = [_mask(each, address) for each in annotations if "mask" in each.line]
    masks = [each for each in wanted if each.source is not None][:MASKS]
    notes = {each.number: _FEWER for each, shape in shapes if shape.thinned}
    drawn = {each.annotation.number for each in masks}
    notes |= {number: NOT_DRAWN for each in wanted if (number := each.annotation.number) not in drawn}
    canvas = blank(asset, [shape.most for _, shape in shapes])
    canvas.shapes, canvas.masks, canvas.notes = shapes, masks, notes
    canvas.links = list(_links(annotations, {each.uuid: shape for each, shape in shapes}))
    return canvas


def blank(asset: Asset, points: Iterable[Point]) -> Canvas:
    """A canvas of the asset's size, or as large as these points need."""
    width, height = size_of((asset.width, asset.height), points)
    return Canvas(width, height, bool(asset.width and asset.height), [], [])


def _mask(annotation: Annotation, address: Address) -> Mask:
    given = annotation.line["mask"]
    picked = filter_of(given.get("colorRGB"), annotation.feature.color)
    return Mask(annotation, picked, address(annotation, given, None))


def _links(annotations: Sequence[Annotation], shapes: dict[bytes, Shape]) -> Iterable[tuple[Annotation, Shape, Shape]]:
    for each in annotations:
        if each.key == "relationship":
            given = each.line["relationship"]
            source, target = (shapes.get(canonical(given.get(word)) or b"") for word in ("source", "target"))
            if source and target:
                yield each, source, target
