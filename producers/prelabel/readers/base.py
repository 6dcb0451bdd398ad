"""The parts that readers share: records, options, and how the annotations of a data row become one message."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

from prelabel.annotations.base import MAX_NUMBER
from prelabel.annotations.confidence import rounded
from prelabel.errors import MessageError, found_value
from prelabel.mapping import BadMapping, Incoming, PredictionMapping
from prelabel.mapping.template import template_of
from prelabel.readers.groups import Groups, KeyClash, Origin
from prelabel.text_input import UnreadableInput, name_of, open_text

MAX_LINE = 65_536
"""Maximum number of bytes of a line in a text format."""


class UnreadableSource(UnreadableInput):
    """The file does not match its format, or the reader lacks an option that it needs."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message in the form of JSON, and its place in the source."""

    where: str
    message: bytes | Mapping[str, Any]


class BadValue(ValueError):
    """A value of a record is wrong: its field, what was expected, and what was found, as `found_value` shows it."""

    def __init__(self, path: str, expected: str, found: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}")
        self.path = path
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class BadRecord:
    """The place of a record that cannot be read as a prediction, and the problem; more of it as far as it is known."""

    where: str
    problem: str
    #: The global key of its data row.
    key: str | None = None
    #: The field that is wrong.
    path: str = ""
    #: What was found there.
    found: str | None = None
    #: What was expected there.
    expected: str | None = None
    #: The record itself, or its beginning, if it has the form of a message or of a line of plain NDJSON.
    beginning: bytes | None = None


def bad_record(where: str, error: ValueError, key: str | None = None) -> BadRecord:
    """Return the record at a place whose reading ended with this error."""
    if isinstance(error, BadValue):
        return BadRecord(where, str(error), key, error.path, error.found, error.expected)
    return BadRecord(where, str(error), key)


Source = Iterator[Record | BadRecord]


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """How to read a file, and the values that it lacks."""

    #: The project of all messages; empty for the mapping's project and routes.
    project_id: str
    #: The model's name.
    model: str | None = None
    #: Template of a data row's global key; None for the mapping's template, or else the format's own.
    global_key: str | None = None
    #: Class names → features, the minimum confidence, the sample of data rows.
    mapping: PredictionMapping = field(default_factory=PredictionMapping)
    #: COCO, YOLO: the file with the names of categories, if the predictions do not have them.
    categories: Path | None = None
    #: COCO, YOLO: the file with the sizes and names of images, if the predictions do not have them. YOLO: or a folder
    #: of images.
    images: Path | None = None
    #: What outlines become: polygons, or a mask for each object.
    outlines: Literal["polygons", "masks"] = "polygons"
    #: YOLO: what a line holds, where its columns do not say.
    task: Literal["detect", "segment", "pose", "obb"] | None = None
    #: datumaro: the library's name of the data set's format.
    dataset: str | None = None
    #: Panoptic: the folder of the PNG files.
    masks: Path | None = None
    #: Panoptic: template of the address at which Labelbox finds a PNG file; with it no pixels are read.
    mask_url: str | None = None
    #: The media of the data rows; None for what the format is mostly of: audio for speech, documents for OCR.
    media: Literal["audio", "video", "document", "image"] | None = None
    #: Frames per second of the video.
    frame_rate: float | None = None
    #: MOT: n, if the tracker saw only every n-th frame of the video.
    frame_step: int = 1
    #: MOT: the number that the file gives to the first frame of the video.
    first_frame: int = 1
    #: CoNLL, brat: the file with the text of the data row, or the folder with a file for each.
    texts: Path | None = None
    #: CoNLL, tables: the column that has each role, if it cannot be told from the file.
    columns: Mapping[str, str] = field(default_factory=dict)
    #: Classes of whole data rows: the minimum score of each of several classes; None if exactly one holds, the best.
    multi_label: float | None = None
    #: The feature of classes of whole data rows, where the mapping names none; None for the format's own.
    question: str | None = None
    #: OCR: which of its boxes to publish.
    level: Literal["word", "line", "block"] = "line"
    #: OCR: boxes, or entities of a text layer that was made from the same file.
    ocr_as: Literal["boxes", "entities"] = "boxes"
    #: OCR: the free text below each box that gets its words; None for none.
    text_feature: str | None = None
    #: OCR: dots per inch of the pages' pictures, if the file does not say it.
    dpi: float | None = None

    def key_template(self, default: str, *fields: str) -> str:
        """Return the template of global keys that applies. Raises UnreadableSource if it has other fields than these.

        A field that is not filled would be the same text in the key of every data row. Without `fields`, any is
        accepted: those are names of the record's own fields, and `Document.key` finds out whether it has them.
        """
        of_mapping = self.mapping.global_key.text if self.mapping.global_key else None
        template = self.global_key or of_mapping or default
        known = " or ".join(f"{{{name}}}" for name in fields or ("file", "index"))
        try:
            unknown = [name for name in fields_of(template) if fields and name not in fields]
        except UnreadableSource as error:
            raise UnreadableSource(f"{error}; expected the field {known}") from None
        if unknown:
            raise UnreadableSource(f"global key {template!r}: expected the field {known}, found {{{unknown[0]}}}")
        return template


