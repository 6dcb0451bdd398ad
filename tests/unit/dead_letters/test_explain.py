"""The description of a dead letter for a person."""

import dataclasses
import shlex
from typing import Any

import orjson
import pytest

from prelabel_worker.chunks.held_state import HeldState
from prelabel_worker.dead_letters.explain import explanation, in_short
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


PERSN = {"path": "annotations[0].name", "found": "'Persn'", "expected": "a feature of the project's ontology"}


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        (PERSN | {"hint": "did you mean Person?"}, "annotations[0].name: found 'Persn', did you mean Person?"),
        (PERSN, "annotations[0].name: found 'Persn', expected a feature of the project's ontology"),
        ({"errors": [error("a row")]}, "NotFound: a row"),
        ({"found": "3 annotations without a status line"}, "found 3 annotations without a status line"),
        ({"errors": [error("x" * 500)]}, "NotFound: " + "x" * 109 + "…"),
        ({}, ""),
    ],
)
def test_a_line_says_what_was_found_and_what_is_suggested(details: dict[str, Any], shown: str) -> None:
    assert in_short(dead_letter(**details)) == shown


def misnamed(kind: str, name: str, nearest: str | None) -> DeadLetter:
    return dead_letter(misnamed={"kind": kind, "name": name, "nearest": nearest})


@pytest.mark.parametrize("kind", ["feature", "option", "classification"])
def test_the_command_that_retries_has_the_name_that_is_suggested(kind: str) -> None:
    letter = misnamed(kind, "Persn's", "Person $1")

    words = shlex.split(letter.retry_command(group="g"))
    assert words == ["prelabel", "dead", "retry", "--project", "p", "--group", "g", f"--rename-{kind}",
                     "Persn's=Person $1"]  # fmt: skip


@pytest.mark.parametrize(
    "letter",
    [
        misnamed("feature", "a=b", "ab"),
        misnamed("feature", "ab", None),
        misnamed("feature", "ab", "ab"),
        misnamed("nonsense", "ab", "abc"),
        dead_letter(misnamed="nonsense"),
        dead_letter(),
    ],
)
def test_a_name_that_no_option_can_fix_is_not_suggested(letter: DeadLetter) -> None:
    assert letter.retry_command(group="g") == "prelabel dead retry --project p --group g"


def test_missing_data_rows_are_added_by_the_command_beside_the_retry() -> None:
    letter = dataclasses.replace(dead_letter(), reason="data-row-not-found")

    assert letter.adding_command == "prelabel batch create --project p --from-dead-letters --retry"
    assert dead_letter().adding_command is None


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
