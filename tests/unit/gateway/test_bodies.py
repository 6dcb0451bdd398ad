"""Cutting and unpacking bodies: whatever the pieces, the rows are the same, and each limit holds."""

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from prelabel.gateway.bodies import PACKINGS, Lines, Unpacker
from prelabel.gateway.problems import Problem

PACK = {"gzip": gzip.compress, "zstd": zstandard.compress}


@given(st.binary(max_size=300), st.integers(1, 40))
def test_lines_are_the_same_however_they_arrive(text: bytes, size: int) -> None:
    lines = Lines(max_bytes=20)
    cut = [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])] + lines.end()

    expected = [line if len(line) <= 20 else None for line in text.split(b"\n")]
    assert cut == (expected[:-1] if expected[-1] == b"" else expected)


@pytest.mark.parametrize("name", PACK)
@given(parts=st.lists(st.binary(max_size=2000), min_size=1, max_size=4), size=st.integers(1, 700))
def test_members_that_follow_one_another_are_unpacked(name: str, parts: list[bytes], size: int) -> None:
    packed = b"".join(map(PACK[name], parts))
    unpacker = Unpacker(PACKINGS[name])

    text = b"".join(b"".join(unpacker.feed(packed[at : at + size])) for at in range(0, len(packed), size))
    unpacker.end()

    assert text == b"".join(parts)


@pytest.mark.parametrize("name", PACK)
def test_no_part_is_large_however_much_a_body_unpacks_to(name: str) -> None:
    bomb = PACK[name](bytes(64 * 1024 * 1024))

    assert max(map(len, Unpacker(PACKINGS[name]).feed(bomb))) <= 17 * 1024 * 1024


@pytest.mark.parametrize("name", PACK)
def test_a_body_of_very_many_members_is_refused(name: str) -> None:
    unpacker = Unpacker(PACKINGS[name])

    with pytest.raises(Problem, match="members: pack it as one"):
        list(unpacker.feed(PACK[name](b"") * 10_001))
