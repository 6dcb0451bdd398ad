"""A status file gives an outcome for each row, whatever its order, repeats and gaps."""

from itertools import pairwise
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prelabel_worker.rendering.identity import unsent_line
from prelabel_worker.stages.status_file import Verdicts
from tests.support.sent import SentRow, sent_lines


def uuid_of(number: int) -> bytes:
    return UUID(int=number + 1).bytes


def line(number: int, status: str = "SUCCESS", *names: str) -> bytes:
    errors = [{"name": name, "message": f"{name} here", "additionalInfo": None} for name in names]
    body = {"uuid": str(UUID(bytes=uuid_of(number))), "dataRow": {"id": "x"}, "status": status}
    return orjson.dumps({**body, "errors": errors} if errors else body)


LINES = {0: [uuid_of(0), uuid_of(1)], 4: [uuid_of(2)], 5: [uuid_of(3), uuid_of(4)]}
SENT = sent_lines(SentRow(row, uuids) for row, uuids in LINES.items())


def judged(*lines: bytes) -> Verdicts:
    verdicts = Verdicts(SENT)
    verdicts.feed([b"\n".join(lines)])
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


def test_a_failure_among_doubled_lines_counts_once() -> None:
    for first, second in (("SUCCESS", "FAILURE"), ("FAILURE", "SUCCESS"), ("FAILURE", "FAILURE")):
        failed = judged(line(0, first, "X"), line(0, second, "X"), line(2), line(3), line(4)).failed_rows()
        assert list(failed) == [0]
        assert (failed[0].refused, failed[0].missing, failed[0].taken) == (1, 1, [])


def test_foreign_and_broken_lines_are_counted_and_harm_no_row() -> None:
    verdicts = judged(line(0), line(1), line(2), line(3), line(4), line(77), b"{", b'{"uuid": 3}', b"[]")

    assert verdicts.failed_rows() == {}
    assert verdicts.foreign == 4


HOSTILE = {
    "a data row of a number": b'{"uuid": "%s", "dataRow": 5, "status": "SUCCESS"}',
    "a data row of a list": b'{"uuid": "%s", "dataRow": [], "status": "FAILURE"}',
    "a global key of a list": b'{"uuid": "%s", "dataRow": {"globalKey": ["a"]}, "status": "FAILURE"}',
    "errors of a number": b'{"uuid": "%s", "status": "FAILURE", "errors": 5}',
    "errors of numbers": b'{"uuid": "%s", "status": "FAILURE", "errors": [5]}',
    "a status of a list": b'{"uuid": "%s", "status": ["SUCCESS"]}',
    "depth 100,000": b'{"uuid": "%s", "status": "SUCCESS", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half a surrogate": b'{"uuid": "%s", "status": "\\ud800"}',
    "bytes that are no text": b'{"uuid": "%s", "status": "\xff"}',
}


