"""Objects without frames as exports have them: their kinds and geometries."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Address = Callable[[Json, int | None], str | None]
"""Returns the address of a mask's image; the number is that of its frame."""

_PREFIXES = {
    "video": "Video",
    "text": "Text",
    "conversational": "ConversationalText",
    "multimodal chat": "ConversationalText",
    "document": "Document",
    "DICOM": "DICOM",
    "geospatial": "Geo",
    "tiled": "Geo",
}
_SHAPES = {
    "bbox": "BoundingBox",
    "polygon": "Polygon",
    "line": "Polyline",
    "point": "Point",
    "mask": "SegmentationMask",
    "location": "Entity",
    "textSelections": "EntityToken",
}
_TASKS = {
    "message-single-selection": "MessageSingleSelection",
    "message-multi-selection": "MessageMultiSelection",
    "message-ranking": "MessageRanking",
}


def kind_of(holder: Json, media: str) -> str:
    """Return the `annotation_kind` of a line or a keyframe; those that no live test shows are made like the others."""
    if "messageEvaluationTask" in holder:
        return _TASKS.get(holder["messageEvaluationTask"]["format"], "")
    shape = next((shape for key, shape in _SHAPES.items() if key in holder), "")
    return f"{_PREFIXES.get(media, 'Image')}{shape}"


def geometry_of(holder: Json, text: str | None, address: Address) -> Json:
    """Return the keys of a geometry. `text` is the text that entities are parts of, if it is known."""
    for key, made in _GEOMETRIES.items():
        if key in holder:
            return made(holder)
    if "location" in holder:
        return _location(holder, text)
    if "mask" in holder:
        return _mask(holder["mask"], address(holder["mask"], None))
    return {}


def composite(url: str | None, color: Any) -> Json:
    """Return the mask of one colour in a picture of several."""
    return {"composite_mask": {"url": url, "color_rgb": color}}


def _box(holder: Json) -> Json:
    page = {"page_number": holder["page"]} if "page" in holder else {}
    return {**page, "bounding_box": {key: holder["bbox"][key] for key in ("top", "left", "height", "width")}}


def _polygon(holder: Json) -> Json:
    """Return a closed ring: four open points came back as five (live test)."""
    ring = holder["polygon"]
    return {"polygon": ring if ring[:1] == ring[-1:] else [*ring, ring[0]]}


def _location(holder: Json, text: str | None) -> Json:
    start, end = holder["location"]["start"], holder["location"]["end"]
    if "messageId" in holder:
        location = {"message_id": holder["messageId"], "location": {"start": start, "end": end}}
        return {"conversational_location": location}
    token = {} if text is None else {"token": text[start : end + 1]}
    return {"location": {"start": start, "end": end, **token}}


def _tokens(holder: Json) -> Json:
    groups = [
        {"id": part["groupId"], "page_number": part.get("page"), "tokens": part["tokenIds"]}
        for part in holder["textSelections"]
    ]
    return {"location": {"groups": groups}}


def _mask(mask: Json, url: str | None) -> Json:
    return composite(url, mask["colorRGB"]) if mask.get("colorRGB") else {"mask": {"url": url}}


def _evaluation(holder: Json) -> Json:
    task = holder["messageEvaluationTask"]
    data, parent = task["data"], {"parent_message_id": task["data"].get("parentMessageId")}
    if "selectedMessages" in data:
        return {"selected_messages": {"messages": [_message(each) for each in data["selectedMessages"]], **parent}}
    if "rankedMessages" in data:
        ranked = [{**_message(each), "order": each.get("order")} for each in data["rankedMessages"]]
        return {"ranked_messages": {"ranked_messages": ranked, **parent}}
    return {"selected_message": {**_message(data), **parent}}


def _message(data: Json) -> Json:
    return {"message_id": data.get("messageId"), "model_config_name": data.get("modelConfigName")}


_GEOMETRIES: dict[str, Callable[[Json], Json]] = {
    "bbox": _box,
    "polygon": _polygon,
    "line": lambda holder: {"line": holder["line"]},
    "point": lambda holder: {"point": holder["point"]},
    "textSelections": _tokens,
    "messageEvaluationTask": _evaluation,
}
