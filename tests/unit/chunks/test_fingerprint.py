"""What dead letters are grouped by: one cause, one group."""

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from prelabel.errors import Misnamed, NotInOntology, Reason
from prelabel_worker.chunks.fingerprint import fingerprint
from prelabel_worker.chunks.held_rows import Problem, RowFacts
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
UUID = "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e0701"


def group_of(key: str, reason: Reason, message_id: str = "m", **details: Any) -> str:
    return Problem(reason, details).fingerprint(RowFacts("", f"k:{key}", "yolo", message_id))


def group_of_error(key: str, text: str, reason: Reason = Reason.REFUSED) -> str:
    return group_of(key, reason, errors=[{"name": "Locked", "message": text[:500], "uuid": UUID}])


def not_found(key: str) -> str:
    error = {"name": "DataRowNotFound", "message": f"dataRow.globalKey {key} invalid", "uuid": UUID}
    return group_of(key, Reason.DATA_ROW_NOT_FOUND, errors=[error])


@given(KEYS, KEYS)
@example("amber_quay.jpg", "invalid")
@example("dataRow.globalKey", "0")
def test_missing_data_rows_are_one_group_whatever_their_keys_are(one: str, other: str) -> None:
    assert not_found(one) == not_found(other)


def test_3000_missing_data_rows_that_are_named_by_words_are_one_group() -> None:
    words = ["amber", "coral", "delta", "ebb", "fjord", "quay", "pier", "dock", "row", "invalid"]
    keys = [f"{a}_{b}_{c}.jpg" for a in words for b in words for c in words] * 3

    assert len({not_found(key) for key in keys}) == 1


@given(KEYS, KEYS, st.sampled_from(["the row '{}' is locked", 'row "{}": locked since 12:30', "`{}` is locked"]))
@example("row", "the", "the row '{}' is locked")
@example("x" * 200, "y", "the row '{}' is locked" + " for ever" * 100)
def test_a_row_that_labelbox_names_in_its_text_is_taken_out_of_it(one: str, other: str, text: str) -> None:
    assert group_of_error(one, text.format(one)) == group_of_error(other, text.format(other))


@given(st.from_regex(r"\A[A-Za-z_.]{1,40}\Z"), st.from_regex(r"\A[A-Za-z_.]{1,40}\Z"))
def test_a_row_that_labelbox_names_without_quotes_is_taken_out(one: str, other: str) -> None:
    assume({"Data", "row", "is", "locked"}.isdisjoint({one, other}))

    assert group_of_error(one, f"Data row {one} is locked") == group_of_error(other, f"Data row {other} is locked")


@given(st.integers(0, 10**6), st.integers(0, 10**6), KEYS, KEYS)
def test_positions_and_numbers_make_no_group_of_their_own(one: int, other: int, key: str, another: str) -> None:
    def of(number: int, key: str) -> str:
        path, expected = f"annotations[{number}].bbox.top", f"each order from 1 to {number} once"
        return group_of(key, Reason.INVALID_ANNOTATION, str(number), path=path, found=str(number), expected=expected)

    assert of(one, key) == of(other, another)


def test_fields_causes_and_texts_that_differ_are_different_groups() -> None:
    groups = [
        group_of("k", Reason.INVALID_ANNOTATION, path="annotations[3].bbox.top", expected="a number"),
        group_of("k", Reason.INVALID_ANNOTATION, path="annotations[3].bbox.left", expected="a number"),
        group_of("k", Reason.INVALID_ANNOTATION, path="annotations[3].bbox.left", expected="a number above 0"),
        group_of("k", Reason.WRONG_KIND, path="annotations[0]", expected="a kind that fits 'lane 1'"),
        group_of("k", Reason.WRONG_KIND, path="annotations[0]", expected="a kind that fits 'lane 2'"),
        group_of_error("k", "the row is locked"),
        group_of_error("k", "the row is too large"),
    ]

    assert len(set(groups)) == len(groups)


ONTOLOGY = Ontology.from_normalized(
    {
        "tools": [
            {"tool": "rectangle", "name": "Person", "featureSchemaId": "c" + "1" * 24},
            {"tool": "rectangle", "name": "lane 1", "featureSchemaId": "c" + "2" * 24},
        ]
    },
    "IMAGE",
)


def group_of_name(name: str, key: str = "k", at: int = 0) -> str:
    box = '{"name": "%s", "bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}'
    annotations = ", ".join([box % "Person"] * at + [box % name])
    raw = f'{{"projectId": "p", "dataRow": {{"globalKey": "{key}"}}, "annotations": [{annotations}]}}'.encode()
    with pytest.raises(NotInOntology) as refused:
        RowBuilder("p", ONTOLOGY).build(raw)
    error = refused.value
    return Problem(error.reason, error.details()).fingerprint(RowFacts("", f"k:{key}"))


def test_two_misspellings_of_one_name_are_two_groups_wherever_they_stand() -> None:
    assert group_of_name("Persn") != group_of_name("Peson")
    assert group_of_name("Persn", "a", 0) == group_of_name("Persn", "Persn", 3)
    assert group_of_name("lane 3") != group_of_name("lane 4")


def test_what_the_ontology_has_otherwise_makes_no_group_of_its_own() -> None:
    row = ("k",)
    details = {"path": "annotations[0].name", "expected": "a feature", "misnamed": {"kind": "feature", "name": "x"}}

    one = fingerprint(Reason.UNKNOWN_FEATURE, details | {"hint": "there are: a"}, row)
    assert one == fingerprint(Reason.UNKNOWN_FEATURE, details | {"hint": "there are: a, b"}, row)


def test_an_error_tells_the_whole_name_although_its_text_cuts_it() -> None:
    name = "x" * 900
    box = f'{{"name": "{name}", "bbox": {{"top": 1, "left": 2, "height": 3, "width": 4}}}}'
    raw = f'{{"projectId": "p", "dataRow": {{"globalKey": "k"}}, "annotations": [{box}]}}'.encode()
    with pytest.raises(NotInOntology) as refused:
        RowBuilder("p", ONTOLOGY).build(raw)

    assert refused.value.misnamed == Misnamed("feature", name)
