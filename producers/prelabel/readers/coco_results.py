"""COCO detection results: an array of `{image_id, category_id, bbox: [x, y, width, height], score}`.

The boxes of one image become one message; coordinates are pixels from the top left, as Labelbox's are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from prelabel.readers.base import BadRecord, Record, Source, UnreadableSource

_IMAGE_ID = re.compile(r"\{image_id(?::0?(\d{1,3})d)?\}")


@dataclass(frozen=True, slots=True)
class CocoOptions:
    """What the results do not say: `global_key` is a template, with `{image_id}` or, padded, `{image_id:012d}`."""

    project_id: str
    global_key: str = "{image_id}"
    model: str | None = None


def read_categories(path: Path) -> dict[int, str]:
    """Category id → name, from an array of `{id, name}` or an object that holds it as `categories`."""
    found = _load(path)
    if isinstance(found, dict):
        found = found.get("categories")
    try:
        return {int(each["id"]): str(each["name"]) for each in found}
    except (TypeError, KeyError, ValueError):
        raise UnreadableSource(f"{path}: expected an array of categories with id and name") from None


def read_coco_results(path: Path, categories: Mapping[int, str], options: CocoOptions) -> Source:
    """One message for each image, in the order of the file. Raises UnreadableSource."""
    results = _load(path)
    if not isinstance(results, list):
        raise UnreadableSource(f"{path}: expected an array of results")
    images: dict[Any, list[dict[str, Any]]] = {}
    for index, result in enumerate(results):
        try:
            image_id, box = _box(result, categories)
        except ValueError as error:
            yield BadRecord(f"{path.name}[{index}]", str(error))
        else:
            images.setdefault(image_id, []).append(box)
    for image_id, boxes in images.items():
        message: dict[str, Any] = {
            "projectId": options.project_id,
            "dataRow": {"globalKey": _filled(options.global_key, image_id)},
            "annotations": boxes,
        }
        if options.model:
            message["model"] = {"name": options.model}
        yield Record(f"image {image_id}", message)


def _filled(template: str, image_id: Any) -> str:
    """Only the one name is filled in; nothing of a template is evaluated."""
    return _IMAGE_ID.sub(lambda found: str(image_id).zfill(int(found[1] or 0)), template)


def _box(result: Any, categories: Mapping[int, str]) -> tuple[Any, dict[str, Any]]:
    """The image and the annotation of one result. Raises ValueError with what is wrong."""
    if not isinstance(result, dict):
        raise ValueError("a result is an object")
    for key in ("image_id", "category_id", "bbox"):
        if key not in result:
            raise ValueError(f"{key} is missing")
    name = categories.get(result["category_id"]) if isinstance(result["category_id"], int) else None
    if name is None:
        raise ValueError(f"category_id {result['category_id']!r} is not in the categories")
    bbox = result["bbox"]
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise ValueError("bbox: expected [x, y, width, height]")
    left, top, width, height = bbox
    annotation = {"name": name, "bbox": {"top": top, "left": left, "height": height, "width": width}}
    score = result.get("score")
    if score is not None:
        annotation["confidence"] = score
    return result["image_id"], annotation


def _load(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableSource(f"{path}: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise UnreadableSource(f"{path}: not JSON: {error}") from None
