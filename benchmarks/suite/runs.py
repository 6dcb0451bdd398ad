"""The scripts that measure, with their arguments for each size of the suite."""

import json
import signal
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
_END_SECONDS = 60


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
    #: The arguments for each size of the suite that it is part of.
    arguments: Mapping[Size, str]
    #: Seconds after which it is ended.
    limit: float = 900

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


RUNS = (
    Run("rows", {Size.FULL: "--seconds 2", Size.QUICK: "--seconds 1", Size.SMOKE: "--rows 50 --seconds 0.1"}),
    Run("start_up", {size: f"--kinds import --runs {runs}" for size, runs in zip(Size, (15, 3, 1), strict=True)}),
    Run(
        "end_to_end",
        {
            Size.FULL: "--rows 400000 --peer-rows 1500 --batch-rows 3000 --rounds 3",
            Size.QUICK: "--rows 40000 --peer-rows 500 --batch-rows 2000",
            Size.SMOKE: "--rows 2000 --peer-rows 100 --batch-rows 0",
        },
    ),
    Run("busy", {Size.FULL: "--rows 400000 --repeat 3", Size.QUICK: "--rows 40000", Size.SMOKE: "--rows 2000"}),
    Run(
        "against_sdk",
        {
            Size.FULL: "--rows 100000 --typed-rows 100000 --forms dicts,stream,typed --rounds 3",
            Size.QUICK: "--rows 10000 --typed-rows 2000 --forms dicts,stream,typed",
            Size.SMOKE: "--rows 500 --typed-rows 100 --forms dicts,stream,typed --no-peer",
        },
    ),
    Run(
        "many_projects",
        {
            Size.FULL: "--rows 60000 --repeats 3",
            Size.QUICK: "--rows 20000 --repeats 1",
            Size.SMOKE: "--rows 3000 --repeats 1",
        },
    ),
    Run("flush_projects", {Size.FULL: "", Size.QUICK: "", Size.SMOKE: "--projects 200"}),
    Run("small_chunks", {Size.FULL: "", Size.QUICK: "--projects 100", Size.SMOKE: "--projects 20 --rows 10"}),
    Run("latency", {Size.FULL: "", Size.QUICK: "--rows 5", Size.SMOKE: "--rows 2"}),
    Run(
        "redis_growth",
        {
            Size.FULL: "",
            Size.QUICK: "--sizes 100000,300000 --rows 50000",
            Size.SMOKE: "--sizes 10000,20000 --rows 10000",
        },
    ),
    Run("chunk_sizes", {Size.FULL: ""}),  # for its plot, which only a full run draws
)
NAMES = tuple(run.script for run in RUNS)


def call(run: Run, size: Size) -> Output:
    """Run the script, with its progress on standard error, and return the JSON of its last line."""
    path = FOLDER / f"{run.script}.py"
    if not path.is_file():
        return Output(None, 0, f"benchmarks/{run.script}.py does not exist")
    begun = time.monotonic()
    command = [sys.executable, str(path), "--json", *run.arguments[size].split()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as script:
        try:
            text, _ = script.communicate(timeout=run.limit)
        except subprocess.TimeoutExpired:
            end(script)
            return Output(None, time.monotonic() - begun, f"benchmarks/{run.script}.py took more than {run.limit:g} s")
    return output_of(run.script, script.returncode, text, time.monotonic() - begun)


def end(script: "subprocess.Popen[str]") -> None:
    """Interrupt the script, so that it ends its own processes; kill it if it does not."""
    script.send_signal(signal.SIGINT)
    try:
        script.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        script.kill()


def output_of(script: str, code: int, text: str, seconds: float) -> Output:
    """Return what a script that ended with this code and this text has measured."""
    if code:
        return Output(None, seconds, f"benchmarks/{script}.py ended with exit code {code}")
    try:
        return Output(json.loads(text.strip().rpartition("\n")[2]), seconds)
    except ValueError:
        return Output(None, seconds, f"benchmarks/{script}.py printed no JSON")
