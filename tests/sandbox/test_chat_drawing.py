"""The drawing of conversations, without pages: their forms, the order of messages, and what stands at each message."""

import json
from typing import Any

import msgspec
import pytest

from prelabel_sandbox.normalized import normalized
from prelabel_sandbox.pages.drawing.annotations import Annotation, annotations_of
from prelabel_sandbox.pages.drawing.chat import MESSAGES, Bubble, Chat, chat_of, messages_of
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.conversation import CHARACTERS, Message, Turns, conversation_of, unknown
from prelabel_sandbox.pages.formats import ordinal
from tests.support.sandbox.assets import ASSETS
from tests.support.sandbox.process import ndjson

TOOLS = [{"tool": "named-entity", "name": "ship"}, {"tool": "message-ranking", "name": "order"}]
CLASSES = Classes(normalized({"tools": TOOLS, "classifications": [{"type": "text", "name": "tone"}]}, "p"))
VHF = conversation_of((ASSETS / "vhf-12.json").read_bytes())
REPLIES = conversation_of((ASSETS / "replies.json").read_bytes())


def drawn_from(*lines: dict[str, Any]) -> list[Annotation]:
    return annotations_of([(number.to_bytes(16), ndjson([line])) for number, line in enumerate(lines, 1)], CLASSES)


def entity(message: str, start: int, end: int) -> dict[str, Any]:
    return {"name": "ship", "location": {"start": start, "end": end}, "messageId": message}


def answer(text: str, **more: str) -> dict[str, Any]:
    return {"name": "tone", "answer": text, **more}


def task(form: str, parent: str, **data: Any) -> dict[str, Any]:
    return {"name": "order", "messageEvaluationTask": {"format": form, "data": {"parentMessageId": parent, **data}}}


def chosen(message: str, **more: int) -> dict[str, Any]:
    return {"messageId": message, "modelConfigName": "m", **more}


def conversation(**content: Any) -> Turns:
    return conversation_of(json.dumps(content).encode())


def ids(turns: Turns) -> list[list[str]]:
    return [[message.id for message in turn] for turn in turns]


def bubble(chat: Chat, message: str) -> Bubble:
    (found,) = [each for turn in chat.turns for each in turn if each.message.id == message]
    return found


def verdicts(chat: Chat, message: str) -> list[tuple[int, str, bool]]:
    return [(mark.annotation.number, mark.verdict, mark.first) for mark in bubble(chat, message).marks]


def test_a_conversation_is_its_messages_in_order_with_their_authors_and_sides() -> None:
    assert ids(VHF) == [[f"m-{number}"] for number in range(1, 7)]
    first, second = VHF[0][0], VHF[1][0]
    assert (first.author, first.right, first.labelled) == ("Lisbeth Vollmer", False, True)
    assert (second.author, second.right) == ("Ostermouth Port", True)


def test_of_a_message_only_the_id_is_needed() -> None:
    ((message,),) = conversation(messages=[{"messageId": 7, "user": None, "align": None}])
    assert message == Message("7", "")


def test_replies_of_models_to_a_conversation_stand_side_by_side_at_its_end() -> None:
    outputs = [{"title": "A", "content": "yes", "modelConfigName": "tide-7b"}, {"content": "no"}]
    turns = conversation(messages=[{"messageId": "0", "content": "?"}], modelOutputs=outputs)
    assert [(each.author, each.detail, each.text, each.id) for each in turns[1]] == [
        ("A", "tide-7b", "yes", ""),
        ("Reply 2", "", "no", ""),
    ]


def test_replies_to_the_same_message_of_a_chat_stand_side_by_side() -> None:
    assert ids(REPLIES) == [["q-1"], ["r-1", "r-2"], ["q-2"], ["r-3", "r-4"]]
    question, reply = REPLIES[0][0], REPLIES[1][1]
    assert (question.author, question.detail, question.right) == ("Harbour desk", "human", True)
    assert (reply.author, reply.detail, reply.right) == ("tide-13b", "model", False)


@pytest.mark.parametrize(
    ("children", "roots", "order"),
    [
        ({"a": ["b"], "b": ["a"]}, ["a"], [["a"], ["b"]]),
        ({"a": ["b"], "b": ["a"]}, [], [["a"], ["b"]]),
        ({"b": [], "a": ["b", "b"]}, [], [["a"], ["b"]]),
        ({"a": ["gone"], "alone": []}, ["a", "a", "gone"], [["a"], ["alone"]]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["e"], "d": [], "e": []}, ["a"], [["a"], ["b", "c"], ["d"], ["e"]]),
        ({}, ["a"], []),
    ],
)
def test_every_message_of_a_chat_is_shown_once(
    children: dict[str, list[str]], roots: list[str], order: list[list[str]]
) -> None:
    messages = {message: {"childMessageIds": below} for message, below in children.items()}
    assert ids(conversation(messages=messages, rootMessageIds=roots)) == order


