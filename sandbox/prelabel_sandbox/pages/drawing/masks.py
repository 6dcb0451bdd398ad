"""Masks, drawn by the browser: an SVG filter picks the pixels of a mask's colour and gives them that of its class.

So no image is unpacked here, whatever its size, and one at another address can be drawn too.
"""

import base64
from dataclasses import dataclass
from typing import Any

Color = tuple[int, ...]

_INLINE = ("png", "imBytes")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Filter:
    """What picks a colour, or any but black, and paints it; `tables` are for red, green and blue."""

    id: str
    tables: tuple[str, str, str]
    sum: str  # of the three, as the alpha of what is painted
    paint: str


def filter_of(given: list[int] | None, paint: str) -> Filter:
    """The filter of a mask's `colorRGB`; None: of a binary mask."""
    name = "-".join(map(str, given)) if given else "any"
    key = f"pick-{name}-{paint.lstrip('#')}"
    if not given:
        table = "0" + " 1" * 255
        return Filter(key, (table, table, table), "1 1 1 0 0", paint)
    red, green, blue = (" ".join("1" if each == value else "0" for each in range(256)) for value in given)
    return Filter(key, (red, green, blue), "1 1 1 0 -2", paint)


def without_images(line: dict[str, Any]) -> dict[str, Any]:
    """The line with its inline images emptied: they may be large, and are fetched one by one."""
    frames = (line.get("masks") or {}).get("frames") or ()
    for each in (line.get("mask") or {}, *frames):
        for key in _INLINE:
            if key in each:
                each[key] = ""
    return line


def inline_png(line: dict[str, Any], frame: int | None) -> bytes | None:
    """The PNG file that a line carries, for a frame if it is one of frames; None when it carries none."""
    given = line.get("mask") if frame is None else _of_frame(line, frame)
    text = next((given[key] for key in _INLINE if given and key in given), None)
    if not isinstance(text, str):
        return None
    content = base64.b64decode(text)
    return content if content.startswith(_SIGNATURE) else None


def _of_frame(line: dict[str, Any], frame: int) -> dict[str, Any] | None:
    frames = (line.get("masks") or {}).get("frames") or ()
    return next((each for each in frames if each["index"] == frame), None)
