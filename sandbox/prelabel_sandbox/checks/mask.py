"""Segmentation masks in their three forms (docs/reference/labelbox-format.md#2-10)."""

import binascii
from typing import Any

from prelabel_sandbox.checks import png
from prelabel_sandbox.checks.classifications import check_below
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import MISSING, Refused, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import array, known_keys, mapping

_SOURCES = ("instanceURI", "imBytes", "png")


def check_mask(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """An address or a composite with a colour, or a binary PNG; with optional classifications."""
    given = mapping(line["mask"], "mask")
    sources = [key for key in _SOURCES if key in given]
    if len(sources) != 1:
        raise invalid("mask._schema", f"One of {set(_SOURCES)} must be specified.")
    source = sources[0]
    known_keys(given, {source} if source == "png" else {source, "colorRGB"}, "mask")
    if source == "png":
        _check_binary(check_png(given["png"], "mask.png", scene), scene)
    else:
        color = check_color(given, "mask")
        if source == "instanceURI":
            check_address(given[source])
        else:
            _check_occurs(color, check_png(given[source], "mask.imBytes", scene))
    check_below(line, feature.below, scene)


def check_color(given: dict[str, Any], path: str) -> tuple[int, ...]:
    """The colour of an object: three numbers, not black."""
    if "colorRGB" not in given:
        raise invalid(f"{path}.colorRGB", MISSING)
    color = array(given["colorRGB"], f"{path}.colorRGB")
    if len(color) != 3 or any(type(part) is not int or not 0 <= part <= 255 for part in color):
        raise invalid(f"{path}.colorRGB", "Must provide three RGB values between 0 and 255.")
    if not any(color):
        # Black is the background: nothing is left of the object.
        raise _empty()
    return tuple(color)


def check_address(value: Any) -> None:
    """An address that the service could fetch; nothing is fetched here."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise Refused("FetchImageError", f"Error while downloading image from url: {value}")


def check_png(value: Any, path: str, scene: Scene) -> png.Image:
    """A PNG file in base64, of the asset's size where that is known."""
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
        found = f"{image.width} x {image.height}"
        raise Refused("InvalidAnnotation", f"The mask is {found}, the asset is {size[0]} x {size[1]}")
    return image


def _check_occurs(color: tuple[int, ...], image: png.Image) -> None:
    if (
        image.colors is not None
        and color not in image.colors
        and (len(set(color)) > 1 or color[:1] not in image.colors)
    ):
        raise _empty()


def _check_binary(image: png.Image, scene: Scene) -> None:
    """Pixels of 0 and 1. Whether 255 is taken for 1 is not known."""
    if image.colors is None:
        return
    if not any(map(any, image.colors)):
        raise _empty()
    if scene.strict and any(max(color, default=0) > 1 for color in image.colors):
        raise Refused("InvalidAnnotation", "Expected binary mask")


def _empty() -> Refused:
    return Refused("InvalidAnnotation", "Found empty mask")
