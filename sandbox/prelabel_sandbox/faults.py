"""Faults on demand: what goes wrong, for which requests, how often or for how long."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

# Name → the operations it concerns unless said otherwise: requests of a client, or the processing of an import.
KINDS = {
    "latency": "all",
    "500": "all",
    "502": "all",
    "503": "all",
    "429": "all",
    "413": "create",
    "403-html": "all",
    "reset": "create",
    "accept-then-time-out": "create",
    "row-failure": "process",
    "failed-import": "process",
    "stuck-running": "process",
}


@dataclass
class Fault:
    """One fault that is switched on."""

    name: str
    operations: str
    project: str | None
    times: int | None
    until: float | None
    options: dict[str, Any] = field(default_factory=dict)

    def concerns(self, operation: str, project: str | None) -> bool:
        """Whether it strikes this request, if it is not used up."""
        if self.project is not None and project != self.project:
            return False
        return self.operations == operation or (self.operations == "all" and operation in ("create", "query"))

    def spent(self) -> bool:
        """Whether it strikes no more."""
        return self.times == 0 or (self.until is not None and time.monotonic() > self.until)


class Faults:
    """The faults that are on. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[Fault] = []

    def add(self, given: dict[str, Any]) -> Fault:
        """Switch a fault on. Raises ValueError with what is wrong."""
        given = dict(given)
        name = given.pop("fault", None)
        if name not in KINDS:
            raise ValueError(f"fault: expected one of {', '.join(KINDS)}, found {name!r}")
        times, seconds = given.pop("times", None), given.pop("seconds", None)
        for word, value in (("times", times), ("seconds", seconds)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
                raise ValueError(f"{word}: expected a number above 0, found {value!r}")
        if times is None and seconds is None:
            times = 1
        until = None if seconds is None else time.monotonic() + seconds
        fault = Fault(name, given.pop("operations", KINDS[name]), given.pop("project", None), times, until, given)
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        """Switch everything off."""
        with self._lock:
            self._on.clear()

    def strike(
        self, operation: str, project: str | None, *names: str, size: int = 0, content: bytes = b""
    ) -> Fault | None:
        """The first fault that concerns this, counted as used; of these names only, where any are given.

        A fault with the option `bytes` strikes larger requests only, one with `match` files that contain it.
        """
        with self._lock:
            self._on = [fault for fault in self._on if not fault.spent()]
            for fault in self._on:
                fits = size >= fault.options.get("bytes", 0) and str(fault.options.get("match", "")).encode() in content
                if fits and fault.concerns(operation, project) and (not names or fault.name in names):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None
