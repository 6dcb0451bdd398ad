"""Combine the masks of a data row in one image, one colour per mask, which Labelbox fetches from an address."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prelabel.annotations.mask import Mask
from prelabel.builders.pixels import Plane, color_png, plane_of_array, plane_of_rle
from prelabel.builders.values import refused

MAX_MASKS = 255
"""Maximum number of masks of one composite: an index is one byte."""
Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Composite:
    """An image (`png`, a file) of several objects, with their names and colours in the order of the masks."""

    png: bytes
    names: tuple[str, ...]
    colors: tuple[Color, ...]

    def masks(self, uri: str) -> list[Mask]:
        """Return the mask annotations. Before you publish them, put the image where Labelbox can fetch it: at `uri`."""
        return [Mask(name, uri=uri, color=color) for name, color in zip(self.names, self.colors, strict=True)]


def composite_of(masks: Iterable[tuple[str, Any]], *, overlap: Literal["refuse", "last"] = "refuse") -> Composite:
    """Return the composite of pairs (name, array or COCO run lengths); every mask has the asset's size.

    A pixel has one colour, so masks that overlap are refused; with `overlap="last"`, the later mask gets the pixel.
    Raises InvalidAnnotation.
    """
    pairs = list(masks)
    if not 0 < len(pairs) <= MAX_MASKS:
        raise refused("masks", f"{len(pairs)} masks", f"1 to {MAX_MASKS} masks in one image")
    planes = [_plane(mask, f"masks[{at}]") for at, (_, mask) in enumerate(pairs)]
    indices = _indices(planes, overlap)
    colors = tuple((index, 255 - index, index * 97 % 256) for index in range(1, len(pairs) + 1))
    png = color_png(planes[0].width, planes[0].height, indices, colors)
    return Composite(png, tuple(name for name, _ in pairs), colors)


def _plane(mask: Any, path: str) -> Plane:
    return plane_of_rle(mask, path) if isinstance(mask, Mapping) else plane_of_array(mask, path)


def _indices(planes: list[Plane], overlap: str) -> bytes:
    """Return a byte for each pixel: the number of its mask, counted from 1, or 0 if no mask covers it.

    The arithmetic is on all pixels at once, as one long integer.
    """
    first, taken, indices = planes[0], 0, 0
    for at, plane in enumerate(planes):
        if (plane.width, plane.height) != (first.width, first.height):
            size = f"{plane.width} x {plane.height}"
            raise refused(f"masks[{at}]", size, f"the size of the first, {first.width} x {first.height}")
        pixels = int.from_bytes(plane.data, "little")
        if both := pixels & taken:
            if overlap == "refuse":
                raise refused(f"masks[{at}]", f"{both.bit_count()} pixels of masks before it", "pixels of its own")
            indices &= ~(pixels * 255)
        indices += pixels * (at + 1)
        taken |= pixels
    data = indices.to_bytes(len(first.data), "little")
    covered = [at for at in range(len(planes)) if at + 1 not in data]
    if covered:
        raise refused(f"masks[{covered[0]}]", "a mask that later masks cover", "a pixel that no later mask covers")
    return data
