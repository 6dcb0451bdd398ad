"""Coverage-guided fuzzing of the stages: what a publisher may put into Redis, and what Labelbox answers. Not for CI.

    pip install atheris
    python benchmarks/fuzz_stages.py redis [--keep-going] [folder of inputs] -max_total_time=300
    python benchmarks/fuzz_stages.py answers [--keep-going] [folder of inputs] -max_total_time=300

A redis-server of its own, the stages with their real tools, a Labelbox in this process. Beside a project that the input
attacks there is an honest one. No input may make a stage raise, take long, or be due without a pause, and of the honest
project every row is imported once. With `--keep-going` each kind of find is told once, with its input. A find becomes
a case of tests/security/test_stage_fuzz.py.

The fuzzer tries some ten inputs a second. Left to itself it begins with inputs of a few bytes, and five minutes are not
enough for one that says more than its first choices. So it begins with random inputs that are long enough.
"""

import contextlib
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["prelabel", "prelabel_worker"]):
    from tests.support import stage_fuzz

from tests.support.redis_server import start_redis
from tests.support.stage_bench import Bench, Find

MOST_BYTES = 400
"""Longest input: some rounds of a publisher's writes, or some twenty answers."""
FIRST_INPUTS = 60


class Run:
    """One run: a server, and the finds so far."""

    def __init__(self, target: str, folder: Path, *, keep_going: bool) -> None:
        self._folder = folder
        self._input = stage_fuzz.TARGETS[target]
        self._keep_going = keep_going
        self._known: set[str] = set()
        self._count, self._begun = 0, time.monotonic()
        self._start()

    def one_input(self, data: bytes) -> None:
        self._count += 1
        try:
            self._input(self._bench, data)
        except Find as find:
            if not self._keep_going:
                raise
            self._note(find, data)

    def _start(self) -> None:
        self._server = start_redis(self._folder, "--save", "", "--appendonly", "no")
        self._bench = Bench(f"unix://{self._folder / 'redis.sock'}?db=0")

    def _note(self, find: Find, data: bytes) -> None:
        kind = re.sub(r"[0-9a-f]{6,}|[0-9]+", "#", str(find))[:90]
        if kind not in self._known:
            self._known.add(kind)
            seconds = time.monotonic() - self._begun
            print(
                f"FIND {len(self._known)} after {self._count} inputs, {seconds:.0f} s: {find}\n  {data.hex()}",
                flush=True,
            )
            traceback.print_exception(find.__cause__)
        if str(find).startswith("slow"):  # the server may be at it still
            self._server.kill()
            self._server.wait()
            self._start()


def fuzz(folder: Path, target: str, *rest: str) -> None:
    """Fuzz until an option ends it; the process ends then, without a return from here."""
    inputs = folder / "inputs"
    inputs.mkdir()
    for seed in range(FIRST_INPUTS):
        (inputs / str(seed)).write_bytes(random.Random(seed).randbytes(MOST_BYTES // 2))
    options = [f"-max_len={MOST_BYTES}", "-len_control=0"]
    options += [argument for argument in rest if argument != "--keep-going"]
    run = Run(target, folder, keep_going="--keep-going" in rest)
    atheris.Setup([sys.argv[0], *options, str(inputs)], run.one_input)
    atheris.Fuzz()


def main() -> int:
    """Fuzz in a child. The fuzzer ends its process without a word to Python, and the server would stay."""
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            fuzz(Path(folder), *sys.argv[1:])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: os.kill(child, received))
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
