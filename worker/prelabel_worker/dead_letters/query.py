"""The small language in which a person selects dead letters, such as `reason:wrong-kind model:"m 1" since:2h lamp`.

A field is a name, a colon and a value; everything else is text that the message or its details contain. A value or a
text in double quotes may contain anything; `\\"` and `\\\\` stand for a quote and a backslash in it. No I/O.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from difflib import get_close_matches

from prelabel.errors import PrelabelError, quoted
from prelabel_worker.dead_letters.filter import DeadLetterFilter
from prelabel_worker.dead_letters.moments import Moment

MAX_CHARACTERS = 1_000
"""Maximum length of a query."""
MAX_WORDS = 10
"""Maximum number of texts in a query."""
_TOKEN = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z-]+):)?(?:"(?P<quoted>(?:[^"\\]|\\["\\])*)"|(?P<bare>[^\s"]+))(?=\s|\Z)""", re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\])')
_BARE_VALUE = re.compile(r'[^\s"]+')
_BARE_WORD = re.compile(r'[^\s":]+')


class QueryError(PrelabelError):
    """The query cannot be read; the text says which part, and what was expected."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to select; each name is a field of the language, and a field that is None selects everything."""

    #: The project's id.
    project: str | None = None
    #: The reason code.
    reason: str | None = None
    #: The fingerprint of a group.
    group: str | None = None
    #: The model's name.
    model: str | None = None
    #: The global key or the id of a data row.
    row: str | None = None
    #: The message's id.
    message: str | None = None
    #: Died then or later: RFC 3339, or how long ago.
    since: str | None = None
    #: Died then or earlier: RFC 3339, or how long ago.
    until: str | None = None
    #: Texts that the message or its details contain, in any case.
    words: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Query":
        """Read a query. Raises QueryError."""
        if len(text) > MAX_CHARACTERS:
            raise QueryError(f"expected at most {MAX_CHARACTERS} characters, found {len(text):,}")
        values: dict[str, str] = {}
        words: list[str] = []
        for name, value in _tokens(text):
            if not name:
                words.append(value)
                continue
            if name not in FIELDS:
                raise _no_field(name)
            if values.get(name, value) != value:
                raise QueryError(f"{name} is there twice: expected one value")
            values[name] = _moment(name, value) if name in ("since", "until") else value
        if len(words) > MAX_WORDS:
            raise QueryError(f"expected at most {MAX_WORDS} texts, found {len(words)}")
        return cls(**values, words=tuple(words))

    def __str__(self) -> str:
        """Return the query as text, which `parse` reads as this query."""
        named = ((name, getattr(self, name)) for name in FIELDS)
        parts = [f"{name}:{_spelled(value, _BARE_VALUE)}" for name, value in named if value is not None]
        return " ".join([*parts, *(_spelled(word, _BARE_WORD) for word in self.words)])

    def filter_at(self, now_ms: int) -> DeadLetterFilter:
        """Return the filter of this query, without the project, when it is `now_ms` by Redis's clock."""
        return DeadLetterFilter(
            reason=self.reason,
            group=self.group,
            model=self.model,
            data_row=self.row,
            message_id=self.message,
            since_ms=None if self.since is None else Moment.from_text(self.since).at(now_ms),
            until_ms=None if self.until is None else Moment.from_text(self.until).at(now_ms),
            words=self.words,
        )


FIELDS = tuple(field.name for field in fields(Query) if field.name != "words")
"""The names of the fields, as the language has them."""


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise QueryError(
                f"cannot read {quoted(text[at:].strip()[:40])}: expected texts and fields such as model:name or "
                'model:"a name", with \\" for a quote within quotes'
            )
        value = token["bare"] if token["quoted"] is None else _ESCAPED.sub(r"\1", token["quoted"])
        if not token["name"] and token["bare"] and ":" in value:
            raise QueryError(f'{quoted(value[:40])} is not a field: put a text with a colon in quotes, "{value[:40]}"')
        yield token["name"] or "", value
        at = token.end()


def _no_field(name: str) -> QueryError:
    near = get_close_matches(name.lower(), FIELDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(FIELDS)}"
    return QueryError(f"no field is called {quoted(name)}: {hint} To search such a text, put it in quotes.")


def _moment(name: str, value: str) -> str:
    try:
        Moment.from_text(value)
    except ValueError as error:
        raise QueryError(f"{name}: {error}") from None
    return value


def _spelled(value: str, bare: re.Pattern[str]) -> str:
    if bare.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
