"""Fixed inputs of benchmarks/fuzz_stages.py: keys and answers of any kind cost another project nothing."""

import random
from collections.abc import Iterator

import pytest
import redis

from prelabel.wire.client import is_of_keys
from prelabel_worker.chunks.chunk import chunk_from_fields
from prelabel_worker.quarantine.quarantine import Quarantine
from tests.support.redis_server import start_redis
from tests.support.stage_bench import OTHER, PREFIX, Bench
from tests.support.stage_fuzz import answers_input, redis_input

INPUTS = 40


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run the stages over a server of this module alone: a find may keep it busy for ever."""
    folder = tmp_path_factory.mktemp("redis")
    server = start_redis(folder, "--save", "", "--appendonly", "no")
    made = Bench(f"unix://{folder / 'redis.sock'}?db=0")
    yield made
    made.close()
    server.kill()
    server.wait()


# What the choices of each say: tests/support/stage_fuzz.py. Whoever changes the order in which it reads an input makes
# them anew, so that each still leads to this stage and these words.
@pytest.mark.parametrize(
    ("data", "stage", "words"),
    [
        pytest.param(
            "00000700011000" + "00" * 23 + "0202", "expire", "must be strings", id="dead letter's message is null"
        ),
        pytest.param("00000700020c0c0f" + "00" * 26, "retry", "must be strings", id="retrying row's data row is null"),
        pytest.param("0000080004010101160b", "settle", "ValueError", id="failed chunk's cursor is 1000000000"),
        pytest.param("00000800040101011603", "settle", "ValueError", id="failed chunk's rows are 1000000000"),
        pytest.param("0000080004010101350600", "settle", "ValueError", id="failed chunk's item has 1000000000 rows"),
        pytest.param("000003000001", "group", "KEYS-DIFFER lane:0", id="lane's entry has no kind"),
        pytest.param("00000300000803", "group", "KEYS-DIFFER lane:0", id="lane's entry has no rows"),
        pytest.param("00000300001503", "group", "KEYS-DIFFER lane:0", id="lane's entry has 10001 rows"),
    ],
)
def test_keys_that_once_cost_another_project_its_worker_or_redis_quarantine_their_own(
    bench: Bench, data: str, stage: str, words: str
) -> None:
    redis_input(bench, bytes.fromhex(data))

    (quarantined,) = Quarantine(bench.client, PREFIX).all()
    assert (quarantined.project_id, quarantined.stage) == (OTHER, stage)
    assert words in quarantined.detail


def test_with_any_keys_no_stage_fails_and_no_other_project_is_concerned(bench: Bench) -> None:
    for seed in range(INPUTS):
        redis_input(bench, random.Random(seed).randbytes(200))


def test_with_any_answers_each_row_has_its_outcome_and_no_other_project_is_concerned(bench: Bench) -> None:
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
