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
    #: The name of its function in the module.
    function: str = "read"

    def read(self, path: Path, options: ReaderOptions) -> Source:
        """Return the messages and bad records of a file. Raises UnreadableInput, at once or during the iteration."""
        read: Callable[[Path, ReaderOptions], Source] = getattr(
            import_module(f"prelabel.readers.{self.module}"), self.function
        )
        return read(path, options)


_COCO = frozenset({"categories", "images"})
_CLASSES = frozenset({"multi_label", "question"})
_TIMES = frozenset({"media", "frame_rate"})
_OCR = frozenset({"media", "level", "text_feature", "dpi"})
_OCR_WITH_IDS = _OCR | {"ocr_as"}
_TABLE = (
    Format("coco-results", "coco_results", "boxes → bounding boxes", _COCO),
    Format("coco-segmentation", "coco_segmentation", "run lengths and polygons → masks", _COCO),
    Format("coco-keypoints", "coco_keypoints", "keypoints → points", _COCO),
    Format("coco-captions", "coco_captions", "captions → free text", frozenset({"images"})),
    Format("coco-panoptic", "coco_panoptic", "segments → masks", _COCO | {"masks", "mask_url"}),
    Format("mot", "mot", "tracks of a video → video objects", frozenset({"categories", "frame_step", "first_frame"})),
    Format("rttm", "rttm", "who speaks when → a checklist with ranges of time", _TIMES),
    Format("whisper", "whisper", "transcripts → texts and speakers with ranges of time", _TIMES),
    Format("pyannote", "pyannote", "who speaks when, in JSON → a checklist with ranges of time", _TIMES),
    Format("spacy", "spacy", "entities, spans and categories of texts", _CLASSES),
    Format("huggingface-tokens", "huggingface_text", "entities of texts", frozenset(), "read_tokens"),
    Format("huggingface-labels", "huggingface_text", "classes → answers", _CLASSES, "read_labels"),
    Format("conll", "conll", "tags of tokens → entities of texts", frozenset({"columns", "texts"})),
    Format("brat", "brat", "entities, attributes and relations of texts", frozenset({"texts"})),
    Format("hocr", "hocr", "lines of pages → document boxes or entities", _OCR_WITH_IDS),
    Format("alto", "alto", "lines of pages → document boxes or entities", _OCR_WITH_IDS),
    Format("doctr", "doctr", "lines of pages → document boxes", _OCR),
    Format("paddleocr", "paddleocr", "lines of pages → document boxes", frozenset({"media", "text_feature", "dpi"})),
    Format("table", "table", "rows of CSV, Parquet or Arrow", frozenset({"columns"}) | _TIMES),
)
FORMATS = {item.name: item for item in _TABLE}
