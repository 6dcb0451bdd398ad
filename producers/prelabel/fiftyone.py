"""Publish the labels of FiftyOne: from the samples of a dataset or view to messages.

FiftyOne is not imported: its samples and labels are used through their attributes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Source,
    bad_record,
    filled,
    messages_of,
    text_of,
)
from prelabel.readers.detections import Detections, Picture, Shares
from prelabel.readers.groups import Origin
from prelabel.readers.image_size import read_size
from prelabel.readers.pixels import check_size

__all__ = ["read_samples"]

_FIELDS = ("file_name", "file", "filepath", "sample_id")
Annotations = list[dict[str, Any]]


def read_samples(
    samples: Iterable[Any],
    field: str,
    options: ReaderOptions,
    *,
    mask_targets: Mapping[int, str] | None = None,
    keypoint_names: Sequence[str] | None = None,
) -> Source:
    """Return one message for each sample, of its labels in `field`, and the labels that cannot be read.

    Detections become boxes, or masks if they have one; filled or closed polylines polygons (with `outlines="masks"` of
    the options, masks), others lines; keypoints points, named by `keypoint_names` or by their label; classifications
    the answer to a question called as the field; a segmentation a mask for each value that `mask_targets` names, as
    `dataset.default_mask_targets` does. Coordinates are shares of the image in FiftyOne: its size is that of the
    sample's metadata, or is read from the header of the file. Raises UnreadableSource, perhaps after some records.

    Templates of global keys have the fields `file_name` (the default), `file`, `filepath` and `sample_id`.
    """
    labels = _Labels(field, options, mask_targets or {}, keypoint_names)
    return messages_of(labels.read(samples), options, f"field {field}", apart="{filepath}")


class _Labels:
    def __init__(
        self, field: str, options: ReaderOptions, mask_targets: Mapping[int, str], keypoint_names: Sequence[str] | None
    ) -> None:
        self._field = field
        self._template = options.key_template("{file_name}", *_FIELDS)
        self._mask_targets = mask_targets
        self._keypoint_names = keypoint_names
        self._detections = Detections(f"field {field}", options, pixels=False)
        self._shares = Shares(f"field {field}")
        self._readers: dict[str, Callable[[Any, Picture], Annotations]] = {
            "Detection": self._detection,
            "Polyline": self._polyline,
            "Keypoint": self._keypoint,
            "Segmentation": self._segmentation,
        }

    def read(self, samples: Iterable[Any]) -> Iterator[KeyedAnnotation | BadRecord]:
        """Yield the annotations of all samples. Raises UnreadableSource."""
        for sample in samples:
            where, key = f"sample {sample.filepath}", None
            try:
                key = self._key(sample)
                labels = _parts(sample[self._field])
                picture = _picture(sample) if labels else Picture(where)
            except (ValueError, OSError) as error:
                yield bad_record(where, ValueError(str(error)), key)
                continue
            origin = Origin("sample", sample.filepath, where)
            all_good = True
            for index, label in enumerate(labels):
                self._detections.where = f"{where}, {self._field}[{index}]"
                try:
                    for annotation in self._annotations(label, picture):
                        yield KeyedAnnotation(key, annotation, origin)
                except ValueError as error:
                    yield bad_record(self._detections.where, error, key)
                    all_good = False
            if all_good:  # else they may all be bad, which does not mean that nothing was found
                yield KeyedAnnotation(key, None, origin)
        self._shares.check()
        self._detections.check()

    def _key(self, sample: Any) -> str:
        """Return the global key of a sample's data row. Raises ValueError."""
        path = Path(text_of(sample.filepath, "filepath"))
        fields = {"file_name": path.name, "file": path.stem, "filepath": str(path), "sample_id": sample.id}
        if "{sample_id" in self._template and sample.id is None:
            raise ValueError("id: the sample is in no dataset, so it has none")
        return text_of(filled(self._template, fields), "global key")

    def _annotations(self, label: Any, picture: Picture) -> Annotations:
        """Return the annotations of a label, or of the list of an image's classifications. Raises ValueError."""
        if isinstance(label, list):
            answers = [(text_of(each.label, "label"), each.confidence) for each in label]
            return self._detections.answer(answers, several=True, question=self._field)
        kind = type(label).__name__
        if kind == "Classification":
            return self._detections.answer([(text_of(label.label, "label"), label.confidence)], question=self._field)
        if kind not in self._readers:
            known = f"{', '.join(self._readers)} or Classification, or several of these"
            raise BadValue(self._field, known, found_value(kind))
        return self._readers[kind](label, picture)

    def _detection(self, label: Any, picture: Picture) -> Annotations:
        left, top, width, height = self._pixels(label.bounding_box, 2, picture, "bounding_box")
        name, box = text_of(label.label, "label"), (left, top, left + width, top + height)
        if getattr(label, "mask", None) is not None:
            return self._detections.mask(name, label.confidence, lambda: _placed(label.mask, box, picture), picture)
        if getattr(label, "mask_path", None):
            raise BadValue("mask", "the pixels of the mask", "only mask_path; load the masks first")
        return self._detections.box(name, label.confidence, box, picture)

    def _polyline(self, label: Any, picture: Picture) -> Annotations:
        name, score = text_of(label.label, "label"), label.confidence
        parts = []
        for shape in label.points:
            flat = self._pixels([value for point in shape for value in point], len(shape), picture, "points")
            parts.append(list(zip(flat[::2], flat[1::2], strict=True)))
        if not parts:
            raise BadValue("points", "the points of one shape or more", "none")
        if label.closed or label.filled:
            return self._detections.outlines(name, score, parts, picture)
        return [each for part in parts for each in self._detections.line(name, score, part, picture)]

    def _keypoint(self, label: Any, picture: Picture) -> Annotations:
        """Return the points that are there: FiftyOne has NaN for the others."""
        names = self._keypoint_names or [text_of(label.label, "label")] * len(label.points)
        scores = label.confidence if isinstance(label.confidence, list) else [label.confidence] * len(label.points)
        if not len(names) == len(scores) == len(label.points):
            raise BadValue("points", f"{len(names)} points with a confidence each", f"{len(label.points)}")
        points = []
        for name, (x, y), score in zip(names, label.points, scores, strict=True):
            if not (math.isnan(x) or math.isnan(y)):
                across, down = self._pixels((x, y), 1, picture, "points")
                points.append((name, across, down, score))
        return self._detections.points(points, picture)

    def _segmentation(self, label: Any, picture: Picture) -> Annotations:
        """Return a mask for each value of the segmentation that has a name. Raises ValueError."""
        if label.mask is None:
            raise BadValue("mask", "the pixels of the segmentation", "none, or only mask_path; load the masks first")
        if not self._mask_targets:
            raise ValueError("mask_targets: give the names of the values, such as dataset.default_mask_targets")
        whole = (0.0, 0.0, picture.width or 0, picture.height or 0)
        present = [(value, name) for value, name in self._mask_targets.items() if bool((label.mask == value).any())]
        annotations = []
        for value, name in present:
            pixels = partial(_placed, label.mask == value, whole, picture)
            annotations += self._detections.mask(name, None, pixels, picture)
        return annotations

    def _pixels(self, values: Sequence[Any], pairs: int, picture: Picture, name: str) -> list[float]:
        """Return pairs of shares of the image in pixels. Raises ValueError."""
        shares = self._shares.read([float(value) for value in values], name)
        if len(shares) != 2 * pairs:
            raise BadValue(name, f"{2 * pairs} numbers", f"{len(shares)}")
        sides = (picture.width or 0, picture.height or 0)
        return [share * sides[at % 2] for at, share in enumerate(shares)]


