"""Kinds that images do not have: for every media type, messages become lines, and spoilt messages are refused."""

import copy
import json
from collections import Counter
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prelabel import MessageError, PredictionMessage, Reason
from prelabel.validation.gate import prepare, read_message
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR, cases, media, message_of
from tests.golden.strategies import ODD

BUILDERS = {
    each: RowBuilder("harbour", Ontology.from_normalized(HARBOUR, each))
    for each in (*media.ANNOTATIONS, "IMAGE", "LLM_PROMPT_RESPONSE_CREATION")
}


def lines_of(value: dict[str, Any], media_type: str) -> list[dict[str, Any]]:
    row = BUILDERS[media_type].build(prepare(value).raw)
    return [json.loads(line) for line in row.lines[:-1].split(b"\n")]


def without_noise(value: Any) -> Any:
    """A value as it is sent: without confidence and metrics."""
    if isinstance(value, dict):
        return {k: without_noise(each) for k, each in value.items() if k not in ("confidence", "customMetrics")}
    return [without_noise(each) for each in value] if isinstance(value, list) else value


any_media = st.sampled_from(sorted(media.ANNOTATIONS)).flatmap(
    lambda name: st.tuples(st.just(name), media.messages(name))
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(any_media)
def test_every_value_of_a_message_arrives_in_its_lines(case: tuple[str, dict[str, Any]]) -> None:
    media_type, value = case
    sent = lines_of(value, media_type)

    assert len(sent) == len(value["annotations"])
    for line, annotation in zip(sent, value["annotations"], strict=True):
        assert line.pop("dataRow") == value["dataRow"]
        if "uuid" in annotation:
            assert line.pop("uuid") == annotation["uuid"]
        else:
            line.pop("uuid", None)
        if "textSelections" in line:
            line.setdefault("name", annotation.get("name"))
        assert line == without_noise({key: each for key, each in annotation.items() if key != "uuid"})


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(any_media)
def test_lines_made_a_message_again_give_the_same_lines(case: tuple[str, dict[str, Any]]) -> None:
    media_type, value = case
    sent = lines_of(value, media_type)

    assert lines_of(message_of(copy.deepcopy(sent)), media_type) == sent


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(any_media)
def test_a_typed_message_is_sent_as_its_json_is(case: tuple[str, dict[str, Any]]) -> None:
    _, value = case
    typed = PredictionMessage.model_validate_json(json.dumps(value), by_alias=True, by_name=False)
    ids = {"messageId": "m"}

    assert orjson.loads(prepare(typed.wire() | ids).raw) == orjson.loads(prepare(value | ids).raw)
    assert json.loads(prepare(typed).raw)["annotations"] == json.loads(prepare(value).raw)["annotations"]


# -- spoiling ----------------------------------------------------------------------------------------------------------

LINES = [(case["id"], case["media"], line) for case in cases("valid") for line in case["lines"]]


def places(value: Any, path: str = "") -> Any:
    """Yield every object and array below a JSON value, with its path."""
    if isinstance(value, dict):
        yield path, value
        for key, each in value.items():
            yield from places(each, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        yield path, value
        for at, each in enumerate(value):
            yield from places(each, f"{path}[{at}]")


def spoilt(annotation: dict[str, Any]) -> Any:
    """The annotation with one field replaced, removed, added or repeated, and where."""
    for path, place in places(annotation):
        keys = list(place) if isinstance(place, dict) else range(len(place))
        for key in keys:
            where = f"{path}.{key}".lstrip(".") if isinstance(key, str) else f"{path}[{key}]"
            original = place[key]
            for odd in ODD:
                place[key] = odd
                yield where, annotation
            if isinstance(place, dict):
                del place[key]
                yield where, annotation
            place[key] = original
        if isinstance(place, dict):
            order = list(place.items())
            place["colour"] = "red"
            yield f"{path}.colour".lstrip("."), annotation
            place.clear()
            place.update(order)
        elif place:
            place.append(place[0])
            yield path, annotation
            place.pop()


def models_say(raw: bytes) -> MessageError | None:
    try:
        PredictionMessage.model_validate_json(raw, by_alias=True, by_name=False)
    except MessageError as error:
        return error
    return None


def gate_says(raw: bytes) -> MessageError | None:
    try:
        read_message(raw)
    except MessageError as error:
        return error
    return None


BETWEEN = {Reason.BROKEN_RELATIONSHIP, Reason.DUPLICATE_UUID, Reason.TOO_MANY_ANNOTATIONS}
"""Rules between annotations, which are the gate's alone."""


@pytest.mark.slow
def test_gate_and_models_agree_on_every_spoilt_field() -> None:
    tried: Counter[str] = Counter()
    for case_id, _, line in LINES:
        annotation = {key: value for key, value in line.items() if key != "dataRow"}
        around = {"projectId": "p", "dataRow": {"globalKey": "a"}}
        for where, one in spoilt(annotation):
            raw = json.dumps(around | {"annotations": [one]}).encode()
            error, said = gate_says(raw), models_say(raw)
            tried["tried"] += 1
            if error is not None and error.reason in BETWEEN:
                assert said is None, (case_id, where, one)
                continue
            assert (error is None) == (said is None), (case_id, where, one, error, said)
            if error is None or said is None:
                continue
            tried["refused"] += 1
            assert (error.reason, error.path) == (said.reason, said.path), (case_id, where, one)
            assert error.reason is not Reason.GATE_DISAGREES, (case_id, where, one)
            # The field itself, what it is in, what is in it, or a field beside it that no longer fits.
            path = error.path.removeprefix("annotations[0]").lstrip(".")
            top = where.partition(".")[0].partition("[")[0]
            assert path.startswith((where, top)) or where.startswith(path) or where == top, (case_id, where, path, one)
            tried["at its field"] += path == where
    print(f"\n{dict(tried)}")  # noqa: T201
    assert tried["refused"] > 10_000


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(any_media, st.data())
def test_a_spoilt_message_is_built_or_refused_and_never_anything_else(
    case: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    media_type, value = case[0], copy.deepcopy(case[1])
    for _ in range(data.draw(st.integers(1, 3))):
        _, place = data.draw(st.sampled_from(list(places(value))))
        odd = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        if isinstance(place, dict):
            place[data.draw(st.sampled_from([*place, "answer", "bbox", "segments", "frames", "name"]))] = odd
        else:
            place.append(odd)
    raw = json.dumps(value).encode()
    try:
        row = BUILDERS[media_type].build(raw)
    except MessageError as error:
        reason: Reason | None = error.reason
    else:
        reason = None
        assert all(json.loads(line)["dataRow"] for line in row.lines[:-1].split(b"\n"))
        assert len({UUID(bytes=uuid) for uuid in row.uuids}) == len(value["annotations"])
    assert reason is not Reason.GATE_DISAGREES


@pytest.mark.parametrize("garbage", [b"{}", b"[1]", b'"x"', b"null", b"3"], ids=repr)
def test_garbage_for_an_annotation_is_refused(garbage: bytes) -> None:
    raw = b'{"projectId":"p","dataRow":{"id":"a"},"annotations":[{"name":"x","location":{"start":0,"end":1}},%s]}'
    error = gate_says(raw % garbage)

    assert error is not None
    assert (error.reason, error.path) == (Reason.INVALID_ANNOTATION, "annotations[1]")
