"""The walk that readers of documents share: each record becomes the annotations of one data row."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from prelabel.readers.base import (
    BadRecord,
    KeyedAnnotation,
    ReaderOptions,
    Scores,
    Source,
    bad_record,
    messages_of,
)
from prelabel.readers.documents import JSON, MAX_PARTS, Document, documents

Annotations = Iterable[dict[str, Any] | BadRecord]
"""Annotations, or items that `merge` makes annotations of; the place of a bad record is that in its document."""


def read_documents(
    path: Path,
    options: ReaderOptions,
    read: Callable[[Document, Scores], Annotations],
    merge: Callable[[list[Any]], list[Any]] = list,
    split: Callable[[Path], Iterator[Document | BadRecord]] | None = None,
) -> Source:
    """Return one message per record of a file or folder, of what `read` yields for it. Raises UnreadableSource.

    `read` raises ValueError for a record that is bad as a whole. `split` makes records of another form than JSON.
    """
    template, scores = options.key_template("{file}"), Scores(path.name)

    def items() -> Iterator[KeyedAnnotation | BadRecord]:
        for document in split(path) if split else documents(path, *JSON):
            if isinstance(document, BadRecord):
                yield document
                continue
            key = None
            try:
                key = document.key(template)
                annotations = list(islice(read(document, scores), MAX_PARTS + 1))
                if len(annotations) > MAX_PARTS:
                    raise ValueError(f"more than {MAX_PARTS} predictions about one data row")
            except ValueError as error:
                yield bad_record(document.where, error, key)
                continue
            if not any(isinstance(item, BadRecord) for item in annotations):  # else they may all be bad
                yield KeyedAnnotation(key, None, document.origin)
            for item in annotations:
                if isinstance(item, BadRecord):
                    yield replace(item, where=f"{document.where}{item.where}", key=key)
                else:
                    yield KeyedAnnotation(key, item, document.origin)
        scores.check()

    return messages_of(items(), options, path.name, merge, apart="{file}-{index}")
