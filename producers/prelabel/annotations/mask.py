"""Segmentation masks of images in their three forms (docs/reference/labelbox-format.md#2-10)."""

import base64
import binascii
from typing import Annotated, Any, ClassVar

from pydantic import Field

from prelabel.annotations.address import EXPECTED, is_address
from prelabel.annotations.base import CheckFailed, PictureRule, Rule, Wire, for_people, with_arguments
from prelabel.annotations.objects import GeometricObject
from prelabel.annotations.png import GRAY, PALETTE, PictureWork, Png, read_png
from prelabel.errors import quoted

MAX_URI = 4096
"""Maximum number of characters of a mask image's address; an assumption, Labelbox documents none."""
Channel = Annotated[int, Field(ge=0, le=255)]
Base64 = Annotated[str, Field(min_length=1)]


class MaskImage(Wire):
    """The source of the pixels: `instance_uri` with `color_rgb`, `im_bytes` with `color_rgb`, or `png` alone.

    `instance_uri` is an http(s) address that Labelbox can fetch. `im_bytes` and `png` are PNG files of the asset's size
    in base64; a `png` has one channel with the values 0 and 1.
    """

    instance_uri: Annotated[str, Field(max_length=MAX_URI)] | None = Field(None, alias="instanceURI")
    im_bytes: Base64 | None = None
    png: Base64 | None = None
    color_rgb: Annotated[list[Channel], Field(min_length=3, max_length=3)] | None = Field(None, alias="colorRGB")


def check_mask(annotation: Any) -> None:
    """Check that a mask has exactly one form, and a colour if the form needs it."""
    mask = annotation.mask
    forms = (mask.instance_uri is not None) + (mask.im_bytes is not None) + (mask.png is not None)
    if forms != 1:
        raise CheckFailed("mask", f"{forms} of them", "exactly one of instanceURI, imBytes, png")
    if mask.png is not None:
        if mask.color_rgb is not None:
            raise CheckFailed("mask.colorRGB", mask.color_rgb, "no colour beside png")
        return
    if mask.color_rgb is None:
        raise CheckFailed("mask.colorRGB", "nothing", "the object's colour in the image")
    if mask.color_rgb == [0, 0, 0]:
        raise CheckFailed("mask.colorRGB", "black", "another colour: black is the background")
    if mask.instance_uri is not None and not is_address(mask.instance_uri):
        raise CheckFailed("mask.instanceURI", quoted(mask.instance_uri), EXPECTED)


def check_pixels(annotation: Any, work: PictureWork) -> None:
    """Check the pixels of a mask, as far as `work` allows."""
    mask = annotation.mask
    if mask.png is not None:
        _check_binary(mask, work)
    elif mask.im_bytes is not None:
        _check_composite(mask, work)


def _check_binary(mask: Any, work: PictureWork) -> None:
    """Check that the image has one channel with the values 0 and 1, and a 1: the official SDK cannot read others.

    Source: docs/reference/labelbox-format.md#question-7-15.
    """
    image = read_image(mask.png, "mask.png", work)
    if image.color not in (GRAY, PALETTE):
        raise CheckFailed("mask.png", "a coloured image", "an image of one channel")
    highest = image.highest()
    if highest is not None and highest > 1:
        raise CheckFailed("mask.png", f"a pixel of {highest}", "pixels of 0 or 1")
    if image.has_value() is False:
        raise CheckFailed("mask.png", "an image without one", "a pixel of 1: the server refuses an empty mask")


def _check_composite(mask: Any, work: PictureWork) -> None:
    """Check that the mask's colour occurs in the image: the server refuses an empty mask."""
    red, green, blue = mask.color_rgb
    if read_image(mask.im_bytes, "mask.imBytes", work).has_color((red, green, blue)) is False:
        raise CheckFailed("mask.imBytes", "an image without it", f"a pixel of the colour ({red}, {green}, {blue})")


def read_image(text: str, path: str, work: PictureWork) -> Png:
    """Read a PNG file from base64. Raises CheckFailed."""
    try:
        return read_png(base64.b64decode(text, validate=True), work)
    except (binascii.Error, ValueError):
        raise CheckFailed(path, f"{len(text)} characters", "base64 of a PNG file") from None


class Mask(GeometricObject):
    """The pixels of one object: `Mask("oil film", uri="https://…", color=(0, 120, 255))` or `Mask("oil film", png=…)`.

    Give `uri` or `image` (a PNG file) and the object's `color` in it; or `png`, a PNG file with one channel of 0 and 1.
    Masks of one data row should share one `uri`; an `image` is sent again with each mask
    (docs/reference/labelbox-format.md#1-9).
    """

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_mask,)
    PICTURES: ClassVar[tuple[PictureRule, ...]] = (check_pixels,)

    mask: MaskImage

    @for_people
    def __init__(
        self,
        name: str | None = None,
        *,
        uri: str | None = None,
        color: tuple[int, int, int] | None = None,
        image: bytes | None = None,
        png: bytes | None = None,
        **fields: Any,
    ) -> None:
        image_fields = with_arguments(
            {},
            instanceURI=uri,
            colorRGB=list(color) if isinstance(color, tuple) else color,
            imBytes=_encoded(image),
            png=_encoded(png),
        )
        super().__init__(**with_arguments(fields, name=name, mask=image_fields or None))


def _encoded(file: Any) -> Any:
    """Return a file's bytes in base64; all that is not bytes stays as it is, and is refused."""
    return base64.b64encode(file).decode() if isinstance(file, bytes | bytearray | memoryview) else file