@pytest.mark.parametrize("broken", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("number", [2, 77], ids=["ours", "foreign"])
def test_a_line_that_cannot_be_read_is_no_verdict_and_harms_no_other_row(broken: bytes, number: int) -> None:
    uuid = str(UUID(bytes=uuid_of(number))).encode()
    others = [line(n) for n in range(5) if n != number]

    failed = judged(broken % uuid, *others).failed_rows()

    assert failed.keys() <= {4}
    assert all(not verdict.taken for verdict in failed.values())


@pytest.mark.parametrize("text", ["0" * 36, "00 " * 12, "x" * 36, "urn:uuid:" + "-" * 100_000 + "0" * 31])
def test_an_invalid_uuid_matches_no_line_that_was_sent_without_a_uuid(text: str) -> None:
    sent = [unsent_line("k:a", "m", 0), unsent_line("k:a", "m", 1)]
    verdicts = Verdicts(sent_lines([SentRow(0, sent)]))
    where = {"dataRow": {"globalKey": "a"}}

    verdicts.feed([orjson.dumps({"uuid": text, "status": "SUCCESS", **where})])

    assert verdicts.foreign == 1
    assert verdicts.failed_rows()[0].missing == 2


def test_a_dead_letter_keeps_a_bounded_part_of_a_status_line() -> None:
    long = b'{"uuid": "{%s%s}", "status": "FAILURE", "errors": [{"name": "%s", "message": "%s"}]}'
    uuid = str(UUID(bytes=uuid_of(2))).encode()

    failed = judged(long % (b"-" * 100_000, uuid, b"n" * 100_000, b"m" * 100_000), line(0), line(1)).failed_rows()

    assert len(orjson.dumps(failed[4].errors)) < 1000
    assert failed[4].errors[0]["uuid"] == uuid.decode()


def test_uuids_are_compared_in_canonical_form() -> None:
    shouted = line(2).replace(
        str(UUID(bytes=uuid_of(2))).encode(), b"{" + str(UUID(bytes=uuid_of(2))).upper().encode() + b"}"
    )

    assert judged(line(0), line(1), shouted, line(3), line(4)).failed_rows() == {}


BROKEN = (b"{", b"[]", b"\xff", b'{"uuid": 3}', b'{"uuid": "7", "status": "SUCCESS"}', b'{"status": "SUCCESS"}')
# An annotation's number (77: a foreign one) and the status of its line, or a line that cannot be read.
status_lines = st.lists(
    st.tuples(st.integers(0, 4) | st.just(77), st.sampled_from(["SUCCESS", "FAILURE"])) | st.sampled_from(BROKEN)
)
in_order = st.sets(st.integers(0, 4)).map(lambda numbers: [(number, "SUCCESS") for number in sorted(numbers)])
permuted = st.permutations([(number, "SUCCESS") for number in range(5)])
status_files = st.one_of(
    st.just([(number, "SUCCESS") for number in range(5)]),
    st.tuples(in_order, status_lines, in_order).map(lambda parts: [*parts[0], *parts[1], *parts[2]]),
    st.tuples(permuted, status_lines).map(lambda parts: [*parts[0], *parts[1]]),
)


@settings(max_examples=500)
@given(status_files, st.lists(st.integers(0, 12)))
def test_order_repeats_garbage_and_blocks_of_lines_decide_nothing(
    file: list[tuple[int, str] | bytes], cuts: list[int]
) -> None:
    lines = [part if isinstance(part, bytes) else line(*part) for part in file]
    bounds = sorted({0, *(cut for cut in cuts if cut < len(lines)), len(lines)})
    statuses: dict[int, set[str]] = {number: set() for number in (*range(5), 77)}
    for part in file:
        if not isinstance(part, bytes):
            statuses[part[0]].add(part[1])

    verdicts = Verdicts(SENT)
    verdicts.feed(b"\n".join(lines[start:end]) for start, end in pairwise(bounds))

    expected = {}
    for row, numbers in {0: (0, 1), 4: (2,), 5: (3, 4)}.items():
        refused = sum("FAILURE" in statuses[number] for number in numbers)
        missing = sum(not statuses[number] for number in numbers)
        if refused or missing:
            taken = [str(UUID(bytes=uuid_of(number))) for number in numbers if statuses[number] == {"SUCCESS"}]
            expected[row] = (refused, missing, taken)
    failed = verdicts.failed_rows()
    assert {row: (each.refused, each.missing, each.taken) for row, each in failed.items()} == expected
    assert verdicts.foreign == sum(isinstance(part, bytes) or part[0] == 77 for part in file)


# -- lines that were sent without uuid ---------------------------------------------------------------------------------

UNSENT = sent_lines(
    [
        SentRow(0, [unsent_line("k:a", "m", 0), unsent_line("k:a", "m", 1), uuid_of(0)]),
        SentRow(1, [unsent_line("k:b", "m", 0)]),
        SentRow(2, [unsent_line("i:c", "", 0)]),
    ]
)


def theirs(number: int, status: str = "SUCCESS", **data_row: str | None) -> bytes:
    """A status line with a uuid that Labelbox made."""
    errors = [] if status == "SUCCESS" else [{"name": "X", "message": "x"}]
    return orjson.dumps({"uuid": str(UUID(int=900 + number)), "dataRow": data_row, "status": status, "errors": errors})


def judged_unsent(*lines: bytes) -> Verdicts:
    verdicts = Verdicts(UNSENT)
    verdicts.feed([b"\n".join(lines)])
    return verdicts


ROW_A = [theirs(1, globalKey="a", id="x"), theirs(2, globalKey="a", id=None), line(0)]
ROW_B, ROW_C = theirs(3, globalKey="b"), theirs(4, id="c", globalKey="what it is called")


def test_a_line_without_uuid_is_matched_by_its_data_row() -> None:
    verdicts = judged_unsent(ROW_B, *ROW_A, ROW_C)

    assert verdicts.failed_rows() == {}
    assert verdicts.foreign == 0


def test_a_failure_without_uuid_holds_its_row_alone_and_says_what_labelbox_has() -> None:
    failed = judged_unsent(theirs(1, "FAILURE", globalKey="a"), *ROW_A[1:], ROW_B, ROW_C).failed_rows()

    assert list(failed) == [0]
    assert (failed[0].refused, failed[0].missing) == (1, 0)
    assert failed[0].taken == [str(UUID(int=902)), str(UUID(bytes=uuid_of(0)))]


def test_a_failure_among_doubled_lines_without_uuid_counts() -> None:
    for first, second in (("SUCCESS", "FAILURE"), ("FAILURE", "SUCCESS")):
        lines = [theirs(1, first, globalKey="a"), theirs(1, second, globalKey="a")]
        failed = judged_unsent(*lines, *ROW_A[1:], ROW_B, ROW_C).failed_rows()
        assert list(failed) == [0]
        assert (failed[0].refused, failed[0].missing, len(failed[0].taken)) == (1, 0, 2)


def test_a_row_knows_whether_a_line_of_it_was_sent_without_uuid() -> None:
    failed = judged_unsent(ROW_A[0]).failed_rows()

    assert failed[0].was_sent_without_uuid("k:a")
    assert not judged(line(0)).failed_rows()[0].was_sent_without_uuid("k:a")


def test_a_line_without_uuid_that_is_missing_has_no_verdict() -> None:
    failed = judged_unsent(ROW_A[0], ROW_A[0], ROW_A[2], ROW_B).failed_rows()

    assert {row: verdict.missing for row, verdict in failed.items()} == {0: 1, 2: 1}


def test_more_lines_of_a_data_row_than_were_sent_are_foreign() -> None:
    verdicts = judged_unsent(*ROW_A, theirs(7, globalKey="a"), theirs(8), ROW_B, ROW_C)

    assert verdicts.failed_rows() == {}
    assert verdicts.foreign == 2
