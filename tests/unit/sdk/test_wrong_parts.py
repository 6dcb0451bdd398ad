"""A label whose parts are None, missing or of another type is refused with the name of the part, never a TypeError."""

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("labelbox.types", reason="pip install 'prelabel[labelbox]'", exc_type=ImportError)

from labelbox import types as lb
from pydantic import BaseModel

from prelabel.errors import MessageError
from prelabel.sdk import message_of
from prelabel.testing import recording_publisher
from tests.support.sdk_labels import EXAMPLES, box, label, link, point, radio, seen, text, thing

JUNK: list[Any] = [
    None,
    5,
    -1.5,
    float("nan"),
    True,
    "x",
    "\ud800",
    b"x",
    [],
    [None],
    ["x"],
    {},
    {"a": 1},
    (),
    object(),
    lb,
]


def with_part(made: Any, path: list[Any], value: Any) -> Any:
    """Return the label with another value at a path of names and indexes, past all checks of the SDK."""
    *above, last = path
    part = made
    for step in above:
        part = part[step] if isinstance(step, int) else getattr(part, step)
    if isinstance(last, int):
        part[last] = value
    else:
        vars(part)[last] = value
    return made


def refusal(made: Any) -> MessageError:
    with recording_publisher() as publisher, pytest.raises(MessageError) as caught:
        publisher.publish(made, project_id="p")
    return caught.value


def test_a_label_without_data_says_so() -> None:
    error = refusal(with_part(label(thing("box", box())), ["data"], None))

    assert str(error) == "data: expected a data row: data={'global_key': …}, found null"
    assert error.reason == "malformed-message"


def test_the_sdk_itself_refuses_to_make_a_label_without_data() -> None:
    with pytest.raises(TypeError, match="NoneType"):  # its own error, before anything of ours is called
        lb.Label(data=None, annotations=[])


def mask() -> lb.ObjectAnnotation:
    return thing("a", lb.Mask(mask=lb.MaskData(url="https://m.example/1.png"), color=1))


def line() -> lb.ObjectAnnotation:
    return thing("a", lb.Line(points=[point(), point()]))


@pytest.mark.parametrize(
    ("make", "path", "value", "named"),
    [
        (lambda: thing("a", box()), [], None, "annotations[0]"),
        (lambda: thing("a", box()), ["extra"], None, "annotations[0].extra"),
        (lambda: thing("a", box()), ["value"], None, "annotations[0]"),
        (lambda: thing("a", box()), ["value", "start"], None, "annotations[0].value.start"),
        (lambda: thing("a", box()), ["value", "start", "x"], None, "annotations[0].bbox.x"),
        (line, ["value", "points"], None, "annotations[0].value.points"),
        (line, ["value", "points", 1], None, "annotations[0].value.points[1]"),
        (mask, ["value", "mask"], None, "annotations[0].value.mask"),
        (mask, ["value", "color"], None, "annotations[0].value.color"),
        (lambda: radio("a", "b"), ["value", "answer"], None, "annotations[0].value.answer"),
        (
            lambda: radio("a", "b", text("c", "d")),
            ["value", "answer", "classifications", 0, "value"],
            None,
            "annotations[0].answer.classifications[0]",
        ),
        (lambda: seen(1), ["frame"], None, "annotations[0].frame"),
        (lambda: seen(1), ["frame"], "soon", "annotations[0].frame"),
    ],
)
def test_the_part_at_fault_is_named(make: Any, path: list[Any], value: Any, named: str) -> None:
    more = [seen(2)] if path == ["frame"] else []

    error = refusal(with_part(label(make(), *more), ["annotations", 0, *path], value))

    assert (error.path or "").startswith(named)


def test_wrong_parts_of_the_label_itself_are_named() -> None:
    assert refusal(with_part(label(thing("a", box())), ["annotations"], None)).path == "annotations"
    assert refusal(with_part(label(thing("a", box())), ["data", "global_key"], 5)).path.startswith("data")


def test_of_several_labels_the_one_at_fault_is_named() -> None:
    broken = with_part(label(thing("a", box())), ["annotations", 0, "value", "end"], 7)

    with pytest.raises(MessageError, match=r"^labels\[1\]\.annotations\[0\]\.value\.end: expected Point, found 7$"):
        message_of(label(thing("a", box())), broken, project_id="p")


def test_a_picture_that_cannot_be_read_is_named() -> None:
    error = refusal(label(thing("a", lb.Mask(mask=lb.MaskData(file_path="/no/such/file.png"), color=1))))

    assert error.path == "annotations[0]"
    assert "a file that can be read" in str(error)


def test_a_label_that_is_none_and_an_object_without_its_parts_are_refused() -> None:
    assert refusal(lb.Label.model_construct()).path in ("data", "annotations")
    empty = lb.ObjectAnnotation.model_construct(name="a")
    assert refusal(label().model_copy(update={"annotations": [empty]})).path.startswith("annotations[0]")
    tie = link(thing("a", box()), thing("b", box()))
    with_part(tie, ["value"], None)
    assert refusal(label().model_copy(update={"annotations": [tie]})).path.startswith("annotations[0]")


@pytest.mark.parametrize("name", EXAMPLES)
def test_any_junk_in_any_part_is_accepted_or_refused_as_a_message(name: str) -> None:
    @given(st.data())
    def check(data: st.DataObject) -> None:
        made = copy.deepcopy(EXAMPLES[name][1]())
        path: list[Any] = []
        part: Any = made
        while True:
            steps: list[Any] = list(type(part).model_fields) if isinstance(part, BaseModel) else list(range(len(part)))
            step = data.draw(st.sampled_from(steps))
            path.append(step)
            part = getattr(part, step) if isinstance(part, BaseModel) else part[step]
            inside = isinstance(part, BaseModel) or (isinstance(part, list) and part)
            if not inside or data.draw(st.booleans()):
                break
        with_part(made, path, data.draw(st.sampled_from(JUNK)))

        with recording_publisher() as publisher, suppress(MessageError):
            publisher.publish(made, project_id="p")

    check()
