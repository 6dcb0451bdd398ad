"""Masks from arrays and run lengths, into PNG, and back."""

import base64
import subprocess
import sys
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import GlobalKey, InvalidAnnotation, Mask, PredictionMessage
from prelabel.annotations.png import GRAY, RGB, read_png
from prelabel.builders import composite_of, mask_from_array, mask_from_rle
from prelabel.validation.gate import prepare

RING = [[1, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 1, 0, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0] * 5]
"""What pycocotools makes of it is the golden value below."""


def pixels(mask: Mask) -> list[list[int]]:
    assert mask.mask.png is not None
    image = read_png(base64.b64decode(mask.mask.png))
    assert (image.color, image.depth) == (GRAY, 8)
    assert image.rows is not None
    return [list(row) for row in image.rows]


def run_lengths(rows: list[list[int]]) -> list[int]:
    """Down the columns, background first."""
    flat = [row[column] for column in range(len(rows[0])) for row in rows]
    runs = [(value, len(list(group))) for value, group in groupby(flat)]
    return [0] * (runs[0][0] == 1) + [length for _, length in runs]


def test_compressed_run_lengths_of_pycocotools() -> None:
    assert pixels(mask_from_rle("oil film", {"size": [7, 5], "counts": "0174KMO0136"})) == RING
    assert pixels(mask_from_rle("oil film", {"size": [7, 5], "counts": b"0174KMO0136"})) == RING


def test_run_lengths_as_a_list() -> None:
    assert pixels(mask_from_rle("oil film", {"size": [7, 5], "counts": run_lengths(RING)})) == RING


@given(st.integers(1, 9).flatmap(lambda width: st.lists(st.lists(st.integers(0, 1), min_size=width, max_size=width),
                                                        min_size=1, max_size=9)))  # fmt: skip
def test_every_mask_comes_back_from_its_run_lengths(rows: list[list[int]]) -> None:
    rle = {"size": [len(rows), len(rows[0])], "counts": run_lengths(rows)}
    if not any(map(any, rows)):
        with pytest.raises(InvalidAnnotation, match="empty mask"):
            mask_from_rle("oil film", rle)
    else:
        assert pixels(mask_from_rle("oil film", rle)) == rows


@pytest.mark.parametrize(("dtype", "factor"), [("bool", 1), ("uint8", 1), ("uint8", 255), ("int64", 1)])
def test_an_array_of_any_of_the_usual_forms(dtype: str, factor: int) -> None:
    numpy = pytest.importorskip("numpy")

    assert pixels(mask_from_array("oil film", (numpy.array(RING) * factor).astype(dtype))) == RING


def test_an_array_that_is_not_contiguous() -> None:
    numpy = pytest.importorskip("numpy")

    assert pixels(mask_from_array("oil film", numpy.asfortranarray(numpy.array(RING, dtype=bool)))) == RING
    assert pixels(mask_from_array("oil film", numpy.array(RING, dtype=bool)[:, ::-1])) == [row[::-1] for row in RING]


def test_a_mask_passes_the_gate() -> None:
    mask = mask_from_rle("oil film", {"size": [7, 5], "counts": "0174KMO0136"}, confidence=0.5)

    prepare(PredictionMessage(project_id="cm1", data_row=GlobalKey("a"), annotations=[mask]))


