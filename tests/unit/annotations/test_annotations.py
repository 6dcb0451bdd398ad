"""Each kind of annotation: its form in Python and on the wire, and the values that are refused."""

import base64
import struct
import uuid
import zlib
from typing import Any

import pytest

from prelabel import (
    BoundingBox,
    Checklist,
    Classification,
    FreeText,
    InvalidAnnotation,
    Mask,
    Option,
    Point,
    Polygon,
    Polyline,
    Radio,
    Relationship,
)
from prelabel.annotations import Annotation
from prelabel.annotations.kinds import BY_NAME, KINDS, MEDIA_TYPES
from prelabel.annotations.png import GRAY, MAX_BYTES, RGB, RGBA, read_png

ID = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e0001"
OTHER = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e0002"
SCHEMA_ID = "c05d0f20c7d1065cf2276b0b2"


class Scalar:
    """A stand-in for scalars of numpy and torch."""

    def __init__(self, value: float) -> None:
        self.value = value

    def item(self) -> float:
        return self.value


class Array(list[Any]):
    """A stand-in for an array of points."""

    def tolist(self) -> list[Any]:
        return list(self)


def png(rows: list[bytes], *, color: int = GRAY, depth: int = 8, width: int = 0, filters: bytes = b"") -> bytes:
    """A PNG file of rows that are filtered already; `filters` has the number of each."""
    channels = {GRAY: 1, RGB: 3, RGBA: 4}.get(color, 1)
    size = width or len(rows[0]) // channels
    header = struct.pack(">IIBBBBB", size, len(rows), depth, color, 0, 0, 0)
    raw = b"".join(bytes([kind]) + row for kind, row in zip(filters or bytes(len(rows)), rows, strict=True))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


BINARY = png([b"\0\1\1\0", b"\0\0\1\0"])
COMPOSITE = png([b"\0\0\0" + b"\x00\x78\xff", b"\xc8\x1e\x1e" + b"\0\0\0"], color=RGB)
VERTICES = [{"x": 0, "y": 0}, {"x": 9, "y": 0}, {"x": 9, "y": 9.5}]
PYTHON: list[tuple[Annotation, dict[str, Any]]] = [
    (
        BoundingBox("vessel", left=1, top=2.5, width=3, height=4),
        {"name": "vessel", "bbox": {"top": 2.5, "left": 1, "height": 4, "width": 3}},
    ),
    (
        BoundingBox(
            "vessel", left=Scalar(1.5), top=Scalar(2), width=Scalar(3), height=Scalar(4), confidence=Scalar(0.5)
        ),
        {"name": "vessel", "confidence": 0.5, "bbox": {"top": 2, "left": 1.5, "height": 4, "width": 3}},
    ),
    (Polygon("quay", [(0, 0), (9, 0), (9, 9.5)]), {"name": "quay", "polygon": VERTICES}),
    (Polygon("quay", VERTICES), {"name": "quay", "polygon": VERTICES}),
    (Polygon("quay", Array([[0, 0], [9, 0], [9, 9.5]])), {"name": "quay", "polygon": VERTICES}),
    (Point("bollard", x=512, y=384.5), {"name": "bollard", "point": {"x": 512, "y": 384.5}}),
    (Polyline("rope", [(0, 0), (9, 0)]), {"name": "rope", "line": VERTICES[:2]}),
    (
        Mask("oil", uri="https://example.org/1.png", color=(0, 120, 255)),
        {"name": "oil", "mask": {"instanceURI": "https://example.org/1.png", "colorRGB": [0, 120, 255]}},
    ),
    (
        Mask("oil", image=COMPOSITE, color=(0, 120, 255)),
        {"name": "oil", "mask": {"imBytes": base64.b64encode(COMPOSITE).decode(), "colorRGB": [0, 120, 255]}},
    ),
    (Mask("oil", png=BINARY), {"name": "oil", "mask": {"png": base64.b64encode(BINARY).decode()}}),
    (Radio("weather", "clear"), {"name": "weather", "answer": {"name": "clear"}}),
    (
        Radio("weather", Option("fog", classifications=[Classification("density", Option("light"))])),
        {
            "name": "weather",
            "answer": {"name": "fog", "classifications": [{"name": "density", "answer": {"name": "light"}}]},
        },
    ),
    (Checklist("flags", ["red", Option("green")]), {"name": "flags", "answer": [{"name": "red"}, {"name": "green"}]}),
    (FreeText("remark", "Crane."), {"name": "remark", "answer": "Crane."}),
    (
        Relationship("moored at", source=ID.upper(), target=uuid.UUID(OTHER)),
        {"name": "moored at", "relationship": {"source": ID, "target": OTHER, "type": "unidirectional"}},
    ),
    (
        Point(schema_id=SCHEMA_ID, uuid=uuid.UUID(ID), x=1, y=2, classifications=[Classification("note", "text")]),
        {
            "uuid": ID,
            "schemaId": SCHEMA_ID,
            "classifications": [{"name": "note", "answer": "text"}],
            "point": {"x": 1, "y": 2},
        },
    ),
]


