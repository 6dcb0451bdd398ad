"""The parts that COCO's formats share: names of categories, sizes of images, a walk over results that skips bad ones.

The file is an array of results, or an object as COCO defines it, with the results under `annotations`, perhaps with
`images` and `categories`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    UnreadableSource,
    bad_record,
    fields_of,
    filled,
    score_of,
    text_of,
)
from prelabel.readers.json_stream import elements
from prelabel.readers.mapping import Target


@dataclass(frozen=True, slots=True)
class Category:
    """A category's name and, if it has any, the names of its keypoints."""

    name: str
    keypoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """An image's file name and size in pixels, as far as they are known."""

    file_name: str | None = None
    width: int | None = None
    height: int | None = None


class Coco:
    """A file of predictions, and the files with its categories and images, if they are separate."""

    def __init__(self, path: Path, options: ReaderOptions) -> None:
        self.path = path
        self.options = options
        self.template = options.key_template("{image_id}")
        if not fields_of(self.template) & {"image_id", "file_name"}:
            raise UnreadableSource(
                f"global key {self.template!r}: expected {{image_id}} or {{file_name}}: every image needs its own"
            )
        self._images: dict[Any, Image] | None = None

    def categories(self) -> dict[int, Category]:
        """Return categories by id, from the named file or this one. Raises UnreadableSource if neither has any."""
        beside = self.options.categories
        categories = read_categories(beside or self.path, alone=beside is not None)
        if not categories:
            raise UnreadableSource(f"{self.path} names no categories: give --categories FILE")
        return categories

    def image(self, image_id: Any) -> Image:
        """Return an image's name and size, as far as they are known."""
        if self._images is None:
            beside = self.options.images
            self._images = _read_images(beside or self.path, alone=beside is not None)
        return self._images.get(image_id, Image())

    def key(self, result: dict[str, Any]) -> str:
        """Return the data row's global key. Raises ValueError."""
        image_id = part(result, "image_id")
        if isinstance(image_id, bool) or not isinstance(image_id, int | str):
            raise BadValue("image_id", "a whole number or a text", found_value(image_id))
        fields: dict[str, Any] = {"image_id": image_id}
        if "file_name" in fields_of(self.template):
            fields["file_name"] = self.image(image_id).file_name
            if fields["file_name"] is None:
                raise ValueError(f"image {image_id} has no file_name: give --images FILE")
        return text_of(filled(self.template, fields), "global key")

    def walk(
        self, read: Callable[[dict[str, Any]], Iterable[dict[str, Any] | BadRecord]]
    ) -> Iterator[KeyedAnnotation | BadRecord]:
        """Yield the annotations that `read` returns for each result, and the bad records.

        `read` raises ValueError for a bad result, or returns a BadRecord for each bad part of it.
        """
        for index, result in enumerate(elements(self.path, "annotations")):
            where, key = f"{self.path.name}[{index}]", None
            try:
                if not isinstance(result, dict):
                    raise ValueError(f"expected an object, found {found_value(result)}")
                key = self.key(result)
                annotations = list(read(result))
            except ValueError as error:
                yield bad_record(where, error, key)
                continue
            for item in annotations:
                if isinstance(item, BadRecord):
                    yield replace(item, where=where + item.where, key=key)
                else:
                    yield KeyedAnnotation(key, item)

    def choose(self, name: str, score: float | None) -> Target | None:
        """Return the mapping's target of a class, or None."""
        return self.options.mapping.choose(name, score)

    def annotation(self, name: str, result: dict[str, Any]) -> dict[str, Any] | None:
        """Return an annotation without its geometry, or None if the mapping leaves it out. Raises ValueError."""
        score = score_of(result.get("score"))
        target = self.choose(name, score)
        if target is None:
            return None
        annotation: dict[str, Any] = {"name": target.feature}
        if answers := target.answers():
            annotation["classifications"] = answers
        if score is not None:
            annotation["confidence"] = score
        return annotation


def category_of(result: dict[str, Any], categories: dict[int, Category]) -> Category:
    """Return the category of a result. Raises ValueError."""
    category_id = part(result, "category_id")
    category = categories.get(category_id) if type(category_id) is int else None
    if category is None:
        raise ValueError(f"category_id {found_value(category_id)} is not in the categories")
    return category


def part(result: dict[str, Any], key: str) -> Any:
    """Return the value of a required key. Raises ValueError if it is missing."""
    if key not in result:
        raise ValueError(f"{key} is missing")
    return result[key]


def read_categories(path: Path, *, alone: bool = True) -> dict[int, Category]:
    """Return categories by id, from an array of `{id, name}` or an object that holds it as `categories`."""
    try:
        return {int(item["id"]): _category(item) for item in elements(path, "categories", alone=alone)}
    except (TypeError, KeyError, ValueError, AttributeError):
        raise UnreadableSource(f"{path}: expected an array of categories with id and name") from None


def _category(item: dict[str, Any]) -> Category:
    keypoints = tuple(text_of(name, "keypoints") for name in item.get("keypoints") or ())
    return Category(text_of(item["name"], "name"), keypoints)


def _read_images(path: Path, *, alone: bool) -> dict[Any, Image]:
    """Return images by id; a plain array of results has none. About 200 bytes per image stay in memory."""
    images = {}
    for item in elements(path, "images", alone=alone):
        if isinstance(item, dict) and isinstance(item.get("id"), int | str):
            images[item["id"]] = Image(item.get("file_name"), item.get("width"), item.get("height"))
    return images
