"""The files of formats in XML: each is one record, which the reader opens itself."""

from collections.abc import Iterator
from pathlib import Path

from prelabel.readers.base import BadRecord
from prelabel.readers.documents import Document, files_of
from prelabel.text_input import stem_of


def xml_files(path: Path, *suffixes: str) -> Iterator[Document | BadRecord]:
    """Yield the file, or the files of a folder, as records whose value is their path. Raises UnreadableSource."""
    for file in files_of(path, *suffixes):
        yield Document(file.name, stem_of(file), 0, file)
