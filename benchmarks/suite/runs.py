"""The scripts that measure, with their arguments for each size of the suite."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.suite.figures import NotMeasured

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"


class Size(StrEnum):
    """How much is measured: for the record, for a look, or only to see that every script works."""

    FULL = "full"
    QUICK = "quick"
    SMOKE = "smoke"


@dataclass(frozen=True)
class Run:
    """A script, called once in a run of the suite."""

    #: The file in `benchmarks/`, without its suffix; it takes `--json`.
    script: str
    #: The arguments for each size.
    arguments: Mapping[Size, str]
    #: Seconds after which it is ended.
    limit: float = 400

    def command(self, size: Size) -> str:
        """Return the command for a reader of the results."""
        return f"python benchmarks/{self.script}.py {self.arguments[size]}".strip()


@dataclass(frozen=True)
class Output:
    """What a run printed, or why it printed nothing."""

    value: Any
    seconds: float
    reason: str = ""

    def required(self) -> Any:
        """Return the value. Raises NotMeasured if there is none."""
        if self.reason:
            raise NotMeasured(self.reason)
        return self.value


def _run(script: str, full: str, quick: str, smoke: str) -> Run:
    return Run(script, {Size.FULL: full, Size.QUICK: quick, Size.SMOKE: smoke})


RUNS = (
    _run("rows", "--seconds 2", "--seconds 1", "--rows 50 --seconds 0.1"),
    _run("start_up", "--kinds import --runs 15", "--kinds import --runs 5", "--kinds import --runs 1"),
    _run(
        "end_to_end",
        "--rows 200000 --peer-rows 2000 --batch-rows 5000 --rounds 3",
        "--rows 60000 --peer-rows 1000 --batch-rows 3000",
        "--rows 2000 --peer-rows 100 --batch-rows 0",
    ),
    _run("busy", "--rows 160000 --repeat 3", "--rows 40000", "--rows 2000"),
    _run(
        "against_sdk",
        "--rows 100000 --typed-rows 100000 --forms dicts,stream,typed --rounds 3",
        "--rows 20000 --typed-rows 5000 --forms dicts,stream,typed",
        "--rows 500 --typed-rows 100 --forms dicts,stream,typed --no-peer",
    ),
    _run("many_projects", "--repeats 3", "--rows 30000 --repeats 1", "--rows 3000 --repeats 1"),
    _run("flush_projects", "", "", "--projects 200"),
    _run("small_chunks", "", "--projects 200", "--projects 20 --rows 10"),
    _run("latency", "", "--rows 10", "--rows 2"),
    _run("redis_growth", "", "--sizes 100000,300000 --rows 50000", "--sizes 10000,20000 --rows 10000"),
    _run("chunk_sizes", "", "--rows 20000", "--rows 2000 --chunk-rows 500,1000"),
)
NAMES = tuple(run.script for run in RUNS)


def call(run: Run, size: Size) -> Output:
    """Run the script, with its progress on standard error, and return the JSON of its last line."""
    path = FOLDER / f"{run.script}.py"
    if not path.is_file():
        return Output(None, 0, f"benchmarks/{run.script}.py does not exist")
    begun = time.monotonic()
    command = [sys.executable, str(path), "--json", *run.arguments[size].split()]
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False, timeout=run.limit)
    except subprocess.TimeoutExpired:
        return Output(None, time.monotonic() - begun, f"benchmarks/{run.script}.py took more than {run.limit:g} s")
    return output_of(run.script, done.returncode, done.stdout, time.monotonic() - begun)


def output_of(script: str, code: int, text: str, seconds: float) -> Output:
    """Return what a script that ended with this code and this text has measured."""
    if code:
        return Output(None, seconds, f"benchmarks/{script}.py ended with exit code {code}")
    try:
        return Output(json.loads(text.strip().rpartition("\n")[2]), seconds)
    except ValueError:
        return Output(None, seconds, f"benchmarks/{script}.py printed no JSON")
