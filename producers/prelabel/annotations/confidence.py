"""Confidences: numbers from 0 to 1. A model that computes with 32 bits may end a few roundings outside of them."""

from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field

ROUNDING = 4 * 2.0**-23
"""How far outside 0 to 1 a confidence still counts as 0 or 1: four steps of a 32-bit float at 1, about 4.8e-7."""


def rounded(value: Any) -> Any:
    """Return 0.0 or 1.0 for a number that is outside 0 to 1 by rounding only; any other value unchanged."""
    if isinstance(value, float) and not 0 <= value <= 1:
        if -ROUNDING <= value < 0:
            return 0.0
        if 1 < value <= 1 + ROUNDING:
            return 1.0
    return value


Confidence = Annotated[int | float, Field(ge=0, le=1, allow_inf_nan=False), BeforeValidator(rounded)]


def with_rounded_confidences(raw: bytes) -> bytes | None:
    """Return the message with every confidence rounded, at any depth; None if nothing changes or it is not JSON."""
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    changed, items = False, [message]
    while items:
        item = items.pop()
        if isinstance(item, list):
            items += item
        elif isinstance(item, dict):
            confidence = item.get("confidence")
            if (new := rounded(confidence)) is not confidence:
                item["confidence"], changed = new, True
            items += item.values()
    return orjson.dumps(message) if changed else None
