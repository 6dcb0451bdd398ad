"""Processes beside a stack, and every way to break one of them, or a part of the stack, and to repair it."""

import os
import signal
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from prelabel_worker.stack.processes import Processes
from prelabel_worker.stack.stack import Stack


class Parts(ABC):
    """A stack and processes beside it, which `start_other` starts. One thread, the main one, calls everything."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._others = Processes(stack.logs)
        self._stopped: dict[str, list[int]] = {}
        self._away: set[str] = set()

    @abstractmethod
    def is_other(self, name: str) -> bool:
        """Return whether a part is a process beside the stack."""

    @abstractmethod
    def start_other(self, name: str) -> None:
        """Start a process beside the stack."""

    def __enter__(self) -> Self:
        self.stack.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._stopped):
            self.resume(name)
        self._others.stop()
        self.stack.__exit__(kind, error, trace)

    def up(self, names: list[str]) -> list[str]:
        """Return the names whose processes run, that is, are neither killed nor stopped."""
        return [name for name in names if name not in self._away and name not in self._stopped]

    def freeze(self, name: str, *, child: bool = False) -> bool:
        """SIGSTOP a part with its children, or only a worker's pool children; return False if there are none."""
        pids = self._pids(name)[1:] if child else self._pids(name)
        self._signal(pids, signal.SIGSTOP)
        self._stopped[name] = pids
        if not pids:
            self.resume(name)
        return bool(pids)

    def resume(self, name: str) -> None:
        """SIGCONT the frozen processes of a part."""
        self._signal(self._stopped.pop(name, []), signal.SIGCONT)

    def kill(self, name: str) -> None:
        """SIGKILL a part with its children."""
        with suppress(psutil.NoSuchProcess):
            self._signal(self._pids(name), signal.SIGKILL)
        (self._others if self.is_other(name) else self.stack).kill(name)
        self._stopped.pop(name, None)
        self._away.add(name)

    def start(self, name: str) -> None:
        """Start a part that was killed, as a supervisor would."""
        if self.is_other(name):
            self.start_other(name)
        else:
            self.stack.restart(name)
        self._away.discard(name)

    def repair(self) -> None:
        """Start and resume all parts."""
        for name in list(self._stopped):
            self.resume(name)
        for name in list(self._away):
            self.start(name)

    def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request to the sandbox's control interface."""
        url = f"{self.stack.file.sandbox_url}/_sandbox/{path}"
        answer = httpx.request(method, url, json=body, timeout=60, trust_env=False)
        answer.raise_for_status()
        return answer

    def _pids(self, name: str) -> list[int]:
        """Return the process of a part, then its children."""
        owner = self._others if self.is_other(name) else self.stack
        process = psutil.Process(owner.pids()[name])
        return [process.pid, *(child.pid for child in process.children(recursive=True))]

    def _signal(self, pids: list[int], number: int) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
