"""What an error says was found: never a value that it says is expected."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prelabel import MessageError, Reason
from prelabel.validation.gate import prepare, read_message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    # Texts that read as numbers, and what is near a bound, are the ones that contradict themselves.
    | st.text(max_size=5) | st.integers().map(str) | st.floats().map(str)
    | st.floats(1, 1.00001) | st.floats(-0.00001, 0),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)  # fmt: skip


def message(path: tuple[str | int, ...], value: Any) -> bytes:
    whole: dict[str, Any] = {
        "projectId": "p",
        "dataRow": {"globalKey": "k"},
        "model": {"name": "m"},
        "annotations": [
            {"name": "box", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}, "confidence": 0.5},
            {"name": "track", "segments": [{"keyframes": [{"frame": 1, "point": {"x": 1, "y": 2}}]}]},
            {"name": "page", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}, "page": 1, "unit": "POINTS"},
        ],
    }
    place: Any = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return orjson.dumps(whole)


FIELDS: list[tuple[str | int, ...]] = [
    ("annotations", 0, "confidence"),
    ("annotations", 0, "bbox", "width"),
    ("annotations", 0, "bbox", "top"),
    ("annotations", 0, "name"),
    ("annotations", 0, "schemaId"),
    ("annotations", 1, "segments", 0, "keyframes", 0, "frame"),
    ("annotations", 1, "segments", 0, "keyframes", 0, "point", "x"),
    ("annotations", 2, "page"),
    ("version",),
    ("projectId",),
    ("model", "name"),
    ("dataRow", "globalKey"),
]


def refusal(path: tuple[str | int, ...], value: Any) -> MessageError | None:
    try:
        read_message(message(path, value))
    except MessageError as error:
        return error
    return None


@given(st.sampled_from(FIELDS), JSON)
@example(("annotations", 2, "page"), "10")
@example(("annotations", 0, "confidence"), 1.0000012)
@example(("annotations", 0, "confidence"), -4.8e-7)
@example(("annotations", 0, "bbox", "width"), -0.0)
def test_a_value_that_is_found_would_be_refused_in_the_place_of_the_refused_one(
    path: tuple[str | int, ...], value: Any
) -> None:
    error = refusal(path, value)
    if error is None:
        return
    assert error.reason is not Reason.GATE_DISAGREES
    try:
        found = json.loads(error.found)
    except ValueError:
        return  # words, such as `the text "10"`
    assert refusal(path, found) is not None, str(error)


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        (("annotations", 2, "page"), "10", 'annotations[2].page: expected a whole number, found the text "10"'),
        (("annotations", 2, "page"), 1.0, "annotations[2].page: expected a whole number, found 1.0"),
        (("annotations", 0, "bbox", "top"), True, "annotations[0].bbox.top: expected a number, found true"),
        (
            ("annotations", 0, "confidence"),
            1.0000012,
            "annotations[0].confidence: expected a number of at most 1, found 1.0000012",
        ),
        (
            ("annotations", 0, "bbox", "width"),
            -0.0,
            "annotations[0].bbox.width: expected a number greater than 0, found -0.0",
        ),
        (("annotations", 0, "name"), "", "annotations[0].name: expected at least 1 character, found an empty text"),
        (("model", "name"), "x" * 201, "model.name: expected at most 200 characters, found 201 characters"),
    ],
)
def test_an_error_does_not_contradict_itself(path: tuple[str | int, ...], value: Any, shown: str) -> None:
    assert str(refusal(path, value)) == shown


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (b"NaN", "NaN"),
        (b"-Infinity", "-Infinity"),
        (b"1e400", "1e400"),
        (b"-1e999", "-1e999"),
        (b"nan", "NaN"),
        (b"-nan", "NaN"),
        (b"inf", "Infinity"),
        (b"-INF", "-Infinity"),
        (b"9" * 400, "9" * 79 + "\N{HORIZONTAL ELLIPSIS}"),
        (b"-" + b"9" * 5000, "-" + "9" * 78 + "\N{HORIZONTAL ELLIPSIS}"),
    ],
)
def test_a_number_that_json_or_a_float_cannot_hold_is_named_as_it_was_written(written: bytes, found: str) -> None:
    raw = message(("annotations", 0, "bbox", "top"), "HERE").replace(b'"HERE"', written)

    with pytest.raises(MessageError) as refused:
        read_message(raw)

    shown = f"annotations[0].bbox.top: expected a finite number, found {found}"
    assert (str(refused.value), refused.value.reason) == (shown, Reason.MALFORMED_JSON)


def test_words_in_a_string_are_no_numbers() -> None:
    raw = message(("annotations", 0, "name"), 'inf, "nan" and \\ Infinity').replace(b'"top":1', b'"top":nan', 1)

    with pytest.raises(MessageError) as refused:
        read_message(raw)

    assert refused.value.path == "annotations[0].bbox.top"


@pytest.mark.parametrize("key", ["confidence", "customMetrics"])
def test_nan_in_a_mapping_is_refused_instead_of_becoming_null(key: str) -> None:
    value = {"confidence": float("nan"), "customMetrics": [{"name": "iou", "value": float("nan")}]}[key]
    published = orjson.loads(message(("annotations", 0, "name"), "null"))
    published["annotations"][0][key] = value

    with pytest.raises(MessageError, match=r"annotations\[0\]\..*: expected a finite number, found NaN"):
        prepare(published)


def test_nan_in_an_array_of_numpy_is_refused_with_its_place() -> None:
    numpy = pytest.importorskip("numpy")
    published = orjson.loads(message(("annotations", 0, "name"), "box"))
    published["annotations"][0]["bbox"]["top"] = numpy.float32("nan")

    with pytest.raises(MessageError, match=r"annotations\[0\]\.bbox\.top: expected a finite number, found NaN"):
        prepare(published)
