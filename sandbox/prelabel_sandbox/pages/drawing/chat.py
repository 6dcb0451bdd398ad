"""A chat with the entities, answers and evaluations of its messages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.canvas import NOT_DRAWN
from prelabel_sandbox.pages.drawing.conversation import CHARACTERS, Message, Turns
from prelabel_sandbox.pages.drawing.highlights import Highlighted
from prelabel_sandbox.pages.drawing.reading import quoted, reading_of
from prelabel_sandbox.pages.formats import ordinal

MESSAGES = 500
"""Maximum number of messages that one page shows; Labelbox recommends at most 250."""
_MARKS = 5000  # maximum of one page


class Mark(NamedTuple):
    """An answer or an evaluation at a message; `first` at the first message that has it."""

    annotation: Annotation
    #: What an evaluation says about the message, such as `2nd of 3`; "" for an answer.
    verdict: str
    first: bool


@dataclass(slots=True)
class Bubble:
    """A message with what is said about it."""

    message: Message
    #: Its text with entities; None if the text is not known.
    reading: Highlighted | None
    #: Whether the end of its text is not shown.
    cut: bool = False
    marks: list[Mark] = field(default_factory=list)


@dataclass(slots=True)
class Chat:
    """What is drawn of a conversation; the bubbles of one turn stand side by side."""

    turns: list[list[Bubble]]
    #: Number of messages that are not shown.
    left_out: int
    #: The annotations; entities also quote the words they mark.
    annotations: list[Annotation]
    #: Notes on annotations that are not shown, by number of the annotation.
    notes: dict[int, str] = field(default_factory=dict)
    #: The numbers of the visible annotations.
    drawn: set[int] = field(default_factory=set)


def chat_of(annotations: Sequence[Annotation], turns: Turns) -> Chat:
    """Return the drawing of a conversation's annotations."""
    shown = list(_first(turns, MESSAGES))
    by_message: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        if "location" in annotation.line:
            by_message.setdefault(annotation.line.get("messageId", ""), []).append(annotation)
    bubbles = [[_bubble(message, by_message.get(message.id, [])) for message in turn] for turn in shown]
    left_out = sum(map(len, turns)) - sum(map(len, shown))
    texts = {message.id: message.text or "" for turn in shown for message in turn}
    named = [quoted(item, texts.get(item.line.get("messageId", ""), "")) for item in annotations]
    chat = Chat(bubbles, left_out, named)
    _add_marks(chat)
    entities = {number for turn in bubbles for bubble in turn for number in _ends(bubble)}
    chat.drawn = entities | {mark.annotation.number for turn in bubbles for each in turn for mark in each.marks}
    chat.notes = {item.number: NOT_DRAWN for item in annotations if _is_placed(item) and item.number not in chat.drawn}
    return chat


def messages_of(annotations: Iterable[Annotation]) -> Iterator[str]:
    """Return the ids of the messages that annotations name."""
    for annotation in annotations:
        if "messageId" in annotation.line:
            yield annotation.line["messageId"]
        if annotation.key == "messageEvaluationTask":
            data = annotation.line[annotation.key]["data"]
            yield data["parentMessageId"]
            yield from (message_id for message_id, _ in _verdicts(data))


def _first(turns: Turns, most: int) -> Iterator[list[Message]]:
    for turn in turns:
        if most <= 0:
            return
        yield turn[:most]
        most -= len(turn)


def _bubble(message: Message, entities: Sequence[Annotation]) -> Bubble:
    if message.text is None:
        return Bubble(message, None)
    reading = reading_of(entities if message.id else [], message.text[:CHARACTERS])
    return Bubble(message, reading, len(message.text) > CHARACTERS)


def _add_marks(chat: Chat) -> None:
    """Add answers and evaluations to the bubbles of the messages that they are about."""
    bubbles = {bubble.message.id: bubble for turn in chat.turns for bubble in turn if bubble.message.id}
    budget = _MARKS
    for annotation in chat.annotations:
        first = True
        for message_id, verdict in _about(annotation):
            if message_id in bubbles and budget > 0:
                bubbles[message_id].marks.append(Mark(annotation, verdict, first))
                first = False
                budget -= 1


def _about(annotation: Annotation) -> Iterable[tuple[str, str]]:
    """Return the messages that an answer or an evaluation is about, each with the verdict."""
    if annotation.key == "messageEvaluationTask":
        return _verdicts(annotation.line[annotation.key]["data"])
    return [(annotation.line["messageId"], "")] if annotation.is_answer and "messageId" in annotation.line else []


def _verdicts(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "rankedMessages" in data:
        count = len(data["rankedMessages"])
        for message in data["rankedMessages"]:
            yield message["messageId"], f"{ordinal(message['order'])} of {count}"
    else:
        for message in data.get("selectedMessages") or [data]:
            yield message["messageId"], "selected"


def _ends(bubble: Bubble) -> set[int]:
    return {number for piece in bubble.reading.pieces for number in piece.ends} if bubble.reading else set()


def _is_placed(annotation: Annotation) -> bool:
    return "messageId" in annotation.line or annotation.key == "messageEvaluationTask"
