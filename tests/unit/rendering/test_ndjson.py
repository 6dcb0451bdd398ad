"""Annotations as lines."""

import json
from typing import Any

import orjson

from prelabel.validation.gate import read_message
from prelabel_worker.rendering.ndjson import lines, strip


def annotations(*given: dict[str, Any]) -> list[Any]:
    message = {"projectId": "p", "dataRow": {"globalKey": "a"}, "annotations": given}
    return list(read_message(orjson.dumps(message))[0].annotations)


def test_each_annotation_is_one_line_with_its_end() -> None:
    text = lines(annotations({"name": "remark", "answer": "one\ntwo"}, {"name": "remark", "answer": "three"}))

    assert text == b'{"name":"remark","answer":"one\\ntwo"}\n{"name":"remark","answer":"three"}\n'


def test_line_separators_of_unicode_are_escaped_and_the_rest_is_utf_8() -> None:
    answer = "a\u2028b\u2029c\u0085d \u00fc \U0001f6a2"
    text = lines(annotations({"name": "remark", "answer": answer}))

    assert text == '{"name":"remark","answer":"a\\u2028b\\u2029c\\u0085d \u00fc \U0001f6a2"}\n'.encode()
    assert len(text.decode().splitlines()) == 1
    assert json.loads(text)["answer"] == answer


def test_numbers_are_written_as_they_were_given() -> None:
    text = lines(annotations({"name": "bollard", "point": {"x": 10, "y": 0.1}}))

    assert text == b'{"name":"bollard","point":{"x":10,"y":0.1}}\n'


def test_confidence_and_metrics_are_left_out_at_every_level() -> None:
    noise = {"confidence": 0.5, "customMetrics": [{"name": "iou", "value": 1}]}
    inner = {"name": "n", "answer": {"name": "o", **noise}, **noise}
    option = {"name": "fog", "classifications": [inner], **noise}
    given = annotations(
        {"name": "weather", "answer": option, **noise},
        {"name": "flags", "answer": [option], **noise},
        {"name": "remark", "answer": "x", **noise},
        {"name": "bollard", "point": {"x": 1, "y": 1}, "classifications": [inner], **noise},
    )
    for each in given:
        strip(each)
    text = lines(given)

    assert b"confidence" not in text
    assert b"customMetrics" not in text
    assert text.count(b'"name":"o"') == 3
