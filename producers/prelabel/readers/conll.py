"""Read tokens with tags of entities: a token a line, in columns, with an empty line after each sentence.

CoNLL-2003 and its like have the token first and the tag last. CoNLL-U has the tag in its last column as `NER=B-PER`, or
in a column of its own (CoNLL-U Plus). Columns may have the characters of each token; otherwise these are counted in the
text of `texts`, or as if one space stood between two tokens, unless `SpaceAfter=No` says that none does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prelabel.annotations.text import MAX_CHARACTERS
from prelabel.errors import quoted
from prelabel.readers.base import (
    MAX_LINE,
    BadRecord,
    KeyedAnnotation,
    ReaderOptions,
    Source,
    UnreadableSource,
    bad_record,
    fields_of,
    filled,
    messages_of,
    text_of,
)
from prelabel.readers.documents import MAX_PARTS, files_of
from prelabel.readers.groups import Origin
from prelabel.readers.labels import entity
from prelabel.readers.tags import Tags
from prelabel.readers.texts import Texts
from prelabel.text_input import open_text, stem_of

_SUFFIXES = (".conll", ".conllu", ".conllup", ".bio", ".iob", ".iob2", ".txt", ".tsv")
_ROLES = ("token", "tag", "start", "end")
_CONLLU = 10
_NEW = re.compile(r"#\s*newdoc(?:\s+id\s*=\s*(.+))?")
_COLUMNS = re.compile(r"#\s*global\.columns\s*=\s*(.+)")
_SENTENCE = re.compile(r"#\s*(?:sent_id|text|newpar|global)\b")
_NAMES = {"FORM": "token", "NER": "tag"}
_MISC_TAG = re.compile(r"(?:^|\|)(?:NER|ner|Ner|EntityTag)=([^|]*)")
_SPACES_AFTER = {"\\s": " ", "\\n": "\n", "\\t": "\t", "\\r": "\r"}


@dataclass(slots=True)
class _Text:
    """The document or sentence whose tokens are being read."""

    number: int
    where: str
    name: str | None = None
    offset: int = 0
    gap: int = 0
    tags: Tags = field(default_factory=Tags)
    bad: BadRecord | None = None
    key: str = ""
    text: str | None = None
    begun: bool = False


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per document, or per sentence if the template has `{sentence}`. Raises UnreadableSource."""
    template = options.key_template("{file}", "file", "document", "sentence")
    if unknown := options.columns.keys() - set(_ROLES):
        raise UnreadableSource(f"column of {min(unknown)}: expected one of {', '.join(_ROLES)}")

    def entities() -> Iterator[KeyedAnnotation | BadRecord]:
        for file in files_of(path, *_SUFFIXES):
            yield from _File(file, template, options).entities()

    apart = "{file}-{sentence}" if "sentence" in fields_of(template) else "{file}-{document}"
    return messages_of(entities(), options, path.name, apart=apart)


