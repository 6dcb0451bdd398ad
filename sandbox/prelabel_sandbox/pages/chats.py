"""The data of the view of a conversation."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from prelabel_sandbox.checks.asset import Asset
from prelabel_sandbox.pages.content import Unreadable, json_of, parsed
from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.chat import chat_of, messages_of
from prelabel_sandbox.pages.drawing.conversation import Turns, conversation_of, unknown


def shown_chat(request: Request, asset: Asset, annotations: Sequence[Annotation]) -> dict[str, Any]:
    """Return the data of the template; `reason` says why the conversation cannot be read, "" if it can."""
    turns, reason = _turns(request, asset, annotations)
    chat = chat_of(annotations, turns)
    context = {"chat": chat, "reason": reason, "annotations": chat.annotations}
    return {**context, "drawn": chat.drawn, "notes": chat.notes}


def _turns(request: Request, asset: Asset, annotations: Sequence[Annotation]) -> tuple[Turns, str]:
    """Return the messages; if they cannot be read, only their ids as far as they are known, and the reason."""
    try:
        return parsed(json_of(request, asset.row_data), conversation_of), ""
    except Unreadable as error:
        return unknown([*(asset.messages or ()), *messages_of(annotations)]), str(error)
