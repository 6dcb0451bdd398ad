"""Boxes from the forms in which models give them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import BoundingBox, DocumentBox, InvalidAnnotation, MessageError
from prelabel.builders import box_from_center, box_from_corners, box_from_yolo, document_box_from_corners


def test_corners_become_a_corner_and_a_size() -> None:
    assert box_from_corners("vessel", (10, 20, 40, 60), confidence=0.9) == BoundingBox(
        "vessel", left=10, top=20, width=30, height=40, confidence=0.9
    )


def test_centre_and_size() -> None:
    assert box_from_center("vessel", [25, 40, 30, 40]) == BoundingBox("vessel", left=10, top=20, width=30, height=40)


def test_yolo_values_are_fractions_of_the_image() -> None:
    box = box_from_yolo("vessel", [0.5, 0.5, 0.25, 0.5], image=(640, 480))

    assert box == BoundingBox("vessel", left=240, top=120, width=160, height=240)


def test_rows_of_arrays_are_taken() -> None:
    numpy = pytest.importorskip("numpy")

    box = box_from_corners("vessel", numpy.array([10, 20, 40, 60], dtype="float32"))

    assert type(box.bbox.left) is float
    assert box.bbox.width == 30


def test_a_box_is_clamped_to_the_image_when_its_size_is_known() -> None:
    assert box_from_corners("vessel", (-3, 20, 700, 60), image=(640, 480)).bbox.wire() == {
        "left": 0, "top": 20, "width": 640, "height": 40,
    }  # fmt: skip
    assert box_from_corners("vessel", (-3, 20, 700, 60)).bbox.width == 703


def test_a_yolo_box_over_the_edge_by_rounding_ends_at_the_edge() -> None:
    assert box_from_yolo("vessel", [0.9, 0.5, 0.200001, 0.1], image=(640, 480)).bbox.wire()["left"] < 512
    box = box_from_yolo("vessel", [0.9, 0.5, 0.200001, 0.1], image=(640, 480)).bbox
    assert box.left + box.width == pytest.approx(640)


def test_a_document_box_has_page_and_unit() -> None:
    box = document_box_from_corners("stamp", (72, 90, 252, 104), page=1)

    assert box == DocumentBox("stamp", left=72, top=90, width=180, height=14, page=1, unit="POINTS")


@pytest.mark.parametrize(
    ("build", "values", "path", "expected"),
    [
        (box_from_corners, (40, 20, 10, 60), "corners.right", "greater than left (40)"),
        (box_from_corners, (40, 20, 41, 20), "corners.bottom", "greater than top (20)"),
        (box_from_corners, (1, 2, 3), "corners", "4 numbers"),
        (box_from_corners, "1234", "corners", "4 numbers"),
        (box_from_corners, (1, 2, math.nan, 4), "corners.right", "a finite number"),
        (box_from_corners, (True, 2, 3, 4), "corners.left", "a finite number"),
        (box_from_corners, ("1", 2, 3, 4), "corners.left", "a finite number"),
        (box_from_center, (1, 2, 0, 4), "box.width", "greater than 0"),
        (lambda name, box: box_from_yolo(name, box, image=(640, 480)), (320, 0.5, 0.1, 0.1), "box.x", "a fraction"),
        (lambda name, box: box_from_yolo(name, box, image=(640, 480)), (0.5, 0.5, 0.1, -0.01), "box.height", "greater"),
        (lambda name, box: box_from_yolo(name, box, image=(0, 480)), (0.5, 0.5, 0.1, 0.1), "image.width", "greater"),
        (
            lambda name, box: box_from_corners(name, box, image=(640, 480)),
            (650, 2, 660, 4),
            "corners",
            "within the image",
        ),
    ],
)
def test_a_box_that_is_none_is_refused_with_field_found_and_expected(
    build: Any, values: Any, path: str, expected: str
) -> None:
    with pytest.raises(InvalidAnnotation) as caught:
        build("vessel", values)

    assert caught.value.path == path
    assert expected in caught.value.expected
    assert isinstance(caught.value, MessageError)


def test_corners_that_look_like_a_size_are_refused_with_a_hint() -> None:
    with pytest.raises(InvalidAnnotation, match=r"is it left, top, width, height\?"):
        box_from_corners("vessel", (300, 200, 30, 40))


FRACTIONS = st.floats(0.01, 1)


@given(x=st.floats(0, 1), y=st.floats(0, 1), width=FRACTIONS, height=FRACTIONS)
def test_a_yolo_box_lies_within_its_image(x: float, y: float, width: float, height: float) -> None:
    box = box_from_yolo("vessel", (x, y, width, height), image=(1920, 1080)).bbox

    assert min(box.left, box.top) >= 0
    assert box.left + box.width <= 1920 + 1e-9
    assert box.top + box.height <= 1080 + 1e-9
