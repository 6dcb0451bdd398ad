"""Read brat's standoff: a `.ann` file beside its `.txt`, or a folder of them; entities, their attributes and relations.

Offsets of brat exclude the end, and are compared with the text that the line repeats.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prelabel.errors import quoted
from prelabel.readers.base import (
    BadRecord,
    KeyedAnnotation,
    ReaderOptions,
    Source,
    UnreadableSource,
    bad_record,
    filled,
    lines_of,
    messages_of,
    text_of,
)
from prelabel.readers.documents import files_of
from prelabel.readers.groups import Origin
from prelabel.readers.labels import entity
from prelabel.readers.texts import Texts, read_whole
from prelabel.text_input import stem_of

_MAX_LINES = 200_000
_NAMESPACE = uuid.UUID("7f0d3b52-6f1e-5b0c-9d4f-1c5a3e6b8a90")
_IGNORED = "lines that are no entity, attribute or relation"


@dataclass(slots=True)
class _Ann:
    """The lines of a file that refer to one another."""

    #: Entity's id → its annotation, and the class that brat gives it.
    entities: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    attributes: list[tuple[str, list[str]]] = field(default_factory=list)
    relations: list[tuple[str, list[str]]] = field(default_factory=list)
    #: Entities that the mapping leaves out, or that are bad: lines about them are left out too.
    missing: set[str] = field(default_factory=set)


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per file. Raises UnreadableSource."""
    template = options.key_template("{file}", "file")

    def annotations() -> Iterator[KeyedAnnotation | BadRecord]:
        for file in files_of(path, ".ann"):
            key = filled(template, {"file": stem_of(file)})
            origin = Origin("file", file.name, file.name)
            text_of(key, "global key")
            items = list(_of_file(file, key, options))
            if not items:
                yield KeyedAnnotation(key, None, origin)
            for item in items:
                yield item if isinstance(item, BadRecord) else KeyedAnnotation(key, item, origin)

    return messages_of(annotations(), options, path.name, apart="{file}")


def _of_file(file: Path, key: str, options: ReaderOptions) -> Iterator[dict[str, Any] | BadRecord]:
    text, ann = _text(file, key, options), _Ann()
    for number, line in lines_of(file):
        where = f"{file.name}, line {number}"
        if number > _MAX_LINES:
            raise UnreadableSource(f"{where}: more than {_MAX_LINES} lines about one text")
        mark, _, rest = line.partition("\t")
        try:
            if mark[0] == "T":
                _entity(ann, mark, rest, text, options)
            elif mark[0] in "AM":
                ann.attributes.append((where, rest.split()))
            elif mark[0] == "R":
                ann.relations.append((where, rest.split()))
            else:
                options.mapping.leave_out(_IGNORED)
        except ValueError as error:
            ann.missing.add(mark)
            yield bad_record(where, error, key)
    for where, words in ann.attributes:
        try:
            _attribute(ann, words, options)
        except ValueError as error:
            yield bad_record(where, error, key)
    relations: list[dict[str, Any]] = []
    for where, words in ann.relations:
        try:
            relations += _relation(ann, words, key, options)
        except ValueError as error:
            yield bad_record(where, error, key)
    yield from (annotation for annotation, _ in ann.entities.values())
    yield from relations


def _text(file: Path, key: str, options: ReaderOptions) -> str | None:
    """Return the text that a file is about, or None if it is not there."""
    if options.texts is not None:
        try:
            return Texts(options.texts, file).of(key)
        except ValueError as error:
            raise UnreadableSource(f"{file.name}: {error}") from None
    beside = file.with_name(f"{stem_of(file)}.txt")
    return read_whole(beside) if beside.is_file() else None


def _entity(ann: _Ann, mark: str, rest: str, text: str | None, options: ReaderOptions) -> None:
    """Add an entity: `Type start end<tab>text`. Raises ValueError."""
    head, _, repeated = rest.partition("\t")
    words = head.split()
    if ";" in head:
        raise ValueError("expected one span, found several: Labelbox has no entities with gaps")
    if len(words) != 3 or not all(word.isdecimal() and len(word) < 10 for word in words[1:]):
        raise ValueError(f"expected a type, start and end between spaces, and a tab, found {quoted(head)}")
    start, end = int(words[1]), int(words[2])
    if text is not None and repeated and " ".join(text[start:end].split()) != " ".join(repeated.split()):
        raise ValueError(
            f"the text has {quoted(text[start:end])} at {start} to {end}, expected {quoted(repeated)}: is it another "
            "version of the text, or one with other line ends?"
        )
    annotation = entity(words[0], None, start, end, options)
    if annotation is None:
        ann.missing.add(mark)
    else:
        ann.entities[mark] = (annotation, words[0])


def _attribute(ann: _Ann, words: list[str], options: ReaderOptions) -> None:
    """Add an attribute, `Name id [value]`, to its entity, as an answer below it. Raises ValueError."""
    if len(words) not in (2, 3):
        raise ValueError(f"expected a name, an entity and perhaps a value, found {len(words)} words")
    name, mark, value = words[0], words[1], words[2] if len(words) == 3 else "true"
    if mark in ann.missing:
        return
    if mark not in ann.entities:  # such as an event
        options.mapping.leave_out(_IGNORED)
        return
    if target := options.mapping.choose(name, None):
        answers = ann.entities[mark][0].setdefault("classifications", [])
        answers.append({"name": target.feature, "answer": {"name": target.option or value}})


def _relation(ann: _Ann, words: list[str], key: str, options: ReaderOptions) -> list[dict[str, Any]]:
    """Return a relation, `Type Arg1:id Arg2:id`, as a list of at most one. Raises ValueError."""
    marks = [word.partition(":")[2] for word in words[1:]]
    if len(marks) != 2 or not all(marks):
        raise ValueError(f"expected a type and two arguments such as Arg1:T1, found {quoted(' '.join(words))}")
    if ann.missing & set(marks):
        options.mapping.leave_out("relations of entities that are left out")
        return []
    for mark in marks:
        if mark not in ann.entities:
            raise ValueError(f"expected the id of an entity, found {quoted(mark)}")
    target = options.mapping.choose(words[0], None)
    if target is None:
        return []
    source, aim = (_named(ann, mark, key, options) for mark in marks)
    return [{"name": target.feature, "relationship": {"source": source, "target": aim, "type": "unidirectional"}}]


def _named(ann: _Ann, mark: str, key: str, options: ReaderOptions) -> str:
    """Return the uuid of an entity that a relation refers to: the same whenever the file is published."""
    annotation, name = ann.entities[mark]
    if "uuid" not in annotation:
        facts = (options.project_id, options.model or "", key, name, mark)
        annotation["uuid"] = str(uuid.uuid5(_NAMESPACE, "\0".join(facts)))
    return str(annotation["uuid"])
