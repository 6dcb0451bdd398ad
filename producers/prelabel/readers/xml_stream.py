"""Read XML of other people: no document type of its own, no entities, bounded size and depth."""

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from xml.parsers import expat  # nosec B405 - the handlers below refuse what makes a parser dangerous

from prelabel.readers.base import UnreadableSource
from prelabel.text_input import MAX_WHOLE, open_text

_PIECE = 64 * 1024
_MAX_DEPTH = 100
_MAX_SILENT = 16
"""Maximum number of pieces in a row without a part of the document. The parser of older Pythons reads an unfinished tag
from its beginning for every piece, so a huge one would cost the square of its size."""
T = TypeVar("T")


class Handler(Protocol[T]):
    """Takes the parts of a document in their order; names are without their namespaces' prefixes."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start of an element. Raises ValueError for one that shows that the file is of another format."""

    def end(self, name: str) -> None:
        """Take the end of an element."""

    def text(self, data: str) -> None:
        """Take a piece of text."""

    def take(self) -> list[T]:
        """Return what is complete, once."""


class _Parser(Generic[T]):
    def __init__(self, path: Path, handler: Handler[T], *, doctype: bool) -> None:
        self._path = path
        self._handler = handler
        self._doctype = doctype
        self._depth = 0
        #: How many parts of the document were seen.
        self.parts = 0
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.EntityDeclHandler = self._refuse_entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment

    def _refuse_doctype(self, name: str, system: str | None, public: str | None, inner: int) -> None:
        if inner or not self._doctype:
            raise UnreadableSource(f"{self._path}: it declares a document type: remove the line <!DOCTYPE …>")

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise UnreadableSource(f"{self._path}: it declares the entity {name[:40]!r}: expected none")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.parts += 1
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnreadableSource(f"{self._path}: elements are nested more than {_MAX_DEPTH} deep")
        self._handler.start(name.rpartition(":")[2], attributes)

    def _end(self, name: str) -> None:
        self.parts += 1
        self._depth -= 1
        self._handler.end(name.rpartition(":")[2])

    def _text(self, data: str) -> None:
        self.parts += 1
        self._handler.text(data)

    def _comment(self, _: str) -> None:
        self.parts += 1


def parsed(path: Path, handler: Handler[T], *, doctype: bool = False) -> Iterator[T]:
    """Yield what the handler makes of a document, as it comes. Raises UnreadableInput.

    With `doctype`, a document type that is defined elsewhere is accepted, but never fetched, as XHTML has one.
    """
    reader = _Parser(path, handler, doctype=doctype)
    size = silent = 0
    with open_text(path) as stream:
        while True:
            piece = stream.read(_PIECE)
            size += len(piece)
            if size > MAX_WHOLE:
                raise UnreadableSource(f"{path}: more than {MAX_WHOLE:,} bytes of XML, which is the most that is read")
            parts = reader.parts
            try:
                reader.parser.Parse(piece, not piece)
            except expat.ExpatError as error:
                raise UnreadableSource(f"{path}: not well-formed XML: {error}") from None
            except ValueError as error:
                raise UnreadableSource(f"{path}: {error}") from None
            silent = silent + 1 if reader.parts == parts else 0
            if silent > _MAX_SILENT:
                raise UnreadableSource(f"{path}: a tag or comment of more than {_MAX_SILENT * _PIECE:,} bytes")
            yield from handler.take()
            if not piece:
                return