class _File:
    def __init__(self, file: Path, template: str, options: ReaderOptions) -> None:
        self._file = file
        self._template = template
        self._options = options
        self._by_sentence = "sentence" in fields_of(template)
        self._texts = Texts(options.texts, file) if options.texts else None
        self._columns: dict[str, int] = {}
        self._width = 0
        self._documents = self._sentences = 0
        self._text = _Text(0, file.name)

    def entities(self) -> Iterator[KeyedAnnotation | BadRecord]:
        """Yield the entities of each document when it has ended."""
        for number, line in self._lines():
            where = f"{self._file.name}, line {number}"
            if not line.strip():
                self._text.tags.end()
                if self._by_sentence:
                    yield from self._finish()
            elif line.startswith("#") and self._is_comment(line):
                if match := _NEW.match(line):
                    yield from self._finish(new=True)
                    self._text.name = match[1] and match[1].strip()
            elif line.startswith("-DOCSTART-"):
                yield from self._finish(new=True)
            else:
                self._token(line, where)
        yield from self._finish()

    def _is_comment(self, line: str) -> bool:
        """Take a comment; a line of a table whose token is `#` is none."""
        if match := _COLUMNS.match(line):
            names = match[1].split()
            self._columns = {_NAMES.get(name.rpartition(":")[2], name): at for at, name in enumerate(names)}
            self._width = len(names)
            return True
        if self._width == _CONLLU or "ID" in self._columns:
            return True
        return bool(_NEW.match(line) or _SENTENCE.match(line)) or (line.startswith("# ") and "=" in line)

    def _lines(self) -> Iterator[tuple[int, str]]:
        with open_text(self._file) as stream:
            for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE), b""), 1):
                if len(line) == MAX_LINE:
                    raise UnreadableSource(f"{self._file.name}, line {number}: more than {MAX_LINE} bytes")
                try:
                    yield number, line.decode().rstrip("\n")
                except UnicodeDecodeError:
                    raise UnreadableSource(
                        f"{self._file.name}, line {number}: not UTF-8: convert the file with iconv"
                    ) from None

    def _finish(self, *, new: bool = False) -> Iterator[KeyedAnnotation | BadRecord]:
        """Yield what the document or sentence has, and begin the next one."""
        text = self._text
        text.tags.end()
        self._documents += new and (text.begun or self._documents > 0 or self._sentences > 0)
        self._sentences += text.begun and self._by_sentence
        name = None if new else text.name
        self._text = _Text(text.number + text.begun, self._file.name, name)
        if text.bad is not None:
            yield text.bad
        elif text.begun:
            origin = Origin("document", f"{self._file.name} {text.number}", text.where)
            items = list(self._entities(text))
            if not items:
                yield KeyedAnnotation(text.key, None, origin)
            for item in items:
                yield item if isinstance(item, BadRecord) else KeyedAnnotation(text.key, item, origin)

    def _entities(self, text: _Text) -> Iterator[dict[str, Any] | BadRecord]:
        for span in text.tags.spans:
            try:
                if annotation := entity(span.name, None, span.start, span.end, self._options):
                    yield annotation
            except ValueError as error:
                yield bad_record(span.where, error, text.key)

    def _token(self, line: str, where: str) -> None:
        """Take a token. A bad one makes its document bad: the characters of those after it are not known."""
        text = self._text
        if text.bad is not None:
            return
        try:
            if not text.begun:
                self._begin(text, where)
            self._place(text, line.split("\t") if "\t" in line else line.split(), where)
        except ValueError as error:
            text.begun = True
            text.bad = bad_record(where, error, text.key or None)

    def _begin(self, text: _Text, where: str) -> None:
        text.begun, text.where = True, where
        fields = {
            "file": stem_of(self._file),
            "document": text.name or self._documents,
            "sentence": self._sentences,
        }
        text.key = text_of(filled(self._template, fields), "global key")
        text.text = self._texts.of(text.key) if self._texts else None

    def _place(self, text: _Text, cells: list[str], where: str) -> None:
        """Add a token with its characters. Raises ValueError."""
        self._width = self._width or len(cells)
        if len(cells) != self._width:
            raise ValueError(f"expected {self._width} columns as in the lines before, found {len(cells)}")
        columns = self._columns = self._columns or self._roles(cells)
        conllu = self._width == _CONLLU and "tag" not in columns
        if conllu and ("-" in cells[0] or "." in cells[0]):
            return  # a word of several tokens, or one that the text does not have
        token, misc = cells[columns["token"]], cells[-1] if conllu else ""
        match = _MISC_TAG.search(misc)
        tag = (match[1] if match else "O") if conllu else cells[columns["tag"]]
        if not token.strip():
            raise ValueError(f"token: expected a text that is not blank, found {quoted(token)}")
        start, end = self._characters(text, token, cells)
        text.tags.add(tag, start, end, where)
        if len(text.tags.spans) > MAX_PARTS:
            raise ValueError(f"more than {MAX_PARTS} entities in one text")
        text.offset, text.gap = end, len(_after(misc))

    def _characters(self, text: _Text, token: str, cells: list[str]) -> tuple[int, int]:
        """Return the half-open span of a token. Raises ValueError."""
        if "start" in self._columns:
            return _whole(cells[self._columns["start"]], "start"), _whole(cells[self._columns["end"]], "end")
        if text.text is not None:
            return _found(token, text.text, text.offset)
        start = text.offset + text.gap
        if start + len(token) > MAX_CHARACTERS:
            raise ValueError(f"token: the text has more than {MAX_CHARACTERS} characters up to here; use {{sentence}}")
        return start, start + len(token)

    def _roles(self, cells: list[str]) -> dict[str, int]:
        """Return the column of each role, as given or by the first token. Raises UnreadableSource."""
        if self._options.columns:
            columns = {role: _column(role, name, len(cells)) for role, name in self._options.columns.items()}
            if ("start" in columns) != ("end" in columns):
                raise UnreadableSource("columns: expected start and end, or none of them")
            return {"token": 0, "tag": len(cells) - 1} | columns  # nosec B105 - the number of a column
        if len(cells) == _CONLLU and cells[0].split("-")[0].isdecimal():
            return {"token": 1}  # nosec B105
        if len(cells) < 2:
            raise UnreadableSource(f"{self._file.name}: expected a token and a tag in columns, found one column")
        if len(cells) == 4:
            for token, tag, start in ((0, 3, 1), (3, 0, 1)):
                first, last = cells[start], cells[start + 1]
                if first.isdecimal() and last.isdecimal() and int(last) - int(first) == len(cells[token]):
                    return {"token": token, "tag": tag, "start": start, "end": start + 1}
        return {"token": 0, "tag": len(cells) - 1}  # nosec B105


def _column(role: str, name: str, count: int) -> int:
    """Return the index of a column that is counted from 1. Raises UnreadableSource."""
    if not name.isdecimal() or not 1 <= int(name) <= count:
        raise UnreadableSource(f"column of {role}: expected a number from 1 to {count}, found {quoted(name)}")
    return int(name) - 1


def _whole(cell: str, name: str) -> int:
    if not cell.isdecimal() or len(cell) > 9:
        raise ValueError(f"{name}: expected a whole number, found {quoted(cell)}")
    return int(cell)


def _found(token: str, text: str, offset: int) -> tuple[int, int]:
    """Return where the text has the token, with nothing but spaces before it. Raises ValueError."""
    while offset < len(text) and text[offset].isspace():
        offset += 1
    if not text.startswith(token, offset):
        raise ValueError(f"token: the text has {quoted(text[offset : offset + len(token)])} here, not {quoted(token)}")
    return offset, offset + len(token)


def _after(misc: str) -> str:
    """Return the spaces after a token, as CoNLL-U's last column has them: one, unless it says something else."""
    for part in misc.split("|"):
        name, _, value = part.partition("=")
        if name == "SpaceAfter" and value == "No":
            return ""
        if name == "SpacesAfter":
            return re.sub(r"\\[sntr]", lambda match: _SPACES_AFTER[match[0]], value)
    return " "
