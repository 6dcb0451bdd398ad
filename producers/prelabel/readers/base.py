"""The parts that readers share: records, options, and how the annotations of a data row become one message."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

from prelabel.readers.groups import Groups
from prelabel.readers.mapping import ClassMapping
from prelabel.text_input import UnreadableInput, name_of, open_text

MAX_LINE = 65_536
"""Maximum number of bytes of a line in a text format."""
_FIELD = re.compile(r"\{(\w+)(?::0?(\d{1,3})d)?\}")


class UnreadableSource(UnreadableInput):
    """The file does not match its format, or the reader lacks an option that it needs."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message in the form of JSON, and its place in the source."""

    where: str
    message: bytes | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """The place of a record that cannot be read as a prediction, and the problem."""

    where: str
    problem: str


Source = Iterator[Record | BadRecord]


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """How to read a file, and the values that it lacks."""

    #: The project of all messages.
    project_id: str
    #: The model's name.
    model: str | None = None
    #: Template of a data row's global key; None for the mapping's template, or else the format's own.
    global_key: str | None = None
    #: Class names → features, the minimum confidence, the sample of data rows.
    mapping: ClassMapping = field(default_factory=ClassMapping)
    #: COCO: the file with the names of categories, if the predictions do not have them.
    categories: Path | None = None
    #: COCO: the file with the sizes and names of images, if the predictions do not have them.
    images: Path | None = None
    #: Panoptic: the folder of the PNG files.
    masks: Path | None = None
    #: Panoptic: template of the address at which Labelbox finds a PNG file; with it no pixels are read.
    mask_url: str | None = None
    #: RTTM: the media of the data rows.
    media: Literal["audio", "video"] = "audio"
    #: Frames per second of the video.
    frame_rate: float | None = None
    #: MOT: n, if the tracker saw only every n-th frame of the video.
    frame_step: int = 1

    def key_template(self, default: str) -> str:
        """Return the template of global keys that applies."""
        return self.global_key or self.mapping.global_key or default


@dataclass(frozen=True, slots=True)
class KeyedAnnotation:
    """One annotation, and the global key of its data row."""

    key: str
    annotation: Mapping[str, Any]


def filled(template: str, fields: Mapping[str, Any]) -> str:
    """Replace `{name}` by a field's value, `{name:06d}` with leading zeros; nothing in a template is evaluated."""

    def value(match: re.Match[str]) -> str:
        field_value = fields.get(match[1])
        return match[0] if field_value is None else str(field_value).zfill(int(match[2] or 0))

    return _FIELD.sub(value, template)


def fields_of(template: str) -> set[str]:
    """Return the names of the fields in a template."""
    return {match[1] for match in _FIELD.finditer(template)}


def messages_of(
    annotations: Iterable[KeyedAnnotation | BadRecord],
    options: ReaderOptions,
    file: str,
    merge: Callable[[list[Any]], list[Any]] = list,
) -> Source:
    """Yield bad records at once, then one message per data row, in the order in which the data rows first occur.

    `merge` turns the items that were read for a data row into its annotations, if the two differ. A message must hold
    all predictions of a model for a data row, so no message can be sent before the end of the file.
    """
    try:
        with Groups() as groups:
            for item in annotations:
                if isinstance(item, BadRecord):
                    yield item
                else:
                    groups.add(item.key, item.annotation)
            for key, group in groups:
                if options.mapping.takes(key):
                    yield Record(f"{file}, data row {key}", _message(key, merge(group), options))
    except sqlite3.Error as error:
        raise UnreadableSource(f"the predictions of {file} cannot be kept in a temporary file: {error}") from None


def _message(key: str, annotations: list[Any], options: ReaderOptions) -> dict[str, Any]:
    """Return the message of one data row."""
    message: dict[str, Any] = {
        "projectId": options.project_id, "dataRow": {"globalKey": key}, "annotations": annotations
    }  # fmt: skip
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
        raise ValueError(f"{name}: expected a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: a text with half a character in it") from None
    return value


def number(value: Any, name: str) -> float:
    """Return a finite JSON number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53:
        raise ValueError(f"{name}: expected a number")
    return value


def score_of(value: Any) -> float | None:
    """Return a confidence, or None if the file has none. Raises ValueError."""
    if value is None:
        return None
    if not 0 <= number(value, "score") <= 1:
        raise ValueError(f"score: expected 0 to 1, found {value:g}")
    return float(value)
