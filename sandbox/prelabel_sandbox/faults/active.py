"""The types of faults, and the faults that are switched on."""

import threading
import time
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import msgspec

from prelabel_sandbox.faults.fault import Fault
from prelabel_sandbox.faults.imports import (
    DoubledStatusLines,
    FailedImport,
    FileFault,
    LostStatusLines,
    OddState,
    RowFailure,
    StuckRunning,
)
from prelabel_sandbox.faults.requests import (
    AcceptThenTimeOut,
    AllowanceSpent,
    BadStatus,
    Blocked,
    GraphqlError,
    Latency,
    NotJson,
    NullData,
    Reset,
    Status500,
    Status502,
    Status503,
    Status504,
    Throttled,
    TooLarge,
)

_OfRequests = (
    Latency
    | BadStatus
    | Status500
    | Status502
    | Status503
    | Status504
    | Throttled
    | TooLarge
    | Blocked
    | NotJson
    | NullData
    | Reset
    | GraphqlError
    | AllowanceSpent
    | AcceptThenTimeOut
)
_OfImports = RowFailure | FailedImport | StuckRunning | LostStatusLines | DoubledStatusLines | OddState | FileFault

F = TypeVar("F", bound=Fault)


class ActiveFaults:
    """The faults that are switched on. Safe to use from the event loop and from the threads that process imports."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[tuple[Fault, float | None]] = []  # each with the time when it ends, if it has one

    def add(self, spec: Any) -> Fault:
        """Switch a fault on. Raises msgspec.ValidationError with the reason."""
        fault: Fault = msgspec.convert(spec, _OfRequests | _OfImports)
        ends = None if fault.seconds is None else time.monotonic() + fault.seconds
        with self._lock:
            self._on.append((fault, ends))
        return fault

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._on.clear()

    def apply(
        self, kind: type[F], projects: Collection[str] = (), when: Callable[[F], bool] = lambda _: True
    ) -> F | None:
        """Return the first fault of this kind that concerns one of the projects, and count that use of it."""
        with self._lock:
            self._on = [(fault, ends) for fault, ends in self._on if ends is None or time.monotonic() < ends]
            for fault, _ in self._on:
                if not isinstance(fault, kind) or fault.times == 0:
                    continue
                if (fault.project is None or fault.project in projects) and when(fault):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def holds(self, applied: Fault) -> bool:
        """Return whether a fault that was applied still lasts: until its seconds are over or all faults are cleared."""
        with self._lock:
            return any(fault is applied and (ends is None or time.monotonic() < ends) for fault, ends in self._on)
