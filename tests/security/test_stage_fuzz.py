"""Fixed inputs of benchmarks/fuzz_stages.py: answers of any kind cost another project nothing, and lose no row."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

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
