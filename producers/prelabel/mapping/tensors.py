"""Named tensors, as KServe, Triton, MLServer and OpenVINO answer: `outputs: [{name, shape, datatype, data}]`."""

from math import prod
from typing import Any

from prelabel.errors import found_value
from prelabel.mapping.values import plain, unreadable

MAX_DIMENSIONS = 8


def by_name(tensors: Any, path: str) -> dict[str, Any]:
    """Return nested arrays by the names of their tensors. Raises MessageError."""
    if not isinstance(tensors, list):
        raise unreadable(path, found_value(tensors), "an array of tensors with name, shape and data")
    return dict(_named(tensor, f"{path}[{at}]") for at, tensor in enumerate(tensors))


def _named(tensor: Any, path: str) -> tuple[str, Any]:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise unreadable(path, found_value(tensor), "a tensor: an object with name, shape and data")
    data: Any = plain(tensor.get("data"))
    shape: Any = tensor.get("shape")
    if not isinstance(data, list):
        expected = "an array of values, or the body with its binary values and Inference-Header-Content-Length"
        raise unreadable(f"{path}.data", "nothing" if data is None else found_value(data), expected)
    if data and isinstance(data[0], list):  # nested already, which the protocol allows too
        return tensor["name"], data
    if not _is_shape(shape):
        raise unreadable(f"{path}.shape", found_value(shape), f"1 to {MAX_DIMENSIONS} whole numbers")
    if prod(shape) != len(data):
        raise unreadable(f"{path}.data", found_value(data), f"{prod(shape)} values for the shape {shape}")
    return tensor["name"], _nested(data, shape)


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, list)
        and 1 <= len(shape) <= MAX_DIMENSIONS
        and all(type(size) is int and size >= 0 for size in shape)
    )


def _nested(data: list[Any], shape: list[int]) -> list[Any]:
    """Return flat data as arrays in arrays. An empty tensor is one empty array below its leading sizes of 1."""
    if len(shape) == 1 or (not data and shape[0] != 1):
        return data
    step = len(data) // shape[0]
    return [_nested(data[at : at + step], shape[1:]) for at in range(0, max(len(data), 1), max(step, 1))]
