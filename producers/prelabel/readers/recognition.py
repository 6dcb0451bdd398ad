"""Recognise the format of a file of predictions by its beginning, to read it, or to name the option that does.

A file is read as a recognised format only if that is certain: a file of COCO's ground truth fits several formats, and
other tools write files that only look alike.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from prelabel.readers import recognition_text
from prelabel.readers.arrow_files import is_arrow
from prelabel.readers.json_stream import elements
from prelabel.readers.ndjson import form_of, read_keys
from prelabel.text_input import TextInput, UnreadableInput, open_text

_LOOK = 64 * 1024
_LIKE = (recognition_text.like,)
"""Functions of the beginning and the names of values in it, which return the format that it certainly is, or None."""
_CLASSES = {b"label", b"score"}
_OF_FOLDERS = frozenset(
    ("whisper", "pyannote", "spacy", "huggingface-tokens", "conll", "brat", "hocr", "alto", "doctr", "paddleocr")
)
"""The formats that read all files of a folder."""
_KEY = re.compile(rb'"(\w+)"\s*:\s*(\[\s*\])?')
_COCO = {
    "segments_info": "coco-panoptic",
    "caption": "coco-captions",
    "keypoints": "coco-keypoints",
    "segmentation": "coco-segmentation",
    "bbox": "coco-results",
}
"""Key of a result → the format that reads it. Of several, the first one says the most."""
_OURS = {b"dataRow", b"projectId"}
_NO_PREDICTIONS = {
    b"row_data": "data rows, which `dataset add` takes",
    b"tools": "an ontology, which `ontology create` and `--ontology` take",
}
"""Key of another of our files → what the file is."""
_RTTM = frozenset(
    ("SPEAKER", "SPKR-INFO", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "IP", "SU", "CB", "A/P", "NOSCORE")
)
"""The types of lines of RTTM."""
_OBJECT = re.compile(rb'\s*\{\s*"')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a file looks like."""

    #: What it looks like, and what to do with it, for a person.
    text: str
    #: The formats that can read it, the likeliest first; none for one that no format reads as it is.
    formats: tuple[str, ...] = ()
    #: Whether it is nothing else than a file of the first format.
    certain: bool = False


_SOME_COCO = Likeness(
    "this looks like a file of COCO: give --format coco-results, or the coco- format that its results have",
    tuple(_COCO.values()),
)


def recognise(stream: TextInput, path: Path | None = None) -> Likeness | None:
    """Return what a text looks like, without taking any of it; None for one that looks like nothing in particular.

    With `path`, a file of COCO whose results come far behind the beginning is read up to the first of them.
    """
    head = stream.peek(_LOOK).lstrip()
    if certain := _certain(head):
        return certain
    first, newline, rest = head.partition(b"\n")
    if newline and _is_json(first):  # what follows are other lines, whose keys say nothing about this one
        head = first
        if rest.strip() and not _names(head) & (_OURS | _NO_PREDICTIONS.keys()):
            return None  # lines, of which the first one is no message: it alone is refused
    keys = _names(head)
    if head.startswith(b"{") and not keys & _OURS and (other := keys & _NO_PREDICTIONS.keys()):
        return Likeness(f"this looks like {_NO_PREDICTIONS[min(other)]}: expected predictions")
    if head.startswith(b"["):
        if keys & _OURS:
            return Likeness(
                "this looks like an array: expected one message or annotation a line, as `jq -c '.[]'` writes it"
            )
        if keys == _CLASSES:
            return _like("huggingface-labels", "huggingface-vision")
        return _coco(keys, certain=True) if b"image_id" in keys else None
    if head.startswith(b"{"):
        several = first.strip() == b"{" and not _is_json(rest.lstrip().partition(b"\n")[0])
        return _of_object(head, keys, path, several_lines=several)
    return _of_lines(head)


def recognise_path(path: Path) -> Likeness | None:
    """Return what a file, or the first file of a folder, looks like. Raises UnreadableInput."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        pairs = [file for file in files if file.suffix == ".ann"]
        likeness = recognise_path((pairs or files)[0]) if files else None
        return likeness if likeness and likeness.certain and likeness.formats[0] in _OF_FOLDERS else None
    if is_arrow(path):
        return _sure("table")
    with open_text(path) as stream:
        return recognise(stream, path)


def _certain(head: bytes) -> Likeness | None:
    """Return the format that a text certainly has, of those that are no lines of ours and not COCO's."""
    first, newline, _ = head.partition(b"\n")
    keys = _names(first if newline and _is_json(first) else head)
    if keys & (_OURS | _NO_PREDICTIONS.keys()):
        return None
    name = next((name for look in _LIKE if (name := look(head, keys)) is not None), None)
    return None if name is None else _sure(name)


def _sure(name: str) -> Likeness:
    return replace(_like(name), certain=True)


def has_no_json(stream: TextInput) -> bool:
    """Return whether the beginning of a text has lines, and none is JSON or begins like an object; takes none of it."""
    lines = stream.peek(_LOOK).split(b"\n")
    return any(map(bytes.strip, lines)) and not any(_OBJECT.match(line) or _is_json(line) for line in lines)


def _of_object(head: bytes, keys: set[bytes], path: Path | None, *, several_lines: bool) -> Likeness | None:
    if keys & _OURS:
        if several_lines:
            return Likeness(
                "this looks like an object of several lines: expected one message a line, as `jq -c .` writes it"
            )
        line = read_keys(head)
        form = form_of(line) if line is not None else None
        return _like(form.value) if form else None
    parts = keys & {b"annotations", b"images", b"categories"}
    if not parts:
        return None
    likeness = (_coco(keys) if b"image_id" in keys else None) or (_first_annotation(path) if path else None)
    return likeness or (_SOME_COCO if parts - {b"annotations"} else None)


def _names(text: bytes) -> set[bytes]:
    """Return the names of values in a JSON text, except of empty arrays."""
    return {name for name, empty in _KEY.findall(text) if not empty}


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), list | dict)
    except orjson.JSONDecodeError:
        return False


def _first_annotation(path: Path) -> Likeness | None:
    """Return what the first result of an object of COCO looks like."""
    try:
        first = next(elements(path, "annotations", alone=False), None)
    except UnreadableInput:
        return None
    return _coco(_names(orjson.dumps(first)))


def _coco(keys: set[bytes], *, certain: bool = False) -> Likeness | None:
    """Return the formats of COCO that have these keys; `certain` for a file that is an array, as results are."""
    formats = tuple(name for key, name in _COCO.items() if key.encode() in keys)
    if not formats:
        return None
    categories = "" if b"categories" in keys or formats[0] == "coco-captions" else ", with --categories FILE"
    likeness = _like(*formats, also=categories)
    results = certain and (b"score" in keys or formats[0] == "coco-captions")
    return replace(likeness, certain=results and len(formats) == 1)


def _of_lines(head: bytes) -> Likeness | None:
    for line in head.decode("utf-8", "replace").splitlines()[:100]:
        cells = line.split()
        if not cells or cells[0].startswith(";"):
            continue
        if cells[0] in _RTTM and len(cells) >= 8:
            return _sure("rttm")
        numbers = [cell.strip() for cell in line.split(",")]
        if len(numbers) >= 6 and all(map(_NUMBER.fullmatch, numbers)):
            return _like("mot")
        return None
    return None


def _like(*formats: str, also: str = "") -> Likeness:
    options = " or ".join(f"--format {name}" for name in formats)
    return Likeness(f"this looks like {formats[0]}: give {options}{also}", formats)
