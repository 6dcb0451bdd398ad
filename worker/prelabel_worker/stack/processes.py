"""Child processes that do not outlive their parent."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prelabel.private_files import opener
from prelabel_worker.stack import private

_PR_SET_PDEATHSIG = 1


class Processes:
    """Starts processes and stops them in reverse order: with SIGTERM and, after a time of grace, SIGKILL."""

    def __init__(self, logs: Path) -> None:
        private.make_folder(logs)
        self._logs = logs
        self._started: list[tuple[str, subprocess.Popen[bytes], float]] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        grace: float = 10.0,
        stdout: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process whose output goes to `<logs>/<name>.log`; `grace` is in seconds.

        Call it from the main thread: on Linux, the process ends with the thread that started it.
        """
        with open(self._logs / f"{name}.log", "ab", opener=opener) as log:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
                umask=private.UMASK,
                preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
            )
        self._started.append((name, process, grace))
        return process

    def dead(self) -> str | None:
        """Return the name of a process that has ended by itself; None if all run."""
        return next(iter(self._ended()), None)

    def has_ended(self, name: str) -> bool:
        """Return whether this process has ended by itself."""
        return name in self._ended()

    def take_dead(self) -> dict[str, int]:
        """Return the exit status of each process that has ended by itself (a signal's is negative), and forget them."""
        ended = self._ended()
        for name in ended:
            self.kill(name)
        return ended

    def _ended(self) -> dict[str, int]:
        statuses = {name: process.poll() for name, process, _ in self._started}
        return {name: status for name, status in statuses.items() if status is not None}

    def pids(self) -> dict[str, int]:
        """Return name → process id."""
        return {name: process.pid for name, process, _ in self._started}

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process and forget it."""
        for entry in [started for started in self._started if started[0] == name]:
            entry[1].kill()
            _end(entry[1], 0)
            self._started.remove(entry)

    def stop(self) -> None:
        """Stop all processes. All workers are told first: they need the other processes, and take time to stop."""
        for name, process, _ in self._started:
            if name.startswith("worker") and process.poll() is None:
                process.terminate()
        for _, process, grace in reversed(self._started):
            if process.poll() is None:
                process.terminate()
            _end(process, grace)
        self._started.clear()


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """Wait until a process ends; after `grace` seconds (0: no limit), kill it with its children."""
    try:
        process.wait(grace or None)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


def _die_with_parent() -> Callable[[], None]:
    """Return a function that asks Linux to end the child with the thread that started it.

    `prctl` is looked up here, before the fork; the function is called after it.
    """
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask
