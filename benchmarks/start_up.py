"""Measure what a command costs before it does anything, beside the libraries that it cannot do without.

    python benchmarks/start_up.py [--runs 21] [--kinds import] [--json]

Figures are CPU times (user and system) of whole processes, the median of the runs. All kinds take turns, so that other
work of the machine affects all of them, and the first turn does not count, since it may write `.pyc` files. `healthy`
asks a Redis of its own, in which no worker is known. The exit code is 1 if a ratio is above its bound.

All of them run as after `pip install`: what is imported is compiled (also where PYTHONDONTWRITEBYTECODE keeps
development from it), and OpenTelemetry is not installed, since redis-py would load its SDK and seem slower than it is.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.redis_server import start_redis

BOUNDS = {
    ("from prelabel import Publisher", "import pydantic.main, redis"): 1.2,
    ("prelabel --help", "import typer, rich"): 1.5,
    ("prelabel healthy", "import redis"): 2.5,
}
IMPORTS = ("pass", "import typer, rich", "import redis", "import pydantic.main, redis", "import prelabel")
IMPORTS += ("from prelabel import Publisher", "import prelabel; prelabel.Publisher('unix:///nowhere').close()")
WITHOUT_OPENTELEMETRY = "import sys; sys.modules['opentelemetry'] = None"
COMMANDS = ("--help", "--version", "dead --help", "healthy", "status --json", "publish --help")


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--kinds", default="", help="only those with this text")
    parser.add_argument("--json", action="store_true", help="print the medians, and exit with 0")
    options = parser.parse_args()
    runs = options.runs
    command = str(Path(sys.executable).with_name("prelabel"))
    kinds = {name: [sys.executable, "-c", name] for name in IMPORTS}
    kinds |= {f"prelabel {words}": [command, *words.split()] for words in COMMANDS}
    kinds = {name: words for name, words in kinds.items() if options.kinds in name}
    with tempfile.TemporaryDirectory() as folder:
        server = start_redis(Path(folder), "--save", "", "--appendonly", "no")
        (Path(folder) / "sitecustomize.py").write_text(WITHOUT_OPENTELEMETRY)
        environment = os.environ | {"PRELABEL_REDIS_URL": f"unix://{folder}/redis.sock", "PYTHONPATH": folder}
        environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(folder) / "compiled")}
        try:
            turns = [{name: cpu_seconds(words, environment) for name, words in kinds.items()} for _ in range(runs + 1)]
        finally:
            server.terminate()
            server.wait(10)
    medians = {name: statistics.median(turn[name] for turn in turns[1:]) for name in kinds}
    if options.json:
        print(json.dumps(medians))
        return 0
    for name, seconds in medians.items():
        print(f"{seconds:.3f} s  {name}")
    above = 0
    for (name, beside), bound in BOUNDS.items():
        if not {name, beside} <= medians.keys():
            continue
        ratio = medians[name] / medians[beside]
        above += ratio > bound
        print(f"{name} is {ratio:.2f} × {beside}, at most {bound}")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
