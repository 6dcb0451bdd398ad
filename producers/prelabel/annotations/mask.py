"""Segmentation masks of images in their three forms (ndjson-formats, section 2.10)."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import Field

from prelabel.annotations.base import Annotation, CheckFailed, Wire, for_people
from prelabel.annotations.objects import GeometricObject, check_object

MAX_URI = 4096
_PNG = b"\x89PNG\r\n\x1a\n"
Channel = Annotated[int, Field(ge=0, le=255)]
Base64 = Annotated[str, Field(min_length=1)]


class MaskImage(Wire):
    """Where the pixels are: `instance_uri` with `color_rgb`, `im_bytes` with `color_rgb`, or `png` alone.

    `instance_uri` is an http(s) address that Labelbox can fetch; `im_bytes` and `png` are base64 of a PNG of the
    asset's size, the latter with one channel of 0 and 1.
    """

    instance_uri: Annotated[str, Field(max_length=MAX_URI)] | None = Field(None, alias="instanceURI")
    im_bytes: Base64 | None = None
    png: Base64 | None = None
    color_rgb: Annotated[list[Channel], Field(min_length=3, max_length=3)] | None = Field(None, alias="colorRGB")


def check_mask(annotation: Any) -> None:
    """The rules between the fields of a mask, beside those of every object."""
    mask = annotation.mask
    forms = [word for word in ("instance_uri", "im_bytes", "png") if getattr(mask, word) is not None]
    if len(forms) != 1:
        raise CheckFailed("mask", f"{len(forms)} of them", "one of instanceURI, imBytes, png")
    if (mask.color_rgb is None) != (forms == ["png"]):
        found = "nothing" if mask.color_rgb is None else mask.color_rgb
        raise CheckFailed("mask.colorRGB", found, "a colour beside instanceURI and imBytes, none beside png")
    if mask.color_rgb == [0, 0, 0]:
        raise CheckFailed("mask.colorRGB", "black", "another colour: black is the background")
    if mask.instance_uri is not None and not mask.instance_uri.startswith(("https://", "http://")):
        raise CheckFailed("mask.instanceURI", mask.instance_uri, "an http(s) address")
    for word, wire in (("im_bytes", "imBytes"), ("png", "png")):
        value = getattr(mask, word)
        if value is not None and not _is_png(value):
            raise CheckFailed(f"mask.{wire}", f"{len(value)} characters", "base64 of a PNG file")


def _is_png(text: str) -> bool:
    """The whole text is base64, and it begins as a PNG file does; pixels are not decoded here."""
    try:
        return base64.b64decode(text, validate=True).startswith(_PNG)
    except (binascii.Error, ValueError):
        return False


class Mask(GeometricObject):
    """The pixels of one object: `Mask("oil film", uri="https://…", color=(0, 120, 255))` or `Mask("…", png=…)`."""

    CHECKS = (check_object, check_mask)

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
        given: dict[str, Any] = {
            "instanceURI": uri,
            "colorRGB": list(color) if color else None,
            "imBytes": base64.b64encode(image).decode() if image else None,
            "png": base64.b64encode(png).decode() if png else None,
        }
        if any(value is not None for value in given.values()):
            fields["mask"] = {key: value for key, value in given.items() if value is not None}
        Annotation.__init__(self, name, **fields)
