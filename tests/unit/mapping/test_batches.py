"""The output for a batch: each row becomes a message of its own data row, and no key is ever that of another row."""

from typing import Any

import numpy as np
import pytest

from prelabel.errors import MessageError
from prelabel.mapping import BadMapping, Incoming, PredictionMapping
from prelabel.mapping.file import mapping_of
from prelabel.mapping.outputs import MAX_ROWS
from prelabel.messages import GlobalKey
from prelabel.testing import recording_publisher

Table = dict[str, Any]
TENSORS: Table = {
    "tensors": "outputs", "count": "num_dets.*", "box": "det_boxes.*", "box_format": "xyxy", "score": "det_scores.*",
    "label": "det_classes.*", "labels": ["person", "cat"],
}  # fmt: skip
ITEMS: Table = {"items": "predictions.*", "box": "box", "box_format": "xyxy", "label": "class"}


def mapping(output: Table, global_key: str = "{body.parameters.keys.*}", **table: Any) -> PredictionMapping:
    return mapping_of({"project": "p", "global_key": global_key, "output": output, **table})


def response(*keys: str) -> Table:
    return {
        "parameters": {"keys": list(keys)},
        "outputs": [
            {"name": "num_dets", "shape": [3, 1], "datatype": "INT32", "data": [1, 0, 2]},
            {"name": "det_boxes", "shape": [3, 2, 4], "datatype": "FP32",
             "data": [1, 2, 3, 4, 0, 0, 0, 0, *[0] * 8, 5, 6, 7, 8, 6, 7, 8, 9]},
            {"name": "det_scores", "shape": [3, 2], "datatype": "FP32", "data": [0.9, 0, 0, 0, 0.8, 0.7]},
            {"name": "det_classes", "shape": [3, 2], "datatype": "INT32", "data": [0, 0, 0, 0, 1, 0]},
        ],
    }  # fmt: skip


def found(messages: list[Table]) -> dict[str, list[str]]:
    """Return the names of the annotations by the key of their data row."""
    return {made["dataRow"]["globalKey"]: [each["name"] for each in made["annotations"]] for made in messages}


def refusal(made: PredictionMapping, body: Any) -> MessageError:
    with pytest.raises(MessageError) as caught:
        made.messages(Incoming(body))
    return caught.value


def test_tensors_with_a_batch_dimension_become_a_message_for_each_row() -> None:
    messages = mapping(TENSORS).apply(response("a.jpg", "b.jpg", "c.jpg"))

    assert found(messages) == {"a.jpg": ["person"], "b.jpg": [], "c.jpg": ["cat", "person"]}
    assert messages[2]["annotations"][0]["bbox"] == {"left": 5, "top": 6, "width": 2, "height": 2}


def test_the_instances_of_kserve_v1_bring_their_keys_themselves() -> None:
    output = {"box": "predictions.*.boxes", "box_format": "xyxy", "label": "predictions.*.classes"}
    body = {"predictions": [
        {"image": "a.jpg", "boxes": [[1, 2, 3, 4]], "classes": ["cat"]}, {"image": "b.jpg", "boxes": [], "classes": []},
    ]}  # fmt: skip

    assert found(mapping(output, "cam/{body.predictions.*.image}").apply(body)) == {
        "cam/a.jpg": ["cat"],
        "cam/b.jpg": [],
    }


def test_a_list_of_predictions_for_each_row_is_read() -> None:
    body = {"frames": [{"no": 7}, {"no": 8}], "predictions": [[], [{"box": [1, 2, 3, 4], "class": "cat"}]]}

    assert found(mapping(ITEMS, "{body.frames.*.no:04d}").apply(body)) == {"0007": [], "0008": ["cat"]}


def test_a_class_for_each_row_is_read() -> None:
    output = {"classification": "weather", "score": "scores.*", "labels": ["sun", "rain"]}

    messages = mapping(output, "{body.keys.*}").apply({"keys": ["a", "b"], "scores": [[0.9, 0.1], [0.2, 0.8]]})

    assert [each["annotations"][0]["answer"]["name"] for each in messages] == ["sun", "rain"]


def test_the_size_of_each_image_is_that_of_its_row() -> None:
    output = {**ITEMS, "normalised": True, "width": "sizes.*.0", "height": "sizes.*.1"}
    box = [{"box": [0, 0, 0.5, 0.5], "class": "cat"}]

    messages = mapping(output, "{body.keys.*}").apply(
        {"keys": ["a", "b"], "sizes": [[10, 20], [100, 200]], "predictions": [box, box]}
    )

    assert [each["annotations"][0]["bbox"]["width"] for each in messages] == [5, 50]


