"""Read data sets through the library datumaro: Pascal VOC, CVAT, KITTI, LabelMe and others. Extra `datumaro`.

The library keeps a data set in memory. Only formats that it reads without running what is in the files are offered:
some of its others unpickle. A score is an annotation's attribute `score` or `confidence`.
"""

from collections.abc import Iterator, Sequence
from math import radians
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Source,
    UnreadableSource,
    bad_record,
    filled,
    messages_of,
    text_of,
)
from prelabel.readers.detections import Corner, Detections, Picture, rotated_corners
from prelabel.readers.groups import Origin

DATASETS = (
    *("ade20k2020", "camvid", "cityscapes", "coco", "cvat", "dota", "icdar_text_localization"),
    *("icdar_text_segmentation", "imagenet", "imagenet_txt", "kitti", "kitti_detection", "kitti_segmentation"),
    *("label_me", "mapillary_vistas", "mapillary_vistas_instances", "mpii_json", "open_images", "segment_anything"),
    *("vgg_face2", "voc", "voc_classification", "voc_detection", "voc_instance_segmentation", "voc_segmentation"),
    *("vott_csv", "vott_json", "wider_face", "yolo"),
)
"""The formats that are offered, by datumaro's names."""
_FIELDS = ("file_name", "file", "item_id", "subset")
_SCORES = ("score", "confidence")


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableInput."""
    template = options.key_template("{item_id}", *_FIELDS)
    if options.dataset not in DATASETS:
        raise UnreadableSource(f"--dataset: expected one of {', '.join(DATASETS)}, found {options.dataset}")
    dataset, errors = _imported(path, options.dataset)
    detections = Detections(path.name, options)
    names = _names(dataset)

    def annotations() -> Iterator[KeyedAnnotation | BadRecord]:
        yield from errors
        for item in dataset:
            where = f"{path.name}, item {item.subset}/{item.id}"
            name = Path(str(getattr(item.media, "path", None) or item.id)).name
            fields = {"item_id": item.id, "subset": item.subset, "file": Path(item.id).name, "file_name": name}
            try:
                key = text_of(filled(template, fields), "global key")
            except ValueError as error:
                yield bad_record(where, error)
                continue
            origin = Origin("item", f"{item.subset}/{item.id}", where)
            all_good = all(error.where != where for error in errors)
            picture = _picture(item)
            labels = [annotation for annotation in item.annotations if _kind(annotation) == "label"]
            for at, found in enumerate([*_objects(item.annotations), labels]):
                detections.where = f"{where}, annotation {at + 1}"
                try:
                    for annotation in _annotations(found, names, picture, detections):
                        yield KeyedAnnotation(key, annotation, origin)
                except ValueError as error:
                    yield bad_record(detections.where, error, key)
            if all_good:  # else what was found may be among the errors
                yield KeyedAnnotation(key, None, origin)
        detections.check()

    return messages_of(annotations(), options, path.name, apart="{subset}/{item_id}")


class _ErrorPolicy:
    """Keeps the errors of items and annotations, so that the library skips these and continues."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.errors: list[BadRecord] = []

    def report_item_error(self, error: Exception, *, item_id: tuple[Any, Any]) -> None:
        """Keep an item's error; the library skips the item."""
        item, subset = item_id
        self.errors.append(BadRecord(f"{self._file}, item {subset}/{item}", str(error)[:500] or type(error).__name__))

    report_annotation_error = report_item_error


def _imported(path: Path, form: str) -> tuple[Any, list[BadRecord]]:
    """Return the data set and the bad records in it. Raises UnreadableSource."""
    try:
        from datumaro import Dataset
    except ImportError:
        raise UnreadableSource(
            "--format datumaro needs the library datumaro: pip install 'prelabel[datumaro]'"
        ) from None
    policy = _ErrorPolicy(path.name)
    try:
        return Dataset.import_from(str(path), form, error_policy=policy), policy.errors
    except Exception as error:  # what the library raises for a file depends on the format's parser
        cause = error.__cause__
        why = f"{error} {cause}" if cause is not None else str(error)
        raise UnreadableSource(f"{path}: {why[:500]}") from None


def _names(dataset: Any) -> list[str]:
    labels = next((each for kind, each in dataset.categories().items() if kind.name == "label"), None)
    return [] if labels is None else [category.name for category in labels.items]


def _picture(item: Any) -> Picture:
    size = getattr(item.media, "size", None)
    return Picture(f"image {item.id!r}") if size is None else Picture(f"image {item.id!r}", size[1], size[0])


def _kind(annotation: Any) -> str:
    return str(annotation.type.name)


def _objects(annotations: Sequence[Any]) -> list[Any]:
    """Return the annotations that are no labels, without the box around an outline: the library has COCO's as both."""
    outlined = {
        (each.id, each.group, each.label) for each in annotations if each.group and _kind(each) in ("polygon", "mask")
    }
    return [
        each
        for each in annotations
        if _kind(each) != "label" and not (_kind(each) == "bbox" and (each.id, each.group, each.label) in outlined)
    ]


def _annotations(found: Any, names: list[str], picture: Picture, detections: Detections) -> list[dict[str, Any]]:
    """Return the annotations of one of datumaro's, or of all labels of an item. Raises ValueError."""
    if isinstance(found, list):
        labels = [(_name(each, names), _score(each)) for each in found]
        return detections.answer(labels, several=len(labels) > 1) if labels else []
    name, score = _name(found, names), _score(found)
    match _kind(found):
        case "bbox":
            return detections.box(name, score, _numbers(found), picture)
        case "polygon":
            return detections.outlines(name, score, [_pairs(found)], picture)
        case "polyline":
            return detections.line(name, score, _pairs(found), picture)
        case "points":
            there = [pair for pair, seen in zip(_pairs(found), found.visibility, strict=True) if int(seen) > 0]
            return detections.points([(name, x, y, score) for x, y in there], picture)
        case "rotated_bbox":
            x, y, width, height, turned = _numbers(found)
            left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            return detections.rotated(name, score, rotated_corners(corners, (x, y), radians(turned)), picture)
        case "mask":
            return detections.mask(name, score, lambda: _pixels(found.image), picture)
        case kind:
            raise BadValue("type", "bbox, polygon, polyline, points, rotated_bbox, mask or label", found_value(kind))


def _name(annotation: Any, names: list[str]) -> str:
    label = getattr(annotation, "label", None)
    if label is None or not 0 <= label < len(names):
        raise BadValue("label", "a label of the data set", found_value(label))
    return names[int(label)]


def _score(annotation: Any) -> Any:
    """Return an annotation's score as the library has it; of XML all attributes are texts."""
    score = next((annotation.attributes[name] for name in _SCORES if name in annotation.attributes), None)
    try:
        return float(score) if isinstance(score, str) else score
    except ValueError:
        return score


def _numbers(annotation: Any) -> list[float]:
    return [float(value) for value in annotation.points]


def _pairs(annotation: Any) -> list[Corner]:
    values = _numbers(annotation)
    return list(zip(values[::2], values[1::2], strict=True))


def _pixels(image: Any) -> tuple[bytes, int, int]:
    return (image != 0).tobytes(), int(image.shape[1]), int(image.shape[0])
