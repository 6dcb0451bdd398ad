"""What COCO's formats share: names of categories, sizes of images, and a walk over results that goes on after bad ones.

The file is an array of results, or an object like COCO's own that holds them as `annotations`, perhaps with `images`
and `categories` beside them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prelabel.readers.base import (
    BadRecord,
    Found,
    ReaderOptions,
    UnreadableSource,
    fields_of,
    filled,
    score_of,
    text_of,
)
from prelabel.readers.json_stream import elements
from prelabel.readers.mapping import Target


@dataclass(frozen=True, slots=True)
class Category:
    """A category's name and, of people and the like, the names of its keypoints."""

    name: str
    keypoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """An image's file name and size in pixels, as far as they are known."""

    file_name: str | None = None
    width: int | None = None
    height: int | None = None


class Coco:
    """One file with what is known beside it."""

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
        """By id, from the file that is named or this one. Raises UnreadableSource when neither has any."""
        beside = self.options.categories
        found = read_categories(beside or self.path, alone=beside is not None)
        if not found:
            raise UnreadableSource(f"{self.path} names no categories: give --categories FILE")
        return found

    def image(self, image_id: Any) -> Image:
        """What is known of an image."""
        if self._images is None:
            beside = self.options.images
            self._images = _read_images(beside or self.path, alone=beside is not None)
        return self._images.get(image_id, Image())

    def key(self, result: dict[str, Any]) -> str:
        """The data row's global key. Raises ValueError."""
        image_id = part(result, "image_id")
        if isinstance(image_id, bool) or not isinstance(image_id, int | str):
            raise ValueError("image_id: expected a whole number or a text")
        fields: dict[str, Any] = {"image_id": image_id}
        if "file_name" in fields_of(self.template):
            fields["file_name"] = self.image(image_id).file_name
            if fields["file_name"] is None:
                raise ValueError(f"image {image_id} has no file_name: give --images FILE")
        return text_of(filled(self.template, fields), "global key")

    def walk(
        self, read: Callable[[dict[str, Any]], Iterable[dict[str, Any] | BadRecord]]
    ) -> Iterator[Found | BadRecord]:
        """What `read` makes of each result; it raises ValueError with what is wrong, or yields it of a part."""
        for index, result in enumerate(elements(self.path, "annotations")):
            where = f"{self.path.name}[{index}]"
            try:
                if not isinstance(result, dict):
                    raise ValueError("a result is an object")
                key, made = self.key(result), list(read(result))
            except ValueError as error:
                yield BadRecord(where, str(error))
                continue
            for each in made:
                if isinstance(each, BadRecord):
                    yield BadRecord(where + each.where, each.problem)
                else:
                    yield Found(key, each)

    def choose(self, name: str, score: float | None) -> Target | None:
        """The mapping's choice."""
        return self.options.mapping.choose(name, score)

    def annotation(self, name: str, result: dict[str, Any]) -> dict[str, Any] | None:
        """The part of an annotation that is no geometry; None when the mapping leaves it out. Raises ValueError."""
        score = score_of(result.get("score"))
        target = self.choose(name, score)
        if target is None:
            return None
        made: dict[str, Any] = {"name": target.feature}
        if answers := target.answers():
            made["classifications"] = answers
        if score is not None:
            made["confidence"] = score
        return made


def category_of(result: dict[str, Any], categories: dict[int, Category]) -> Category:
    """Raises ValueError."""
    found = part(result, "category_id")
    category = categories.get(found) if type(found) is int else None
    if category is None:
        raise ValueError(f"category_id {found!r} is not in the categories")
    return category


def part(result: dict[str, Any], key: str) -> Any:
    """A part that must be there. Raises ValueError."""
    if key not in result:
        raise ValueError(f"{key} is missing")
    return result[key]


def read_categories(path: Path, *, alone: bool = True) -> dict[int, Category]:
    """Category by id, from an array of `{id, name}` or an object that holds it as `categories`."""
    try:
        return {int(each["id"]): _category(each) for each in elements(path, "categories", alone=alone)}
    except (TypeError, KeyError, ValueError, AttributeError):
        raise UnreadableSource(f"{path}: expected an array of categories with id and name") from None


def _category(found: dict[str, Any]) -> Category:
    keypoints = tuple(text_of(name, "keypoints") for name in found.get("keypoints") or ())
    return Category(text_of(found["name"], "name"), keypoints)


def _read_images(path: Path, *, alone: bool) -> dict[Any, Image]:
    """Image by id; a file of results alone knows none. About 200 bytes an image stay in memory."""
    found = {}
    for each in elements(path, "images", alone=alone):
        if isinstance(each, dict) and isinstance(each.get("id"), int | str):
            found[each["id"]] = Image(each.get("file_name"), each.get("width"), each.get("height"))
    return found
