"""Start and stop the whole stack. It always uses the sandbox and its key, whatever the environment says."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from prelabel.access_tokens import digest_of
from prelabel.private_files import opener
from prelabel.stack_file import FOLDER, StackFile
from prelabel.wire import keys
from prelabel.wire.client import Client, open_client
from prelabel_worker.operations.action_log import user
from prelabel_worker.queries.status import Inspector
from prelabel_worker.runtime.roles import queue_arguments
from prelabel_worker.stack import addresses, environment, private, redis_server, stack_file
from prelabel_worker.stack.errors import StackError, StackRunning
from prelabel_worker.stack.processes import Processes

REQUESTS_PER_MINUTE = 6000
"""The limit of the sandbox and of the workers alike."""
_START_SECONDS = 30.0
_SOCKET_SECONDS = 10.0
_SETTINGS = {
    "PRELABEL_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
    # The sandbox executes an upload at once or never. The 100 s for a real server would only slow down a recovery.
    "PRELABEL_SERVER_LIMIT_SECONDS": "5",
    "PRELABEL_LOG_FORMAT": "json",
}


class Stack:
    """A running stack: `with Stack(folder, workers=2) as stack: ...`; one at a time in a folder.

    Workers take the `roles` in turn, and so the numbers of `processes`. The folder `data` keeps the state and the
    addresses for the next start, unless that is `fresh`. `console` adds the operators' web pages, `gateway` the
    HTTP door. `tell` gets a line when an address cannot be kept.
    Enter the context from the main thread, see `Processes`.
    """

    def __init__(
        self,
        folder: Path = FOLDER,
        *,
        workers: int = 1,
        roles: Sequence[str] = ("all",),
        processes: Sequence[int] = (1,),
        data: str = "data",
        console: bool = False,
        gateway: bool = False,
        fresh: bool = False,
        settings: dict[str, str] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder.absolute()
        self._data = self.folder / data
        self._with_console = console
        self._with_gateway = gateway
        self._fresh = fresh
        self._workers = workers
        self._roles = roles
        self._processes_each = processes
        self._settings = _SETTINGS | (settings or {})
        self._tell = tell
        self._processes = Processes(self.folder / "logs")
        self.file: StackFile

    def __enter__(self) -> Self:
        private.make_folder(self.folder)
        self._lock = open(self.folder / "lock", "w", opener=opener)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise StackRunning(f"a stack runs in {self.folder} already; stop it first") from None
        try:
            if self._fresh:
                shutil.rmtree(self._data, ignore_errors=True)
            private.tighten(self.folder)  # an earlier release made it readable by others
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        stack_file.remove(self.folder)
        environment.remove(self.folder)
        self._processes.stop()
        self._lock.close()

    @property
    def logs(self) -> Path:
        """The folder with the output of the processes."""
        return self.folder / "logs"

    def log(self, name: str) -> Path:
        """Return the file with the output of a part."""
        return self.logs / f"{name}.log"

    def client(self) -> Client:
        """Return a client for the stack's Redis."""
        return open_client(self.file.redis_url, _SOCKET_SECONDS)

    def ended(self) -> str | None:
        """Return the name of a part that has ended by itself; None if all run."""
        return self._processes.dead()

    def take_ended(self) -> dict[str, int]:
        """Return the exit status of each part that has ended by itself, once; a signal's is negative."""
        return self._processes.take_dead()

    def pids(self) -> dict[str, int]:
        """Return the process id of each part by its name."""
        return self._processes.pids()

    def kill(self, name: str) -> None:
        """Send SIGKILL to a part: `redis`, `sandbox`, `worker1` …"""
        self._processes.kill(name)

    def restart(self, name: str) -> None:
        """Start a part that has ended again, at its old address and with its old state. Raises StackError."""
        if name == "redis":
            self._start_redis()
        elif name == "sandbox":
            self._start_sandbox()
        elif name == "console":
            self._start_console()
        elif name == "gateway":
            self._start_gateway()
        else:
            self._start_worker(int(name.removeprefix("worker")))
        self._publish_file()

    def _start(self) -> None:
        self._addresses = addresses.keep(self._data, self._tell)
        self._start_redis()
        sandbox = self._start_sandbox()
        redis_url, key = self._addresses.redis_url, self._addresses.sandbox_key
        self.file = StackFile(
            redis_url,
            redis_url,
            f"{sandbox}/graphql",
            key,
            sandbox,
            os.getpid(),
            console_url=self._console_url,
            gateway_url=self._gateway_url,
        )
        client = self.client()
        # Workers of an earlier stack are gone, whatever they announced last.
        client.delete(keys.workers(keys.DEFAULT_PREFIX))
        for number in range(1, self._workers + 1):
            self._start_worker(number)
        if self._with_console:
            self._start_console()
        if self._with_gateway:
            self._start_gateway()
        inspector = Inspector(client)
        self._wait(lambda: len(inspector.workers()) >= self._workers, "the workers", self.pids())
        self._publish_file()

    def _publish_file(self) -> None:
        self.file = replace(self.file, pids=self.pids())
        stack_file.write(self.file, self.folder)
        environment.write(self.file, self.folder)

    def _start_redis(self) -> None:
        port = self._addresses.redis_port
        command = redis_server.command(self._data / "redis", port, self._addresses.redis_password)
        try:
            self._run_redis(command, port).close()
        except StackError:
            if not self._processes.has_ended("redis"):
                raise
            self._processes.kill("redis")
            self._rewrite_redis_file(command)
            self._run_redis(command, port).close()

    def _rewrite_redis_file(self, command: Sequence[str]) -> None:
        """Make the server drop a write that was cut off, and rewrite its file, before anybody writes to it."""
        port = redis_server.free_port()
        client = self._run_redis(redis_server.repair_command(command, port), port)
        client.bgrewriteaof()

        def is_rewritten() -> bool:
            persistence = client.info("persistence")
            under_way = persistence["aof_rewrite_in_progress"] or persistence["aof_rewrite_scheduled"]
            return not under_way and persistence["aof_last_bgrewrite_status"] == "ok"

        self._wait(is_rewritten, "the rewrite of Redis's file", ["redis"])
        client.close()
        self._processes.kill("redis")

    def _run_redis(self, command: Sequence[str], port: int) -> Client:
        """Start Redis and return a client once it answers. Raises StackError."""
        self._processes.start("redis", command, environment=_environment(), folder=self.folder)
        client = open_client(replace(self._addresses, redis_port=port).redis_url, _SOCKET_SECONDS)

        def answers() -> bool:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False

        self._wait(answers, "Redis", ["redis"])
        return client

    def _start_sandbox(self) -> str:
        command = [sys.executable, "-m", "prelabel_sandbox", "--port", str(self._addresses.sandbox_port)]
        command += ["--data", str(self._data / "sandbox")]
        command += ["--requests-per-minute", str(REQUESTS_PER_MINUTE)]
        # Everybody on the machine can read a command line.
        variables = _environment() | {"SANDBOX_API_KEY": self._addresses.sandbox_key}
        return str(json.loads(self._start_server("sandbox", command, variables))["url"])

    def _start_worker(self, number: int) -> None:
        variables = _environment() | self._settings | environment.variables(self.file)
        if self._with_console:  # for the links of notifications
            variables["PRELABEL_CONSOLE_URL"] = f"http://127.0.0.1:{self._addresses.console_port}"
        command = [sys.executable, "-m", "prelabel_worker.runtime"]
        command += queue_arguments(self._roles[(number - 1) % len(self._roles)])
        processes = self._processes_each[(number - 1) % len(self._processes_each)]
        command += ["--concurrency", str(processes), "--hostname", f"worker{number}@%h"]
        # It runs in the stack's folder, where it finds no `.env` of the user.
        self._processes.start(f"worker{number}", command, environment=variables, folder=self.folder, grace=30)

    def _start_console(self) -> None:
        """Start the operators' pages; whoever has the stack's token may do everything there."""
        digest = digest_of(self._addresses.console_token)
        token = {user(): {"role": "admin", "sha256": digest}}
        variables = _environment() | environment.variables(self.file) | {"PRELABEL_CONSOLE_TOKENS": json.dumps(token)}
        command = [sys.executable, "-m", "prelabel_worker.cli", "console", "--port", str(self._addresses.console_port)]
        self._start_server("console", command, variables)

    def _start_gateway(self) -> None:
        """Start the HTTP door, with a spool beside the rows."""
        digest = digest_of(self._addresses.gateway_token)
        tokens = {"PRELABEL_GATEWAY_TOKENS": f"stack:{digest}"}
        command = [sys.executable, "-m", "prelabel_worker.cli", "gateway", "--port", str(self._addresses.gateway_port)]
        command += ["--spool-dir", str(self._data / "spool")]
        self._start_server("gateway", command, _environment() | environment.variables(self.file) | tokens)

    def _start_server(self, name: str, command: Sequence[str], variables: dict[str, str]) -> bytes:
        """Start a part that prints a line once it answers, and return the line. Raises StackError."""
        process = self._processes.start(
            name, command, environment=variables, folder=self.folder, stdout=subprocess.PIPE
        )
        assert process.stdout is not None  # noqa: S101 - it was asked for
        line: bytes = process.stdout.readline()
        if not line:
            raise StackError(f"the {name} does not start, see {self.log(name)}")
        return line

    @property
    def _console_url(self) -> str:
        port, token = self._addresses.console_port, self._addresses.console_token
        return f"http://127.0.0.1:{port}/?token={token}" if self._with_console else ""

    @property
    def _gateway_url(self) -> str:
        port, token = self._addresses.gateway_port, self._addresses.gateway_token
        return f"http://stack:{token}@127.0.0.1:{port}" if self._with_gateway else ""

    def _wait(self, ready: Callable[[], bool], subject: str, parts: Iterable[str]) -> None:
        """Wait until `ready`. Raises StackError after half a minute, or when one of these parts has ended."""
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            for part in parts:
                if self._processes.has_ended(part):
                    raise StackError(f"{part} ended while starting, see {self.log(part)}")
            if time.monotonic() > deadline:
                raise StackError(f"{subject} did not answer within {_START_SECONDS:.0f} s, see {self.logs}")
            time.sleep(0.05)


def _environment() -> dict[str, str]:
    """Return the environment without settings of another Redis, account or key, and with no proxy for the loopback."""
    foreign = ("PRELABEL_", "LABELBOX", "CELERY")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
