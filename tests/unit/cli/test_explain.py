"""The description of a dead letter for a person."""

from typing import Any

import orjson
import pytest

from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.cli.dead.explain import explanation
from prelabel_worker.dead_letters.letter import DeadLetter, read_dead_letter


def dead_letter(**details: Any) -> DeadLetter:
    state = HeldState(seq=1, lane=0, weight=1, bytes=0, slow=0, reason="refused", group="g", attempts=1)
    return read_dead_letter("p", "1", state, orjson.dumps(details) + b"\n{}")


def error(message: str) -> dict[str, str]:
    return {"uuid": message, "name": "NotFound", "message": message}


def test_our_own_check_says_where_what_and_what_to_try() -> None:
    found = dead_letter(path="annotations[0].name", found="'vesel'", expected="a feature", hint="did you mean vessel?")

    assert explanation(found) == {
        "reason": "refused",
        "field": "annotations[0].name",
        "found": "'vesel'",
        "expected": "a feature",
        "suggestion": "did you mean vessel?",
    }


def test_one_error_of_many_annotations_is_said_once() -> None:
    found = dead_letter(errors=[error("a row"), error("a row"), error("a box")])

    assert explanation(found)["Labelbox says"] == "NotFound: a row (2 annotations); NotFound: a box"


def test_the_first_of_many_errors_are_shown_and_the_others_counted() -> None:
    found = dead_letter(errors=[error(str(number)) for number in range(5)])

    assert explanation(found)["Labelbox says"] == "NotFound: 0; NotFound: 1; NotFound: 2; 2 more"


@pytest.mark.parametrize(
    ("errors", "expected"),
    [("text", "text"), ({"a": 1}, '{"a":1}'), (["text", 7, {}, {"name": ["a"]}], "text; 7; {}; 1 more"), ([], None)],
)
def test_errors_of_any_other_shape_are_shown_too(errors: Any, expected: str | None) -> None:
    assert explanation(dead_letter(errors=errors)).get("Labelbox says") == expected
