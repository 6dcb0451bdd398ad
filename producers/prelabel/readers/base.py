"""What readers share: what they yield, what they are told, and how annotations of a data row become one message."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

from prelabel.errors import PrelabelError
from prelabel.readers.groups import Groups
from prelabel.readers.mapping import ClassMapping

MAX_LINE = 65_536
"""Longest line of a text format in characters."""
_FIELD = re.compile(r"\{(\w+)(?::0?(\d{1,3})d)?\}")


class UnreadableSource(PrelabelError):
    """The file is not what its format says, or the reader was not told what it needs."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message, in its wire shape, and where in the source it stands."""

    where: str
    message: bytes | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is no prediction, where it stands, and why."""

    where: str
    problem: str


Source = Iterator[Record | BadRecord]


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """What a file does not say itself.

    Attributes:
        project_id: the project of all messages.
        model: the model's name.
        global_key: template of a data row's global key; without one the mapping's, then the format's own.
        mapping: class names → features, the least confidence, which data rows.
        categories: COCO: the file with names of categories, where the predictions have none.
        images: COCO: the file with sizes and names of images, likewise.
        masks: panoptic: the folder of the PNG files.
        mask_url: panoptic: template of the address at which Labelbox finds a PNG file; then no pixel is read.
        media: RTTM: what the data rows are.
        frame_rate: frames a second of the video.
        frame_step: MOT: of how many of the video's frames the tracker saw one.

    """

    project_id: str
    model: str | None = None
    global_key: str | None = None
    mapping: ClassMapping = field(default_factory=ClassMapping)
    categories: Path | None = None
    images: Path | None = None
    masks: Path | None = None
    mask_url: str | None = None
    media: Literal["audio", "video"] = "audio"
    frame_rate: float | None = None
    frame_step: int = 1

    def key_template(self, default: str) -> str:
        """The template in force."""
        return self.global_key or self.mapping.global_key or default


@dataclass(frozen=True, slots=True)
class Found:
    """One annotation, of the data row with this global key."""

    key: str
    annotation: Mapping[str, Any]


def filled(template: str, fields: Mapping[str, Any]) -> str:
    """Only names of fields are filled in, padded with `{name:06d}`; nothing of a template is evaluated."""

    def value(match: re.Match[str]) -> str:
        found = fields.get(match[1])
        return match[0] if found is None else str(found).zfill(int(match[2] or 0))

    return _FIELD.sub(value, template)


def fields_of(template: str) -> set[str]:
    """The names in a template."""
    return {match[1] for match in _FIELD.finditer(template)}


def messages_of(
    found: Iterable[Found | BadRecord],
    options: ReaderOptions,
    file: str,
    merge: Callable[[list[Any]], list[Any]] = list,
) -> Source:
    """Bad records at once; then one message for each data row, in the order in which they first occur.

    `merge` makes the annotations of what was found of a data row, where that is not one of each. A message is the
    whole of what a model says about a data row, so none can be sent before the file's end.
    """
    try:
        with Groups() as groups:
            for each in found:
                if isinstance(each, BadRecord):
                    yield each
                else:
                    groups.add(each.key, each.annotation)
            for key, annotations in groups:
                if options.mapping.takes(key):
                    yield Record(f"{file}, data row {key}", _message(key, merge(annotations), options))
    except sqlite3.Error as error:
        raise UnreadableSource(f"{file} cannot be gathered in a temporary file: {error}") from None


def _message(key: str, annotations: list[Any], options: ReaderOptions) -> dict[str, Any]:
    """The message of one data row."""
    made: dict[str, Any] = {
        "projectId": options.project_id, "dataRow": {"globalKey": key}, "annotations": annotations
    }  # fmt: skip
    if options.model:
        made["model"] = {"name": options.model}
    return made


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not empty. Raises UnreadableSource."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for at in count(1):
                line = stream.readline(MAX_LINE)
                if not line:
                    return
                if len(line) == MAX_LINE:
                    raise UnreadableSource(f"{path}, line {at}: more than {MAX_LINE} characters")
                if text := line.strip():
                    yield at, text
    except OSError as error:
        raise UnreadableSource(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableSource(f"{path}: not UTF-8") from None


def text_of(value: Any, name: str) -> str:
    """A text that is not empty and can be sent: JSON may hold halves of characters. Raises ValueError."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}: expected a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: a text with half a character in it") from None
    return value


def number(value: Any, name: str) -> float:
    """A finite JSON number. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53:
        raise ValueError(f"{name}: expected a number")
    return value


def score_of(value: Any) -> float | None:
    """A confidence, None where the file has none. Raises ValueError."""
    if value is None:
        return None
    if not 0 <= number(value, "score") <= 1:
        raise ValueError(f"score: expected 0 to 1, found {value:g}")
    return float(value)
