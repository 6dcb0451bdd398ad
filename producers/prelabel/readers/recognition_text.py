"""What files of text, sound, pages and tables look like, by their beginning."""

import csv
import re

from prelabel.readers.base import UnreadableSource
from prelabel.readers.table_columns import Columns

_PADDLE = re.compile(rb"\s*(?:\[\s*){4,5}-?\d[^\]]*\]")
_BRAT = re.compile(rb"T\d+\t\S+ \d+ \d+(?:;\d+ \d+)*\t")
_CONLL_COMMENT = re.compile(r"-DOCSTART-|#\s*(?:newdoc|sent_id|global\.columns)\b")
_TAG = re.compile(r"[BIESLU]-\w\S*")
_LINES = 200
_BY_KEYS: tuple[tuple[str, frozenset[bytes]], ...] = (
    ("whisper", frozenset({b"segments", b"start", b"end", b"text"})),
    ("whisper", frozenset({b"chunks", b"timestamp", b"text"})),
    ("whisper", frozenset({b"transcription", b"offsets", b"text"})),
    ("pyannote", frozenset({b"pyannote", b"content"})),
    ("pyannote", frozenset({b"diarization", b"speaker", b"start", b"end"})),
    ("spacy", frozenset({b"text", b"tokens", b"ents"})),
    ("spacy", frozenset({b"text", b"tokens", b"cats"})),
    ("spacy", frozenset({b"text", b"tokens", b"spans"})),
    ("huggingface-tokens", frozenset({b"entity_group", b"score", b"start", b"end"})),
    ("huggingface-tokens", frozenset({b"entity", b"word", b"score", b"start", b"end"})),
    ("doctr", frozenset({b"pages", b"dimensions", b"geometry"})),
    ("paddleocr", frozenset({b"rec_texts", b"rec_scores"})),
    ("paddleocr", frozenset({b"box", b"txt", b"score"})),
)
"""Format → keys that together no other format has."""


def like(head: bytes, keys: set[bytes]) -> str | None:
    """Return the format of a file with this beginning and these names of values, or None."""
    if head.startswith(b"<"):
        if b"ocr_page" in head:
            return "hocr"
        return "alto" if re.search(rb"<(?:\w+:)?alto[\s>]", head, re.IGNORECASE) else None
    if head.startswith((b"{", b"[")):
        by_keys = next((name for name, wanted in _BY_KEYS if wanted <= keys), None)
        return by_keys or ("paddleocr" if _PADDLE.match(head) and b'"' in head and not keys else None)
    if _BRAT.match(head):
        return "brat"
    return _of_text(head.decode("utf-8", "replace").splitlines()[:_LINES])


def _of_text(lines: list[str]) -> str | None:
    if not lines:
        return None
    if _has_columns(lines[0]):
        return "table"
    if any(map(_CONLL_COMMENT.match, lines[:3])):
        return "conll"
    cells = [line.split() for line in lines[:-1] if line.strip() and not line.startswith("#")]
    tags = [words[-1] for words in cells if len(words) > 1]
    if len(tags) < len(cells) or not any(map(_TAG.fullmatch, tags)):
        return None
    return "conll" if all(tag == "O" or _TAG.fullmatch(tag) for tag in tags) else None


def _has_columns(line: str) -> bool:
    """Return whether a line has the names of a table's columns, those of data rows and predictions among them."""
    separator = max(",;\t", key=line.count)
    names = next(csv.reader([line], delimiter=separator), [])
    if len(names) < 2 or len(set(names)) < len(names):
        return False
    try:
        columns = Columns("", names, {})
        columns.need("key")
    except UnreadableSource:
        return False
    return True