def test_a_tensor_of_texts_that_the_model_passes_on_has_the_keys() -> None:
    body = response()
    body["outputs"].append({"name": "keys", "shape": [3, 1], "datatype": "BYTES", "data": ["a", "b", "c"]})

    assert list(found(mapping(TENSORS, "{body.outputs.4.data.*}").apply(body))) == ["a", "b", "c"]


def test_a_header_has_the_keys_with_commas_between_them() -> None:
    made = mapping(ITEMS, "{header.x-site}/{header.X-Frame-Ids.*}")
    header = {"x-frame-ids": "a.jpg, b.jpg", "x-site": "quay"}
    body = {"predictions": [[], [{"box": [1, 2, 3, 4], "class": "cat"}]]}

    assert found(made.messages(Incoming(body, header))) == {"quay/a.jpg": [], "quay/b.jpg": ["cat"]}
    with pytest.raises(MessageError) as caught:
        made.messages(Incoming(body, {**header, "x-frame-ids": "a.jpg,b.jpg,c,d.jpg"}))
    assert (caught.value.found, caught.value.expected) == (
        "4 keys as {header.X-Frame-Ids.*}", "2 keys, one for each row of predictions",
    )  # fmt: skip
    assert "found nothing as {header.X-Frame-Ids.*}" in str(refusal(made, body))


def test_keys_are_named_in_python() -> None:
    table: Table = {"project": "p", "output": TENSORS}

    assert list(found(mapping_of(table).apply(response(), keys=np.array(["a", "b", "c"])))) == ["a", "b", "c"]


def test_each_row_is_sampled_routed_and_left_out_for_itself() -> None:
    made = mapping(TENSORS, empty="leave-out", routes=[{"below": 0.75, "projects": ["review", "audit"]}])

    messages = made.apply(response("a", "b", "c"))

    assert [(each["projectId"], each["dataRow"]["globalKey"]) for each in messages] == [
        ("p", "a"), ("review", "c"), ("audit", "c"),
    ]  # fmt: skip
    assert made.left_out == {"data rows without predictions": 1}


def test_each_row_is_published_under_an_id_of_its_own_in_all_its_projects() -> None:
    with recording_publisher(mapping=mapping(TENSORS, routes=[{"projects": ["x", "y"]}])) as publisher:
        first = publisher.publish(response("a", "b", "c"))

    sent = publisher.published()
    ids = {key: {each.message_id for each in sent if each.data_row == GlobalKey(key)} for key in "abc"}
    assert len(sent) == 6
    assert [len(own) for own in ids.values()] == [1, 1, 1]
    assert (len(set.union(*ids.values())), ids["a"]) == (3, {first})


@pytest.mark.parametrize(
    ("keys", "count", "expected"),
    [
        (["a", "b"], "2 keys as {body.parameters.keys.*}", "3 keys, one for each row of num_dets"),
        (["a", "b", "c", "d"], "4 keys as {body.parameters.keys.*}", "3 keys, one for each row of num_dets"),
        (["a"], "1 key as {body.parameters.keys.*}", "3 keys, one for each row of num_dets"),
    ],
)
def test_more_or_fewer_keys_than_rows_are_counted_in_the_error(keys: list[str], count: str, expected: str) -> None:
    error = refusal(mapping(TENSORS), response(*keys))

    assert (error.path, error.found, error.expected) == ("dataRow.globalKey", count, expected)


@pytest.mark.parametrize(
    ("keys", "found_there"),
    [
        (None, "null as {body.parameters.keys.*}"),
        ("a,b,c", 'the text "a,b,c" as {body.parameters.keys.*}'),
        (["a", "", "c"], "an empty text: {body.parameters.keys.1} is empty"),
        (["a", 1.5, "c"], "1.5"),
        (["a", "b", "a"], 'the text "a" for row 0 and for row 2 of the batch'),
    ],
)
def test_keys_that_are_none_are_named(keys: Any, found_there: str) -> None:
    error = refusal(mapping(TENSORS), response() | {"parameters": {"keys": keys}})

    assert (error.path, error.found) == ("dataRow.globalKey", found_there)


