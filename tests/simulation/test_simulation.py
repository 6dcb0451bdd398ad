"""A sample of seeds in each run of the tests; `python -m tests.simulation.run` runs any number of them."""

import subprocess
import sys

import pytest

from tests.simulation.run import outcomes
from tests.simulation.switches import SWITCHES

STEPS = 200
_AT_MOST = 150
"""Seeds in which leaving out a rule must show."""


def test_no_seed_violates_an_invariant() -> None:
    for outcome in outcomes(range(20), STEPS):
        assert not outcome.problem, f"seed {outcome.seed}\n" + "\n".join([*outcome.history[-60:], outcome.problem])
        assert outcome.steps >= STEPS


def test_a_seed_gives_the_same_history_in_every_process() -> None:
    command = [sys.executable, "-m", "tests.simulation.run", "--seed", "5", "--steps", str(STEPS)]
    said = [
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, timeout=60, check=True)
        for seed in ("1", "2")
    ]
    assert said[0].stdout == said[1].stdout
    assert "history" in said[0].stdout


# Where to begin to look: a seed that failed when this was written; another may be, when the code has changed.
_FIRST = {
    "uncertain": 114,
    "token": 4,
    "server-limit": 48,
    "frame-memory": 72,
    "slot-timers": 343,
    "validate-first": 18,
    "partial-supersedes": 590,
    "holder": 1764,
    "last-piece": 547,
    "purge-unsent": 244,
    "purge-order": 154,
    "empty-supersedes": 57,
    "aside-count": 162,
}


@pytest.mark.parametrize("name", SWITCHES)
def test_a_simulation_without_the_rule_fails(name: str) -> None:
    first = _FIRST.get(name, 0)
    problems = (outcome.problem for outcome in outcomes(range(first, first + _AT_MOST), STEPS, name))
    assert next(filter(None, problems), ""), f"{_AT_MOST} seeds went well without: {SWITCHES[name].rule}"
