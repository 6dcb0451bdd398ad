"""Plain NDJSON becomes messages: all lines of a data row in one, however far apart; nothing supersedes silently."""

import gzip
import io
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from prelabel.errors import MessageError, Reason
from prelabel.readers import Source
from prelabel.readers import ndjson as module
from prelabel.readers.base import UnreadableSource
from prelabel.readers.ndjson import BadLine, Form, LineOptions, LineRecord, read_lines
from prelabel.validation.gate import prepare
from tests.golden import cases

FIRST = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101"


def line(key: str | None, name: str = "vessel", **fields: Any) -> dict[str, Any]:
    data_row = {} if key is None else {"dataRow": {"globalKey": key}}
    return data_row | {"name": name, "point": {"x": 1, "y": 2}} | fields


def message(key: str) -> dict[str, Any]:
    return {"projectId": "own", "dataRow": {"globalKey": key}, "annotations": [line(None)]}


def stream_of(*lines: Any) -> io.BytesIO:
    return io.BytesIO(
        b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in lines)
    )


def read(*lines: Any, **options: Any) -> list[Any]:
    return list(read_lines(stream_of(*lines), LineOptions(**({"project_id": "p"} | options))))


def names(records: Any) -> list[tuple[str, list[str]]]:
    found = [json.loads(record.message) for record in records]
    return [(each["dataRow"]["globalKey"], [part["name"] for part in each["annotations"]]) for each in found]


