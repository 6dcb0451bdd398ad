"""Waits for a state, never for a fixed time."""

import time
from collections.abc import Callable

import pytest


def wait_for(state: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until `state()` is true; after `seconds`, fail with a text that names `what`."""
    deadline = time.monotonic() + seconds
    while not state():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)
