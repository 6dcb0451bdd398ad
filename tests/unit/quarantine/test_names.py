"""Names of projects: which are valid, and a spelling of invalid ones that is safe for a terminal and a shell."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.quarantine.names import project_id, shortened, spelled, unspelled


@pytest.mark.parametrize("name", [b"cl0123456789", b"a", b"A_b-9", b"x" * 64])
def test_a_name_that_a_message_may_have_is_a_project_id(name: bytes) -> None:
    assert project_id(name) == name.decode()


@pytest.mark.parametrize("name", [b"", b"x" * 65, b"a b", b"a\n", b"\xff", "é".encode(), b"a}", b"a\0"])
def test_a_name_that_no_message_may_have_is_not_a_project_id(name: bytes) -> None:
    assert project_id(name) is None


@given(st.binary(max_size=100))
def test_a_spelling_is_plain_and_leads_back_to_the_name(name: bytes) -> None:
    text = spelled(name)

    assert re.fullmatch(r"[!-~]+", text)
    assert unspelled(text) == name


def test_a_name_that_looks_like_a_spelling_is_spelled_itself() -> None:
    assert unspelled(spelled(b"hex:ff")) == b"hex:ff"


def test_a_long_name_is_shown_shortened() -> None:
    assert len(shortened(b"x" * 10_000_000)) < 200
