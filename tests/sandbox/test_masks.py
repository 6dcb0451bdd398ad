"""Pixels of small mask images: a colour that does not occur leaves an empty mask."""

import base64
import struct
import zlib

import pytest

from tests.support.sandbox.cars import car
from tests.support.sandbox.process import SandboxProcess

RED, BLUE, SEA = (200, 30, 30), (0, 120, 255), (9, 99, 77)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows: list[tuple[int, bytes]], kind: int, width: int, palette: bytes = b"") -> str:
    """Rows as they stand in the file: the number of the filter, and the filtered bytes."""
    raw = b"".join(bytes([number]) + row for number, row in rows)
    header = struct.pack(">IIBBBBB", width, len(rows), 8, kind, 0, 0, 0)
    chunks = [
        chunk(b"IHDR", header),
        *([chunk(b"PLTE", palette)] if palette else []),
        chunk(b"IDAT", zlib.compress(raw)),
    ]
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")).decode()


def minus(color: tuple[int, ...], guess: tuple[int, ...]) -> bytes:
    return bytes((part - other) & 255 for part, other in zip(color, guess, strict=True))


AVERAGE = tuple((left + up) // 2 for left, up in zip(RED, BLUE, strict=True))
# Two rows of two pixels: RED and BLUE above, RED and then SEA below, the second row filtered.
FILTERED = {
    "none": bytes((*RED, *SEA)),
    "sub": bytes(RED) + minus(SEA, RED),
    "up": bytes(3) + minus(SEA, BLUE),
    "average": minus(RED, tuple(part // 2 for part in RED)) + minus(SEA, AVERAGE),
    # left and corner are the same, so that what is above is the guess
    "paeth": bytes(3) + minus(SEA, BLUE),
}


@pytest.fixture
def film(sandbox: SandboxProcess, project: str) -> str:
    sandbox.project(project, {"tools": [{"tool": "raster-segmentation", "name": "film"}]})
    return project


def verdicts(sandbox: SandboxProcess, project: str, *masks: dict[str, object]) -> list[str | None]:
    lines = [car(number, name="film", mask=mask) for number, mask in enumerate(masks)]
    for line in lines:
        del line["bbox"]
    statuses = sandbox.statuses(project, "a", lines)
    return [each.get("errors", [{"message": None}])[0]["message"] for each in statuses]


@pytest.mark.parametrize(("number", "row"), list(enumerate(FILTERED.values())), ids=FILTERED)
def test_a_composite_has_the_colors_it_shows(sandbox: SandboxProcess, film: str, number: int, row: bytes) -> None:
    image = png([(0, bytes((*RED, *BLUE))), (number, row)], 2, 2)
    colors = (RED, BLUE, SEA, (1, 2, 3))
    found = verdicts(sandbox, film, *({"imBytes": image, "colorRGB": color} for color in colors))
    assert found == [None, None, None, "Found empty mask"]


def test_gray_transparent_and_palette_images_have_colors_too(sandbox: SandboxProcess, film: str) -> None:
    images = (
        png([(0, b"\x05\x07")], 0, 2),
        png([(0, bytes((7, 7, 7, 0)))], 6, 1),
        png([(0, b"\x01")], 3, 1, bytes(3) + b"\7\7\7"),
    )
    found = verdicts(sandbox, film, *({"imBytes": each, "colorRGB": [part] * 3} for each in images for part in (7, 8)))
    assert found == [None, "Found empty mask"] * 3


def test_a_binary_mask_needs_a_pixel(sandbox: SandboxProcess, film: str) -> None:
    full, empty = png([(0, b"\0\1")], 0, 2), png([(0, b"\0\0")], 0, 2)
    assert verdicts(sandbox, film, {"png": full}, {"png": empty}) == [None, "Found empty mask"]


def test_pixels_of_broken_images_are_refused_and_those_of_large_ones_not_looked_at(
    sandbox: SandboxProcess, film: str
) -> None:
    short = png([(0, b"\1")], 0, 9)
    large = png([(0, bytes(1024))] * 1024, 0, 1024)
    assert verdicts(sandbox, film, {"png": short}, {"png": large}) == ["The mask is not a PNG image", None]
