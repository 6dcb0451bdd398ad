"""Masks of images from arrays and from COCO's run lengths."""

from typing import Any

from prelabel.annotations.mask import Mask
from prelabel.builders.pixels import binary_png, plane_of_array, plane_of_rle


def mask_from_array(name: str | None, array: Any, **fields: Any) -> Mask:
    """Return the mask of an array (height, width) of the asset's size: bool, or 0 and 1, or 0 and 255.

    The mask goes into the message as a PNG of one channel. Raises InvalidAnnotation, for an empty mask too.
    """
    return Mask(name, png=binary_png(plane_of_array(array)), **fields)


def mask_from_rle(name: str | None, rle: Any, **fields: Any) -> Mask:
    """Return the mask of COCO's `{"size": [height, width], "counts": …}`, compressed or not.

    Raises InvalidAnnotation.
    """
    return Mask(name, png=binary_png(plane_of_rle(rle)), **fields)
