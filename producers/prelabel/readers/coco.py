"""The parts that COCO's formats share: names of categories, sizes of images, a walk over results that skips bad ones.

The file is an array of results, or an object as COCO defines it, with the results under `annotations`, perhaps with
`images` and `categories`. A bad result is named, and the others continue. A result that shows that the whole file is
read wrongly, such as a mask of another size than its image, raises UnreadableSource.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.mapping import Target
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Scores,
    Source,
    UnreadableSource,
    bad_record,
    fields_of,
    filled,
    messages_of,
    number,
    text_of,
)
from prelabel.readers.extents import Extent, Extents, check_inside
from prelabel.readers.groups import Origin
from prelabel.readers.json_stream import elements


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


_UNKNOWN = Image()


class Coco:
    """A file of predictions, and the files with its categories and images, if they are separate."""

    def __init__(self, path: Path, options: ReaderOptions) -> None:
        self.path = path
        self.options = options
        #: The place of the result that is being read.
        self.where = path.name
        self.template = options.key_template("{image_id}", "image_id", "file_name")
        if not fields_of(self.template):
            raise UnreadableSource(
                f"global key {self.template!r}: expected {{image_id}} or {{file_name}}: every image needs its own"
            )
        self._images: dict[int | str, Image] | None = None
        self._categories: dict[int, Category] = {}
        self._known_images = self._unknown_images = 0
        self._mask_sizes: dict[int | str, tuple[int, int]] = {}
        self._extents = Extents(path.name)
        self._scores = Scores(path.name)

    def read_categories(self) -> None:
        """Read the categories from the named file or this one. Raises UnreadableSource if neither has any."""
        beside = self.options.categories
        self._categories = read_categories(beside or self.path, alone=beside is not None)
        if not self._categories:
            raise UnreadableSource(f"{self.path} names no categories: give --categories FILE")

    def category(self, result: dict[str, Any]) -> Category:
        """Return the category of a result. Raises ValueError."""
        return category_of(part(result, "category_id"), self._categories, self.where)

    def image(self, image_id: int | str) -> Image:
        """Return an image's name and size, as far as they are known. Raises UnreadableSource."""
        if self._images is None:
            beside = self.options.images
            self._images = read_images(beside or self.path, alone=beside is not None)
        image = self._images.get(image_id)
        self._known_images += image is not None
        self._unknown_images += image is None
        return image or _UNKNOWN

    def give_images(self) -> str:
        """Return what to do about an image whose name or size is not known."""
        return f"add it to {self.options.images}" if self.options.images else "give --images FILE"

    def check_mask(self, image_id: int | str, width: int, height: int) -> None:
        """Raise UnreadableSource for a mask of another size than its image, or than the image's other masks."""
        image = self.image(image_id)
        known, whose = (image.width, image.height), f"image {image_id!r}"
        if None in known:
            known, whose = self._mask_sizes.setdefault(image_id, (width, height)), f"an earlier mask of {whose}"
        if known != (width, height):
            turned = "; a size in COCO is [height, width]" if known == (height, width) else ""
            raise UnreadableSource(
                f"{self.where}: the mask has {width} x {height} pixels (width x height), but {whose} has "
                f"{known[0]} x {known[1]}{turned}. Resize the masks to their images, "
                "or give --images FILE with the images that they were made for"
            )

    def check_extent(self, image_id: int | str, extent: Extent) -> None:
        """Raise UnreadableSource for coordinates that are not in their image."""
        self._extents.add(extent)
        image = self.image(image_id)
        if image.width is not None and image.height is not None:
            check_inside(extent, self.where, f"image {image_id!r}", image.width, image.height)

    def messages(self, read: Callable[[dict[str, Any]], Iterable[dict[str, Any] | BadRecord]]) -> Source:
        """Return one message per image, with the annotations that `read` returns for each result.

        An image that the file itself lists under `images` has been looked at, whether there is a result for it or not.
        `read` raises ValueError for a bad result, or returns a BadRecord for each bad part of it.
        """
        return messages_of(self._walk(read), self.options, self.path.name, apart="{image_id}")

    def _walk(
        self, read: Callable[[dict[str, Any]], Iterable[dict[str, Any] | BadRecord]]
    ) -> Iterator[KeyedAnnotation | BadRecord]:
        unplaced = False
        for index, result in enumerate(elements(self.path, "annotations")):
            self.where, key = f"{self.path.name}[{index}]", None
            try:
                if not isinstance(result, dict):
                    raise ValueError(f"expected an object, found {found_value(result)}")
                key, origin = self._key(result)
                annotations = list(read(result))
            except ValueError as error:
                unplaced = unplaced or key is None
                yield bad_record(self.where, error, key)
                continue
            if not annotations:
                yield KeyedAnnotation(key, None, origin)
            for item in annotations:
                if isinstance(item, BadRecord):
                    yield replace(item, where=self.where + item.where, key=key)
                else:
                    yield KeyedAnnotation(key, item, origin)
        self._check_images()
        self._extents.check()
        self._scores.check()
        if not unplaced:  # else a result of an image without other results may be among the bad ones
            yield from self._listed()

    def _listed(self) -> Iterator[KeyedAnnotation | BadRecord]:
        """Yield the data rows of the file's own images."""
        own = self._images if self.options.images is None else None
        for image_id, image in (own or read_images(self.path, alone=False)).items():
            self.where, fields = f"{self.path.name}, images", {"image_id": image_id, "file_name": image.file_name}
            try:
                key = text_of(filled(self.template, fields), "global key")
            except ValueError as error:
                yield bad_record(f"{self.where}, image {image_id!r}", error)
            else:
                yield KeyedAnnotation(key, None, Origin("image", image_id, self.where))

    def _check_images(self) -> None:
        """Raise UnreadableSource if the named file of images is about none of the images of the results."""
        if self.options.images and self._unknown_images and not self._known_images:
            raise UnreadableSource(
                f"{self.path.name}: none of its images is in {self.options.images}. "
                "Give --images with the images of these predictions, under equal ids: 7 and '7' differ"
            )

    def _key(self, result: dict[str, Any]) -> tuple[str, Origin]:
        """Return the data row's global key, and the image that it was made for. Raises ValueError."""
        image_id = part(result, "image_id")
        if isinstance(image_id, bool) or not isinstance(image_id, int | str):
            raise BadValue("image_id", "a whole number or a text", found_value(image_id))
        fields: dict[str, Any] = {"image_id": image_id}
        if "file_name" in fields_of(self.template):
            fields["file_name"] = self.image(image_id).file_name
            if fields["file_name"] is None:
                raise ValueError(f"image {image_id!r} has no file_name: {self.give_images()}")
        return text_of(filled(self.template, fields), "global key"), Origin("image", image_id, self.where)

    def choose(self, name: str, score: float | None) -> Target | None:
        """Return the mapping's target of a class, or None."""
        return self.options.mapping.choose(name, score)

    def annotation(self, name: str, result: dict[str, Any]) -> dict[str, Any] | None:
        """Return an annotation without its geometry, or None if the mapping leaves it out. Raises ValueError."""
        score = self._scores.read(result.get("score"))
        target = self.choose(name, score)
        if target is None:
            return None
        annotation: dict[str, Any] = {"name": target.feature}
        if answers := target.answers():
            annotation["classifications"] = answers
        if score is not None:
            annotation["confidence"] = score
        return annotation


