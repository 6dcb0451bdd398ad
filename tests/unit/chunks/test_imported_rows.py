"""Which imported rows are remembered: all for a policy and in a small project, else a sample that stays the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.imported_rows import (
    EXACT_ROWS,
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
    ("policy", "imported", "memory"),
    [
        ("skip", 0, POLICY_MEMORY),
        ("dead-letter", 10**9, POLICY_MEMORY),
        ("", 0, Memory("sample", 1)),
        ("", EXACT_ROWS - 1, Memory("sample", 1)),
        ("", EXACT_ROWS, Memory("sample", ONE_IN)),
    ],
)
def test_a_policy_remembers_every_row_and_a_large_project_without_one_a_sample(
    policy: str, imported: int, memory: Memory
) -> None:
    assert memory_of(policy, imported) == memory


def test_a_large_project_remembers_one_row_in_so_many_and_always_the_same() -> None:
    chosen = Memory("sample", ONE_IN).chosen(PACKED)

    assert set(chosen) < set(Memory("sample").chosen(PACKED))
    assert 0.7 < len(chosen) * ONE_IN / len(KEYS) < 1.3


def test_a_row_is_in_the_same_set_whether_all_rows_are_remembered_or_a_sample() -> None:
    chosen = Memory("sample", ONE_IN).chosen(PACKED)
    every, sample = (sets_of(Memory("sample", one_in).by_set(chosen)) for one_in in (1, ONE_IN))

    assert every == sample
    assert {number for number in every if not 0 <= number < SAMPLE_SETS} == set()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True))
def test_the_sets_of_a_policy_are_those_that_its_script_looks_in(digests: list[int]) -> None:
    for number, group in sets_of(POLICY_MEMORY.by_set(digests)).items():
        assert {int(str(digest)[-8:]) % POLICY_SETS for digest in group} == {number}
