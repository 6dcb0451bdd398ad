"""The official SDK does the six steps, and what is around them, against the sandbox, in a process of its own."""

import importlib.util
import os
from typing import Any

import pytest

from tests.sandbox.sdk.__main__ import PAGE, between, rows, table
from tests.sandbox.sdk.run import OPERATIONS, SINCE

OTHERS = [python for python in os.environ.get("PRELABEL_SDK_PYTHONS", "").split(os.pathsep) if python]
"""Pythons of environments with another release of the SDK, from 5.2, and pytest."""
NONE = pytest.param("", marks=pytest.mark.skip(reason="PRELABEL_SDK_PYTHONS names no Python with another SDK"))

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("labelbox") is None, reason="needs the SDK: pip install 'prelabel[labelbox]'"
)


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return rows()


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_sdk_cannot_tell_the_sandbox_from_labelbox(found: dict[str, dict[str, Any]], name: str) -> None:
    assert found[name]["passed"], found[name].get("error")


def test_the_page_says_what_was_found(found: dict[str, dict[str, Any]]) -> None:
    """`python -m tests.sandbox.sdk` writes it."""
    page = PAGE.read_text("utf-8")
    assert between(page, "operations", table(found)) == page


@pytest.mark.parametrize("python", OTHERS or [NONE])
def test_other_releases_of_the_sdk_cannot_tell_the_sandbox_from_labelbox_either(python: str) -> None:
    found = rows(python)
    release = int(next(iter(found.values()))["version"].partition(".")[0])
    assert set(found) == {name for name, since in SINCE.items() if since <= release}
    assert {name: row["error"] for name, row in found.items() if not row["passed"]} == {}
