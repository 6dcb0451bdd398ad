"""`dataset add` and the sandbox give the same verdict on row data, also on objects with any one value changed."""

from collections.abc import Iterator
from typing import Any

import pytest

from prelabel_sandbox.checks.row_data import check_row_data as check_in_sandbox
from prelabel_worker.setup.row_data import check_row_data
from prelabel_worker.setup.row_values import WrongRowData
from tests.support.row_data import BAD, GOOD, Bad, Good, changed

VALUES = (None, True, 0, 7, -1, 0.5, "", "x", "https://a.example/x", [], {}, [1], [[1, 2], [3, 4]], {"a": 1}, ["x"])


def verdicts(row_data: Any, media_type: str | None = None) -> tuple[bool, bool]:
    """Return whether the command takes it, and whether the sandbox does."""
    return (
        _takes(lambda: check_row_data(row_data, media_type), WrongRowData),
        _takes(lambda: check_in_sandbox(row_data, media_type), ValueError),
    )


def _takes(check: Any, refusal: type[Exception]) -> bool:
    try:
        check()
    except refusal:
        return False
    return True


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every value in an object, such as `messages.0.user`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield f"{path}{key}"
        yield from paths(each, f"{path}{key}.")


@pytest.mark.parametrize("good", GOOD, ids=str)
def test_of_every_good_object_with_one_value_changed_or_left_out(good: Good) -> None:
    variants = [changed(good.row_data, path, value) for path in paths(good.row_data) for value in (..., *VALUES)]
    variants = [variant for variant in variants if isinstance(variant, dict)]
    found = [(variant, *verdicts(variant)) for variant in variants]

    assert [each for each in found if each[1] != each[2]] == []
    assert False in {each[1] for each in found}


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_of_every_bad_object(bad: Bad) -> None:
    assert verdicts(bad.row_data) == (False, False)


@pytest.mark.parametrize("good", GOOD, ids=str)
def test_of_every_good_object_for_every_media_type(good: Good) -> None:
    assert verdicts(good.row_data, good.media_type) == (True, True)
    assert verdicts(good.row_data, "VIDEO") == (False, False)
