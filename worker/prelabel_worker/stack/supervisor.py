"""Start parts of the stack that end by themselves again, until one ends several times in a row."""

import signal
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

from prelabel.printing import counted
from prelabel_worker.stack.errors import PartEnded, StackError
from prelabel_worker.stack.restarts import Restarts
from prelabel_worker.stack.stack import Stack

_LOOK_SECONDS = 0.2
_LAST_LINES = 10
_LINE_CHARACTERS = 500


class Supervisor:
    """Watches the parts of a stack; `tell` gets a line for each death and each new start."""

    def __init__(self, stack: Stack, tell: Callable[[str], None], restarts: Restarts | None = None) -> None:
        self._stack = stack
        self._tell = tell
        self._restarts = restarts or Restarts()
        self._due: dict[str, float] = {}

    def run(self, stop: SimpleQueue[None]) -> None:
        """Watch until something is put into `stop`. Call it from the main thread. Raises PartEnded when it gives up.

        A queue, since a signal's handler may put while this waits: setting an Event there could wait for itself.
        """
        while True:
            try:
                return stop.get(timeout=_LOOK_SECONDS)
            except Empty:
                self.look()

    def look(self) -> None:
        """Note the parts that have ended, and start those whose wait is over. Raises PartEnded when it gives up."""
        for part, status in self._stack.take_ended().items():
            self._died(part, f"has ended by itself ({_how(status)})")
        for part in sorted(self._due, key=_order):
            if self._due[part] <= time.monotonic():
                del self._due[part]
                self._start(part)

    def _start(self, part: str) -> None:
        self._restarts.started(part)
        try:
            self._stack.restart(part)
        except StackError as error:
            self._stack.kill(part)
            self._died(part, f"did not start: {error}")
        else:
            self._tell(f"{part} runs again, at its old address")

    def _died(self, part: str, what: str) -> None:
        wait = self._restarts.died(part)
        if wait is None:
            raise PartEnded(
                f"{part} {what}, {counted(self._restarts.deaths(part), 'time')} in a row: giving up. "
                f"The last lines of {self._stack.log(part)}:",
                last_lines(self._stack.log(part)),
            )
        self._tell(f"{part} {what}: starting it again in {wait:g} s")
        self._due[part] = time.monotonic() + wait


def last_lines(log: Path, count: int = _LAST_LINES) -> list[str]:
    """Return the last lines of a log, shortened; none if it cannot be read."""
    try:
        with log.open("r", encoding="utf-8", errors="backslashreplace") as file:
            return [line.rstrip("\n")[:_LINE_CHARACTERS] for line in deque(file, count)]
    except OSError:
        return []


def _how(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _order(part: str) -> tuple[int, str]:
    """Return the order of starts: workers need Redis, and the sandbox's answers."""
    return (("redis", "sandbox").index(part) if part in ("redis", "sandbox") else 2, part)
