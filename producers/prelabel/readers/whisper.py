"""Read transcripts of Whisper and its relatives: segments → texts with ranges of time, speakers → a checklist.

A file is one recording, with `segments` (Whisper, faster-whisper, WhisperX, the verbose form of OpenAI's API), `chunks`
(Hugging Face's pipeline) or `transcription` (whisper.cpp).
"""

from collections.abc import Iterator
from math import exp
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    ReaderOptions,
    Scores,
    Source,
    bad_record,
    number,
    text_of,
)
from prelabel.readers.by_document import read_documents
from prelabel.readers.documents import Document, array_of, object_of
from prelabel.readers.times import answers, check_media, interval

CLASS = "transcript"
"""The class of texts, and their feature if the mapping names no other."""
SPEAKER = "speaker"
"""The feature of speakers for whom the mapping names no feature."""
_PARTS = ("segments", "chunks", "transcription")


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per recording. Raises UnreadableSource."""
    check_media(path, options)

    def turns(document: Document, scores: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        value = object_of(document.value, "the record")
        part = next((name for name in _PARTS if name in value), None)
        if part is None:
            raise ValueError(f"expected {', '.join(_PARTS[:-1])} or {_PARTS[-1]}, found none: is it a transcript?")
        for index, segment in enumerate(array_of(value[part], part)):
            try:
                yield from _segment(object_of(segment, "the segment"), part, options, scores)
            except ValueError as error:
                yield bad_record(f", {part}[{index}]", error)

    return read_documents(path, options, turns, answers)


def _segment(segment: dict[str, Any], part: str, options: ReaderOptions, scores: Scores) -> Iterator[dict[str, Any]]:
    frames = interval(*_times(segment, part), options.frame_rate)
    value = text_of(segment.get("text"), "text").strip()
    score = scores.read(_score(segment))
    if target := options.mapping.choose(CLASS, score, CLASS):
        yield {"feature": target.feature, "value": value, "frames": frames}
    speaker = segment.get("speaker")
    if speaker is not None and (target := options.mapping.choose(text_of(speaker, "speaker"), None, SPEAKER)):
        yield {"feature": target.feature, "option": target.option or speaker, "frames": frames}


def _times(segment: dict[str, Any], part: str) -> tuple[Any, Any]:
    """Return start and end in seconds. Raises ValueError."""
    if part == "segments":
        return segment.get("start"), segment.get("end")
    if part == "transcription":
        offsets = object_of(segment.get("offsets"), "offsets")
        return number(offsets.get("from"), "offsets.from") / 1000, number(offsets.get("to"), "offsets.to") / 1000
    times = segment.get("timestamp")
    if not isinstance(times, list) or len(times) != 2:
        raise BadValue("timestamp", "[start, end], as return_timestamps=True gives it", found_value(times))
    if times[1] is None:
        raise BadValue("timestamp", "an end: the pipeline saw none, since the audio was cut off in a word", "null")
    return times[0], times[1]


def _score(segment: dict[str, Any]) -> float | None:
    """Return the mean probability of a segment's tokens, or None if it does not have it. Raises ValueError."""
    mean = segment.get("avg_logprob")
    if mean is None:
        return None
    if number(mean, "avg_logprob") > 0:
        raise BadValue("avg_logprob", "the logarithm of a probability: 0 or less", found_value(mean))
    return exp(mean)
