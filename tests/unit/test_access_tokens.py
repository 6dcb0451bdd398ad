"""Tokens: only digests are known, guessing ends soon, and nobody else is locked out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.access_tokens import Tokens, TooManyFailures, digest_of


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
