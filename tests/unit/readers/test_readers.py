"""Readers yield messages, name bad records, and continue."""

import json
from pathlib import Path
from typing import Any

import pytest

from prelabel.readers import BadRecord, Record, coco_results
from prelabel.readers.base import ReaderOptions, UnreadableSource
from prelabel.readers.coco import Category, read_categories
from prelabel.validation.gate import prepare

CATEGORIES = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]


def results(tmp_path: Path, *items: Any) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(items))
    return path


def options(tmp_path: Path, **fields: Any) -> ReaderOptions:
    path = tmp_path / "categories.json"
    path.write_text(json.dumps(CATEGORIES))
    return ReaderOptions("p", categories=path, **fields)


def result(**changes: Any) -> dict[str, Any]:
    return {"image_id": 42, "category_id": 18, "bbox": [258.15, 41.29, 348.26, 243.78], "score": 0.236} | changes


def test_the_boxes_of_an_image_become_one_message(tmp_path: Path) -> None:
    path = results(tmp_path, result(), result(image_id=7), result(category_id=1, bbox=[0, 1, 2, 3]))
    told = options(tmp_path, global_key="val/{image_id}.jpg", model="detector")

    records = list(coco_results.read(path, told))

    assert [record.message["dataRow"]["globalKey"] for record in records if isinstance(record, Record)] == [
        "val/42.jpg",
        "val/7.jpg",
    ]
    first = records[0].message  # type: ignore[union-attr]
    assert first["model"] == {"name": "detector"}
    assert first["annotations"] == [
        {"name": "dog", "bbox": {"top": 41.29, "left": 258.15, "height": 243.78, "width": 348.26}, "confidence": 0.236},
        {"name": "person", "bbox": {"top": 1, "left": 0, "height": 3, "width": 2}, "confidence": 0.236},
    ]
    assert prepare(first).project_id == "p"


@pytest.mark.parametrize(
    ("template", "key"),
    [("{image_id}", "42"), ("val/{image_id:06d}.jpg", "val/000042.jpg"), ("[0]{image_id}%s$0", "[0]42%s$0")],
)
def test_a_template_makes_the_global_key_and_nothing_of_it_is_evaluated(
    tmp_path: Path, template: str, key: str
) -> None:
    (record,) = coco_results.read(results(tmp_path, result()), options(tmp_path, global_key=template))

    assert record.message["dataRow"] == {"globalKey": key}  # type: ignore[union-attr, index]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (3, "an object"),
        ({"image_id": 1, "category_id": 18}, "bbox is missing"),
        (result(category_id=99), "category_id 99"),
        (result(category_id=True), "category_id true"),
        (result(bbox=[1, 2, 3]), "[x, y, width, height]"),
        (result(bbox=[1, 2, 3, 0]), "above 0"),
        (result(bbox=[1, 2, 3, "4"]), "expected a number"),
        (result(bbox=[1, 2, 3, 10**400]), "expected a number"),
        (result(score=1.5), "score: expected 0 to 1"),
        (result(image_id=None), "image_id"),
        (result(image_id="half \ud83d"), "half a character"),
    ],
)
def test_a_bad_result_is_named_and_the_others_continue(tmp_path: Path, bad: Any, problem: str) -> None:
    found = list(coco_results.read(results(tmp_path, result(), bad), options(tmp_path)))

    (named,) = [each for each in found if isinstance(each, BadRecord)]
    assert named.where == "results.json[1]"
    assert problem in named.problem
    assert len(found) == 2


@pytest.mark.parametrize("text", ["{", "3", '{"a": 1}'])
def test_a_file_that_is_something_else_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)

    with pytest.raises(UnreadableSource, match=r"odd\.json"):
        list(coco_results.read(path, options(tmp_path)))
    with pytest.raises(UnreadableSource, match=r"odd\.json"):
        read_categories(path)


def test_categories_come_as_an_array_or_inside_an_object(tmp_path: Path) -> None:
    path = tmp_path / "categories.json"
    for content in ([{"id": 1, "name": "person"}], {"categories": [{"id": 1, "name": "person"}]}):
        path.write_text(json.dumps(content))
        assert read_categories(path) == {1: Category("person")}