@pytest.mark.parametrize(
    ("rle", "path", "expected"),
    [
        ([1, 2], "rle", "size and counts"),
        ({"size": [7, 5]}, "rle", "size and counts"),
        ({"size": 7, "counts": [0, 35]}, "rle.size", "[height, width]"),
        ({"size": [7, 0], "counts": []}, "rle.size", "a height and a width"),
        ({"size": [100_000, 100_000], "counts": []}, "rle.size", "at most"),
        ({"size": [7, 5], "counts": [0, 34]}, "rle.counts", "7 x 5 = 35 pixels"),
        ({"size": [7, 5], "counts": [0, -1, 36]}, "rle.counts[1]", "0 or more"),
        ({"size": [7, 5], "counts": [0, 1.5]}, "rle.counts[1]", "a whole number"),
        ({"size": [7, 5], "counts": "01~"}, "rle.counts[2]", "a character"),
        ({"size": [7, 5], "counts": "01P"}, "rle.counts", "compressed run lengths"),
        ({"size": [7, 5], "counts": [35]}, "rle", "a pixel that belongs to the object"),
    ],
)
def test_run_lengths_that_are_none_are_refused(rle: Any, path: str, expected: str) -> None:
    with pytest.raises(InvalidAnnotation) as caught:
        mask_from_rle("oil film", rle)

    assert caught.value.path == path
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    ("array", "path", "expected"),
    [
        ([[0, 1]], "mask", "a numpy array"),
        ("zeros((2, 3, 4), dtype=bool)", "mask.shape", "(height, width)"),
        ("full((2, 3), 0.7)", "mask.dtype", "bool or uint8"),
        ("array([[0, 3]])", "mask", "pixels of 0 and 1"),
        ("array([[0, 1, 255]])", "mask", "pixels of 0 and 1"),
        ("array([[0, -1]])", "mask", "pixels of 0 and 1"),
        ("zeros((2, 3), dtype=bool)", "mask", "a pixel that belongs to the object"),
        ("zeros((0, 3), dtype=bool)", "mask", "a pixel that belongs to the object"),
        ("zeros((0, 3), dtype='uint8')", "mask", "a pixel that belongs to the object"),
    ],
)
def test_an_array_that_is_no_mask_is_refused(array: Any, path: str, expected: str) -> None:
    if isinstance(array, str):
        array = eval(array, vars(pytest.importorskip("numpy")))

    with pytest.raises(InvalidAnnotation) as caught:
        mask_from_array("oil film", array)

    assert caught.value.path == path
    assert expected in caught.value.expected


def rle_of(rows: list[list[int]]) -> dict[str, Any]:
    return {"size": [len(rows), len(rows[0])], "counts": run_lengths(rows)}


def test_a_composite_has_a_colour_for_each_object() -> None:
    composite = composite_of([("oil film", rle_of([[1, 1, 0], [0, 0, 0]])), ("foam", rle_of([[0, 0, 0], [0, 0, 1]]))])

    image = read_png(composite.png)
    assert (image.width, image.height, image.color) == (3, 2, RGB)
    assert image.rows is not None
    first, second = (bytes(color) for color in composite.colors)
    black = b"\0\0\0"
    assert list(image.rows) == [first + first + black, black + black + second]
    assert composite.masks("https://m.example/1.png") == [
        Mask("oil film", uri="https://m.example/1.png", color=composite.colors[0]),
        Mask("foam", uri="https://m.example/1.png", color=composite.colors[1]),
    ]


def test_the_colours_of_a_composite_differ_and_none_is_black() -> None:
    composite = composite_of([("foam", rle_of([[int(at == mine) for at in range(255)]])) for mine in range(255)])

    assert len(set(composite.colors)) == 255
    assert (0, 0, 0) not in composite.colors
    assert all(read_png(composite.png).has_color(color) for color in composite.colors)


def test_overlapping_masks_are_refused_unless_the_last_shall_win() -> None:
    masks = [("oil film", rle_of([[1, 1, 0]])), ("foam", rle_of([[0, 1, 1]]))]

    with pytest.raises(InvalidAnnotation, match=r"masks\[1\]: expected pixels of its own, found 1 pixels"):
        composite_of(masks)
    rows = read_png(composite_of(masks, overlap="last").png).rows
    assert rows is not None
    first, second = (bytes(color) for color in composite_of(masks, overlap="last").colors)
    assert rows[0] == first + second + second


@pytest.mark.parametrize(
    ("masks", "path"),
    [
        ([], "masks"),
        ([("a", rle_of([[1, 0]])), ("b", rle_of([[0], [1]]))], "masks[1]"),
        ([("a", rle_of([[1, 0]])), ("b", rle_of([[1, 0]]))], "masks[0]"),
        ([("a", {"size": [1, 1]})], "masks[0]"),
    ],
)
def test_a_composite_that_cannot_be_made_is_refused(masks: Any, path: str) -> None:
    with pytest.raises(InvalidAnnotation) as caught:
        composite_of(masks, overlap="last")

    assert caught.value.path == path


def test_builders_load_no_numpy_and_prelabel_loads_no_builders() -> None:
    code = "import sys, prelabel; a = 'prelabel.builders' in sys.modules; import prelabel.builders; print(a, sorted("
    code += "{'numpy', 'PIL', 'labelbox'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False []"
