"""The check of conversations and chats as `row_data`: their messages, and who wrote them. No I/O."""

from collections.abc import Mapping
from typing import Any

import orjson

from prelabel.errors import quoted
from prelabel_worker.setup.row_values import (
    ObjectOf,
    WrongRowData,
    any_object,
    array,
    by_id,
    nearest,
    one_of,
    refuse,
    text,
    time,
    truth,
)

CONVERSATION = "application/vnd.labelbox.conversational"
CHAT = "application/vnd.labelbox.conversational.model-chat-evaluation"
MAX_CHAT = 2_621_440
"""Maximum number of characters of a chat that is not at an address."""
MAX_MESSAGES, MAX_CONTENT = 250, 10_000

CONVERSATION_SHAPE = ObjectOf(
    {
        "type": one_of(CONVERSATION),
        "version": one_of(1),
        "messages": array(
            ObjectOf(
                {
                    "messageId": text(),
                    "content": text(0, MAX_CONTENT),
                    "user": ObjectOf({"userId": text(), "name": text()}, {}),
                },
                {"timestampUsec": time, "align": one_of("left", "right"), "canLabel": truth},
            ),
            MAX_MESSAGES,
        ),
    },
    {
        "modelOutputs": array(
            ObjectOf({"content": text(0)}, {"title": text(0), "modelConfigName": text(0)}, is_open=True)
        )
    },
    is_open=True,
)
_PART = ObjectOf({"type": text()}, {}, is_open=True)
CHAT_SHAPE = ObjectOf(
    {
        "type": one_of(CHAT),
        "actors": by_id(ObjectOf({"role": one_of("human", "model")}, {"metadata": any_object}, is_open=True)),
        "messages": by_id(
            ObjectOf({"actorId": text(), "content": array(_PART)}, {"childMessageIds": array(text())}, is_open=True)
        ),
    },
    {"version": one_of(2), "rootMessageIds": array(text()), "draft": truth},
    is_open=True,
)


def check_conversation(row_data: dict[str, Any], path: str) -> None:
    """Refuse two messages with one id, in a conversation whose shape is right. Raises WrongRowData."""
    seen: dict[str, int] = {}
    for at, message in enumerate(row_data["messages"]):
        first = seen.setdefault(message["messageId"], at)
        if first != at:
            name = quoted(message["messageId"])
            raise WrongRowData(f"{path}.messages[{at}].messageId: expected an id of its own, found {name} of [{first}]")


def check_chat(row_data: dict[str, Any], path: str) -> None:
    """Check the length of a chat whose shape is right, and that its ids name its own parts. Raises WrongRowData."""
    actors, messages = row_data["actors"], row_data["messages"]
    if (length := len(orjson.dumps(row_data).decode())) > MAX_CHAT:
        raise WrongRowData(f"{path}: expected a chat of at most {MAX_CHAT:,} characters, found {length:,}")
    for message_id, message in messages.items():
        here = f"{path}.messages.{message_id[:40]}"
        _known(message["actorId"], actors, "an actor", f"{here}.actorId")
        for at, child in enumerate(message.get("childMessageIds") or ()):
            _known(child, messages, "a message", f"{here}.childMessageIds[{at}]")
        for at, part in enumerate(message["content"]):
            if part["type"] == "text" and not isinstance(part.get("content"), str):
                refuse(f"{here}.content[{at}].content", "a text", part.get("content"))
    if not row_data.get("draft"):
        for at, root in enumerate(row_data.get("rootMessageIds") or ()):
            _known(root, messages, "a message", f"{path}.rootMessageIds[{at}]")


def _known(name: str, names: Mapping[str, Any], kind: str, path: str) -> None:
    if name not in names:
        refuse(path, f"the id of {kind} of this chat", name, nearest(name, names))
