"""Waiting for a state, never for a time."""

import time
from collections.abc import Callable

import pytest


def wait_for(state: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until `state()` is true; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not state():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)
