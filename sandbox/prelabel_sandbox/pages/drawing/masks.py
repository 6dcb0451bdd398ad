"""Masks, drawn by the browser: an SVG filter picks the pixels of a mask's colour and paints them in its class's colour.

So no image is decoded here, whatever its size, and images at foreign addresses can be drawn too.
"""

import base64
from dataclasses import dataclass
from typing import Any

Color = tuple[int, ...]

_INLINE = ("png", "imBytes")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Filter:
    """Picks a colour, or any colour but black, and paints it; `tables` are for red, green and blue."""

    id: str
    tables: tuple[str, str, str]
    sum: str  # matrix row that adds up the results of the tables: the alpha value of the paint
    paint: str


def filter_of(color: list[int] | None, paint: str) -> Filter:
    """Return the filter of a mask's `colorRGB`; None stands for a binary mask."""
    name = "-".join(map(str, color)) if color else "any"
    key = f"pick-{name}-{paint.lstrip('#')}"
    if not color:
        table = "0" + " 1" * 255
        return Filter(key, (table, table, table), "1 1 1 0 0", paint)
    red, green, blue = (" ".join("1" if level == value else "0" for level in range(256)) for value in color)
    return Filter(key, (red, green, blue), "1 1 1 0 -2", paint)


def without_images(line: dict[str, Any]) -> dict[str, Any]:
    """Return the line with its inline images emptied: they may be large, and the browser requests them one by one."""
    frames = (line.get("masks") or {}).get("frames") or ()
    for mask in (line.get("mask") or {}, *frames):
        for key in _INLINE:
            if key in mask:
                mask[key] = ""
    return line


def inline_png(line: dict[str, Any], frame: int | None) -> bytes | None:
    """Return the PNG file that a line carries, or None; if it has masks of frames, the file of this frame."""
    mask = line.get("mask") if frame is None else _of_frame(line, frame)
    text = next((mask[key] for key in _INLINE if mask and key in mask), None)
    if not isinstance(text, str):
        return None
    content = base64.b64decode(text)
    return content if content.startswith(_SIGNATURE) else None


def _of_frame(line: dict[str, Any], frame: int) -> dict[str, Any] | None:
    frames = (line.get("masks") or {}).get("frames") or ()
    return next((item for item in frames if item["index"] == frame), None)
