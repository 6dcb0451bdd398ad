"""Templates of global keys: text with fields such as `{header.x-frame-id}` or `{body.metadata.path}`.

Nothing in a template is evaluated: a field is replaced by the value that stands at its path, and the value itself is
never read as a template.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from prelabel.errors import MalformedMessage, Reason, found_value
from prelabel.mapping.checks import BadMapping
from prelabel.mapping.incoming import Incoming
from prelabel.mapping.path import MISSING, ValuePath

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

    `{image_id}`, without a root, is short for `{record.image_id}`; `{image_id:06d}` has leading zeros.
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

    def fill(self, incoming: Incoming) -> str:
        """Return the key of a record. Raises MessageError, which names the field that is missing or empty."""
        return "".join([part if isinstance(part, str) else self._value(part, incoming) for part in self.parts])

    def _value(self, part: KeyField, incoming: Incoming) -> str:
        value = part.path.find(getattr(incoming, part.root))
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            found = "nothing" if value is MISSING else found_value(value)
            raise MalformedMessage(
                Reason.MALFORMED_MESSAGE,
                "dataRow.globalKey",
                f"{found}: {part.text} is empty" if value in (MISSING, None, "") else found,
                f"a text or a whole number as {part.text}",
                f"send that field, or change the template of global keys, {self.text}",
            )
        return value.zfill(part.digits)


def _part(template: str, piece: str) -> str | KeyField:
    if not piece.startswith("{"):
        if "{" in piece or "}" in piece:
            raise BadMapping(f"global key {template!r}: found a brace that is not part of {_EXPECTED}")
        return piece
    match = _FIELD.fullmatch(piece)
    if match is None or match[1] == ".":
        raise BadMapping(f"global key {template!r}: found {piece}, which is not {_EXPECTED}")
    path = ValuePath.parse(match[1], f"global key {template!r}")
    root, *steps = path.steps
    if not steps:
        root, steps = "record", [root]
    if root not in ROOTS:
        raise BadMapping(f"global key {template!r}: found {piece}, which is not {_EXPECTED}")
    names = tuple(step.lower() for step in steps) if root == "header" else tuple(steps)
    return KeyField(f"{{{match[1]}}}", root, ValuePath(match[1], names), int(match[2] or 0))


@lru_cache(maxsize=64)
def template_of(text: str) -> KeyTemplate:
    """Return the template with this text; the latest ones are kept, since readers fill one for each record."""
    return KeyTemplate(text)
