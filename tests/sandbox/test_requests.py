"""The requests of our client for an import, compared with those of the SDK."""

import importlib.util

import pytest

from tests.sandbox.sdk import differing
from tests.sandbox.sdk.__main__ import PAGE, between


@pytest.mark.skipif(
    importlib.util.find_spec("labelbox") is None, reason="needs the SDK: pip install 'prelabel[labelbox]'"
)
def test_requests_differ_from_the_sdks_where_the_table_says() -> None:
    assert differing.differences() == differing.told()


def test_the_page_has_the_table() -> None:
    page = PAGE.read_text("utf-8")
    assert between(page, "requests", differing.table()) == page
