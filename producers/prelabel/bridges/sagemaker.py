"""The lines of SageMaker's data capture: the JSON inside their texts is decoded, so that templates can reach it."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prelabel.bridges.feed import decoded
from prelabel.errors import found_value
from prelabel.mapping import Incoming


def opened(incoming: Incoming) -> Incoming:
    """Return a captured line with the decoded `data` of its input and its output. Raises ValueError.

    An input that is not JSON, such as an image, stays as it is.
    """
    body = incoming.body
    captured = body.get("captureData") if isinstance(body, Mapping) else None
    if not isinstance(captured, Mapping):
        raise ValueError(f"captureData: expected an object, found {found_value(captured)}")
    sides = {name: _opened(side, name) for name, side in captured.items()}
    return replace(incoming, body={**body, "captureData": sides})


def _opened(side: Any, name: str) -> Any:
    if not isinstance(side, Mapping) or "data" not in side:
        return side
    try:
        return {**side, "data": _data(side, f"captureData.{name}.data")}
    except ValueError:
        if name == "endpointInput":
            return side
        raise


def _data(side: Mapping[str, Any], where: str) -> Any:
    data = side["data"]
    if side.get("encoding") == "BASE64" and isinstance(data, str):
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"{where}: expected base64: {error}") from None
    return decoded(data, where)
