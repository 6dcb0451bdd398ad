"""A project in a real Redis, driven through the ledger without any worker process."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import redis

from tests.support.sandbox.process import SandboxProcess
from tests.support.sandbox.session import sandbox_process

if TYPE_CHECKING:
    from tests.support.rig import MakeRig, Rig

__all__ = ["sandbox_process"]


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> Iterator[SandboxProcess]:
    """A local Labelbox without faults, whose imports take no time."""
    settings = {"secondsPerImport": 0.0, "duplicateNames": "refuse"}
    sandbox_process.control("POST", "/settings", settings)
    yield sandbox_process
    sandbox_process.control("DELETE", "/faults")


@pytest.fixture
def make_rig(client: "redis.Redis", redis_url: str, prefix: str, sandbox: SandboxProcess) -> Iterator["MakeRig"]:
    """Return a function that makes rigs with these settings; they are closed at the end."""
    from tests.support.rig import Rig  # which needs Project

    made: list[Rig] = []

    def make(**settings: object) -> Rig:
        made.append(Rig(client, redis_url, prefix, sandbox, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def rig(make_rig: "MakeRig") -> "Rig":
    return make_rig()
