"""Bodies are decoded piece by piece, so that a few bytes of an answer cost bounded memory and work."""

import gzip
from collections.abc import Iterator

import pytest

from prelabel_worker.labelbox.decoding import MAX_MEMBERS, PIECE, BrokenBody, CostlyBody, decoded, line_blocks, lines_of


def lines(body: bytes, size: int, most_bytes: int = 100) -> list[bytes]:
    blocks = line_blocks((body[at : at + size] for at in range(0, len(body), size)), most_bytes)
    return [line for block in blocks for line in lines_of(block)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_the_same_in_whatever_pieces_they_come(size: int) -> None:
    assert lines(b"\n\na\n\nbb\r\n\xe2\x80\xa8c\nd", size) == [b"a", b"bb\r", b"\xe2\x80\xa8c", b"d"]


def test_the_lines_that_end_in_one_piece_are_one_block() -> None:
    pieces = [b"a\nb", b"b", b"\n\n", b"\n", b"c\nd\n"]

    assert list(line_blocks(pieces, 100)) == [b"a\n", b"bb\n\n", b"\n", b"c\nd\n"]


@pytest.mark.parametrize("size", [1, 64, 1000])
def test_a_line_above_the_limit_is_refused(size: int) -> None:
    assert lines(b"x" * 100 + b"\n", size) == [b"x" * 100]
    if size < 1000:  # a line that came whole is no cost any more
        with pytest.raises(CostlyBody, match="longer"):
            lines(b"x" * 201, size)


class Counted(bytes):
    """A piece that counts how many bytes are read of it and of its likes."""

    touched = 0

    def partition(self, sep: bytes) -> tuple[bytes, bytes, bytes]:  # type: ignore[override]
        Counted.touched += len(self)
        return super().partition(sep)


def test_each_byte_of_a_long_line_is_looked_at_once_in_however_many_pieces_it_comes() -> None:
    """A line in a thousand pieces, then empty pieces: what was there is not searched again with each of them."""
    Counted.touched = 0
    pieces = [Counted(b"x" * 100)] * 1000 + [Counted(b"")] * 3000

    (line,) = line_blocks(pieces, 1_000_000)

    assert len(line) == Counted.touched == 100_000


@pytest.mark.parametrize("members", [1, 3, MAX_MEMBERS])
def test_a_body_of_some_members_is_one_text(members: int) -> None:
    parts = [b"%d\n" % n for n in range(members)]
    body = b"".join(map(gzip.compress, parts))

    for size in (1, 7, len(body)):
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        assert b"".join(decoded(pieces, "gzip")) == b"".join(parts)


@pytest.mark.parametrize("members", [3000, 100_000])
def test_more_members_than_any_server_sends_are_refused_without_reading_on(members: int) -> None:
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        body = gzip.compress(b"") * members
        for at in range(0, len(body), 1000):
            read += 1
            yield body[at : at + 1000]

    with pytest.raises(CostlyBody, match=f"more than {MAX_MEMBERS} gzip members"):
        list(decoded(pieces(), "gzip"))

    assert read <= MAX_MEMBERS * len(gzip.compress(b"")) // 1000 + 1


def test_no_decoded_piece_is_above_the_bound() -> None:
    body = gzip.compress(bytes(10 * PIECE + 5))

    assert max(map(len, decoded([body], "gzip"))) <= PIECE


def test_a_body_that_ends_early_is_broken() -> None:
    with pytest.raises(BrokenBody):
        list(decoded([gzip.compress(b"abc")[:-1]], "gzip"))
