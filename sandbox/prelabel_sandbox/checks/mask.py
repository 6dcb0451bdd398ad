"""Segmentation masks in their three forms (format reference, section 2.10). Pixels are not looked at."""

import base64
import binascii
from typing import Any

from prelabel_sandbox.checks.refusal import MISSING, Refused, invalid
from prelabel_sandbox.checks.values import array, known_keys, mapping

_SOURCES = ("instanceURI", "imBytes", "png")
_PNG = b"\x89PNG\r\n\x1a\n"


def check_mask(value: Any) -> None:
    """An address or a composite with a colour, or a binary PNG."""
    given = mapping(value, "mask")
    sources = [key for key in _SOURCES if key in given]
    if len(sources) != 1:
        raise invalid("mask._schema", f"One of {set(_SOURCES)} must be specified.")
    source = sources[0]
    known_keys(given, {source} if source == "png" else {source, "colorRGB"}, "mask")
    if source != "png":
        check_color(given, "mask")
    if source == "instanceURI":
        check_address(given[source])
    else:
        check_png(given[source], f"mask.{source}")


def check_color(given: dict[str, Any], path: str) -> tuple[int, ...]:
    """The colour of an object: three numbers, not black."""
    if "colorRGB" not in given:
        raise invalid(f"{path}.colorRGB", MISSING)
    color = array(given["colorRGB"], f"{path}.colorRGB")
    if len(color) != 3 or any(type(part) is not int or not 0 <= part <= 255 for part in color):
        raise invalid(f"{path}.colorRGB", "Must provide three RGB values between 0 and 255.")
    if not any(color):
        # Black is the background: nothing is left of the object.
        raise Refused("InvalidAnnotation", "Found empty mask")
    return tuple(color)


def check_address(value: Any) -> None:
    """An address that the service could fetch; nothing is fetched here."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise Refused("FetchImageError", f"Error while downloading image from url: {value}")


def check_png(value: Any, path: str) -> None:
    """A PNG file in base64."""
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise invalid(path, "Not a valid base64 string.") from None
    if not content.startswith(_PNG):
        raise Refused("InvalidAnnotation", "The mask is not a PNG image")
