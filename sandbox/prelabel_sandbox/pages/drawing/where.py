"""The place of an annotation in words: for the list beside a drawing, and for media that are not drawn."""

from typing import Any

from prelabel_sandbox.pages.formats import number

# The names of kinds. An answer is called by the type of its classification.
NAMES = {
    "bbox": "box",
    "polygon": "polygon",
    "point": "point",
    "line": "line",
    "mask": "mask",
    "location": "entity",
    "textSelections": "entity",
    "segments": "track",
    "masks": "masks of frames",
    "relationship": "relationship",
    "messageEvaluationTask": "evaluation",
}

# The same for slices of a volume.
_NAMES_OF_SLICES = {"segments": "line", "masks": "masks of slices"}


def kind_of(line: dict[str, Any]) -> str:
    """Return the key that determines the line's kind; "answer" for an answer."""
    return next((key for key in NAMES if key in line), "answer")


def name_of(line: dict[str, Any], kind: str) -> str:
    """Return the name of an object's kind."""
    return _NAMES_OF_SLICES.get(kind, NAMES[kind]) if "groupKey" in line else NAMES[kind]


def where(line: dict[str, Any], kind: str) -> str:
    """Return the place in words; "" if the annotation belongs to the whole data row."""
    parts = [_places[kind](line)] if kind in _places else []
    for key, word in (("messageId", "message"), ("page", "page"), ("unit", "in"), ("groupKey", "group")):
        if key in line:
            parts.append(f"{word} {line[key]}")
    return ", ".join(filter(None, parts))


def _box(line: dict[str, Any]) -> str:
    box = line["bbox"]
    return f"{number(box['width'])} × {number(box['height'])} at {number(box['left'])}, {number(box['top'])}"


def _points(key: str, line: dict[str, Any]) -> str:
    return f"{len(line[key])} points from {number(line[key][0]['x'])}, {number(line[key][0]['y'])}"


def _mask(line: dict[str, Any]) -> str:
    mask = line["mask"]
    color = f"colour {', '.join(map(str, mask['colorRGB']))}" if "colorRGB" in mask else "binary"
    return f"{color}, {mask.get('instanceURI', 'inline PNG')}"


def _segments(line: dict[str, Any]) -> str:
    intervals = [segment["keyframes"] for segment in line["segments"]]
    count = sum(map(len, intervals))
    frames = ", ".join(_interval(keyframes[0]["frame"], keyframes[-1]["frame"]) for keyframes in intervals[:20])
    return f"{count} keyframe{'' if count == 1 else 's'}, {_word(line)}s {frames}{' …' if len(intervals) > 20 else ''}"


def _word(line: dict[str, Any]) -> str:
    return "slice" if "groupKey" in line else "frame"


def _interval(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}–{last}"


def _masks(line: dict[str, Any]) -> str:
    indexes = [frame["index"] for frame in line["masks"]["frames"]]
    return f"{len(indexes)} {_word(line)}{'' if len(indexes) == 1 else 's'}, {_interval(min(indexes), max(indexes))}"


def _selections(line: dict[str, Any]) -> str:
    selections = [(selection["page"], len(selection["tokenIds"])) for selection in line["textSelections"][:20]]
    return "; ".join(f"page {page}, {count} token{'' if count == 1 else 's'}" for page, count in selections)


def _task(line: dict[str, Any]) -> str:
    data = line["messageEvaluationTask"]["data"]
    messages = data.get("rankedMessages") or data.get("selectedMessages") or [data]
    ranked = sorted(messages, key=lambda message: message.get("order", 0))[:20]
    names = ", ".join(f"{message['messageId']} ({message['modelConfigName']})" for message in ranked)
    return f"{names}, in answer to {data['parentMessageId']}"


_places = {
    "bbox": _box,
    "polygon": lambda line: _points("polygon", line),
    "line": lambda line: _points("line", line),
    "point": lambda line: f"{number(line['point']['x'])}, {number(line['point']['y'])}",
    "mask": _mask,
    "location": lambda line: f"characters {line['location']['start']}–{line['location']['end']}",
    "segments": _segments,
    "masks": _masks,
    "textSelections": _selections,
    "messageEvaluationTask": _task,
}
