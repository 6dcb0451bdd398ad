"""A message as pages show it: the same JSON, numbers with their digits, and the part at fault marked."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prelabel_console.message_text import MOST_CHARACTERS, MOST_LINES, indented, message_text
from tests.support.hostile_text import EVIL, raw_controls

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=25,
)
MESSAGE = {
    "projectId": "p",
    "annotations": [
        {"name": "car", "bbox": {"top": 1, "left": 2}},
        {"name": "Persn", "bbox": {"top": 1, "left": "x"}},
    ],
}


def marked(message: Any, fault: str) -> list[str]:
    return [line.text.strip() for line in message_text(json.dumps(message).encode(), fault).lines if line.marked]


@given(VALUES)
def test_indenting_a_message_keeps_its_meaning(message: Any) -> None:
    text = indented(json.dumps(message).encode())

    assert json.loads(text) == message
    assert not raw_controls(text)


@given(VALUES, st.text(alphabet="ab.[0]", max_size=12))
def test_any_path_of_any_message_is_shown(message: Any, fault: str) -> None:
    shown = message_text(json.dumps(message).encode(), fault)

    assert json.loads("\n".join(line.text for line in shown.lines)) == message


def test_numbers_keep_the_digits_that_they_came_with() -> None:
    raw = b'{"a":123456789012345678901234567890,"b":1.00000000000000000001,"c":1E400,"d":-0}'

    assert [line.text for line in message_text(raw).lines] == [
        '{"a": 123456789012345678901234567890, "b": 1.00000000000000000001, "c": 1E400, "d": -0}'
    ]


def test_a_name_that_occurs_twice_is_shown_twice() -> None:
    assert indented(b'{"a":1,"a":2}') == '{"a": 1, "a": 2}'


def test_the_part_at_fault_is_marked() -> None:
    assert marked(MESSAGE, "annotations[1].name") == ['"name": "Persn",']
    assert marked(MESSAGE, "annotations[1].bbox.left") == ['"left": "x"']
    assert marked(MESSAGE, "annotations[1].bbox") == ['"bbox": {"top": 1, "left": "x"}']
    assert marked(MESSAGE, "projectId") == ['"projectId": "p",']


def test_a_part_that_is_missing_marks_what_should_contain_it() -> None:
    assert marked(MESSAGE, "annotations[0].bbox.width") == ['"bbox": {"top": 1, "left": 2}']
    assert marked(MESSAGE, "annotations[7]")[0] == '"annotations": ['
    assert marked(MESSAGE, "model.name") == []


def test_a_large_message_is_cut_around_the_part_at_fault() -> None:
    message = {"annotations": [{"name": f"car {n}", "bbox": {"a": [[n]]}} for n in range(5000)]}

    shown = message_text(json.dumps(message).encode(), "annotations[4000].name")

    assert len(shown.lines) <= MOST_LINES
    assert sum(len(line.text) for line in shown.lines) <= MOST_CHARACTERS
    assert [line.text.strip() for line in shown.lines if line.marked] == ['"name": "car 4000",']
    assert shown.before > 1000
    assert shown.after > 1000


def test_a_long_value_is_cut_and_said_to_be() -> None:
    shown = message_text(json.dumps({"a": "x" * 4_000_000}).encode())

    assert shown.cut
    assert "more characters" in shown.lines[1].text
    assert len(shown.lines[1].text) < 2000


def test_an_editor_gets_long_names_and_texts_whole() -> None:
    message = {"x" * 5000: {"y" * 5000: ["z" * 5000]}}

    assert json.loads(indented(json.dumps(message).encode())) == message


def test_what_is_no_json_is_shown_with_escapes() -> None:
    shown = message_text(b'{"a": \xff\x1b[31m' + EVIL.encode())

    assert not shown.readable
    assert not raw_controls("\n".join(line.text for line in shown.lines)) - {"\t"}


def test_a_message_that_is_nested_deeply_is_shown() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000

    assert message_text(deep).lines
    assert message_text(b"[" * 900 + b"]" * 900).lines
