"""The published schemas say what the models say, as far as a schema can."""

import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator

from prelabel.annotations.kinds import KINDS, kind_of_json, own_keys
from prelabel.errors import MessageError
from prelabel.validation.gate import read_message
from tests.golden import cases, message_of, strategies

FOLDER = Path(__file__).parents[3] / "docs/reference/schema/v1"
EXAMPLES = Path(__file__).parents[3] / "examples" / "predictions.ndjson"
FILES = sorted(set(FOLDER.rglob("*.json")) - {FOLDER / "publish_messages.json"})  # vectors, not a schema


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return found


MESSAGE = Draft7Validator(schema("message"))
OF_KIND = {kind.name: Draft7Validator(schema(f"kinds/{kind.name.lower().replace(' ', '-')}")) for kind in KINDS}
# Two points or colours that are the same, what is in an image, one number against another, keyframes in order.
BEYOND = {"POLY-2", "MASK-7", "MASK-8", "MASK-9", "REL-5", "ENT-1", "VOBJ-4", "VOBJ-6", "VMASK-4", "VMASK-5"}
BEYOND |= {"VCLS-1", "VCLS-3", "VCLS-4", "TEMP-2", "MMC-1", "MMC-3"}


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


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(strategies.spoilt())
def test_a_schema_is_never_stricter_than_the_gate(value: dict[str, Any]) -> None:
    try:
        read_message(json.dumps(value).encode())
    except MessageError:
        return
    MESSAGE.validate(value)


@pytest.mark.parametrize("case", cases("valid"), ids=lambda case: case["id"])
def test_null_is_absent_for_the_keys_of_every_kind(case: dict[str, Any]) -> None:
    for message in messages(case):
        for annotation in message["annotations"]:
            annotation |= dict.fromkeys(own_keys() - annotation.keys())
        MESSAGE.validate(message)
        assert read_message(orjson.dumps(message))


@pytest.mark.parametrize(
    "change",
    [
        {"projectId": "a b"},
        {"version": 2},
        {"dataRow": {"id": "a", "globalKey": "b"}},
        {"dataRow": {"globalKey": ""}},
        {"producedAt": "yesterday"},
        {"extra": 1},
        {"model": {}},
    ],
    ids=repr,
)
def test_the_fields_around_the_annotations_are_said_too(change: dict[str, Any]) -> None:
    message = {
        "projectId": "p",
        "dataRow": {"globalKey": "a"},
        "annotations": [{"name": "a", "point": {"x": 1, "y": 2}}],
    }

    MESSAGE.validate(message | {"dataRow": {"globalKey": "a", "id": None}, "version": 1, "model": None})
    assert not MESSAGE.is_valid(message | change)


def test_the_inbox_is_said_with_references_that_lead_somewhere() -> None:
    document = schema("asyncapi")

    assert document["asyncapi"] == "3.0.0"
    assert document["info"]["version"].startswith("1.")
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        if reference.startswith("#/"):
            found = document
            for part in reference[2:].split("/"):
                found = found[part]
        else:
            assert (FOLDER / reference).exists()
    prediction = document["components"]["messages"]["prediction"]
    for example in prediction["examples"]:
        MESSAGE.validate(example["payload"])
    assert set(re.findall(r"{(\w+)}", document["channels"]["inbox"]["address"])) == {"projectRoot"}


def test_the_example_file_passes() -> None:
    for line in EXAMPLES.read_text("utf-8").splitlines():
        MESSAGE.validate(json.loads(line))
