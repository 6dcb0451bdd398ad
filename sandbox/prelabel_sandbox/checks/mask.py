"""Segmentation masks in their three forms (docs/reference/labelbox-format.md#2-10)."""

import binascii
from typing import Any

from prelabel_sandbox.checks import png
from prelabel_sandbox.checks.addresses import WEB, is_address
from prelabel_sandbox.checks.classifications import check_below
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import MISSING, Refused, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import array, known_keys, mapping

_SOURCES = ("instanceURI", "imBytes", "png")


def check_mask(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a mask: an address or a composite with a colour, or a binary PNG; with optional classifications."""
    mask = mapping(line["mask"], "mask")
    sources = [key for key in _SOURCES if key in mask]
    if len(sources) != 1:
        raise invalid("mask._schema", f"One of {set(_SOURCES)} must be specified.")
    source = sources[0]
    known_keys(mask, {source} if source == "png" else {source, "colorRGB"}, "mask")
    if source == "png":
        _check_binary(check_png(mask["png"], "mask.png", scene), scene)
    else:
        color = check_color(mask, "mask")
        if source == "instanceURI":
            check_address(mask[source])
        else:
            _check_occurs(color, check_png(mask[source], "mask.imBytes", scene))
    check_below(line, feature.below, scene)


def check_color(holder: dict[str, Any], path: str) -> tuple[int, ...]:
    """Check the colour of an object: three numbers, not black."""
    if "colorRGB" not in holder:
        raise invalid(f"{path}.colorRGB", MISSING)
    color = array(holder["colorRGB"], f"{path}.colorRGB")
    if len(color) != 3 or any(type(part) is not int or not 0 <= part <= 255 for part in color):
        raise invalid(f"{path}.colorRGB", "Must provide three RGB values between 0 and 255.")
    if not any(color):
        # Black is the background, so the object would have no pixels.
        raise empty_mask()
    return tuple(color)


def check_address(value: Any) -> None:
    """Check the form of an address from which the service fetches an image; the sandbox does not fetch it."""
    if not is_address(value, *WEB):
        raise Refused("FetchImageError", f"Error while downloading image from url: {value}")


def check_png(value: Any, path: str, scene: Scene) -> png.Image:
    """Check a PNG file in base64; it must have the asset's size, if that is known."""
    if not isinstance(value, str):
        raise invalid(path, "Not a valid string.")
    try:
        image = png.read(value)
    except binascii.Error:
        raise invalid(path, "Not a valid base64 string.") from None
    except png.NotPng:
        raise Refused("InvalidAnnotation", "The mask is not a PNG image") from None
    size = (scene.asset.width, scene.asset.height)
    if None not in size and (image.width, image.height) != size:
        actual = f"{image.width} x {image.height}"
        raise Refused("InvalidAnnotation", f"The mask is {actual}, the asset is {size[0]} x {size[1]}")
    return image


def _check_occurs(color: tuple[int, ...], image: png.Image) -> None:
    if (
        image.colors is not None
        and color not in image.colors
        and (len(set(color)) > 1 or color[:1] not in image.colors)
    ):
        raise empty_mask()


def _check_binary(image: png.Image, scene: Scene) -> None:
    """Check that pixels are 0 or 1. Whether the service takes 255 for 1 is not known."""
    if image.filled is False:
        raise empty_mask()
    if image.colors is None:
        return
    if scene.strict and any(max(color, default=0) > 1 for color in image.colors):
        raise Refused("InvalidAnnotation", "Expected binary mask")


def empty_mask() -> Refused:
    """Return the refusal of a mask without a pixel."""
    return Refused("InvalidAnnotation", "Found empty mask")
