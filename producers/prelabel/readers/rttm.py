"""Read RTTM diarisation, that is, who speaks when: `SPEAKER file channel onset duration … speaker`.

All lines with one file name become one message with a checklist `speaker`, whose options are the speakers; a checklist,
since several people may speak at once. On audio, ranges count milliseconds; on video, they count frames from 1, which
needs the frame rate.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import quoted
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
    lines_of,
    messages_of,
)
from prelabel.readers.groups import Origin
from prelabel.readers.times import MOST_SECONDS, answers, check_media, time_range

FEATURE = "speaker"
"""The feature of speakers for whom the mapping names no feature."""
FIELDS = (9, 10)
"""The numbers of fields that versions of the format have; docs/how-to/publish-from-files.md lists the versions."""
_NONE = "<NA>"
_SPEAKER = "SPEAKER"
_OTHER_TYPES = (
    *("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "IP", "SU", "CB"),
    *("A/P", "SPKR-INFO"),
)
_COMMENTS = (";", "#")
_NO_SPACES = "Names have no spaces in RTTM: write Speaker_0 instead of Speaker 0"


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per recording. Raises UnreadableSource."""
    template = _checked(path, options)
    lines, scores = _Lines(), Scores(path.name)

    def turns() -> Iterator[KeyedAnnotation | BadRecord]:
        for number, line in lines_of(path):
            if line.startswith(_COMMENTS):
                continue
            where = f"{path.name}, line {number}"
            cells = line.split()
            if cells[0] in _OTHER_TYPES:
                options.mapping.leave_out("lines that are no SPEAKER")
                continue
            try:
                lines.check(cells, number, where)
                turn = _turn(cells, options, scores)
            except ValueError as error:
                key = filled(template, {"file_id": cells[1]}) if len(cells) > 1 else None
                yield bad_record(where, error, key)
                continue
            key = filled(template, {"file_id": cells[1]})
            yield KeyedAnnotation(key, turn, Origin("recording", cells[1], where))
        scores.check()

    return messages_of(turns(), options, path.name, answers, apart="{file_id}")


class _Lines:
    """Checks the fields of lines, and notices what the lines say together: names with spaces in them."""

    def __init__(self) -> None:
        self._fields: tuple[int, int] | None = None  # of the first line, and its number
        self._numbers: dict[str, str] = {}  # by speaker

    def check(self, cells: list[str], number: int, where: str) -> None:
        """Check that a line has the fields of a turn. Raises ValueError, or UnreadableSource for the whole file."""
        if cells[0] != _SPEAKER:
            raise ValueError(f"type: expected {_SPEAKER} or another type of RTTM, found {cells[0][:40]!r}")
        if len(cells) not in FIELDS:
            raise ValueError(
                "expected SPEAKER file channel onset duration <NA> <NA> speaker confidence, and perhaps a lookahead: "
                f"{FIELDS[0]} or {FIELDS[1]} fields between spaces, found {len(cells)}. {_NO_SPACES}"
            )
        first, at = self._fields = self._fields or (len(cells), number)
        if len(cells) != first:
            raise ValueError(f"expected {first} fields as in line {at}, found {len(cells)}. {_NO_SPACES}")
        if cells[7] == _NONE:
            raise ValueError(f"speaker: expected SPEAKER file channel onset duration <NA> <NA> speaker, found {_NONE}")
        for cell, name in ((cells[5], "orthography"), (cells[6], "subtype")):
            if cell != _NONE:
                raise ValueError(f"{name}: expected {_NONE}, found {cell[:40]!r}. {_NO_SPACES}")
        if len(cells) == FIELDS[-1] and cells[9] != _NONE:
            _seconds(cells[9], "lookahead")
        self._check_number(cells[7], cells[8], where)

    def _check_number(self, speaker: str, cell: str, where: str) -> None:
        """Raise UnreadableSource for a speaker who is followed by one whole number here and by another one there.

        In a line of nine fields, `Speaker 0` looks like the speaker `Speaker` with a confidence of 0.
        """
        if cell.isdecimal() and (before := self._numbers.setdefault(speaker, cell)) != cell:
            raise UnreadableSource(
                f"{where}: speaker {speaker!r} has the confidence {cell}, and {before} before, as if there were two "
                f"speakers, '{speaker} {before}' and '{speaker} {cell}'. "
                f"{_NO_SPACES}. If these are confidences, write {before}.0 and {cell}.0"
            )


def _checked(path: Path, options: ReaderOptions) -> str:
    """Check the options, and return the template of global keys. Raises UnreadableSource."""
    template = options.key_template("{file_id}", "file_id")
    if "file_id" not in fields_of(template):
        raise UnreadableSource(f"global key {template!r}: expected {{file_id}}: every recording needs its own")
    check_media(path, options)
    return template


def _turn(cells: list[str], options: ReaderOptions, scores: Scores) -> dict[str, Any] | None:
    """Return who speaks when, or None if the mapping leaves it out. Raises ValueError."""
    onset, duration = _seconds(cells[3], "onset"), _seconds(cells[4], "duration")
    if duration <= 0:
        raise BadValue("duration", "more than 0", quoted(cells[4]))
    score = None if cells[8] == _NONE else _score(cells[8], scores)
    target = options.mapping.choose(cells[7], score, FEATURE)
    if target is None:
        return None
    frames = time_range(onset, onset + duration, options.frame_rate)
    return {"feature": target.feature, "option": target.option or cells[7], "frames": frames}


def _seconds(cell: str, name: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise BadValue(name, "a number", quoted(cell)) from None
    if not 0 <= value < MOST_SECONDS:
        raise BadValue(name, f"0 or more, and less than {MOST_SECONDS:.0f}", quoted(cell))
    return value


def _score(cell: str, scores: Scores) -> float | None:
    """Return the confidence in a cell. Raises ValueError."""
    try:
        return scores.read(float(cell))
    except ValueError:
        raise BadValue("score", "0 to 1", quoted(cell)) from None
