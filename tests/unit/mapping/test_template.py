"""Templates of global keys: filled, never evaluated, and every empty field is reported."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.errors import MalformedMessage
from prelabel.mapping import BadMapping, Incoming, KeyTemplate

RECORD = Incoming(
    {"metadata": {"path": "cam-1/7.jpg"}, "items": [{"name": "first"}], "a.b": "dotted", "n": 7, "zero": 0},
    header={"x-frame-id": "f-7"},
    event={"subject": "cameras/1"},
    record={"key": "k-1", "image_id": 42},
)


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("{header.x-frame-id}", "f-7"),
        ("{header.X-Frame-ID}", "f-7"),
        ("{body.metadata.path}", "cam-1/7.jpg"),
        ("{body.items.0.name}", "first"),
        ('{body."a.b"}', "dotted"),
        ("{event.subject}/{body.n}", "cameras/1/7"),
        ("{body.zero}", "0"),
        ("{record.key}.jpg", "k-1.jpg"),
        ("val/{image_id:06d}.jpg", "val/000042.jpg"),
        ("constant", "constant"),
    ],
)
def test_fields_are_replaced_by_their_values(template: str, key: str) -> None:
    assert KeyTemplate(template).fill(RECORD) == key


@pytest.mark.parametrize(
    "template",
    ["{body.}", "{.x}", "{bodi.x}", "{}", "{header x.y}", "{body.x", "body.x}", "{{body.x}}", "{body.x:x}", "{body..x}",
     '{body."x}', "{body.x:0d}{"],
)  # fmt: skip
def test_what_stands_between_braces_and_is_no_field_is_refused(template: str) -> None:
    with pytest.raises(BadMapping, match="global key"):
        KeyTemplate(template)


@pytest.mark.parametrize("value", [None, "", True, 1.5, {}, {"a": 1}, [], ["a"]])
def test_a_field_without_a_text_is_named_with_what_to_do(value: Any) -> None:
    with pytest.raises(MalformedMessage) as caught:
        KeyTemplate("a/{body.metadata.path}").fill(Incoming({"metadata": {"path": value}}))

    assert caught.value.path == "dataRow.globalKey"
    assert "{body.metadata.path}" in str(caught.value)
    assert "send that field, or change the template of global keys, a/{body.metadata.path}" in str(caught.value)


@pytest.mark.parametrize("root", ["header", "event", "record", "body"])
def test_a_field_that_is_missing_is_said_to_be_empty(root: str) -> None:
    with pytest.raises(MalformedMessage, match=rf"nothing: {{{root}.x}} is empty"):
        KeyTemplate(f"{{{root}.x}}").fill(Incoming({}))


VALUES = st.one_of(st.text(), st.integers(), st.none(), st.booleans(), st.lists(st.text(), max_size=2))


@given(values=st.dictionaries(st.sampled_from("abc"), VALUES), pieces=st.lists(st.sampled_from(["a", "b", "c"])))
def test_a_key_is_the_values_themselves_or_names_the_first_empty_field(
    values: dict[str, Any], pieces: list[str]
) -> None:
    template = KeyTemplate("-".join(f"{{body.{name}}}" for name in pieces))
    usable = [type(values.get(name)) in (str, int) and values[name] != "" for name in pieces]

    if all(usable):
        assert template.fill(Incoming(values)) == "-".join(str(values[name]) for name in pieces)
    else:
        with pytest.raises(MalformedMessage) as caught:
            template.fill(Incoming(values))
        assert f"{{body.{pieces[usable.index(False)]}}}" in str(caught.value)


@given(st.text(alphabet="{}().!:_[]abdoy xeil0", max_size=30))
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    if value:
        assert KeyTemplate("{body.a}{body.b}").fill(Incoming({"a": value, "b": "."})) == f"{value}."


@given(st.text(alphabet='{}.:!()a0 bodyheaderrecord"', max_size=40))
def test_every_text_is_a_template_or_is_refused(text: str) -> None:
    try:
        template = KeyTemplate(text)
    except BadMapping:
        return
    assert "".join(part if isinstance(part, str) else "" for part in template.parts).count("{") == 0
