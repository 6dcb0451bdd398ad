"""What a platform team does with the image and the compose file, step by step, on a real engine."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from deploy import compose, sources
from deploy.engine import images
from deploy.engine.daemon import Daemon
from deploy.engine.failure import Failure, expect
from deploy.engine.stack import Stack
from deploy.sources import ROOT

PROJECT = "demo-project"
WORKERS = 3
_NEW, _OLD = "trial", "trial-before"
_ROWS = 3000
#: Seconds for which rows are published: during the crashes and the upgrade, and where only their number matters.
_LONG, _SHORT = 100, 5
_PATIENCE_SECONDS = 120.0
_DATA = "appendonlydir"


class Trial:
    """One run: the images, then the stack from start to teardown. `tell` gets a line for each step."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._published = 0

    def run(self) -> None:
        """Run every step. Raises Failure at the first that fails."""
        before = _of_the_machine()
        has_previous = self._previous_sources()
        with self._step("the images are built"), Daemon(self._folder, isolated=False) as daemon:
            self._build(daemon, has_previous=has_previous)
        with Daemon(self._folder, isolated=True) as daemon:
            source, tag = (self._folder / "before", _OLD) if has_previous else (ROOT, _NEW)
            older, newer = Stack(daemon, source, tag), Stack(daemon, ROOT, _NEW)
            self._start(older)
            with self._rows_flow(daemon, older, _LONG):
                self._survive(daemon, older)
                self._upgrade(newer)
            self._settle(newer)
            self._restore(daemon, newer)
            self._use_console(newer)
            newer.down()
        expect(_of_the_machine() == before, "teardown", "other links or rules of packets", "those of before")

    def _previous_sources(self) -> bool:
        """Unpack the sources of the last commit but one; return False where no git knows them."""
        if not sources.unpack("HEAD~1", self._folder / "before"):
            self._tell("not run: the upgrade, since git has no earlier commit here")
            return False
        return True

    def _build(self, daemon: Daemon, *, has_previous: bool) -> None:
        images.make_base(daemon, self._folder)
        document = compose.read((ROOT / compose.FILE).read_text("utf-8"))
        images.make_redis(daemon, compose.services(document)["redis"]["image"])
        size = images.build(daemon, ROOT, f"prelabel:{_NEW}")
        self._tell(f"the image has {size / 1e6:,.0f} MB")
        if has_previous:
            images.build(daemon, self._folder / "before", f"prelabel:{_OLD}")

    def _start(self, stack: Stack) -> None:
        """Follow docs/how-to/deploy-with-containers.md: start, create the project, publish, look at the outcome."""
        with self._step(f"the stack is healthy with {WORKERS} workers"):
            stack.up("--scale", f"worker={WORKERS}")
        with self._step("the example is imported"):
            project = (ROOT / "deploy/sandbox-project.json").read_bytes()
            stack.run("sandbox", "prelabel", "sandbox", "project", "-", "--url", "http://127.0.0.1:8970", stdin=project)
            stack.prelabel("publish", "-", stdin=(ROOT / "examples/predictions.ndjson").read_bytes())
            stack.prelabel("wait", "--timeout", "60", expected=(1,))
            counts = stack.counts(PROJECT)
            expect((counts["imported"], counts["dead"]) == (2, 1), "the example", counts, "2 imported, 1 dead")

    @contextmanager
    def _rows_flow(self, daemon: Daemon, stack: Stack, seconds: int) -> Iterator[None]:
        """Publish rows from a container meanwhile; at the end, Redis must have accepted all of them."""
        url = f"redis://:{compose.env_file(ROOT / compose.ENV_FILE)['REDIS_PASSWORD']}@redis:6379/0"
        arguments = (url, PROJECT, str(self._published), str(_ROWS), str(seconds))
        script = (ROOT / "deploy/engine/publish_rows.py").read_bytes()
        container = ("--rm", "--interactive", "--network", f"{stack.name}_store", "--entrypoint", "python")
        publisher = daemon.start("run", *container, f"prelabel:{_NEW}", "-", *arguments, stdin=script)
        try:
            yield
            said = publisher.communicate(timeout=seconds + 180)[0].decode("utf-8", "replace").strip()
        finally:
            publisher.kill()
            publisher.wait()
        expect(publisher.returncode == 0, "publishing", said[-500:], f"accepted {_ROWS}")
        self._published += _ROWS

    def _survive(self, daemon: Daemon, stack: Stack) -> None:
        for service in ("worker", "redis"):
            with self._step(f"a {service} that crashes is started again by the engine"):
                container = stack.containers(service)[0]
                daemon.kill(container)
                self._wait(partial(_is_back, stack, container), f"{container} to be healthy again")

    def _upgrade(self, stack: Stack) -> None:
        with self._step("workers are upgraded while rows flow"):
            stack.up("--no-deps", "--scale", f"worker={WORKERS}", "worker")
        with self._step("the whole stack is upgraded"):
            stack.up("--scale", f"worker={WORKERS}")

    def _settle(self, stack: Stack) -> None:
        with self._step(f"all {self._published:,} rows are imported once, and the counts balance"):
            stack.prelabel("wait", "--timeout", str(int(_PATIENCE_SECONDS)), expected=(0, 1))
            counts = stack.counts(PROJECT)
            expected = {"published": 3 + self._published, "imported": 2 + self._published, "dead": 1, "pending": 0}
            found = {name: counts[name] for name in expected}
            expect(found == expected, "the counts", found, expected)
            stack.prelabel("audit")

    def _restore(self, daemon: Daemon, stack: Stack) -> None:
        """Follow docs/how-to/back-up.md: copy the files while Redis runs, and return to the copy later."""
        with self._step("a copy of Redis's files is restored, and the rows published since are published again"):
            copy = stack.output("redis", "tar", "-C", "/data", "-c", _DATA)
            with self._rows_flow(daemon, stack, _SHORT):
                pass
            stack.prelabel("wait", "--timeout", str(int(_PATIENCE_SECONDS)), expected=(0, 1))
            stack.compose("stop", "worker", "redis")
            check = (
                f"cd /data && rm -r {_DATA} && tar -x && yes | redis-check-aof --fix {_DATA}/appendonly.aof.manifest"
            )
            volume, user = f"{stack.name}_redis:/data", ("--user", "999:999")
            image = stack.image("redis")
            daemon.run("run", "--rm", "--interactive", "--volume", volume, *user, image, "sh", "-ec", check, stdin=copy)
            stack.up("--scale", f"worker={WORKERS}")
            stack.prelabel("audit")
            self._published -= _ROWS
            with self._rows_flow(daemon, stack, _SHORT):
                pass
            self._settle(stack)

    def _use_console(self, stack: Stack) -> None:
        with self._step("the console answers"):
            code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8980/healthz', timeout=10).status)"
            expect("200" in stack.run("console", "python", "-c", code), "the console", "no 200", "200")

    def _wait(self, is_done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not is_done():
            if time.monotonic() > deadline:
                raise Failure(f"waited {_PATIENCE_SECONDS:.0f} s for {what}")
            time.sleep(0.5)

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        except Failure as failure:
            raise Failure(f"not so: {what}: {failure}") from None
        self._tell(f"{what} ({time.monotonic() - begun:.0f} s)")


def run(tell: Callable[[str], None]) -> None:
    """Run a trial in a folder of its own. Raises Failure."""
    with tempfile.TemporaryDirectory(prefix="prelabel-engine-") as folder:
        Trial(Path(folder), tell).run()


def _is_back(stack: Stack, container: str) -> bool:
    state = stack.state(container)
    return state.restarts > 0 and state.health == "healthy"


def _of_the_machine() -> list[str]:
    """Return this machine's network links and its rules of packets, without their counters."""
    links = sorted(path.name for path in Path("/sys/class/net").iterdir())
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout  # noqa: S607
    return links + [line for line in saved.splitlines() if line.startswith("-A")]
