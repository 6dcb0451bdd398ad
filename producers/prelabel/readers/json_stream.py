"""Read the elements of a JSON array one at a time, so that the file may be larger than the memory."""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from prelabel.annotations.explain import not_finite
from prelabel.readers.base import UnreadableSource
from prelabel.text_input import open_text

MAX_ELEMENT = 32 * 1024 * 1024
"""Maximum number of characters of an element, and of a file's text that is held in memory."""
_PIECE = 256 * 1024
_CUT = 4
_SPACE = re.compile(r"[ \t\r\n]*")


def elements(path: Path, key: str, *, alone: bool = True, others: dict[str, Any] | None = None) -> Iterator[Any]:
    """Yield the elements of the array under `key` if the file is an object, or of the file itself if it is an array.

    If `alone` is False, the file is also read for something else: then an array is skipped, and `key` may be missing.
    `others` takes the object's members that are no arrays, as they are read.
    Raises UnreadableInput with the place, possibly after some elements.
    """
    with open_text(path) as stream:
        yield from _Reader(path, stream, others).elements(key, alone)


class _Reader:
    def __init__(self, path: Path, stream: BinaryIO, others: dict[str, Any] | None = None) -> None:
        self._path = path
        self._others = others
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._ended = False
        self._where = "the beginning"
        self._constants = 0  # NaN and Infinity, which JSON does not have
        self._decode = json.JSONDecoder(parse_constant=self._constant).raw_decode

    def elements(self, key: str, alone: bool) -> Iterator[Any]:
        first = self._next()
        if first == "[":
            if not alone:
                return
            yield from self._array("")
        elif first == "{":
            yield from self._member(key, alone)
        else:
            self._wrong(f"expected an array, or an object that holds one as {key}")
        if self._next():
            self._wrong("expected nothing more")

    def _member(self, key: str, needed: bool) -> Iterator[Any]:
        self._at += 1
        missing = needed
        while self._next() != "}":
            name = self._value()
            if not isinstance(name, str) or self._next() != ":":
                self._wrong("expected a name and a colon")
            self._at += 1
            missing = missing and name != key
            if self._next() == "[":
                for element in self._array(name):
                    if name == key:
                        yield element
            elif name == key:
                self._wrong(f"{key}: expected an array")
            else:
                value = self._value()
                if self._others is not None:
                    self._others[name] = value
            if not self._comma("}"):
                break
        self._at += 1
        if missing:
            self._wrong(f"expected an array, or an object that holds one as {key}")

    def _array(self, name: str) -> Iterator[Any]:
        self._at += 1
        index = 0
        while self._next() != "]":
            self._where = f"{name}[{index}]"
            yield self._value()
            index += 1
            if not self._comma("]"):
                break
        self._at += 1

    def _comma(self, end: str) -> bool:
        """Move past a comma, after which something must follow; return False at the end."""
        sign = self._next()
        if sign == end:
            return False
        if sign != ",":
            self._wrong(f"expected a comma or {end}")
        self._at += 1
        if self._next() == end:
            self._wrong(f"a comma before {end}")
        return True

    def _value(self) -> Any:
        """Return the value that begins here; if it cannot be decoded, it may be cut off, so read more and try again."""
        self._next()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or self._ended:
                    self._wrong("nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {error}")
            else:
                # A number may be longer than the text that was read: `1` may be the beginning of `1.5`.
                if end + (_CUT if isinstance(value, int | float) else 0) < len(self._text) or self._ended:
                    self._at = end
                    if self._constants and (place := not_finite(value)):
                        self._wrong(f"{place[0]}: expected a finite number, found {place[1]}".removeprefix(": "))
                    return value
            if len(self._text) - self._at > MAX_ELEMENT:
                self._wrong(f"not JSON, or an element of more than {MAX_ELEMENT} characters")
            self._read(max(_PIECE, len(self._text) - self._at))

    def _constant(self, word: str) -> float:
        self._constants += 1
        return float(word)

    def _next(self) -> str:
        """Return the next character that is no space; '' at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr] # also matches the empty string
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read(_PIECE)

    def _read(self, size: int) -> None:
        piece = self._stream.read(size)
        try:
            more = self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError:
            self._wrong("not UTF-8")
        self._text, self._at, self._ended = self._text[self._at :] + more, 0, not piece

    def _wrong(self, problem: str) -> NoReturn:
        raise UnreadableSource(f"{self._path}, {self._where}: {problem}")