def test_a_batch_without_its_keys_says_what_is_missing() -> None:
    error = refusal(mapping(TENSORS), response() | {"parameters": {}})

    assert str(error) == (
        "dataRow.globalKey: expected an array of 3 keys, one for each row of num_dets, found nothing as "
        "{body.parameters.keys.*} (send that field, or change the template of global keys, {body.parameters.keys.*})"
    )


def test_tensors_of_different_batches_are_named_with_their_rows() -> None:
    body = response("a", "b", "c")
    body["outputs"][2] |= {"shape": [2, 2], "data": [0.9, 0, 0, 0]}

    error = refusal(mapping(TENSORS), body)

    assert "det_scores: 2" in error.found
    assert "det_boxes: 3" in error.found
    assert error.expected == "arrays of one length, with an element for each row of the batch"


def test_a_wrong_value_is_named_with_its_row() -> None:
    body = response("a", "b", "c")
    body["outputs"][1]["data"][19] = "x"

    assert refusal(mapping(TENSORS), body).path == "det_boxes.2[0]"


def test_a_missing_array_of_rows_is_named_with_the_path_of_the_mapping() -> None:
    error = refusal(mapping(ITEMS), {"parameters": {"keys": ["a"]}})

    assert str(error) == (
        "predictions: expected an array with an element for each row of the batch, found nothing "
        "([output] of the mapping has predictions.*)"
    )


def test_if_one_row_is_wrong_none_is_published() -> None:
    body = {"keys": ["a", "b"], "predictions": [[], [{"box": [1, 2, 3], "class": "cat"}]]}

    with recording_publisher(mapping=mapping(ITEMS, "{body.keys.*}")) as publisher, pytest.raises(MessageError):
        publisher.publish(body)

    assert publisher.published() == []


def test_a_batch_without_rows_is_no_message() -> None:
    assert mapping(ITEMS, "{body.keys.*}").apply({"keys": [], "predictions": []}) == []


def test_a_batch_has_a_limit() -> None:
    error = refusal(mapping(ITEMS, "{body.keys.*}"), {"keys": [], "predictions": [[]] * (MAX_ROWS + 1)})

    assert (error.path, error.expected) == ("predictions", f"at most {MAX_ROWS} rows in a batch")


def test_a_message_among_batches_keeps_its_own_key_and_needs_one() -> None:
    made = mapping(TENSORS)
    message: Table = {"dataRow": {"globalKey": "own"}, "annotations": []}

    assert found(made.apply(message)) == {"own": []}
    error = refusal(made, {"annotations": []})
    assert (error.path, error.expected) == (
        "dataRow.globalKey",
        "a batch, whose rows get their keys from {body.parameters.keys.*}",
    )


@pytest.mark.parametrize(
    ("output", "key", "problem"),
    [
        (TENSORS, "{body.id}", r"global_key: found '\{body.id\}'; expected a field with \*, such as \{body.keys.\*\}"),
        ({**ITEMS, "items": "predictions"}, "{body.keys.*}", r"expected a path with \* in \[output\], such as box"),
        (ITEMS, "{header.x-keys.*.name}", r"\* stands behind a header's name, as in \{header.x-keys.\*\}"),
        (ITEMS, "{body.*.keys.*}", r"expected one \* at most"),
        ({**ITEMS, "items": "a.*.b.*"}, "{body.keys.*}", r"output.items: expected one \* at most"),
        (
            {**ITEMS, "items": "a", "box": "boxes.*"},
            "{body.keys.*}",
            r"output.box: found 'boxes.\*': .* write it in items",
        ),
        ({**TENSORS, "tensors": "o.*"}, "{body.keys.*}", r"output.tensors: .* write it in the paths of tensors"),
    ],
)
def test_a_mapping_that_cannot_fit_a_batch_is_refused(output: Table, key: str, problem: str) -> None:
    with pytest.raises(BadMapping, match=problem):
        mapping(output, key)


def test_a_template_of_a_command_is_compared_with_the_paths_too() -> None:
    with pytest.raises(BadMapping, match=r"expected a field with \*"):
        mapping(TENSORS).with_defaults(global_key="{body.id}")


def test_a_key_that_is_called_star_is_written_in_quotes() -> None:
    body = {"*": {"boxes": [], "classes": []}, "id": "a"}
    output = {"box": '"*".boxes', "box_format": "xyxy", "label": '"*".classes'}

    assert found(mapping(output, "{body.id}").apply(body)) == {"a": []}