class Pipe(io.RawIOBase):
    """Bytes that come once."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._content.readinto(buffer)


def test_the_lines_of_a_data_row_become_one_message_with_its_model_and_their_own_uuids() -> None:
    (record,) = read(line("a", uuid=FIRST), line("a", "bollard"), model="yolo")

    assert json.loads(record.message) == {
        "projectId": "p",
        "dataRow": {"globalKey": "a"},
        "model": {"name": "yolo"},
        "annotations": [line(None, uuid=FIRST), line(None, "bollard")],
    }
    assert (record.where, record.numbers, record.plain) == ("lines 1-2", (1, 2), True)
    assert prepare(record.message).data_row_key == "k:a"


def seekable(content: bytes) -> BinaryIO:
    return io.BytesIO(content)


def pipe(content: bytes) -> BinaryIO:
    return io.BufferedReader(Pipe(content))  # type: ignore[return-value]


@pytest.mark.parametrize("opened", [seekable, pipe])
def test_scattered_lines_of_a_data_row_are_one_message_in_the_order_of_the_first(opened: Any) -> None:
    lines = [line("b", "1"), line("a", "2"), b"", line("b", "3"), line("b", "4"), b"  ", line("a", "5"), line("c", "6")]
    content = stream_of(*lines).getvalue().rstrip(b"\n").replace(b"\n", b"\r\n")

    found = list(read_lines(opened(content), LineOptions("p")))

    assert names(found) == [("b", ["1", "3", "4"]), ("a", ["2", "5"]), ("c", ["6"])]
    assert [each.where for each in found] == ["lines 1, 4-5", "lines 2, 7", "line 8"]  # type: ignore[union-attr]
    assert [each.numbers for each in found] == [(1, 4, 5), (2, 7), (8,)]  # type: ignore[union-attr]


def test_many_scattered_rows_are_each_one_message_whatever_the_index_holds_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prelabel.readers.runs._RUNS_AT_ONCE", 7)
    found = read(*(line(f"k{at % 50}", f"{at}") for at in range(500)))

    assert names(found) == [(f"k{row}", [f"{at}" for at in range(row, 500, 50)]) for row in range(50)]


def test_two_spellings_of_a_data_row_are_one_data_row() -> None:
    found = read(
        line("a"), {**line(None), "dataRow": {"id": None, "globalKey": "a"}}, {**line("a"), "dataRow": {"id": "a"}}
    )

    assert [record.numbers for record in found] == [(1, 2), (3,)]


def test_values_stay_as_they_were_written() -> None:
    raw = b'{"dataRow":{"globalKey":"\\u00e4"},"name":"v","point":{"x":0.10000000000000000555,"y":1e2}}'
    (record,) = read(raw)

    assert b'{"globalKey":"\\u00e4"}' in record.message
    assert b"0.10000000000000000555" in record.message


def test_messages_continue_as_they_come_before_the_stream_ends() -> None:
    end, start = os.pipe()
    with os.fdopen(end, "rb") as reading, os.fdopen(start, "wb") as writing:
        records = read_lines(reading, LineOptions("p"))
        writing.write(json.dumps(message("a")).encode() + b"\n")
        writing.flush()
        record = next(records)
    assert isinstance(record, LineRecord)
    assert (json.loads(record.message), record.plain, record.project) == (message("a"), False, "own")


def test_a_message_that_names_no_project_gets_the_given_one() -> None:
    bare = {key: value for key, value in message("a").items() if key != "projectId"}
    (record,) = read(bare)

    assert (json.loads(record.message)["projectId"], record.project) == ("p", "p")


@pytest.mark.parametrize(
    ("lines", "bad"),
    [((message("a"), line("a")), "plain NDJSON in a file of messages"), ((line("a"), message("a")), "a message in")],
)
def test_the_first_line_says_what_a_file_holds_since_one_form_could_supersede_the_other(lines: Any, bad: str) -> None:
    found = read(*lines)

    (problem,) = [each for each in found if isinstance(each, BadLine)]
    assert (problem.number, problem.reason) == (2, Reason.MALFORMED_MESSAGE)
    assert problem.problem.startswith(bad)
    assert len(found) == 2
    assert len([each for each in read(*lines, mixed=True) if isinstance(each, LineRecord)]) == 2


def test_every_line_must_have_the_forced_form() -> None:
    (bad,) = read(message("a"), form=Form.NDJSON)
    assert bad.problem.startswith("a message")
    (alone,) = read(b'{"point": {"x": 1, "y": 2}}', form=Form.NDJSON)
    assert alone.plain


def test_a_line_that_is_no_json_object_is_left_to_the_gate_and_the_others_continue() -> None:
    found = read(line("a"), b"{", b'{"name": "\xff", "dataRow": 1}', b"[]", line("a"))

    assert [(each.numbers, each.plain) for each in found] == [
        ((2,), False),
        ((3,), False),
        ((4,), False),
        ((1, 5), True),
    ]


def test_lines_without_a_data_row_do_not_spoil_each_other() -> None:
    assert [each.numbers for each in read(line(None), line(None), line("a"))] == [(1,), (2,), (3,)]


def test_a_line_or_a_data_row_that_is_too_large_is_named_without_being_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 300)
    long = line("a", "x" * 2000)
    found = read(long, line("b"), *[line("c")] * 9, long)

    bad = [(each.number, each.count, each.reason) for each in found if isinstance(each, BadLine)]
    large = Reason.MESSAGE_TOO_LARGE
    assert sorted(bad) == [(1, 1, large), (3, 9, large), (12, 1, large)]
    assert names(each for each in found if isinstance(each, LineRecord)) == [("b", ["vessel"])]


@pytest.mark.parametrize("case", cases("valid"), ids=lambda case: case["id"])
def test_every_example_of_the_format_becomes_a_message_that_publishing_takes(case: dict[str, Any]) -> None:
    found = read(*case["lines"])

    assert sum(len(each.numbers) for each in found) == len(case["lines"])
    for each in found:
        prepare(each.message)


def test_an_error_is_found_in_its_line() -> None:
    (record,) = read(line("a"), line("b"), line("a", point={"x": 1}))[:1]
    with pytest.raises(Exception, match=r"annotations\[1\]\.point\.y") as caught:
        prepare(record.message)
    number, error = record.locate(caught.value)

    assert (number, error.path, error.expected) == (3, "point.y", "a value")


def test_a_file_is_read_from_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "lines.ndjson"
    path.write_bytes(b"a title\n" + stream_of(line("a"), line("b"), line("a")).getvalue())
    with path.open("rb") as file:
        file.readline()
        found: Source = read_lines(file, LineOptions("p"))
        assert names(list(found)) == [("a", ["vessel", "vessel"]), ("b", ["vessel"])]


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    packed = gzip.compress(stream_of(line("a"), line("b"), line("a")).getvalue())
    records = read_lines(pipe(gzip.decompress(packed)), LineOptions("p"))
    next(iter(records))
    records.close()  # type: ignore[attr-defined]

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the machine has no disk that is always full")
def test_a_full_disk_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel.readers.runs.TemporaryFile", lambda: io.FileIO("/dev/full", "r+"))
    records = read_lines(pipe(stream_of(line("a"), line("b")).getvalue()), LineOptions("p"))

    with pytest.raises(UnreadableSource, match="temporary file"):
        list(records)


@pytest.mark.parametrize("depth", [10, 300, 950, *range(980, 1030), 100_000])
@pytest.mark.parametrize("place", ["dataRow", "answer"])
@pytest.mark.parametrize("beside", [b'"name":"x",', b'"annotations":[],'], ids=["plain", "message"])
def test_deep_nesting_is_refused_like_anything_else(depth: int, place: str, beside: bytes) -> None:
    deep = b"{" + beside + b'"' + place.encode() + b'":' + b"[" * depth + b"]" * depth + b"}"
    for lines in ([line("a"), deep], [deep]):
        found = read(*lines, mixed=True)
        refused = [each for each in found if isinstance(each, BadLine) or refused_by_gate(each.message)]
        assert len(refused) == 1
        assert len(found) == len(lines)


def refused_by_gate(raw: bytes) -> bool:
    try:
        prepare(raw)
    except MessageError:
        return True
    return False
