"""Build entities from half-open spans of characters, as tokenisers and `re` return them, and from text layer tokens.

Spans here exclude their end; Labelbox's include it. Characters are counted as Python does, by Unicode code points.
Labelbox does not say what it counts (docs/reference/labelbox-format.md#question-7-4); if it turns out to count UTF-16
units, as browsers do, pass the `text` and `utf16=True`. The two counts differ only after a character above U+FFFF, such
as an emoji.
"""

from collections.abc import Iterable
from typing import Any

from prelabel.annotations.conversation import ConversationEntity
from prelabel.annotations.document import DocumentEntity, TextSelection
from prelabel.annotations.text import TextEntity
from prelabel.builders.values import refused, whole


def entity_from_span(
    name: str | None, start: int, end: int, *, text: str | None = None, utf16: bool = False, **fields: Any
) -> TextEntity:
    """Return the entity `text[start:end]`. Raises InvalidAnnotation, also for an end beyond the `text`, if given."""
    first, last = inclusive(start, end, text, utf16=utf16)
    return TextEntity(name, start=first, end=last, **fields)


def message_entity_from_span(
    name: str | None,
    start: int,
    end: int,
    *,
    message_id: str,
    text: str | None = None,
    utf16: bool = False,
    **fields: Any,
) -> ConversationEntity:
    """Return an entity in one message of a conversation; `text` is that message's content. Raises InvalidAnnotation."""
    first, last = inclusive(start, end, text, utf16=utf16)
    return ConversationEntity(name, start=first, end=last, message_id=message_id, **fields)


def document_entity_from_tokens(
    name: str | None, tokens: Iterable[tuple[int, str, str]], **fields: Any
) -> DocumentEntity:
    """Return an entity of tokens of the data row's text layer, each as (page, group id, token id); the first page is 1.

    Tokens of one group and page become one selection, in the order in which they first appear.
    """
    selections: dict[tuple[int, str], list[str]] = {}
    for page, group, token in tokens:
        selections.setdefault((page, group), []).append(token)
    if not selections:
        raise refused("tokens", "none", "at least one token")
    listed = [TextSelection(group_id=group, token_ids=ids, page=page) for (page, group), ids in selections.items()]
    return DocumentEntity(name, listed, **fields)


def inclusive(start: int, end: int, text: str | None = None, *, utf16: bool = False) -> tuple[int, int]:
    """Return the first and the last character of a half-open span. Raises InvalidAnnotation."""
    start, end = whole(start, "start"), whole(end, "end")
    if start < 0:
        raise refused("start", start, "0 or more")
    if end <= start:
        raise refused("end", end, f"greater than start ({start}): it is the index after the last character")
    if text is not None and end > len(text):
        raise refused("end", end, f"at most the length of the text ({len(text)})")
    if not utf16:
        return start, end - 1
    if text is None:
        raise refused("text", None, "the text, to count its UTF-16 units")
    return _units(text[:start]), _units(text[:end]) - 1


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