@dataclass(frozen=True, slots=True)
class KeyedAnnotation:
    """One annotation, the global key of its data row, and the record that the key was made for.

    None for the annotation names a data row that the model has looked at, whether it predicts something or not: without
    annotations it becomes an empty message. Readers yield it for each data row of which nothing may be left.
    """

    key: str
    annotation: Mapping[str, Any] | None
    origin: Origin


def filled(template: str, fields: Mapping[str, Any]) -> str:
    """Replace `{name}` by a field's value, `{name:06d}` with leading zeros. Raises ValueError for an empty value."""
    try:
        return template_of(template).fill(Incoming(None, record=fields))
    except MessageError as error:
        raise BadValue(error.path, error.expected, error.found) from None


def fields_of(template: str) -> list[str]:
    """Return the names of the fields in a template. Raises UnreadableSource if it is not one."""
    try:
        return [part.text.strip("{}") for part in template_of(template).fields]
    except BadMapping as error:
        raise UnreadableSource(str(error)) from None


def messages_of(
    annotations: Iterable[KeyedAnnotation | BadRecord],
    options: ReaderOptions,
    file: str,
    merge: Callable[[list[Any]], list[Any]] = list,
    *,
    apart: str,
) -> Source:
    """Yield bad records at once, then one message per data row, in the order in which the data rows first occur.

    `merge` turns the items that were read for a data row into its annotations, if the two differ. A message must hold
    all predictions of a model for a data row, so no message can be sent before the end of the file. So a reader that
    raises UnreadableSource at any place of the file refuses all of it. A data row without annotations gets no message
    if a record about it is bad: that does not mean that nothing was found there. `apart` is a template of global keys
    that tells all records apart.
    """
    bad: set[str | None] = set()
    try:
        with Groups() as groups:
            for item in annotations:
                if isinstance(item, BadRecord):
                    bad.add(item.key)
                    yield item
                else:
                    groups.add(item.key, item.annotation, item.origin)
            for key, group in groups:
                where, items = f"{file}, data row {key}", [item for item in group if item is not None]
                if (items or key not in bad) and options.mapping.takes(key):
                    for message in options.mapping.routed(_message(key, merge(items), options)):
                        yield Record(where, message)
    except KeyClash as clash:
        raise UnreadableSource(f"{file}: {clash}; {_told_apart(clash, apart)}") from None
    except sqlite3.Error as error:
        raise UnreadableSource(f"the predictions of {file} cannot be kept in a temporary file: {error}") from None


def _told_apart(clash: KeyClash, apart: str) -> str:
    """Return what to do about two records with one key."""
    if str(clash.first.name) == str(clash.second.name):  # such as 7 and "7"
        return "write these ids in one way, or give one of them another text"
    return f"type --global-key '{apart}', or add that field to your template"


def _message(key: str, annotations: list[Any], options: ReaderOptions) -> dict[str, Any]:
    """Return the message of one data row."""
    message: dict[str, Any] = {"dataRow": {"globalKey": key}, "annotations": annotations}
    if options.project_id:
        message = {"projectId": options.project_id} | message
    if options.model:
        message["model"] = {"name": options.model}
    return message


def lines_of(file: Path | str) -> Iterator[tuple[int, str]]:
    """Yield number and text of all lines that are not empty. Raises UnreadableInput."""
    with open_text(file) as stream:
        for at in count(1):
            line = stream.readline(MAX_LINE)
            if not line:
                return
            if len(line) == MAX_LINE:
                raise UnreadableSource(f"{name_of(file)}, line {at}: more than {MAX_LINE} bytes")
            try:
                text = line.decode().strip()
            except UnicodeDecodeError:
                raise UnreadableSource(f"{name_of(file)}, line {at}: not UTF-8: convert the file with iconv") from None
            if text:
                yield at, text


def text_of(value: Any, name: str) -> str:
    """Return a text that is not empty and has no lone surrogates, as JSON may have them. Raises ValueError."""
    if not isinstance(value, str) or not value.strip():
        raise BadValue(name, "a text that is not blank", found_value(value))
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: a text with half a character in it") from None
    return value


def number(value: Any, name: str) -> float:
    """Return a finite JSON number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(name, "a number", found_value(value))
    if not abs(value) <= MAX_NUMBER:
        raise BadValue(name, f"a number from -{MAX_NUMBER} to {MAX_NUMBER}", found_value(value))
    return value


class Scores:
    """Reads the scores of a file, and notices if they are no shares, such as percents.

    Of percents, those up to 1 would pass as shares, and be a hundred times too high.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = self._above_1 = 0

    def read(self, value: Any) -> float | None:
        """Return a confidence within 0 to 1, or None if the record has none. Raises ValueError.

        A number that is outside by the rounding of 32-bit floats counts as 0 or 1.
        """
        if value is None:
            return None
        score = rounded(number(value, "score"))
        self._count += 1
        self._above_1 += score > 1
        if not 0 <= score <= 1:
            raise BadValue("score", "0 to 1", found_value(value))
        return float(score)

    def check(self) -> None:
        """Call after the last record. Raises UnreadableSource if most scores of several are above 1."""
        if self._above_1 > 1 and 2 * self._above_1 > self._count:
            raise UnreadableSource(
                f"{self._file}: {self._above_1} of {self._count} scores are above 1, so they are no shares; expected 0 "
                "to 1. Divide percents by 100"
            )
