"""Binary tensors behind the JSON of an answer, as Triton and KServe send them; numpy writes the bytes."""

from typing import Any

import numpy as np
import orjson
import pytest

from prelabel.errors import MessageError
from prelabel.mapping.binary import with_values
from prelabel.mapping.file import mapping_of
from prelabel.serving import inference_of_body


def texts(*values: bytes) -> bytes:
    """Return a tensor of BYTES: each value behind its length."""
    return b"".join(len(value).to_bytes(4, "little") + value for value in values)


def answer(**tensors: tuple[list[int], str, bytes]) -> tuple[dict[str, Any], bytes]:
    """Return the JSON of an answer, and what stands behind it."""
    outputs = [
        {"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": len(values)}}
        for name, (shape, kind, values) in tensors.items()
    ]
    return {"model_name": "m", "outputs": outputs}, b"".join(values for _, _, values in tensors.values())


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("BOOL", np.array([True, False, True])),
        *[(kind.upper(), np.array([1, 0, 100], kind)) for kind in ("uint8", "uint16", "uint32", "uint64")],
        *[(kind.upper(), np.array([1, -2, 100], kind)) for kind in ("int8", "int16", "int32", "int64")],
        *[(f"FP{bits}", np.array([0.5, -2.25, 100], f"float{bits}")) for bits in (16, 32, 64)],
    ],
)
def test_each_type_of_values_is_read(kind: str, values: Any) -> None:
    document, rest = answer(x=([3], kind, values.astype(values.dtype.newbyteorder("<")).tobytes()))

    assert with_values(document, rest)["outputs"][0]["data"] == values.tolist()


def test_a_batch_of_boxes_and_names_becomes_messages() -> None:
    boxes = np.array([[[10, 20, 40, 60]], [[1, 2, 3, 4]]], "<f4")
    document, rest = answer(
        boxes=([2, 1, 4], "FP32", boxes.tobytes()),
        labels=([2, 1], "BYTES", texts("Möwe".encode(), b"buoy")),
        keys=([2], "BYTES", texts(b"a.jpg", b"b.jpg")),
    )
    body = orjson.dumps(document)
    output = {"tensors": "outputs", "box": "boxes.*", "box_format": "xyxy", "label": "labels.*"}
    mapping = mapping_of({"project": "p", "global_key": "{body.camera}/{body.outputs.2.data.*}", "output": output})

    messages = mapping.apply(inference_of_body(body + rest, len(body), camera="cam-1"))

    assert [(each["dataRow"]["globalKey"], each["annotations"][0]["name"]) for each in messages] == [
        ("cam-1/a.jpg", "Möwe"), ("cam-1/b.jpg", "buoy"),
    ]  # fmt: skip
    assert messages[0]["annotations"][0]["bbox"] == {"left": 10, "top": 20, "width": 30, "height": 40}


def test_tensors_in_json_and_binary_ones_stand_beside_each_other() -> None:
    document, rest = answer(x=([2], "INT32", np.array([1, 2], "<i4").tobytes()))
    document["outputs"].insert(0, {"name": "y", "shape": [1], "datatype": "FP32", "data": [0.5]})

    assert [each["data"] for each in with_values(document, rest)["outputs"]] == [[0.5], [1, 2]]


def test_an_answer_without_binary_tensors_stays_as_it_is() -> None:
    assert with_values({"predictions": []}, b"") == {"predictions": []}


FLOATS = np.array([1, 2], "<f4").tobytes()


@pytest.mark.parametrize(
    ("tensor", "rest", "problem"),
    [
        (([2], "FP32", FLOATS), FLOATS[:-1],
         "outputs[0]: expected 8 bytes behind the JSON, its binary_data_size, found 7 bytes"),
        (([2], "FP32", FLOATS), FLOATS + b"x",
         "message: expected 8 bytes, the sum of binary_data_size, found 9 bytes behind the JSON"),
        (([2], "FP32", FLOATS[:6]), FLOATS[:6], "outputs[0]: expected 4 bytes for each value of FP32, found 6 bytes"),
        (([2], "BF16", FLOATS), FLOATS, 'outputs[0].datatype: expected one of BOOL, INT8, INT16, INT32, INT64, UINT8, '
         'UINT16, UINT32, UINT64, FP16, FP32, FP64 and BYTES, found the text "BF16"'),
        (([1], "BYTES", b"\x05\0\0\0ab"), b"\x05\0\0\0ab",
         "outputs[0]: expected 9 bytes for text 0 of BYTES, found 6 bytes"),
        (([1], "BYTES", texts(b"\xff")), texts(b"\xff"),
         "outputs[0]: expected UTF-8 in a tensor of BYTES, found bytes that are not UTF-8 as text 0"),
    ],
)  # fmt: skip
def test_values_that_are_not_what_the_json_says_are_named(tensor: Any, rest: bytes, problem: str) -> None:
    document, _ = answer(x=tensor)

    with pytest.raises(MessageError) as caught:
        with_values(document, rest)

    assert str(caught.value) == problem


@pytest.mark.parametrize("size", ["8", -1, 8.5, True])
def test_a_size_that_is_none_is_named(size: Any) -> None:
    document, rest = answer(x=([2], "FP32", FLOATS))
    document["outputs"][0]["parameters"]["binary_data_size"] = size

    with pytest.raises(MessageError, match=r"outputs\[0\]\.parameters\.binary_data_size: expected a number of bytes"):
        with_values(document, rest)
