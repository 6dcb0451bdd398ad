"""The table of file formats: to add a format, add a module with `read(path, options)` and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from prelabel.readers.base import ReaderOptions, Source


@dataclass(frozen=True, slots=True)
class Format:
    """A format of prediction files."""

    #: Its name for `--format`.
    name: str
    #: Its module in `prelabel.readers`, loaded on first use.
    module: str
    #: A short description for people: contents of the file → annotations.
    about: str
    #: The names of the `ReaderOptions` that only some formats use, and this one does.
    takes: frozenset[str]

    def read(self, path: Path, options: ReaderOptions) -> Source:
        """Return the messages and bad records of a file. Raises UnreadableInput, at once or during the iteration."""
        read: Callable[[Path, ReaderOptions], Source] = import_module(f"prelabel.readers.{self.module}").read
        return read(path, options)


_COCO = frozenset({"categories", "images"})
_QUESTION = frozenset({"question"})
_SHAPES = _QUESTION | {"outlines"}
_TABLE = (
    Format("coco-results", "coco_results", "boxes → bounding boxes", _COCO),
    Format("coco-segmentation", "coco_segmentation", "run lengths and polygons → masks", _COCO),
    Format("coco-keypoints", "coco_keypoints", "keypoints → points", _COCO),
    Format("coco-captions", "coco_captions", "captions → free text", frozenset({"images"})),
    Format("coco-panoptic", "coco_panoptic", "segments → masks", _COCO | {"masks", "mask_url"}),
    Format(
        "yolo",
        "yolo",
        "YOLO's text files → bounding boxes, polygons, points",
        frozenset({"categories", "images", "outlines", "task"}),
    ),
    Format("roboflow", "roboflow", "answers of inference → bounding boxes, polygons, points, a radio", _SHAPES),
    Format("label-studio", "label_studio", "predictions of tasks → the same, and masks", _SHAPES),
    Format("huggingface-vision", "huggingface_vision", "pipelines → bounding boxes, masks, a radio", _QUESTION),
    Format("geojson", "geojson", "features → points, lines, polygons", frozenset()),
    Format("datumaro", "datumaro_dataset", "VOC, CVAT, KITTI, LabelMe … → what they hold", _SHAPES | {"dataset"}),
    Format("mot", "mot", "tracks of a video → video objects", frozenset({"categories", "frame_step", "first_frame"})),
    Format("rttm", "rttm", "who speaks when → a checklist with ranges of time", frozenset({"media", "frame_rate"})),
)
FORMATS = {item.name: item for item in _TABLE}
