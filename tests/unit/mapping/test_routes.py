"""Routes and samples: each data row goes to exactly the projects that its rule says, whatever the order of the rows."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.mapping import BadMapping, PredictionMapping, Sample
from prelabel.mapping.file import mapping_of

REVIEW: dict[str, Any] = {
    "routes": [{"below": 0.5, "project": "review"}, {"share": 0.05, "projects": ["audit", "second"]}]
}


def box(confidence: float | None = None, name: str = "person") -> dict[str, Any]:
    more = {} if confidence is None else {"confidence": confidence}
    return {"name": name, "bbox": {"left": 1, "top": 2, "width": 3, "height": 4}, **more}


def message(key: str, *confidences: float | None, **more: Any) -> dict[str, Any]:
    return {"dataRow": {"globalKey": key}, "annotations": [box(confidence) for confidence in confidences], **more}


def projects(mapping: PredictionMapping, *messages: dict[str, Any]) -> list[list[str]]:
    return [[each["projectId"] for each in mapping.apply(one)] for one in messages]


def test_uncertain_rows_go_to_review_and_a_share_of_the_rest_to_two_projects() -> None:
    mapping = mapping_of(REVIEW)

    sent = projects(mapping, *(message(str(key), 0.9, 0.4 if key % 10 == 0 else 0.6) for key in range(2000)))

    counts = Counter(map(tuple, sent))
    assert counts["review",] == 200
    assert 60 < counts["audit", "second"] < 120
    assert counts[()] == 2000 - 200 - counts["audit", "second"]
    assert mapping.left_out == {"data rows that no route takes": counts[()]}


def test_a_row_for_several_projects_is_the_same_in_all_of_them() -> None:
    first, second = mapping_of({"routes": [{"projects": ["a", "b"]}]}).apply(message("k", 0.9))

    assert first | {"projectId": "b"} == second


def test_a_message_that_names_its_project_goes_there() -> None:
    assert projects(mapping_of(REVIEW), message("k", 0.1, projectId="own")) == [["own"]]


def test_the_project_gets_what_no_route_takes() -> None:
    mapping = mapping_of({"project": "rest", **REVIEW})

    assert projects(mapping, message("k", 0.1), message("k", 0.9)) == [["review"], ["rest"]]


@pytest.mark.parametrize("row", [None, {}, {"globalKey": ""}, {"globalKey": 3}, "x"])
def test_a_message_without_a_key_is_left_to_the_check_whatever_the_samples_are(row: Any) -> None:
    mapping = mapping_of({"sample": {"share": 0.0}, "routes": [{"share": 0.0, "project": "a"}]})

    (sent,) = mapping.apply({"dataRow": row, "annotations": []})

    assert sent["dataRow"] == row


def test_a_route_may_leave_rows_out() -> None:
    mapping = mapping_of({"project": "all", "routes": [{"below": 0.2, "leave_out": True}]})

    assert projects(mapping, message("a", 0.1), message("b", 0.2)) == [[], ["all"]]
    assert mapping.left_out == {"data rows that a route leaves out": 1}


def test_a_route_takes_every_n_th_of_the_rows_that_meet_its_other_conditions() -> None:
    mapping = mapping_of({"project": "rest", "routes": [{"at_least": 0.5, "every": 2, "project": "half"}]})

    sent = projects(mapping, *(message(str(at), confidence) for at, confidence in enumerate([0.9, 0.1, 0.9, 0.9, 0.9])))

    assert sent == [["half"], ["rest"], ["rest"], ["half"], ["rest"]]


def test_predictions_without_a_confidence_count_as_certain() -> None:
    mapping = mapping_of({"routes": [{"below": 0.5, "project": "review"}, {"at_least": 1, "project": "certain"}]})

    assert projects(mapping, message("k", None), message("k")) == [["certain"], ["certain"]]


def test_the_confidence_of_an_answer_counts() -> None:
    mapping = mapping_of({"project": "rest", "routes": [{"below": 0.5, "project": "review"}]})
    radio = {"name": "weather", "answer": {"name": "rain", "confidence": 0.4}}
    checklist = {"name": "weather", "answer": [{"name": "rain", "confidence": 0.9}, {"name": "fog", "confidence": 0.1}]}

    sent = projects(mapping, *({"dataRow": {"id": "r"}, "annotations": [each]} for each in (radio, checklist)))

    assert sent == [["review"], ["review"]]


def test_rows_without_predictions_have_a_condition_of_their_own() -> None:
    mapping = mapping_of({"project": "rest", "routes": [{"empty": True, "project": "empty"}]})

    assert projects(mapping, message("a"), message("b", 0.9)) == [["empty"], ["rest"]]


def test_rows_of_which_no_prediction_is_left_are_published_unless_they_are_to_be_left_out() -> None:
    table = {"project": "p", "confidence": 0.5}

    published = mapping_of(table).apply(message("k", 0.1))
    mapping = mapping_of({**table, "empty": "leave-out"})

    assert published == [{"projectId": "p", "dataRow": {"globalKey": "k"}, "annotations": []}]
    assert (mapping.apply(message("k", 0.1)), mapping.left_out["data rows without predictions"]) == ([], 1)


ROUTE = st.fixed_dictionaries(
    {"project": st.sampled_from("abc")},
    optional={
        "below": st.sampled_from([0.0, 0.3, 0.5, 1.0]),
        "at_least": st.sampled_from([0.0, 0.3, 0.9]),
        "empty": st.booleans(),
        "share": st.sampled_from([0.0, 0.5, 1.0]),
        "seed": st.integers(0, 3),
    },
)
ROW = st.tuples(st.text(min_size=1, max_size=5), st.lists(st.sampled_from([0.0, 0.3, 0.4, 0.5, 0.95, 1.0]), max_size=3))


@given(routes=st.lists(ROUTE, min_size=1, max_size=4), rows=st.lists(ROW, max_size=8))
def test_each_row_goes_where_the_first_route_says_whose_conditions_hold(
    routes: list[dict[str, Any]], rows: list[tuple[str, list[float]]]
) -> None:
    mapping = mapping_of({"routes": routes})

    def expected(key: str, confidences: list[float]) -> list[str]:
        lowest = min(confidences, default=1.0)
        for at, route in enumerate(routes):
            holds = lowest < route.get("below", 2) and lowest >= route.get("at_least", 0)
            holds = holds and route.get("empty", not confidences) == (not confidences)
            # The lot of a row depends on its key, the seed and the route's place, not on the rows around it.
            alone = [{"project": "elsewhere", "below": 0}] * at + [{**route, "below": 1.0, "at_least": 0.0}]
            for condition in ("empty", "below", "at_least"):
                alone[-1].pop(condition, None)
            if holds and mapping_of({"routes": alone}).apply(message(key, 0.5)):
                return [route["project"]]
        return []

    sent = [projects(mapping, message(key, *confidences))[0] for key, confidences in rows]

    assert sent == [expected(key, confidences) for key, confidences in rows]


@given(keys=st.lists(st.text(min_size=1), unique=True), share=st.floats(0, 1), seed=st.integers(0, 2**63 - 1))
def test_a_share_depends_on_the_key_alone_and_grows_with_the_share(keys: list[str], share: float, seed: int) -> None:
    def taken(keys: list[str], share: float) -> set[str]:
        mapping = PredictionMapping(sample=Sample(share=share, seed=seed))
        return {key for key in keys if mapping.takes(key)}

    assert taken(keys, share) == taken(keys[::-1], share)
    assert taken(keys, share) <= taken(keys, min(1.0, share + 0.1))
    assert taken(keys, 1.0) == set(keys)
    assert taken(keys, 0.0) == set()


def test_the_share_of_a_route_does_not_depend_on_the_sample_or_another_route() -> None:
    mapping = mapping_of({
        "sample": {"share": 0.5},
        "routes": [{"share": 0.5, "project": "a"}, {"share": 0.5, "project": "b"}],
    })  # fmt: skip

    counts = Counter(tuple(each) for each in projects(mapping, *(message(str(key), 0.9) for key in range(4000))))

    assert 0.2 < counts["a",] / 4000 < 0.3
    assert 0.09 < counts["b",] / 4000 < 0.16


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        ({}, "expected one of project, projects and leave_out = true, found none"),
        ({"project": "a", "projects": ["b"]}, "found project and projects"),
        ({"leave_out": False}, "leave_out = false"),
        ({"projects": []}, "projects: expected an array of projects"),
        ({"projects": [""]}, "projects: expected an array of projects"),
        ({"projects": ["a", "a"]}, "a project occurs twice"),
        ({"project": "a", "below": 2}, "below: expected 0 to 1, found 2"),
        ({"project": "a", "sahre": 0.1}, "sahre: unknown; expected one of .*; did you mean share?"),
        (3, "expected a table"),
    ],
)
def test_a_mistake_in_a_route_is_named(route: Any, problem: str) -> None:
    with pytest.raises(BadMapping, match=problem) as caught:
        mapping_of({"routes": [{"project": "first"}, route]})

    assert "routes[1]" in str(caught.value)
