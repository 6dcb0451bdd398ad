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
"""From annotation, the object that names a mask's image, and frame: the image's address; None if it is forbidden."""

Placed = Callable[[dict[str, Any]], dict[str, Any]]
"""From a line to the keys of its geometry, in the units of a canvas."""

NOT_DRAWN = "not drawn"
_FEWER = "drawn with fewer points"
MASKS = 100
"""Maximum number of masks that one page draws."""
_POINTS = 50_000  # maximum that one page draws


@dataclass(slots=True)
class Mask:
    """An image whose pixels a filter picks; if `source` is None, every frame has an image of its own."""

    annotation: Annotation
    filter: Filter
    source: str | None
    first: bool = True  # whether it is the first of its annotation


@dataclass(slots=True)
class Canvas:
    """What is drawn over an image."""

    #: In pixels.
    width: float
    #: In pixels.
    height: float
    #: Whether the size is the asset's; otherwise it is guessed.
    known: bool
    #: Largest first.
    shapes: list[tuple[Annotation, Shape]]
    #: At most `MASKS`.
    masks: list[Mask]
    #: Relationships with the shapes at their ends.
    links: list[tuple[Annotation, Shape, Shape]] = field(default_factory=list)
    #: Notes on annotations that are not drawn completely, by number of the annotation.
    notes: dict[int, str] = field(default_factory=dict)

    @property
    def drawn(self) -> set[int]:
        """Return the numbers of the visible annotations."""
        drawn = {annotation.number for annotation, _ in self.shapes} | {edge.number for edge, _, _ in self.links}
        return drawn | {mask.annotation.number for mask in self.masks}

    @property
    def filters(self) -> list[Filter]:
        """Return the filters without duplicates."""
        return list({mask.filter.id: mask.filter for mask in self.masks}.values())


def canvas_of(annotations: Sequence[Annotation], asset: Asset, address: Address) -> Canvas:
    """Return the drawing of an image's annotations."""
    shapes = all_shapes(annotations)
    canvas = blank(asset, [shape.bottom_right for _, shape in shapes])
    add_shapes(canvas, shapes, annotations)
    all_masks = [_mask(annotation, address) for annotation in annotations if "mask" in annotation.line]
    canvas.masks = [mask for mask in all_masks if mask.source is not None][:MASKS]
    drawn = {mask.annotation.number for mask in canvas.masks}
    canvas.notes |= {number: NOT_DRAWN for mask in all_masks if (number := mask.annotation.number) not in drawn}
    return canvas


def all_shapes(annotations: Sequence[Annotation], placed: Placed = dict) -> list[tuple[Annotation, Shape]]:
    """Return the shapes of annotations, largest first; `placed` returns the geometry of a line on the canvas."""
    max_points = max(100, _POINTS // max(1, len(annotations)))
    shapes = [(item, shape) for item in annotations if (shape := shape_of(placed(item.line), max_points))]
    return sorted(shapes, key=lambda pair: (pair[1].dot, -pair[1].area))


def add_shapes(canvas: Canvas, shapes: list[tuple[Annotation, Shape]], annotations: Sequence[Annotation]) -> None:
    """Draw shapes, and the relationships between them."""
    canvas.shapes = shapes
    canvas.notes |= {annotation.number: _FEWER for annotation, shape in shapes if shape.thinned}
    canvas.links = list(_links(annotations, {annotation.uuid: shape for annotation, shape in shapes}))


def blank(asset: Asset, points: Iterable[Point]) -> Canvas:
    """Return an empty canvas of the asset's size or, if that is not known, large enough for these points."""
    width, height = size_of((asset.width, asset.height), points)
    return Canvas(width, height, bool(asset.width and asset.height), [], [])


def _mask(annotation: Annotation, address: Address) -> Mask:
    mask = annotation.line["mask"]
    picked = filter_of(mask.get("colorRGB"), annotation.feature.color)
    return Mask(annotation, picked, address(annotation, mask, None))


def _links(annotations: Sequence[Annotation], shapes: dict[bytes, Shape]) -> Iterable[tuple[Annotation, Shape, Shape]]:
    for annotation in annotations:
        if annotation.key == "relationship":
            link = annotation.line["relationship"]
            source, target = (shapes.get(canonical(link.get(word)) or b"") for word in ("source", "target"))
            if source and target:
                yield annotation, source, target
