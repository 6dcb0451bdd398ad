"""Tensors in binary form, behind the JSON of an answer: the binary tensor data extension of KServe's protocol v2.

Values are little-endian, row by row, without gaps, in the order of the tensors; a text of BYTES follows its length.
"""

import struct
from typing import Any

from prelabel.errors import found_value
from prelabel.mapping.values import unreadable

_TYPES = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H", "UINT32": "I",
    "UINT64": "Q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip


def with_values(answer: Any, values: bytes) -> Any:
    """Return an answer whose binary tensors have their values as `data`, flat. Raises MessageError."""
    outputs = answer.get("outputs") if isinstance(answer, dict) else None
    tensors, taken = [], 0
    for at, tensor in enumerate(outputs if isinstance(outputs, list) else ()):
        size = _size(tensor, f"outputs[{at}].parameters.binary_data_size")
        if size is not None:
            own = values[taken : taken + size]
            if len(own) < size:
                expected = f"{size} bytes behind the JSON, its binary_data_size"
                raise unreadable(f"outputs[{at}]", f"{len(own)} bytes", expected)
            tensor = {**tensor, "data": _decoded(own, tensor.get("datatype"), f"outputs[{at}]")}
            taken += size
        tensors.append(tensor)
    if taken != len(values):
        raise unreadable("", f"{len(values)} bytes behind the JSON", f"{taken} bytes, the sum of binary_data_size")
    return {**answer, "outputs": tensors} if tensors else answer


def has_binary(outputs: list[Any]) -> bool:
    """Return whether one of these tensors is binary."""
    return any(_parameter(tensor) is not None for tensor in outputs)


def _parameter(tensor: Any) -> Any:
    parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
    return parameters.get("binary_data_size") if isinstance(parameters, dict) else None


def _size(tensor: Any, path: str) -> int | None:
    size = _parameter(tensor)
    if size is not None and (type(size) is not int or size < 0):
        raise unreadable(path, found_value(size), "a number of bytes")
    return size if size is None else int(size)


def _decoded(values: bytes, kind: Any, path: str) -> list[Any]:
    if kind == "BYTES":
        return _texts(values, path)
    code = _TYPES.get(kind) if isinstance(kind, str) else None
    if code is None:
        found = "nothing" if kind is None else found_value(kind)
        raise unreadable(f"{path}.datatype", found, f"one of {', '.join(_TYPES)} and BYTES")
    count, rest = divmod(len(values), struct.calcsize(code))
    if rest:
        raise unreadable(path, f"{len(values)} bytes", f"{struct.calcsize(code)} bytes for each value of {kind}")
    return list(struct.unpack(f"<{count}{code}", values))


def _texts(values: bytes, path: str) -> list[str]:
    texts: list[str] = []
    at = 0
    while at < len(values):
        end = at + 4 + int.from_bytes(values[at : at + 4], "little")
        if end > len(values):
            raise unreadable(path, f"{len(values) - at} bytes", f"{end - at} bytes for text {len(texts)} of BYTES")
        try:
            texts.append(values[at + 4 : end].decode())
        except UnicodeDecodeError:
            raise unreadable(
                path, f"bytes that are not UTF-8 as text {len(texts)}", "UTF-8 in a tensor of BYTES"
            ) from None
        at = end
    return texts
