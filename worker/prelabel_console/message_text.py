"""A message as pages show it: indented, with the part at fault marked, and numbers with the digits they came with.

No number becomes a float on the way: a browser or a float would change large integers. No I/O.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from prelabel.printing import printable, printable_json

MOST_CHARACTERS = 30_000
"""Maximum number of characters of a message that a page shows."""
MOST_LINES = 600
"""Maximum number of lines of a message that a page shows."""
_LINE_CHARACTERS = 1_500
_INLINE_CHARACTERS = 88
_LINES_BEFORE_FAULT = 20
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


class _Number(str):
    """A number with the digits that it has in the message."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, in their order; a name may occur twice."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a message."""

    #: The text, with its indentation.
    text: str
    #: Whether it belongs to the part at fault.
    marked: bool = False
    #: Whether a long text in it was cut.
    cut: bool = False


@dataclass(frozen=True, slots=True)
class MessageText:
    """A message as lines, of which a page may leave some out."""

    #: The lines to show.
    lines: list[Line]
    #: Number of lines that are left out before them.
    before: int = 0
    #: Number of lines that are left out after them.
    after: int = 0
    #: Whether long values within lines were cut.
    cut: bool = False
    #: Whether the message is JSON; other messages are shown as they are.
    readable: bool = True


def message_text(raw: bytes, fault: str = "") -> MessageText:
    """Return the part of a message that a page shows; `fault` is the path of the part at fault."""
    message = _read(raw)
    if message is None:
        text = printable_lines(raw[: MOST_CHARACTERS * 4].decode("utf-8", "replace")[:MOST_CHARACTERS])
        lines = [Line(line[:_LINE_CHARACTERS]) for line in text.split("\n")[:MOST_LINES]]
        return MessageText(lines, cut=len(raw) > sum(len(line.text) + 1 for line in lines), readable=False)
    lines = list(_lines(message[0], _known_part(message[0], fault), _LINE_CHARACTERS))
    first = next((at for at, line in enumerate(lines) if line.marked), 0)
    begin = max(0, first - _LINES_BEFORE_FAULT) if len(lines) > MOST_LINES else 0
    shown: list[Line] = []
    characters = 0
    for line in lines[begin : begin + MOST_LINES]:
        characters += len(line.text)
        if characters > MOST_CHARACTERS and shown:
            break
        shown.append(line)
    return MessageText(shown, begin, len(lines) - begin - len(shown), any(line.cut for line in shown))


def indented(raw: bytes) -> str:
    """Return a message for an editor: indented if it is JSON, with every character that cannot be printed as `\\uXXXX`.

    The text means the same as the message.
    """
    message = _read(raw)
    if message is None:
        return raw.decode("utf-8", "replace")
    return "\n".join(line.text for line in _lines(message[0], None, None))


def printable_lines(text: str) -> str:
    """Return a text with an escape for every character that cannot be printed, except line breaks and tabs."""
    return "".join(letter if letter in "\n\t" else printable(letter) for letter in text)


def _read(raw: bytes) -> tuple[Any] | None:
    try:
        return (
            json.loads(raw, parse_int=_Number, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_Pairs),
        )
    except (ValueError, RecursionError):
        return None


def _known_part(message: Any, fault: str) -> str | None:
    """Return the path of the part at fault, or of the part that should contain it; None for the whole message."""
    value, known = message, ""
    for step in _STEP.finditer(fault):
        if step[1] is not None:
            members = dict(value) if isinstance(value, _Pairs) else {}
            if step[1] not in members:
                break
            value, known = members[step[1]], f"{known}.{step[1]}" if known else step[1]
        else:
            at = int(step[2])
            if isinstance(value, _Pairs) or not isinstance(value, list) or at >= len(value):
                break
            value, known = value[at], f"{known}[{at}]"
    return known or None


@dataclass(frozen=True, slots=True)
class _Part:
    value: Any
    path: str
    indent: int
    prefix: str
    suffix: str


def _lines(message: Any, fault: str | None, most: int | None) -> Iterator[Line]:
    """Yield the lines of a message, with texts of at most `most` characters.

    Not recursive: a message may be nested deeply.
    """
    open_parts: list[_Part | Line] = [_Part(message, "", 0, "", "")]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, Line):
            yield part
            continue
        marked, holds_fault = _relation(part.path, fault)
        space = "  " * part.indent
        flat = None if holds_fault and isinstance(part.value, list) else _flat(part.value, most)
        if flat is not None and (not isinstance(part.value, list) or len(flat.text) <= _INLINE_CHARACTERS):
            yield Line(f"{space}{part.prefix}{flat.text}{part.suffix}", marked, flat.cut)
            continue
        brackets = "{}" if isinstance(part.value, _Pairs) else "[]"
        yield Line(f"{space}{part.prefix}{brackets[0]}", marked)
        open_parts.append(Line(f"{space}{brackets[1]}{part.suffix}", marked))
        open_parts += reversed(_members(part, most))


def _members(part: _Part, most: int | None) -> list[_Part]:
    last = len(part.value) - 1
    if isinstance(part.value, _Pairs):
        return [
            _Part(
                value,
                f"{part.path}.{name}" if part.path else name,
                part.indent + 1,
                f"{_quoted(name, most)}: ",
                "," if at < last else "",
            )
            for at, (name, value) in enumerate(part.value)
        ]
    return [
        _Part(value, f"{part.path}[{at}]", part.indent + 1, "", "," if at < last else "")
        for at, value in enumerate(part.value)
    ]


def _relation(path: str, fault: str | None) -> tuple[bool, bool]:
    """Return whether this path is in the part at fault, and whether it contains it."""
    if fault is None:
        return False, False
    if path == fault or path.startswith((f"{fault}.", f"{fault}[")):
        return True, False
    return False, not path or fault.startswith((f"{path}.", f"{path}["))


class _Flat(NamedTuple):
    """A value on one line, and whether a text in it was cut."""

    text: str
    cut: bool = False


def _flat(value: Any, most: int | None) -> _Flat | None:
    """Return a value on one line; None if it contains an array or an object that has members."""
    if isinstance(value, _Number):
        return _Flat(_shortened(value, most), most is not None and len(value) > most)
    if isinstance(value, str):
        return _Flat(_quoted(value, most), most is not None and len(value) > most)
    if value is None or isinstance(value, bool):
        return _Flat(json.dumps(value))
    members = [member for _, member in value] if isinstance(value, _Pairs) else value
    if len(members) > _INLINE_CHARACTERS or any(isinstance(member, list) and member for member in members):
        return None
    flat = [_flat(member, most) or _Flat("") for member in members]
    cut = any(one.cut for one in flat)
    if isinstance(value, _Pairs):
        named = (f"{_quoted(name, most)}: {one.text}" for (name, _), one in zip(value, flat, strict=True))
        return _Flat(f"{{{', '.join(named)}}}", cut)
    return _Flat(f"[{', '.join(one.text for one in flat)}]", cut)


def _quoted(text: str, most: int | None = None) -> str:
    """Return a text as JSON has it, with escapes for characters that cannot be printed."""
    if most is not None and len(text) > most:
        return _shortened(_quoted(text[:most])[:-1], most, len(text) - most)
    return printable_json(json.dumps(text, ensure_ascii=False))


def _shortened(text: str, most: int | None, more: int = 0) -> str:
    if most is None or (len(text) <= most and not more):
        return text
    return f"{text[:most]}… ({max(more, len(text) - most):,} more characters)"
