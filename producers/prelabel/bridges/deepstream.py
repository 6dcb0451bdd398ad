"""DeepStream's messages: the minimal schema has all objects of a frame, the full schema one object a message.

The class of an object becomes the annotation's name, its box a bounding box in the pixels of the frame that DeepStream
saw. Templates of global keys can use `{record.sensor}`, `{record.frame}` (minimal schema) and `{record.timestamp}`.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prelabel.bridges.feed import Delivery
from prelabel.bridges.rows import Row, with_record
from prelabel.errors import found_value
from prelabel.mapping import Incoming

MAX_OBJECTS = 10_000
"""Maximum number of objects of one frame in the full schema."""
MAX_FRAMES = 10_000
"""Maximum number of frames that wait for more objects, one for each sensor."""
_NO_CLASS = frozenset(
    [
        "id",
        "speed",
        "direction",
        "orientation",
        "bbox",
        "location",
        "coordinate",
        "pose",
        "embedding",
        "mask",
        "polygon",
        "label",
        "confidence",
    ]
)
"""Keys of an object in the full schema that do not name its class."""


@dataclass(slots=True)
class _Frame:
    """The frame of a sensor that waits for more of its objects."""

    timestamp: str
    deliveries: list[Delivery] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    latest: float = 0.0


class FrameRows:
    """Makes one row of the objects of a frame.

    In the full schema a frame ends when its sensor sends an object of another frame, or nothing for `seconds`. The
    records of a frame are acknowledged together, so that after a crash they come together again.
    """

    gathers = True

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._frames: dict[str, _Frame] = {}

    def add(self, deliveries: Iterable[Delivery]) -> list[Row]:
        """Take records of either schema; return the frames that are complete."""
        rows: list[Row] = []
        for delivery in deliveries:
            try:
                rows += self._take(delivery)
            except ValueError as error:
                rows.append(Row((delivery,), None, str(error)))
        return rows

    def rest(self, *, all_of_it: bool) -> list[Row]:
        """Return the frames whose sensor has sent nothing for a while, or all frames."""
        until = self._clock() - self._seconds
        over = [sensor for sensor, frame in self._frames.items() if all_of_it or frame.latest <= until]
        return [_row(sensor, self._frames.pop(sensor)) for sensor in over]

    def _take(self, delivery: Delivery) -> list[Row]:
        if delivery.incoming is None:
            raise ValueError(delivery.problem)
        body = delivery.incoming.body
        if isinstance(body, Mapping) and "objects" in body:
            return [Row((delivery,), _minimal(delivery.incoming))]
        sensor, timestamp, annotation = _full(body)
        rows = []
        frame = self._frames.get(sensor)
        if frame is not None and (frame.timestamp != timestamp or len(frame.deliveries) >= MAX_OBJECTS):
            rows.append(_row(sensor, self._frames.pop(sensor)))
            frame = None
        if frame is None:
            if len(self._frames) >= MAX_FRAMES:
                oldest = min(self._frames, key=lambda name: self._frames[name].latest)
                rows.append(_row(oldest, self._frames.pop(oldest)))
            frame = self._frames[sensor] = _Frame(timestamp)
        frame.deliveries.append(delivery)
        frame.annotations.append(annotation)
        frame.latest = self._clock()
        return rows


def _row(sensor: str, frame: _Frame) -> Row:
    first = frame.deliveries[0].incoming or Incoming(None)
    incoming = replace(first, body={"annotations": frame.annotations})
    return Row(tuple(frame.deliveries), with_record(incoming, sensor=sensor, timestamp=frame.timestamp))


def _minimal(incoming: Incoming) -> Incoming:
    """Return a message of the minimal schema as annotations. Raises ValueError."""
    body = incoming.body
    objects = body["objects"]
    if not isinstance(objects, list):
        raise ValueError(f"objects: expected an array of texts, found {found_value(objects)}")
    annotations = [_of_text(text, f"objects[{at}]") for at, text in enumerate(objects)]
    facts = {"sensor": body.get("sensorId"), "frame": body.get("id"), "timestamp": body.get("@timestamp")}
    return with_record(replace(incoming, body={"annotations": annotations}), **facts)


def _of_text(text: Any, where: str) -> dict[str, Any]:
    """Return the annotation of `id|left|top|right|bottom|class|#|attributes…|confidence`. Raises ValueError."""
    parts = text.split("|") if isinstance(text, str) else []
    if len(parts) < 6 or not parts[5]:
        raise ValueError(f"{where}: expected id|left|top|right|bottom|class, found {found_value(text)}")
    score = _number(parts[-1]) if "#" in parts[6:] else None
    return _annotation(parts[5], [_number(part) for part in parts[1:5]], score, where)


def _full(body: Any) -> tuple[str, str, dict[str, Any]]:
    """Return sensor, time and annotation of a message of the full schema. Raises ValueError."""
    thing = _at(body, "object", dict)
    sensor = _at(_at(body, "sensor", dict), "id", str, "sensor.id")
    timestamp = _at(body, "@timestamp", str)
    box = _at(thing, "bbox", dict, "object.bbox")
    corners = [_number(box.get(name)) for name in ("topleftx", "toplefty", "bottomrightx", "bottomrighty")]
    kinds = [name for name, value in thing.items() if name not in _NO_CLASS and isinstance(value, Mapping)]
    name = thing["label"] if isinstance(thing.get("label"), str) else kinds[0] if kinds else None
    if not name:
        raise ValueError("object: expected a class such as person or vehicle, found none")
    of_kind = thing[kinds[0]].get("confidence") if kinds else None
    return sensor, timestamp, _annotation(name, corners, _number(thing.get("confidence", of_kind)), "object.bbox")


def _at(value: Any, key: str, kind: type, where: str | None = None) -> Any:
    found = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(found, kind) or not found:
        expected = "a text" if kind is str else "an object"
        raise ValueError(f"{where or key}: expected {expected}, found {found_value(found)}")
    return found


def _number(value: Any) -> float | None:
    """Return a number, also one that is written as a text; None for anything else."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < 1e9 else None


def _annotation(name: str, corners: list[float | None], score: float | None, where: str) -> dict[str, Any]:
    left, top, right, bottom = corners
    if left is None or top is None or right is None or bottom is None:
        raise ValueError(f"{where}: expected four numbers, the corners of the box")
    box = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    annotation: dict[str, Any] = {"name": name, "bbox": box}
    # DeepStream writes -0.1 where there is no confidence.
    return annotation | ({"confidence": score} if score is not None and 0 <= score <= 1 else {})
