"""Model evaluation in multimodal chat: replies selected or ranked (docs/reference/labelbox-format.md#2-24)."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from prelabel.annotations.base import Annotation, CheckFailed, Name, Rule, Wire, for_people, with_arguments
from prelabel.annotations.conversation import MessageId
from prelabel.errors import quoted

MAX_REPLIES = 250
"""Maximum number of replies of a task, and of messages of a conversation (docs/reference/labelbox-format.md#1-9)."""
FORMATS = {
    "message-single-selection": ("message_id", "model_config_name"),
    "message-multi-selection": ("selected_messages",),
    "message-ranking": ("ranked_messages",),
}
"""Format, which is also the ontology's tool → the fields of its data, apart from the parent message."""
_A_REPLY = "a reply to parentMessageId, not that message itself"
Format = Literal["message-single-selection", "message-multi-selection", "message-ranking"]


class SelectedMessage(Wire):
    """A reply, and the model configuration that wrote it."""

    message_id: MessageId
    model_config_name: Name


class RankedMessage(SelectedMessage):
    """A reply and its rank; the best is 1."""

    order: Annotated[int, Field(ge=1, le=MAX_REPLIES)]


class EvaluationData(Wire):
    """The choice among the replies to `parent_message_id`.

    The task's format decides which fields it has: one reply (`message_id`, `model_config_name`), several replies
    (`selected_messages`), or all replies in order (`ranked_messages`).
    """

    parent_message_id: MessageId
    message_id: MessageId | None = None
    model_config_name: Name | None = None
    selected_messages: Annotated[list[SelectedMessage], Field(max_length=MAX_REPLIES)] | None = None
    ranked_messages: Annotated[list[RankedMessage], Field(max_length=MAX_REPLIES)] | None = None


class EvaluationTask(Wire):
    """A task's format and its data."""

    format: Format
    data: EvaluationData


def check_task(annotation: Any) -> None:
    """Check that the data fit the format, that a ranking runs from 1 without gaps, and that each reply occurs once."""
    task, path = annotation.message_evaluation_task, "messageEvaluationTask.data"
    fields = FORMATS[task.format]
    for field in ("message_id", "model_config_name", "selected_messages", "ranked_messages"):
        if (getattr(task.data, field) is not None) != (field in fields):
            expected = f"the fields of {task.format}: parentMessageId, {', '.join(map(_camel, fields))}"
            raise CheckFailed(path, "another field, or one missing", expected)
    ranked = task.data.ranked_messages
    if ranked and sorted(message.order for message in ranked) != list(range(1, len(ranked) + 1)):
        orders = ", ".join(str(message.order) for message in ranked[:8])
        raise CheckFailed(f"{path}.rankedMessages", orders, f"each order from 1 to {len(ranked)} once")
    if task.data.message_id == task.data.parent_message_id:
        raise CheckFailed(f"{path}.messageId", quoted(task.data.message_id), _A_REPLY)
    if replies := task.data.selected_messages or ranked:
        _check_replies(replies, task.data.parent_message_id, f"{path}.{_camel(fields[0])}")


def _check_replies(replies: list[Any], parent: str, path: str) -> None:
    """Check that no reply is repeated, and that the message replied to is none of them."""
    chosen = {parent}
    for at, reply in enumerate(replies):
        if reply.message_id in chosen:
            expected = _A_REPLY if reply.message_id == parent else "each message once"
            raise CheckFailed(f"{path}[{at}].messageId", quoted(reply.message_id), expected)
        chosen.add(reply.message_id)


def _camel(field: str) -> str:
    return str(EvaluationData.model_fields[field].alias)


class MessageEvaluation(Annotation):
    """A selection or ranking of replies (docs/reference/labelbox-format.md#2-24).

    `MessageEvaluation("best reply", format="message-single-selection", parent_message_id="q-1", message_id="r-2",
    model_config_name="tide-13b")`; the asset's own file lists the messages and configurations.
    """

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_task,)

    message_evaluation_task: EvaluationTask

    @for_people
    def __init__(
        self,
        name: str | None = None,
        *,
        format: Format | None = None,  # noqa: A002 - the wire's word
        parent_message_id: str | None = None,
        message_id: str | None = None,
        model_config_name: str | None = None,
        selected_messages: Any = None,
        ranked_messages: Any = None,
        **fields: Any,
    ) -> None:
        data = with_arguments(
            {},
            parent_message_id=parent_message_id,
            message_id=message_id,
            model_config_name=model_config_name,
            selected_messages=selected_messages,
            ranked_messages=ranked_messages,
        )
        task = {"format": format, "data": data} if format else None
        super().__init__(**with_arguments(fields, name=name, message_evaluation_task=task))
