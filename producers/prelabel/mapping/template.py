"""Templates of global keys: text with fields such as `{header.x-frame-id}` or `{body.metadata.path}`.

Nothing in a template is evaluated: a field is replaced by the value that stands at its path, and the value itself is
never read as a template.
"""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from prelabel.errors import MalformedMessage, Reason, found_value
from prelabel.mapping.checks import BadMapping
from prelabel.mapping.incoming import Incoming
from prelabel.mapping.path import MISSING, ValuePath
from prelabel.mapping.values import plain

ROOTS = ("header", "body", "event", "record")
_FIELD = re.compile(r"\{([^{}:]+)(?::0?(\d{1,3})d)?\}")
_PIECE = re.compile(r"(\{[^{}]*\})")
_EXPECTED = "a field such as {header.x-frame-id}, {body.metadata.path}, {event.subject} or {record.key}"


@dataclass(frozen=True, slots=True)
class KeyField:
    """A field of a template: what it is called there, where its value stands, and the least number of its digits."""

    text: str
    root: str
    path: ValuePath
    digits: int = 0


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    """A template of global keys. Raises BadMapping if it has something between braces that is no field.

    `{image_id}`, without a root, is short for `{record.image_id}`; `{image_id:06d}` has leading zeros. `*` in a field
    stands for the number of a row in a batch.
    """

    text: str
    parts: tuple[str | KeyField, ...] = field(init=False, compare=False, repr=False)
    #: The keys of a record's object that it reads.
    body_keys: frozenset[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        pieces = (piece for piece in _PIECE.split(self.text) if piece)
        object.__setattr__(self, "parts", tuple(_part(self.text, piece) for piece in pieces))
        of_body = (part.path.steps[0] for part in self.fields if part.root == "body")
        object.__setattr__(self, "body_keys", frozenset(of_body))

    @property
    def fields(self) -> tuple[KeyField, ...]:
        """Return the template's fields, in their order."""
        return tuple(part for part in self.parts if isinstance(part, KeyField))

    @property
    def of_batch(self) -> bool:
        """Return whether it makes a key for each row of a batch."""
        return any(part.path.row_step is not None for part in self.fields)

    def fill(self, incoming: Incoming, row: int | None = None) -> str:
        """Return the key of a record, or of a row of its batch.

        Raises MessageError, which names the field that is missing or empty.
        """
        return "".join([part if isinstance(part, str) else self._value(part, incoming, row) for part in self.parts])

    def fill_rows(self, incoming: Incoming, count: int, counted: str) -> list[str]:
        """Return the keys of the rows of a batch; `counted` says where there are `count` of them.

        Raises MessageError if there are more keys or fewer, or if two rows have the same one.
        """
        incoming = self._with_lists(incoming)
        for part in self.fields:
            if part.path.row_step is not None:
                self._check_rows(part, plain(part.path.rows.find(getattr(incoming, part.root))), count, counted)
        keys = [self.fill(incoming, row) for row in range(count)]
        rows = {key: row for row, key in reversed(list(enumerate(keys)))}  # key → its first row
        for row, key in enumerate(keys):
            if rows[key] != row:
                found = f"{found_value(key)} for row {rows[key]} and for row {row} of the batch"
                raise self._wrong(found, "a key of its own for each row of the batch")
        return keys

    def _with_lists(self, incoming: Incoming) -> Incoming:
        """Return a record whose headers with an element for each row are lists: in HTTP, commas make one."""
        of_rows = (part for part in self.fields if part.root == "header" and part.path.row_step is not None)
        names = {part.path.steps[0] for part in of_rows}
        lists = {name: text.split(",") for name, text in incoming.header.items() if name in names}
        listed: dict[str, Any] = {name: [key.strip() for key in keys] for name, keys in lists.items()}
        return replace(incoming, header={**incoming.header, **listed}) if listed else incoming

    def _check_rows(self, part: KeyField, values: Any, count: int, counted: str) -> None:
        expected = f"{count} {'key' if count == 1 else 'keys'}, one for each row of {counted}"
        if not isinstance(values, list | tuple):
            found = "nothing" if values is MISSING else found_value(values)
            raise self._wrong(f"{found} as {part.text}", f"an array of {expected}")
        if len(values) != count:
            raise self._wrong(f"{len(values)} {'key' if len(values) == 1 else 'keys'} as {part.text}", expected)

    def _value(self, part: KeyField, incoming: Incoming, row: int | None) -> str:
        text = part.text
        if part.path.row_step is None:
            path = part.path
        elif row is None:
            raise self._wrong("a record about one data row", f"a batch, whose rows get their keys from {text}")
        else:
            path, text = part.path.at_row(row), text.replace("*", str(row), 1)
        value = path.find(getattr(incoming, part.root))
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            found = "nothing" if value is MISSING else found_value(value)
            found = f"{found}: {text} is empty" if value in (MISSING, None, "") else found
            raise self._wrong(found, f"a text or a whole number as {text}")
        return value.zfill(part.digits)

    def _wrong(self, found: str, expected: str) -> MalformedMessage:
        hint = f"send that field, or change the template of global keys, {self.text}"
        return MalformedMessage(Reason.MALFORMED_MESSAGE, "dataRow.globalKey", found, expected, hint)


def _part(template: str, piece: str) -> str | KeyField:
    if not piece.startswith("{"):
        if "{" in piece or "}" in piece:
            raise BadMapping(f"global key {template!r}: found a brace that is not part of {_EXPECTED}")
        return piece
    match = _FIELD.fullmatch(piece)
    if match is None or match[1] == ".":
        raise BadMapping(f"global key {template!r}: found {piece}, which is not {_EXPECTED}")
    where = f"global key {template!r}"
    path = ValuePath.parse(match[1], where)
    root = path.steps[0]
    if len(path.steps) == 1:
        root = "record"
    elif root not in ROOTS:
        raise BadMapping(f"{where}: found {piece}, which is not {_EXPECTED}")
    else:
        path = ValuePath.parse(match[1].partition(".")[2], where)
    if root == "header":
        if path.row_step is not None and (path.row_step, len(path.steps)) != (1, 2):
            raise BadMapping(f"{where}: found {piece}; * stands behind a header's name, as in {{header.x-keys.*}}")
        path = ValuePath(path.text, tuple(step.lower() for step in path.steps), path.row_step)
    return KeyField(f"{{{match[1]}}}", root, path, int(match[2] or 0))


@lru_cache(maxsize=64)
def template_of(text: str) -> KeyTemplate:
    """Return the template with this text; the latest ones are kept, since readers fill one for each record."""
    return KeyTemplate(text)