def test_a_part_of_a_message_that_is_no_text_is_said() -> None:
    parts = [{"type": "text", "content": "Look:"}, {"type": "image", "content": "https://x.example/a.png"}]
    parts += [{"type": "audio", "content": {"url": "x"}}]
    ((message,),) = conversation(messages={"a": {"content": parts}})
    assert message.text == "Look:\n[image] https://x.example/a.png\n[audio]"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "missing required field `messages`"),
        (b'{"messages": 1}', "at `$.messages`"),
        (b'{"messages": [{"content": "x"}]}', "at `$.messages[0]`"),
        (b'{"messages": {"a": 1}}', "at `$.messages[...]`"),
        (b"[]", "got `array`"),
        (b"<html>", "malformed"),
    ],
)
def test_a_file_that_is_no_conversation_is_refused_with_the_place(content: bytes, words: str) -> None:
    with pytest.raises(msgspec.MsgspecError) as error:
        conversation_of(content)
    assert words in str(error.value)


def test_entities_are_highlighted_in_their_own_message() -> None:
    chat = chat_of(drawn_from(entity("m-1", 42, 56), entity("m-2", 0, 14)), VHF)
    for message, number in (("m-1", 1), ("m-2", 2)):
        reading = bubble(chat, message).reading
        assert reading is not None
        assert [(piece.text, piece.lanes) for piece in reading.pieces if piece.lanes] == [
            ("Lisbeth Vollmer", (number,))
        ]
    assert [each.where for each in chat.annotations] == [
        "“Lisbeth Vollmer”, characters 42–56, message m-1",
        "“Lisbeth Vollmer”, characters 0–14, message m-2",
    ]
    assert (chat.drawn, chat.notes) == ({1, 2}, {})


def test_what_belongs_to_no_message_of_the_conversation_is_listed_with_a_note() -> None:
    lines = [entity("m-1", 900, 901), entity("m-99", 0, 1), answer("calm", messageId="m-99"), answer("all")]
    lines += [task("message-single-selection", "m-1", **chosen("m-98"))]
    chat = chat_of(drawn_from(*lines), VHF)
    assert (chat.drawn, chat.notes) == (set(), dict.fromkeys((1, 2, 3, 5), "not drawn"))


def test_answers_and_evaluations_stand_at_the_messages_they_are_about() -> None:
    lines = [
        answer("calm", messageId="q-1"),
        task("message-single-selection", "q-1", **chosen("r-2")),
        task("message-multi-selection", "q-1", selectedMessages=[chosen("r-1"), chosen("r-2")]),
        task("message-ranking", "q-1", rankedMessages=[chosen("r-2", order=1), chosen("r-1", order=2)]),
    ]
    chat = chat_of(drawn_from(*lines), REPLIES)
    assert verdicts(chat, "q-1") == [(1, "", True)]
    assert verdicts(chat, "r-1") == [(3, "selected", True), (4, "2nd of 2", False)]
    assert verdicts(chat, "r-2") == [(2, "selected", True), (3, "selected", False), (4, "1st of 2", True)]
    assert chat.drawn == {1, 2, 3, 4}


def test_messages_of_an_unread_conversation_are_those_that_annotations_name() -> None:
    lines = [
        entity("m-1", 0, 1),
        answer("calm", messageId="m-2"),
        answer("for the whole conversation"),
        task("message-ranking", "m-0", rankedMessages=[chosen("m-3", order=1), chosen("m-1", order=2)]),
    ]
    annotations = drawn_from(*lines)
    chat = chat_of(annotations, unknown(messages_of(annotations)))
    assert [[each.message.id for each in turn] for turn in chat.turns] == [["m-1"], ["m-2"], ["m-0"], ["m-3"]]
    assert all(each.reading is None for turn in chat.turns for each in turn)
    assert (chat.drawn, chat.notes) == ({2, 4}, {1: "not drawn"})


def test_very_many_and_very_long_messages_are_cut() -> None:
    many: Turns = [[Message(str(number), "x")] for number in range(MESSAGES - 1)] + [[Message("a", "x")] * 3]
    chat = chat_of([], many)
    assert (sum(map(len, chat.turns)), chat.left_out) == (MESSAGES, 2)
    long = chat_of([], [[Message("a", "x" * (CHARACTERS + 1)), Message("b", "x" * CHARACTERS)]])
    assert [each.cut for each in long.turns[0]] == [True, False]
    assert long.turns[0][0].reading is not None
    assert len(long.turns[0][0].reading.pieces[0].text) == CHARACTERS


@pytest.mark.parametrize(
    ("place", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (113, "113th"), (121, "121st")],
)
def test_places_in_an_order_are_said_as_ordinals(place: int, said: str) -> None:
    assert ordinal(place) == said
