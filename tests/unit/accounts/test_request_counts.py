"""What a request adds to the series of its account; how it ended has few names, whatever Labelbox answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.accounts.request_counts import series_of
from prelabel_worker.errors import LeaseLost
from prelabel_worker.labelbox import errors, responses
from prelabel_worker.labelbox.sent_request import Operation, SentRequest, status_of


def test_a_request_is_counted_by_status_and_by_time() -> None:
    assert series_of(SentRequest(Operation.LOOK_UP, "200", 0.3)) == {
        "look-up:200": 1,
        "seconds:look-up:0.5": 1,
        "seconds:look-up:ms": 300,
    }


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, "0.05"), (0.05, "0.05"), (2.5, "2.5"), (60, "60"), (61, "inf")])
def test_a_bucket_has_its_upper_bound(seconds: float, bucket: str) -> None:
    assert f"seconds:poll:{bucket}" in series_of(SentRequest(Operation.POLL, "200", seconds))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "200"),
        (errors.Throttled("in a body"), "429"),
        (errors.Unavailable("a connection"), "no-answer"),
        (errors.OutcomeUnknown("a time-out"), "no-answer"),
        (errors.Conflict("a name"), "conflict"),
        (errors.FileGone("gone"), "file-gone"),
        (LeaseLost(), "abandoned"),
        (KeyboardInterrupt(), "abandoned"),
        (KeyError("a defect"), "key-error"),
    ],
)
def test_a_request_that_failed_has_the_name_of_its_failure(error: BaseException | None, status: str) -> None:
    assert status_of(error) == status


@given(st.integers(100, 999), st.binary(max_size=40), st.booleans())
def test_an_answer_of_any_status_has_one_of_few_names(status: int, body: bytes, creates: bool) -> None:
    names = {"200", "400", "401", "403", "404", "413", "422", "429", "4xx", "5xx", "garbled", "unexpected-shape"}
    error = None
    try:
        responses.data_of(status, {}, body, creates=creates)
    except errors.RequestError as raised:
        error = raised

    assert status_of(error) in names
    if status >= 500:
        assert status_of(error) == "5xx"
