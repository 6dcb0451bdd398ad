"""Fixed inputs of benchmarks/fuzz_stages.py: answers of any kind cost another project nothing, and lose no row."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from prelabel.wire.client import is_of_keys
from prelabel_worker.chunks.chunk import chunk_from_fields
from tests.support.stage_bench import Bench
from tests.support.stage_fuzz import answers_input

INPUTS = 40


@pytest.fixture(scope="module")
def bench(redis_socket: Path) -> Iterator[Bench]:
    made = Bench(f"unix://{redis_socket}?db=9")
    yield made
    made.reset()
    made.close()


def test_of_any_answers_each_row_has_its_outcome_and_no_other_project_is_concerned(bench: Bench) -> None:
    for seed in range(INPUTS):
        answers_input(bench, random.Random(seed).randbytes(200))


@pytest.mark.parametrize("rows", [10_001, 1_000_000_000])
def test_a_chunk_that_claims_more_rows_than_a_frame_can_have_is_not_taken_apart(rows: int) -> None:
    fields = {b"state": b"open", b"lanes": b"0", b"rows": b"1", b"items": b"f 00 0 %d 1" % rows}

    with pytest.raises(ValueError, match="rows of an item"):
        chunk_from_fields("p", "c", "t", 0, fields)


@pytest.mark.parametrize("cursor", [b"-1", b"3", b"1000000000"])
def test_a_chunk_whose_cursor_is_not_in_it_is_not_taken_apart(cursor: bytes) -> None:
    fields = {b"state": b"open", b"lanes": b"0", b"rows": b"2", b"items": b"f 00 0 2 1", b"cursor": cursor}

    with pytest.raises(ValueError, match="cursor: expected 0 to 2"):
        chunk_from_fields("p", "c", "t", 0, fields)


@pytest.mark.parametrize("rows", [b"-1", b"0", b"2", b"4", b"1000000000"])
def test_a_chunk_that_claims_other_rows_than_its_items_have_is_not_taken_apart(rows: bytes) -> None:
    fields = {b"state": b"open", b"lanes": b"0", b"rows": rows, b"items": b"f 00 0 2 1\nh 5 0 1 9"}

    with pytest.raises(ValueError, match="rows: expected 3"):
        chunk_from_fields("p", "c", "t", 0, fields)


@pytest.mark.parametrize(
    "words",
    [
        "increment or decrement would overflow script: 1, on @user_script:58.",
        "Lua redis lib command arguments must be strings or integers script: 1, on @user_script:115.",
        "ERR @user_script: 115: Lua redis() command arguments must be strings or integers",
        "user_script:326: invalid value (table) at index 6 in table for 'concat' script: 1, on @user_script:326.",
    ],
)
def test_what_a_script_says_of_numbers_and_fields_that_are_none_is_about_a_project_s_keys(words: str) -> None:
    assert is_of_keys(redis.ResponseError(words))
