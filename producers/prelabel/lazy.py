"""Lazy imports: load the names of a package when they are first used (PEP 562), and structlog with the first event.

The package imports the same names under `TYPE_CHECKING`, for type checkers and editors; a test compares the two lists.
"""

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from typing import Any


def lazily(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`; `names` maps a module to its names, separated by spaces."""
    modules = {name: module for module, provided in names.items() for name in provided.split()}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return load, listed


@contextmanager
def without_collections() -> Iterator[None]:
    """Import without the garbage collector, which would read all that was loaded again and again: none is garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def logger(name: str) -> Any:
    """Return structlog's logger of this name, for modules that commands load too, which rarely log anything."""
    return _Logger(name)


class _Logger:
    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _loaded(self) -> Any:
        return import_module("structlog").get_logger(self._name)

    def __getattr__(self, method: str) -> Any:
        return getattr(self._loaded, method)
