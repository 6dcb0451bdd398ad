"""A status file → an outcome for each row, whatever its order, repeats and gaps."""

from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks import SentLines
from prelabel_worker.verdicts import Verdicts


def uuid_of(number: int) -> bytes:
    return UUID(int=number + 1).bytes


def line(number: int, status: str = "SUCCESS", *names: str) -> bytes:
    errors = [{"name": name, "message": f"{name} here", "additionalInfo": None} for name in names]
    body = {"uuid": str(UUID(bytes=uuid_of(number))), "dataRow": {"id": "x"}, "status": status}
    return orjson.dumps({**body, "errors": errors} if errors else body)


LINES = {0: [uuid_of(0), uuid_of(1)], 4: [uuid_of(2)], 5: [uuid_of(3), uuid_of(4)]}
SENT = SentLines.of((row, uuids, bytes(12)) for row, uuids in LINES.items())


def judged(*lines: bytes) -> Verdicts:
    verdicts = Verdicts(SENT)
    verdicts.feed(lines)
    return verdicts


def test_a_row_is_imported_when_each_of_its_annotations_is_a_success() -> None:
    assert judged(*(line(n) for n in (4, 2, 0, 3, 1))).failed_rows() == {}


def test_a_row_with_one_failure_is_held_as_a_whole_and_says_what_labelbox_has() -> None:
    failed = judged(line(0), line(1, "FAILURE", "GeometryInvalid"), line(2), line(3), line(4)).failed_rows()

    assert list(failed) == [0]
    assert failed[0].taken == [str(UUID(bytes=uuid_of(0)))]
    assert failed[0].errors == [
        {"uuid": str(UUID(bytes=uuid_of(1))), "name": "GeometryInvalid", "message": "GeometryInvalid here"}
    ]
    assert failed[0].missing == 0


def test_everything_but_success_is_a_failure() -> None:
    assert list(judged(line(0), line(1), line(2, "FAILED"), line(3), line(4)).failed_rows()) == [4]


def test_a_row_without_a_line_has_no_verdict() -> None:
    failed = judged(line(0), line(1), line(3)).failed_rows()

    assert {row: verdict.missing for row, verdict in failed.items()} == {4: 1, 5: 1}
    assert all(not verdict.errors for verdict in failed.values())


def test_a_doubled_line_stands_for_nothing_else() -> None:
    assert list(judged(line(0), line(0), line(2), line(3), line(4)).failed_rows()) == [0]


def test_foreign_and_broken_lines_are_counted_and_harm_no_row() -> None:
    verdicts = judged(line(0), line(1), line(2), line(3), line(4), line(77), b"{", b'{"uuid": 3}', b"[]")

    assert verdicts.failed_rows() == {}
    assert verdicts.foreign == 4


def test_uuids_are_compared_in_canonical_form() -> None:
    shouted = line(2).replace(
        str(UUID(bytes=uuid_of(2))).encode(), b"{" + str(UUID(bytes=uuid_of(2))).upper().encode() + b"}"
    )

    assert judged(line(0), line(1), shouted, line(3), line(4)).failed_rows() == {}


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)))
def test_the_order_of_the_lines_decides_nothing(order: list[int], bad: set[int]) -> None:
    lines = [line(n, "FAILURE" if n in bad else "SUCCESS", *(["X"] if n in bad else [])) for n in order]

    failed = judged(*lines).failed_rows()

    rows = {0: 0, 1: 0, 2: 4, 3: 5, 4: 5}
    assert set(failed) == {rows[n] for n in bad}
