"""Messages and their parts as they are written in Python."""

import json
import math
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from prelabel import (
    BoundingBox,
    DataRow,
    DataRowId,
    GlobalKey,
    InvalidAnnotation,
    MalformedMessage,
    Model,
    PredictionMessage,
    Reason,
)
from prelabel.errors import found_value
from prelabel.messages import new_message_id

BOX = BoundingBox("vessel", left=10, top=20, width=30, height=40)


def test_a_message_reads_as_a_fleet_writes_it() -> None:
    message = PredictionMessage(
        project_id="cmh2k4t8x00a107l5e1v9q3zr",
        data_row=GlobalKey("cam-1/000184.jpg"),
        model=Model("yolo", "11s"),
        annotations=[BoundingBox("vessel", left=10, top=20, width=30, height=40)],
    )

    assert message.wire() == {
        "projectId": "cmh2k4t8x00a107l5e1v9q3zr",
        "dataRow": {"globalKey": "cam-1/000184.jpg"},
        "model": {"name": "yolo", "version": "11s"},
        "annotations": [{"name": "vessel", "bbox": {"left": 10, "top": 20, "width": 30, "height": 40}}],
    }


def test_a_written_message_can_be_read_back() -> None:
    message = PredictionMessage(project_id="p", data_row=DataRowId("d"), annotations=[BOX], message_id="m")
    again = PredictionMessage.model_validate_json(json.dumps(message.wire()), by_alias=True, by_name=False)

    assert again.wire() == message.wire()
    assert type(again.annotations[0]) is BoundingBox


def test_a_message_may_be_made_of_dicts_in_the_shape_of_the_wire() -> None:
    box = {"name": "vessel", "bbox": {"left": 10, "top": 20, "width": 30, "height": 40}}
    message = PredictionMessage(project_id="p", data_row=GlobalKey("k"), annotations=[box])

    assert message.annotations[0] == BOX


@pytest.mark.parametrize(
    "moment", ["2026-11-22T19:11:48Z", "2026-11-22T19:11:48.5+01:00", datetime(2026, 11, 22, tzinfo=UTC)]
)
def test_times_are_text_by_rfc_3339_or_datetimes_with_an_offset(moment: Any) -> None:
    message = PredictionMessage(project_id="p", data_row=GlobalKey("k"), produced_at=moment, annotations=[BOX])

    assert message.wire()["producedAt"].startswith("2026-11-22T")


def test_a_time_without_its_offset_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="producedAt"):
        PredictionMessage(
            project_id="p", data_row=GlobalKey("k"), produced_at=datetime(2026, 11, 22), annotations=[BOX]
        )


@pytest.mark.parametrize("keys", [{}, {"id": "a", "global_key": "b"}], ids=["neither", "both"])
def test_a_data_row_has_exactly_one_key(keys: dict[str, str]) -> None:
    with pytest.raises(MalformedMessage, match="dataRow: expected exactly one of id and globalKey"):
        DataRow(**keys)


def test_message_ids_sort_by_time_and_never_repeat() -> None:
    ids = [new_message_id() for _ in range(1000)]

    assert len(set(ids)) == 1000
    assert [each[:13] for each in ids] == sorted(each[:13] for each in ids)


def test_reasons_are_a_closed_list_of_words_for_filters() -> None:
    values = [reason.value for reason in Reason]

    assert len(set(values)) == len(values)
    assert all(value == value.lower() and " " not in value and "_" not in value for value in values)


def test_errors_survive_pickling() -> None:
    error = InvalidAnnotation(Reason.INVALID_ANNOTATION, "annotations[0].name", 7, "a string", "did you mean it?")
    again = pickle.loads(pickle.dumps(error))

    assert (type(again), again.details(), str(again)) == (type(error), error.details(), str(error))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ({"a": 1}, "an object with 1 key"),
        ({}, "an empty object"),
        ([1, 2], "an array of 2 items"),
        ([], "an empty array"),
        ("", "an empty text"),
        ("10", 'the text "10"'),
        ("x" * 200, f'the text "{"x" * 79}…"'),
        ("two\nlines \x1b[31m", 'the text "two\\nlines \\u001b[31m"'),
        (1.5, "1.5"),
        (-0.0, "-0.0"),
        (1.0000012, "1.0000012"),
        (1e300, "1e+300"),
        (10**50, "a whole number of more than 40 digits"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_values_are_shown_short_and_on_one_line(value: object, shown: str) -> None:
    assert found_value(value) == shown


FLEET = """
from prelabel import *
boxes = [BoundingBox("vessel", left=1, top=2, width=3, height=4, confidence=0.5)]
message = PredictionMessage(project_id="p", data_row=GlobalKey("k"), model=Model("yolo", "11s"), annotations=boxes)
PredictionMessage(project_id="p", data_row=DataRowId("d"), annotations=[Point("b", x=1, y=2), {"name": "x"}])
Checklist("flags", ["red", Option("yellow", classifications=[Classification("yellow side", ["port"])])])
"""


@pytest.mark.slow
def test_type_checkers_understand_what_a_fleet_writes(tmp_path: Path) -> None:
    (tmp_path / "fleet.py").write_text(FLEET)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(tmp_path / "fleet.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])

    assert done.stdout.startswith("Success"), done.stdout + done.stderr
