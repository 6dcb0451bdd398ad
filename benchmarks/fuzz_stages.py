"""Fuzz the stages, guided by coverage, with writes of publishers to Redis or answers of Labelbox. Not for CI.

    pip install atheris
    python benchmarks/fuzz_stages.py redis [--keep-going] [folder of inputs] -max_total_time=300
    python benchmarks/fuzz_stages.py answers [--keep-going] [folder of inputs] -max_total_time=300

The stages run with a redis-server of their own and a Labelbox in this process. Each input attacks one project; beside
it there is an honest project. No input may make a stage raise, take long, or be due without a pause, and every row of
the honest project must be imported once. With `--keep-going`, each kind of finding is printed once, with its input.
Add each finding as a case to tests/security/test_stage_fuzz.py.

The fuzzer tries some ten inputs a second. By itself it would begin with inputs of a few bytes, and in five minutes it
would find no input that describes more than the first few choices. So it begins with long random inputs.
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
"""Maximum length of an input: enough for some rounds of a publisher's writes, or for some twenty answers."""
FIRST_INPUTS = 60


class Run:
    """One run: a server, and the findings so far."""

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
        if str(find).startswith("slow"):  # the server may still be busy with it
            self._server.kill()
            self._server.wait()
            self._start()


def fuzz(folder: Path, target: str, *rest: str) -> None:
    """Fuzz until an option ends it. This never returns: the fuzzer ends the process."""
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
    """Fuzz in a child, and stop its server: the fuzzer ends its process without running any Python code."""
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