def category_of(category_id: Any, categories: dict[int, Category], where: str) -> Category:
    """Return a category by its id. Raises ValueError.

    Raises UnreadableSource if the file counts ids from another number than the categories: then all other ids are one
    off too, and name the wrong categories.
    """
    category = categories.get(category_id) if type(category_id) is int else None
    if category is not None:
        return category
    if type(category_id) is int and categories:
        first, last = min(categories), max(categories)
        if (category_id, first) == (0, 1) or (category_id, first) == (last + 1, 0):
            raise UnreadableSource(
                f"{where}: category_id {category_id} is not in the categories, which have ids {first} to {last}, so "
                f"the file seems to count them from {1 - first}. "
                "Give --categories FILE with the ids that the predictions use"
            )
    raise ValueError(f"category_id {found_value(category_id)} is not in the categories")


def part(result: dict[str, Any], key: str) -> Any:
    """Return the value of a required key. Raises ValueError if it is missing."""
    if key not in result:
        raise ValueError(f"{key} is missing")
    return result[key]


def read_categories(path: Path, *, alone: bool = True) -> dict[int, Category]:
    """Return categories by id, from an array of `{id, name}` or an object that holds it as `categories`."""
    categories: dict[int, Category] = {}
    for index, item in enumerate(elements(path, "categories", alone=alone)):
        try:
            category_id, category = _category(item)
            if categories.setdefault(category_id, category) != category:
                raise ValueError(f"id: {category_id} is that of {categories[category_id].name!r} already")
        except ValueError as error:
            raise UnreadableSource(
                f"{path}, categories[{index}]: {error}: expected an array of categories with id and name"
            ) from None
    return categories


def _category(item: Any) -> tuple[int, Category]:
    if not isinstance(item, dict):
        raise ValueError("a category is an object")
    category_id, keypoints = part(item, "id"), item.get("keypoints") or []
    if type(category_id) is not int:
        raise ValueError(f"id: expected a whole number, found {str(category_id)[:40]!r}")
    if not isinstance(keypoints, list):
        raise ValueError("keypoints: expected an array of names")
    names = tuple(text_of(name, "keypoints") for name in keypoints)
    return category_id, Category(text_of(part(item, "name"), "name"), names)


def read_images(path: Path, *, alone: bool) -> dict[int | str, Image]:
    """Return images by id; a plain array of results has none. About 200 bytes per image stay in memory."""
    images: dict[int | str, Image] = {}
    for index, item in enumerate(elements(path, "images", alone=alone)):
        try:
            image_id, image = _image(item)
            if images.setdefault(image_id, image) != image:
                raise ValueError(f"id: {image_id!r} is that of another image already, with another name or size")
        except ValueError as error:
            raise UnreadableSource(f"{path}, images[{index}]: {error}") from None
    return images


def _image(item: Any) -> tuple[int | str, Image]:
    if not isinstance(item, dict):
        raise ValueError("an image is an object with id, file_name, width and height")
    image_id, file_name = part(item, "id"), item.get("file_name")
    if isinstance(image_id, bool) or not isinstance(image_id, int | str):
        raise ValueError("id: expected a whole number or a text")
    if file_name is not None:
        text_of(file_name, "file_name")
    return image_id, Image(file_name, _pixels(item.get("width"), "width"), _pixels(item.get("height"), "height"))


def _pixels(value: Any, name: str) -> int | None:
    """Return a width or height, or None if it is not known, for which some tools write 0 or less. Raises ValueError."""
    if value is None:
        return None
    if not float(number(value, name)).is_integer():
        raise ValueError(f"{name}: expected a whole number of pixels, found {value!r}")
    return int(value) if value > 0 else None