@pytest.mark.parametrize(("annotation", "wire"), PYTHON, ids=[type(each).__name__ for each, _ in PYTHON])
def test_python_becomes_the_shape_of_the_wire(annotation: Annotation, wire: dict[str, Any]) -> None:
    assert annotation.wire() == wire


@pytest.mark.parametrize(("annotation", "wire"), PYTHON, ids=[type(each).__name__ for each, _ in PYTHON])
def test_the_shape_of_the_wire_becomes_the_same_python(annotation: Annotation, wire: dict[str, Any]) -> None:
    assert type(annotation).model_validate(wire, by_alias=True, by_name=False).wire() == wire


@pytest.mark.parametrize(
    ("model", "value"),
    [
        (BoundingBox, {"name": "a", "left": 1, "top": 2, "width": 3, "height": 4}),
        (Polygon, {"name": "a", "polygon": [[0, 0], [9, 0], [9, 9]]}),
        (Radio, {"name": "a", "answer": "clear"}),
        (Checklist, {"name": "a", "answer": ["red"]}),
        (Mask, {"name": "a", "uri": "https://example.org/1.png", "color": [1, 2, 3]}),
        (Point, {"name": "a", "schema_id": SCHEMA_ID, "point": {"x": 1, "y": 1}}),
    ],
    ids=["corners", "pairs", "an option's name", "options' names", "mask", "snake case"],
)
def test_shortcuts_of_python_are_refused_on_the_wire(model: type[Annotation], value: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnnotation):
        model.model_validate(value, by_alias=True, by_name=False)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Point(x=1, y=1), "name or schemaId"),
        (lambda: Point("b", x="1", y=1), "point.x"),
        (lambda: Point("b", x=float("nan"), y=1), "point.x: expected a finite number, found"),
        (lambda: Point("b", x=float("inf"), y=1), "point.x: expected a finite number, found"),
        (lambda: Point("b", x=1), "point.y"),
        (lambda: Point("b", x=1, y=1, uuid="7"), "UUID"),
        (lambda: Point("b", x=1, y=1, confidence=1.1), "confidence: expected a number of at most 1, found 1.1"),
        (lambda: BoundingBox("b", left=1, top=1, width=0, height=1), "bbox.width: expected a number greater than 0"),
        (lambda: Polygon("b", [(0, 0), (1, 1), (0, 0), (0.0, 0)]), "3 different points"),
        (lambda: Polyline("b", [(0, 0)]), "at least 2"),
        (lambda: Mask("b", png=BINARY, color=(1, 2, 3)), "no colour beside png"),
        (lambda: Mask("b", uri="data:image/png;base64,AAAA", color=(1, 2, 3)), "http"),
        (lambda: Mask("b", png=png([b"\0\2"])), "pixels of 0 or 1"),
        (lambda: Mask("b", png=COMPOSITE), "one channel"),
        (lambda: Mask("b", png=BINARY[:40]), "base64 of a PNG"),
        (lambda: Mask("b", image=COMPOSITE, color=(0, 120, 254)), "a pixel of the colour"),
        (lambda: Checklist("b", ["x", "x"]), "each option once"),
        (lambda: Relationship("b", source=ID, target=ID.upper()), "another annotation"),
        (lambda: Relationship("b", target=ID), "exactly one of source"),
        (lambda: Point("b", x=1, y=1, colour="red"), "colour: expected one of"),
    ],
)
def test_mistakes_are_refused_where_they_are_made(make: Any, expected: str) -> None:
    with pytest.raises(InvalidAnnotation, match=expected):
        make()


