"""Whatever is wrong in a part of a message that is made in Python, the error is the project's own, as for a dict."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest

import prelabel
from prelabel import (
    BoundingBox,
    Checklist,
    Classification,
    DataRow,
    FreeText,
    GlobalKey,
    InvalidAnnotation,
    Keyframe,
    MalformedMessage,
    MessageError,
    Model,
    Point,
    PredictionMessage,
    Radio,
    Reason,
    Segment,
    VideoObject,
)
from prelabel.annotations.base import Wire
from prelabel.validation.gate import prepare

PARTS = {
    name: part
    for name in prelabel.__all__
    if isinstance(part := getattr(prelabel, name), type) and issubclass(part, Wire)
}
ODD: tuple[Any, ...] = (5, 1.5, True, "x", "", b"x", [], [5], ["x"], [[1]], {}, {"x": 1}, (1,), float("nan"), object())
BOX: dict[str, Any] = {"top": 1, "left": 2, "height": 3, "width": 4}


def spoilt(part: type[Wire]) -> Iterator[tuple[str, Any]]:
    """Yield each argument of a constructor with each odd value."""
    parameters = inspect.signature(part.__init__).parameters
    names = {name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
    for name in sorted((names | set(part.model_fields) | {"colour"}) - {"self"}):
        for value in ODD:
            yield name, value


@pytest.mark.parametrize("name", PARTS)
def test_a_constructor_raises_no_other_error_than_ours(name: str) -> None:
    part, errors = PARTS[name], []
    positional = [
        parameter.name
        for parameter in inspect.signature(part.__init__).parameters.values()
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.name != "self"
    ]
    for argument, value in spoilt(part):
        try:
            part(value) if positional else part(**{argument: value})
        except MessageError as error:
            errors.append(error)

    assert errors
    assert all(error.expected and error.found for error in errors)


def message(*annotations: Any) -> dict[str, Any]:
    return {"projectId": "p", "dataRow": {"globalKey": "k"}, "annotations": list(annotations)}


SAME: list[tuple[str, Any, dict[str, Any]]] = [
    ("a number", lambda: Point("b", x="1", y=2), {"name": "b", "point": {"x": "1", "y": 2}}),
    ("a bound", lambda: BoundingBox("b", left=2, top=1, height=3, width=0), {"name": "b", "bbox": BOX | {"width": 0}}),
    ("a missing key", lambda: Point("b", x=1), {"name": "b", "point": {"x": 1}}),
    ("an unknown key", lambda: FreeText("b", "x", colour="red"), {"name": "b", "answer": "x", "colour": "red"}),
    ("another kind's key", lambda: Point("b", x=1, y=2, page=1), {"name": "b", "point": {"x": 1, "y": 2}, "page": 1}),
    ("no name", lambda: Point(x=1, y=2), {"point": {"x": 1, "y": 2}}),
    ("a metric", lambda: FreeText("b", "x", confidence=2), {"name": "b", "answer": "x", "confidence": 2}),
    ("an id", lambda: FreeText("b", "x", schema_id="x"), {"name": "b", "answer": "x", "schemaId": "x"}),
    ("an option", lambda: Radio("b", {"nome": "x"}), {"name": "b", "answer": {"nome": "x"}}),
    ("an option twice", lambda: Checklist("b", ["x", "x"]), {"name": "b", "answer": [{"name": "x"}] * 2}),
    (
        "below",
        lambda: Point("b", x=1, y=2, classifications=[{"name": "c", "answer": {"name": ""}}]),
        {"name": "b", "point": {"x": 1, "y": 2}, "classifications": [{"name": "c", "answer": {"name": ""}}]},
    ),
    (
        "a track",
        lambda: VideoObject("b", [Segment([Keyframe(1, bbox=BOX), Keyframe(1, bbox=BOX)])]),
        {"name": "b", "segments": [{"keyframes": [{"frame": 1, "bbox": BOX}] * 2}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "written"), [case[1:] for case in SAME], ids=[case[0] for case in SAME])
def test_an_annotation_made_in_python_gets_the_error_of_the_same_dict(make: Any, written: dict[str, Any]) -> None:
    with pytest.raises(MessageError) as of_dict:
        prepare(message(written))
    with pytest.raises(InvalidAnnotation) as of_type:
        make()

    path = ".".join(filter(None, ("annotations[0]", of_type.value.path)))
    assert path.replace("[0].[", "[0][") == of_dict.value.path
    assert of_type.value.details() | {"path": ""} == of_dict.value.details() | {"path": ""}
    assert of_type.value.reason is of_dict.value.reason


@pytest.mark.parametrize(
    "spoilt_message",
    [
        message({"name": "b", "bbox": BOX}, {"name": "b", "bbox": BOX | {"width": "4"}}),
        message({"name": "b", "bbox": BOX, "messageId": "m"}),
        message({"name": "b"}),
        message({"name": "b", "answer": [{"name": "x", "classifications": [{"name": "y", "answer": 5}]}]}),
        message({"name": "b", "bbox": BOX, "page": 1}),
        message(5),
        message({"name": "b", "bbox": BOX}) | {"dataRow": {"globalKey": "k", "id": "i"}},
        message({"name": "b", "bbox": BOX}) | {"dataRow": {"globalKey": 5}},
        message({"name": "b", "bbox": BOX}) | {"model": {"name": ""}},
        message({"name": "b", "bbox": BOX}) | {"producedAt": "today"},
        message({"name": "b", "bbox": BOX}) | {"projectId": "a b"},
        message({"name": "b", "bbox": BOX}) | {"labels": []},
    ],
    ids=lambda value: json.dumps(value)[41:90],
)
def test_a_message_is_refused_alike_as_a_dict_as_json_and_by_its_type(spoilt_message: dict[str, Any]) -> None:
    errors = []
    for make in (
        lambda: prepare(spoilt_message),
        lambda: prepare(json.dumps(spoilt_message).encode()),
        lambda: PredictionMessage(**spoilt_message),
        lambda: PredictionMessage.model_validate(spoilt_message),
        lambda: PredictionMessage.model_validate_json(json.dumps(spoilt_message)),
    ):
        with pytest.raises(MessageError) as refused:
            make()
        errors.append((type(refused.value), refused.value.reason, refused.value.details()))

    assert errors == errors[:1] * len(errors)


def test_names_of_python_are_named_as_the_wire_has_them() -> None:
    with pytest.raises(MalformedMessage) as refused:
        PredictionMessage(project_id="a b", data_row=GlobalKey("k"), annotations=[FreeText("b", "x")])
    assert refused.value.path == "projectId"
    with pytest.raises(MalformedMessage) as refused:
        DataRow(global_key="")
    assert refused.value.path == "dataRow.globalKey"
    with pytest.raises(MalformedMessage) as refused:
        Model("")
    assert (refused.value.path, refused.value.reason) == ("model.name", Reason.MALFORMED_MESSAGE)


def test_a_wrong_answer_is_named_by_its_place_in_what_was_made() -> None:
    with pytest.raises(InvalidAnnotation, match=r"^answer\.options: expected one of name, "):
        Classification("c", {"name": "o", "options": 1})


def test_an_error_of_a_whole_annotation_does_not_call_it_a_message() -> None:
    with pytest.raises(InvalidAnnotation, match=r"^annotation: expected name or schemaId, found neither$"):
        Point(x=1, y=2)
