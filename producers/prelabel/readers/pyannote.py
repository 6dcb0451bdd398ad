"""Read diarisation in JSON, that is, who speaks when: of pyannote.core, pyannote.audio and pyannoteAI.

A file is one recording and becomes a checklist `speaker`, as with RTTM.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadRecord, BadValue, ReaderOptions, Scores, Source, bad_record, text_of
from prelabel.readers.by_document import read_documents
from prelabel.readers.documents import Document, array_of, joined, object_of
from prelabel.readers.rttm import FEATURE
from prelabel.readers.times import answers, check_media, interval


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per recording. Raises UnreadableSource."""
    check_media(path, options)

    def turns(document: Document, scores: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        name, items = _turns(document.value)
        for index, item in enumerate(items):
            try:
                if turn := _turn(object_of(item, "the turn"), options, scores):
                    yield turn
            except ValueError as error:
                yield bad_record(f"{name and f', {name}'}[{index}]", error)

    return read_documents(path, options, turns, answers, split=lambda path: joined(path, _is_turn))


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and {"start", "end"} <= value.keys() and bool({"speaker", "label"} & value.keys())


def _turns(value: Any) -> tuple[str, list[Any]]:
    """Return the place of the turns in a record, and the turns. Raises ValueError."""
    if isinstance(value, list):
        return "", value
    value = object_of(value, "the record")
    if isinstance(value.get("output"), dict):
        return "output.diarization", array_of(value["output"].get("diarization"), "output.diarization")
    for name in ("diarization", "content"):
        if name in value:
            return name, array_of(value[name], name)
    raise ValueError("expected turns under diarization, output.diarization or content, found none of them")


def _turn(turn: dict[str, Any], options: ReaderOptions, scores: Scores) -> dict[str, Any] | None:
    times = object_of(turn["segment"], "segment") if "segment" in turn else turn
    frames = interval(times.get("start"), times.get("end"), options.frame_rate)
    if times["start"] == times["end"]:
        raise BadValue("end", f"after start ({times['start']:g})", found_value(times["end"]))
    speaker = turn.get("speaker", turn.get("label"))
    if isinstance(speaker, int) and not isinstance(speaker, bool):
        speaker = str(speaker)
    speaker, score = text_of(speaker, "speaker"), scores.read(turn.get("confidence"))
    target = options.mapping.choose(speaker, score, FEATURE)
    if target is None:
        return None
    return {"feature": target.feature, "option": target.option or speaker, "frames": frames}
