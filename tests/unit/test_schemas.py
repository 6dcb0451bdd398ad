"""The published schemas say what the models say, as far as a schema can."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from prelabel.annotations.kinds import KINDS, kind_of_json
from tests.golden import cases, message_of

FOLDER = Path(__file__).parents[2] / "docs" / "schema" / "v1"
EXAMPLES = Path(__file__).parents[2] / "examples" / "predictions.ndjson"
FILES = sorted(FOLDER.rglob("*.json"))


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return found


MESSAGE = Draft7Validator(schema("message"))
OF_KIND = {kind.name: Draft7Validator(schema(f"kinds/{kind.name.lower().replace(' ', '-')}")) for kind in KINDS}
BEYOND: set[str] = set()


def messages(case: dict[str, Any]) -> list[dict[str, Any]]:
    by_row: dict[str, list[Any]] = {}
    for line in case.get("lines") or [case["line"]]:
        by_row.setdefault(json.dumps(line.get("dataRow")), []).append(line)
    found = [message_of(lines) for lines in by_row.values()]
    return [{key: value for key, value in each.items() if value is not None} for each in found]


@pytest.mark.parametrize("file", [file for file in FILES if file.name != "asyncapi.json"], ids=lambda file: file.name)
def test_every_schema_is_one_and_says_its_version(file: Path) -> None:
    content = json.loads(file.read_text("utf-8"))

    Draft7Validator.check_schema(content)
    assert content["$id"].startswith("urn:prelabel:schema:1:")


def test_there_is_a_schema_for_each_kind_and_no_other() -> None:
    assert len(FILES) == len(KINDS) + 2
    assert len({json.loads(file.read_text("utf-8")).get("$id") for file in FILES}) == len(FILES)


@pytest.mark.parametrize("case", cases("valid"), ids=lambda case: case["id"])
def test_what_is_right_passes_the_message_s_schema_and_its_kind_s(case: dict[str, Any]) -> None:
    for message in messages(case):
        MESSAGE.validate(message)
        for annotation in message["annotations"]:
            OF_KIND[kind_of_json(annotation).name].validate(annotation)


@pytest.mark.parametrize(
    "case", [case for case in cases("invalid") if case["needs"] == "shape"], ids=lambda case: case["id"]
)
def test_a_wrong_shape_is_refused_where_a_schema_can_say_it(case: dict[str, Any]) -> None:
    refused = not all(MESSAGE.is_valid(message) for message in messages(case))

    assert refused == (case["id"] not in BEYOND)


def test_the_example_file_passes() -> None:
    for line in EXAMPLES.read_text("utf-8").splitlines():
        MESSAGE.validate(json.loads(line))