def _parts(labels: Any) -> list[Any]:
    """Return the labels of a field: those of a list, except that an image's classifications are answered together."""
    kind = type(labels).__name__
    if labels is None:
        return []
    if kind == "Classifications":
        return [labels.classifications] if labels.classifications else []
    plural = {"Detections": "detections", "Polylines": "polylines", "Keypoints": "keypoints"}
    return list(getattr(labels, plural[kind])) if kind in plural else [labels]


def _picture(sample: Any) -> Picture:
    """Return a sample's image with its size. Raises ValueError, OSError."""
    metadata = sample.metadata
    width, height = getattr(metadata, "width", None), getattr(metadata, "height", None)
    if not width or not height:
        width, height = read_size(Path(sample.filepath))
    return Picture(f"image {sample.filepath!r}", width, height)


def _placed(mask: Any, box: tuple[float, float, float, float], picture: Picture) -> tuple[bytes, int, int]:
    """Return the pixels of the image in which a mask fills this box, the mask's pixels being scaled to the box."""
    width, height = int(picture.width or 0), int(picture.height or 0)
    check_size(width, height)
    if len(mask.shape) != 2 or 0 in mask.shape:
        raise BadValue("mask", "an array (height, width)", f"shape {tuple(mask.shape)}")
    left, top, right, bottom = (round(value) for value in box)
    rows, columns = mask.shape
    from_columns = [int((x - left + 0.5) * columns / (right - left)) for x in range(max(left, 0), min(right, width))]
    plane = bytearray(width * height)
    for y in range(max(top, 0), min(bottom, height)):
        row = (mask[int((y - top + 0.5) * rows / (bottom - top))] != 0).tobytes()
        start = y * width + max(left, 0)
        plane[start : start + len(from_columns)] = bytes(row[at] for at in from_columns)
    return bytes(plane), width, height
