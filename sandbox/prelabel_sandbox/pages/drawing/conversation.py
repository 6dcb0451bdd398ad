"""The messages of a conversation or of a multimodal chat, in turns (docs/reference/labelbox-format.md#2-24)."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

CHARACTERS = 20_000
"""Maximum that a page shows of one message; Labelbox recommends at most 10,000."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message; `text` is None if it is not known."""

    id: str
    text: str | None = None
    author: str = ""
    #: What else is known of the author: a role, or the configuration of a model.
    detail: str = ""
    #: Whether it stands at the right side.
    right: bool = False
    #: Whether labelers may label it.
    labelled: bool = True


Turns = list[list[Message]]
"""Messages in order; those of one turn answer the same message and stand side by side."""


class _User(msgspec.Struct, rename="camel"):
    user_id: str | int | None = None
    name: str | None = None


class _Said(msgspec.Struct, rename="camel"):
    message_id: str | int
    content: str = ""
    user: _User | None = None
    align: str | None = None
    can_label: bool = True


class _Output(msgspec.Struct, rename="camel"):
    content: str
    title: str = ""
    model_config_name: str = ""


class _Conversation(msgspec.Struct, rename="camel"):
    """Version 1: a list of messages, and replies of models to the last one."""

    messages: list[_Said]
    model_outputs: list[_Output] = []


class _Actor(msgspec.Struct):
    role: str = ""
    metadata: dict[str, Any] = {}


class _Node(msgspec.Struct, rename="camel"):
    actor_id: str = ""
    content: Any = ""
    child_message_ids: list[str] = []


class _Chat(msgspec.Struct, rename="camel"):
    """Version 2: a tree of messages."""

    messages: dict[str, _Node]
    actors: dict[str, _Actor] = {}
    root_message_ids: list[str] = []


class _Form(msgspec.Struct):
    messages: msgspec.Raw


def conversation_of(content: bytes) -> Turns:
    """Return a conversation. Raises msgspec.MsgspecError, which says where it is not one."""
    form = msgspec.json.decode(content, type=_Form)
    if bytes(form.messages).lstrip().startswith(b"{"):
        return list(_turns_of_chat(msgspec.json.decode(content, type=_Chat)))
    conversation = msgspec.json.decode(content, type=_Conversation)
    outputs = [_output(output, number) for number, output in enumerate(conversation.model_outputs, 1)]
    return [*([_said(message)] for message in conversation.messages), *([outputs] if outputs else [])]


def unknown(message_ids: Iterable[str]) -> Turns:
    """Return messages of which only the ids are known."""
    return [[Message(message_id)] for message_id in dict.fromkeys(message_ids)]


def _said(message: _Said) -> Message:
    user = message.user or _User()
    author = user.name or str(user.user_id or "")
    right = message.align == "right"
    return Message(str(message.message_id), message.content, author, "", right, message.can_label)


def _output(output: _Output, number: int) -> Message:
    return Message("", output.content, output.title or f"Reply {number}", output.model_config_name, labelled=False)


def _turns_of_chat(chat: _Chat) -> Iterator[list[Message]]:
    """Return the messages level by level, then those to which no other leads."""
    children = {child for node in chat.messages.values() for child in node.child_message_ids}
    roots = chat.root_message_ids or [key for key in chat.messages if key not in children]
    waiting, seen = deque([roots]), set[str]()
    while waiting:
        turn = [key for key in dict.fromkeys(waiting.popleft()) if key in chat.messages and key not in seen]
        seen.update(turn)
        waiting.extend(chat.messages[key].child_message_ids for key in turn)
        if turn:
            yield [_node(key, chat) for key in turn]
    yield from ([_node(key, chat)] for key in chat.messages if key not in seen)


def _node(message_id: str, chat: _Chat) -> Message:
    node = chat.messages[message_id]
    actor = chat.actors.get(node.actor_id, _Actor())
    names = [actor.metadata.get("name"), actor.metadata.get("modelConfigName"), actor.role, node.actor_id]
    author, *others = [*dict.fromkeys(str(name) for name in names if name), ""]
    return Message(message_id, _text(node.content), author, others[0] if others else "", actor.role == "human")


def _text(content: Any) -> str:
    """Return the text of a message's parts; for a part that is no text, its type and address."""
    if isinstance(content, str):
        return content
    return "\n".join(map(_part, content)) if isinstance(content, list) else ""


def _part(part: Any) -> str:
    kind, content = (part.get("type"), part.get("content")) if isinstance(part, dict) else ("text", part)
    text = content if isinstance(content, str) else ""
    return text if kind in (None, "text") else f"[{kind}] {text}".strip()
