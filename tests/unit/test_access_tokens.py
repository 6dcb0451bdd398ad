"""Tokens: only digests are known, guessing ends soon, and nobody else is locked out."""

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.access_tokens import (
    MAKES_ONE,
    SHORTEST,
    Tokens,
    TooManyFailures,
    checked_digest,
    checked_name,
    digest_of,
)
from tests.support.sources import ROOT


def tokens(now: list[float]) -> Tokens[str]:
    return Tokens(lambda: {digest_of("right"): "ada"}, clock=lambda: now[0])


@given(st.text().filter(lambda text: text != "right"))
def test_only_the_token_itself_is_accepted(guess: str) -> None:
    known = tokens([0.0])

    assert known.holder(guess, "a") is None
    assert known.holder("right", "a") == "ada"


def test_guesses_are_looked_at_again_after_a_minute() -> None:
    now = [0.0]
    known = tokens(now)
    for _ in range(10):
        assert known.holder("wrong", "a") is None
    with pytest.raises(TooManyFailures):
        known.holder("right", "a")

    now[0] = 61.0

    assert known.holder("right", "a") == "ada"


def test_the_memory_of_failures_is_bounded() -> None:
    known = tokens([0.0])
    for number in range(3000):
        known.holder("wrong", f"address-{number}")

    assert len(known._failures) <= 1000


def test_who_guesses_is_not_answered_for_a_minute_and_nobody_else_is_locked_out() -> None:
    now = [0.0]
    known = tokens(now)
    assert known.holder("right", "10.0.0.1") == "ada"
    for _ in range(10):
        assert known.holder("wrong", "10.0.0.1") is None

    with pytest.raises(TooManyFailures):
        known.holder("wrong", "10.0.0.1")
    assert known.holder("right", "10.0.0.1") == "ada", "it was used from there before"
    assert known.holder("right", "10.0.0.2") == "ada"
    now[0] += 61
    assert known.holder("wrong", "10.0.0.1") is None


def test_a_token_that_was_taken_back_counts_as_a_guess() -> None:
    holders = {digest_of("right"): "ada"}
    known = Tokens(lambda: holders, clock=lambda: 0.0)
    assert known.holder("right", "a") == "ada"

    holders.clear()

    for _ in range(10):
        assert known.holder("right", "a") is None
    with pytest.raises(TooManyFailures):
        known.holder("right", "a")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "nothing"),
        ("5ecret", "6 characters, not all of them hexadecimal digits"),
        ("f00d", "4 characters, all hexadecimal digits"),
        (7, "a value that is no text"),
    ],
)
def test_an_error_about_a_digest_describes_what_was_found_and_quotes_nothing(text: object, found: str) -> None:
    with pytest.raises(ValueError, match=f"expected the SHA-256 of a token, 64 .*; found {found}; ") as caught:
        checked_digest(text)

    assert not text or str(text) not in str(caught.value).replace("64", "").replace("256", "")


def test_the_command_of_the_error_prints_a_token_and_the_digest_that_settings_take() -> None:
    command = MAKES_ONE.partition(": ")[2]
    words = shlex.split(command)

    printed = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)

    token, digest = printed.stdout.split()
    assert words[0] == "python3"
    assert len(token) >= SHORTEST
    assert checked_digest(digest) == digest_of(token)
    assert command in (ROOT / "docs" / "how-to" / "use-the-console.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "found"), [("", "nothing"), ("x" * 65, "65 characters"), ("a{b", "another character")]
)
def test_a_name_that_no_record_can_show_is_refused_unquoted(name: str, found: str) -> None:
    with pytest.raises(ValueError, match=f"found {found}"):
        checked_name(name)