def test_each_kind_is_documented_with_its_place_in_the_reference() -> None:
    for kind in KINDS:
        module = __import__(kind.model.__module__, fromlist=["x"])
        assert "docs/reference/" in f"{kind.model.__doc__} {module.__doc__}"


def test_the_table_names_media_types_that_exist() -> None:
    assert all(kind.media <= MEDIA_TYPES for kind in KINDS)
    assert {kind.name for kind in KINDS if kind.slow} == {"mask", "video mask set", "DICOM mask set", "tile box"}
    assert not BY_NAME["mask"].media & {"TMSGEO", "PDF", "TEXT"}


# -- PNG --------------------------------------------------------------------------------------------------------------

PIXELS = [bytes((x * 7 + y * 31) % 256 for x in range(24)) for y in range(5)]


def filtered(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    """The filters of the PNG specification, section 9, byte by byte."""
    out = []
    for at, value in enumerate(row):
        left = row[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        up = above[at]
        estimate = left + up - corner
        paeth = min((left, up, corner), key=lambda near: abs(estimate - near))
        out.append((value - [0, left, up, (left + up) // 2, paeth][kind]) % 256)
    return bytes(out)


@pytest.mark.parametrize("color", [GRAY, RGB, RGBA])
@pytest.mark.parametrize(
    "filters", [b"\0\0\0\0\0", b"\1\1\1\1\1", b"\2\2\2\2\2", b"\3\3\3\3\3", b"\4\4\4\4\4", b"\4\1\3\2\0"]
)
def test_pixels_are_read_through_every_filter(color: int, filters: bytes) -> None:
    step = {GRAY: 1, RGB: 3, RGBA: 4}[color]
    rows = [
        filtered(kind, row, above, step)
        for kind, row, above in zip(filters, PIXELS, [bytes(24), *PIXELS[:-1]], strict=True)
    ]

    assert read_png(png(rows, color=color, filters=filters)).rows == tuple(PIXELS)


def test_a_colour_is_found_in_whole_pixels_only() -> None:
    image = read_png(png([b"\1\2\3\4\5\6"], color=RGB))

    assert [image.has_color(color) for color in ((1, 2, 3), (4, 5, 6), (2, 3, 4))] == [True, True, False]


def test_what_cannot_be_read_cheaply_is_not_judged() -> None:
    wide = png([bytes([2]) * (MAX_BYTES // 2)] * 2, filters=b"\0\0")
    serial = png([b"\2" * 70_000], filters=b"\4")
    packed = png([b"\xff"], depth=2, width=4)

    assert [read_png(data).highest() for data in (wide, serial, packed)] == [None, None, None]
    assert read_png(png([b"\xff"], depth=1, width=8)).highest() == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG\r\n\x1a\n", BINARY[:-30], BINARY.replace(b"IHDR", b"JHDR"), png([b"\0"], filters=b"\7")],
    ids=["empty", "signature alone", "cut", "no header", "unknown filter"],
)
def test_broken_files_are_none(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_png(data)
