"""What is put in the place of the real world while a simulation runs: clocks, randomness, connections, logs.

Only what is not ours: time, entropy, sockets, threads. And, where a switch asks for it, a rule of ours.
"""

import inspect
import logging
import os
import random
import secrets
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import resources
from types import SimpleNamespace
from typing import Any

import structlog

import prelabel.ids
import prelabel_worker.chunks.leases
import prelabel_worker.runtime.clients
import prelabel_worker.runtime.ticker
import prelabel_worker.scripts
from tests.simulation.world import EPOCH_MS, Task, World

_CLOCK = "redis.call('TIME')"
_VIRTUAL_CLOCK = "({math.floor(tonumber(KEYS[2]) / 1000), tonumber(KEYS[2]) % 1000 * 1000})"

_FLIGHT = "redis.call('SET', root .. ':ontology:flight', 1, 'NX', 'PX', ARGV[1])"
_ENDLESS_FLIGHT = "redis.call('SET', root .. ':ontology:flight', 1, 'NX')"


@cache
def script_sources() -> Mapping[str, str]:
    """Every script of workers and publishers as the product gives it to Redis."""
    sources = {name: prelabel_worker.scripts.source(name) for name in prelabel_worker.scripts.names()}
    return sources | {"publish": resources.files("prelabel.publishing").joinpath("publish.lua").read_text("utf-8")}


def with_virtual_clock(source: str) -> str:
    """The same script with the clock that wire.py sends along as a second key; wire.py also ends its flights."""
    assert _CLOCK in source
    return source.replace(_CLOCK, _VIRTUAL_CLOCK).replace(_FLIGHT, _ENDLESS_FLIGHT)


class Clock:
    """Stands for the module `time` in our modules. Each world in turn sets `world`."""

    world: World | None = None
    perf_counter = staticmethod(time.perf_counter)

    def sleep(self, seconds: float) -> None:
        assert self.world is not None
        self.world.sleep(seconds)

    def monotonic(self) -> float:
        return 1000.0 + (self.world.now if self.world else 0.0)

    def time(self) -> float:
        return EPOCH_MS / 1000 + (self.world.now if self.world else 0.0)

    def time_ns(self) -> int:
        return EPOCH_MS * 1_000_000 + int((self.world.now if self.world else 0.0) * 1e9)


class Entropy:
    """Stands for `secrets`, `random` and `os.urandom`: of the world's seed."""

    world: World | None = None

    def token_hex(self, size: int) -> str:
        assert self.world is not None
        return self.world.ids.randbytes(size).hex()

    def urandom(self, size: int) -> bytes:
        assert self.world is not None
        return self.world.ids.randbytes(size)

    def uniform(self, low: float, high: float) -> float:
        assert self.world is not None
        return self.world.ids.uniform(low, high)


CLOCK, ENTROPY = Clock(), Entropy()


class _Thread:
    """Stands for a thread of a process: one of its tasks."""

    def __init__(self, *, target: Callable[[], None], name: str, daemon: bool) -> None:
        self._target, self._name = target, name

    def start(self) -> None:
        assert CLOCK.world is not None
        CLOCK.world.current.process.spawn(self._name.split("-")[0], self._target, daemon=True)


class _Event:
    """Stands for `threading.Event` between tasks."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: Task | None = None

    def set(self) -> None:
        self._is_set = True
        if self._waiting is not None:
            self._waiting.wake_at = 0.0

    def wait(self) -> None:
        assert CLOCK.world is not None
        if not self._is_set:
            self._waiting = CLOCK.world.current
            CLOCK.world.sleep(None)
            self._waiting = None

    def clear(self) -> None:
        self._is_set = False


def _heard(_: Any, __: str, event: Any) -> Any:
    """Of our log lines two matter: a stage met something that nobody foresaw, or blames the keys of a good project."""
    told = event["event"] in ("stage.broken", "project.quarantined")
    if told and not event["project"].startswith("garbage") and CLOCK.world is not None:
        CLOCK.world.broke(str(event), sys.exc_info()[1])
    raise structlog.DropEvent


class _Heard(logging.Handler):
    """The publisher logs as an error what it did not foresee."""

    def emit(self, record: logging.LogRecord) -> None:
        if CLOCK.world is not None:
            CLOCK.world.broke(record.getMessage(), record.exc_info[1] if record.exc_info else None)


@contextmanager
def installed() -> Iterator[None]:
    """Put them in place for as long as simulations run in this process."""
    replaced: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, value: Any) -> None:
        replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    for name, module in sorted(sys.modules.items()):
        if name.split(".")[0] in ("prelabel", "prelabel_worker"):
            for attribute, value in vars(module).copy().items():
                if value is time or value is random or value is secrets:
                    replace(module, attribute, CLOCK if value is time else ENTROPY)
    replace(
        prelabel_worker.chunks.leases, "threading", SimpleNamespace(Thread=_Thread, Event=_Event, Lock=threading.Lock)
    )
    replace(prelabel.ids, "os", SimpleNamespace(urandom=ENTROPY.urandom, path=os.path))
    replace(prelabel_worker.scripts, "source", script_sources().__getitem__)
    before = structlog.get_config()
    structlog.configure([_heard], structlog.make_filtering_bound_logger(logging.ERROR))
    publisher = logging.getLogger("prelabel")
    level = publisher.level
    publisher.setLevel(logging.ERROR)
    publisher.addHandler(handler := _Heard())
    try:
        yield
    finally:
        publisher.removeHandler(handler)
        publisher.setLevel(level)
        structlog.configure(**before)
        for owner, name, value in reversed(replaced):
            setattr(owner, name, value)


@contextmanager
def standing_for(owner: Any, **values: Any) -> Iterator[None]:
    """Other values for some names of a module or class."""
    originals = {name: inspect.getattr_static(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in originals.items():
            setattr(owner, name, value)


@contextmanager
def changed(owner: Any, name: str, old: str, new: str) -> Iterator[None]:
    """A function of ours, by its name in a module or class, with one piece of its text replaced."""
    original = inspect.getattr_static(owner, name)
    function: Callable[..., Any] = original.fget if isinstance(original, property) else original
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(old) == 1, f"{function.__qualname__} has no line for this switch any more"
    found: dict[str, Any] = {}
    exec(compile(text.replace(old, new), "<switch>", "exec"), function.__globals__, found)  # the module's own names
    with standing_for(owner, **{name: found[name]}):
        yield
