"""Answers of the protocol v2 (KServe, Triton) as they are sent: JSON, and the values of binary tensors behind it.

A server says in a header how long the JSON is. KServe's payload logger passes bodies on without that header, so there
the JSON ends where its object does.
"""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from prelabel.errors import MalformedMessage, Reason, found_value
from prelabel.mapping.binary import has_binary, with_values
from prelabel.validation.explain_message import not_json

LENGTH = "inference-header-content-length"
"""The header that has the number of bytes of the JSON."""
_DECODE = json.JSONDecoder().raw_decode


def is_inference(headers: Mapping[str, str]) -> bool:
    """Return whether headers are those of an answer with binary tensors."""
    return LENGTH in headers


def decoded(raw: bytes, headers: Mapping[str, str]) -> Any:
    """Return a body that is JSON, or JSON with binary tensors behind it. Raises MessageError."""
    if is_inference(headers):
        length = _length(headers[LENGTH], len(raw))
        return with_values(_json(raw[:length]), raw[length:])
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        end = _end(raw)
        if end is None:
            raise not_json(raw, error) from None
        return with_values(_json(raw[:end]), raw[end:])


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise not_json(raw, error) from None


def _length(text: str, size: int) -> int:
    length = int(text[:20]) if text.isdecimal() else -1
    if not 0 <= length <= size:
        expected = f"the number of bytes of the JSON, at most {size}"
        path = "Inference-Header-Content-Length"
        raise MalformedMessage(Reason.MALFORMED_MESSAGE, path, found_value(text), expected)
    return length


def _end(raw: bytes) -> int | None:
    """Return where the JSON of an answer with binary tensors ends; None if the bytes are none."""
    start = len(raw) - len(raw.lstrip())
    try:
        # Each byte is one character of Latin-1, and no byte of UTF-8 looks like a sign of JSON.
        answer, end = _DECODE(raw.decode("latin-1"), start)
    except (ValueError, RecursionError):
        return None
    outputs = answer.get("outputs") if isinstance(answer, dict) else None
    return end if isinstance(outputs, list) and has_binary(outputs) else None
