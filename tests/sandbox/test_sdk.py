"""The official SDK does the six steps against the sandbox, in a process of its own."""

import importlib.util
from typing import Any

import pytest

from tests.sandbox.sdk.__main__ import PAGE, between, rows, table
from tests.sandbox.sdk.session import OPERATIONS

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
    """`python -m tests.sandbox.sdk --table` writes it."""
    page = PAGE.read_text("utf-8")
    assert between(page, "operations", table(found)) == page
