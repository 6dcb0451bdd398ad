"""Coverage-guided fuzzing of the stages: what a publisher may put into Redis, and what Labelbox answers. Not for CI.

    pip install atheris
    python benchmarks/fuzz_stages.py redis [--keep-going] [folder of inputs] -max_total_time=300
    python benchmarks/fuzz_stages.py answers [--keep-going] [folder of inputs] -max_total_time=300

A redis-server of its own, the stages with their real tools, a Labelbox in this process. Beside a project that the input
attacks there is an honest one. No input may make a stage raise, take long, or be due without a pause, and of the honest
project every row is imported once. With `--keep-going` each kind of find is told once, with its input. A find becomes
a case of tests/security/test_stage_fuzz.py.
"""

import re
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


class Run:
    """One run: a server, and the finds so far."""

    def __init__(self, target: str, *, keep_going: bool) -> None:
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
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self._server = start_redis(folder, "--save", "", "--appendonly", "no")
        self._bench = Bench(f"unix://{folder / 'redis.sock'}?db=0")

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


if __name__ == "__main__":
    target, *rest = sys.argv[1:]
    options = [argument for argument in rest if argument != "--keep-going"]
    run = Run(target, keep_going="--keep-going" in rest)
    atheris.Setup([sys.argv[0], *options], run.one_input)
    atheris.Fuzz()
