"""Which imported rows are remembered: all for a policy and in a small project, else a sample that stays the same."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.imported_rows import (
    EXACT_ROWS,
    FIRST_ROWS,
    FIRST_SET,
    ONE_IN,
    POLICY_MEMORY,
    POLICY_SETS,
    SAMPLE_SETS,
    Memory,
    digests_of,
    memory_of,
)
from prelabel_worker.rendering.identity import row_digest, row_key

KEYS = [row_key(f"k:{n}", "m") for n in range(4_000)]
PACKED = bytes.fromhex("".join(KEYS))


def sets_of(lines: str) -> dict[int, list[int]]:
    split = [line.split(" ") for line in lines.splitlines()]
    return {int(number): [int(digest) for digest in digests] for number, *digests in split}


def test_the_digests_are_those_by_which_a_policy_recognizes_rows() -> None:
    assert digests_of(PACKED) == [row_digest(key) for key in KEYS]


@pytest.mark.parametrize(
    ("policy", "imported", "rows", "memory"),
    [
        ("skip", 0, 1, POLICY_MEMORY),
        ("dead-letter", 10**9, 1, POLICY_MEMORY),
        ("", 0, FIRST_ROWS, Memory("sample", first=True)),
        ("", FIRST_ROWS - 1, 1, Memory("sample", first=True)),
        ("", FIRST_ROWS - 1, 2, Memory("sample")),
        ("", EXACT_ROWS - 1, 1, Memory("sample")),
        ("", EXACT_ROWS, 1, Memory("sample", 32)),
        ("", 32 * EXACT_ROWS - 1, 1, Memory("sample", 32)),
        ("", 32 * EXACT_ROWS, 1, Memory("sample", 128)),
        ("", 128 * EXACT_ROWS, 1, Memory("sample", 512)),
    ],
)
def test_a_policy_remembers_every_row_and_a_large_project_without_one_a_sample(
    policy: str, imported: int, rows: int, memory: Memory
) -> None:
    assert memory_of(policy, imported, rows) == memory


def test_the_sample_of_a_project_of_any_size_stays_small() -> None:
    imported, remembered = 0, 0.0
    while imported < 100_000_000:
        remembered += 10_000 / memory_of("", imported, 10_000).one_in
        imported += 10_000

    assert remembered < 3 * SAMPLE_SETS * 512


def test_a_large_project_remembers_one_row_in_so_many_and_always_the_same() -> None:
    chosen = Memory("sample", ONE_IN).chosen(PACKED)

    assert set(chosen) < set(Memory("sample").chosen(PACKED))
    assert 0.7 < len(chosen) * ONE_IN / len(KEYS) < 1.3


def test_each_row_of_a_thinner_sample_is_in_a_denser_one_and_all_sets_are_used() -> None:
    packed = b"".join(struct.pack(">q8x", 8 * digest) for digest in random.Random(1).sample(range(2**60), 60_000))
    dense, thin = (Memory("sample", one_in).chosen(packed) for one_in in (32, 512))

    assert set(thin) < set(dense)
    assert len(sets_of(Memory("sample", 512).by_set(thin))) == SAMPLE_SETS


def test_the_first_rows_of_a_project_share_a_set_that_no_other_row_is_in() -> None:
    marks = digests_of(PACKED)

    assert sets_of(Memory("sample", first=True).by_set(marks)) == {FIRST_SET: marks}
    assert FIRST_SET not in sets_of(Memory("sample").by_set(marks))


def test_a_row_is_in_the_same_set_whether_all_rows_are_remembered_or_a_sample() -> None:
    chosen = Memory("sample", ONE_IN).chosen(PACKED)
    every, sample = (sets_of(Memory("sample", one_in).by_set(chosen)) for one_in in (1, ONE_IN))

    assert every == sample
    assert {number for number in every if not 0 <= number < SAMPLE_SETS} == set()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True))
def test_the_sets_of_a_policy_are_those_that_its_script_looks_in(digests: list[int]) -> None:
    for number, group in sets_of(POLICY_MEMORY.by_set(digests)).items():
        assert {int(str(digest)[-8:]) % POLICY_SETS for digest in group} == {number}


@pytest.mark.parametrize(
    ("memory", "rows"),
    [(POLICY_MEMORY, 500), (Memory("sample"), 500), (Memory("sample", 32), 2500), (Memory("sample", 512), 2500)],
)
def test_no_commit_keeps_redis_from_others_for_long(memory: Memory, rows: int) -> None:
    assert memory.committed_together == rows
