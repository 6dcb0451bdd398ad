"""A tiny valid annotation, made from a project's own ontology."""

import json
from typing import Any

import pytest

from prelabel_worker.doctor.live.probe import NoProbe, Probe, pick
from prelabel_worker.labelbox.types import ProjectOntology

ROW = {"globalKey": "scratch-1"}
OPTIONS = [{"value": "fog", "label": "Fog"}, {"value": "rain", "label": "Rain"}]


def pick_of(
    tools: list[dict[str, Any]], classifications: list[dict[str, Any]] | None = None, media: str = "IMAGE", **named: str
) -> Probe:
    found = ProjectOntology({"tools": tools, "classifications": classifications or []}, media, "o")
    return pick("p", found, ROW, **named)


@pytest.mark.parametrize(
    ("tool", "key"), [("rectangle", "bbox"), ("point", "point"), ("line", "line"), ("polygon", "polygon")]
)
def test_an_object_of_each_geometry_is_made_and_changed(tool: str, key: str) -> None:
    probe = pick_of([{"tool": tool, "name": "thing"}])

    first, changed = (json.loads(probe.line("u", changed=each)) for each in (False, True))
    assert (first["name"], first["dataRow"], first["uuid"]) == ("thing", ROW, "u")
    assert first[key] != changed[key]
    assert first.keys() == changed.keys() == {"uuid", "dataRow", "name", key}


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("radio", ({"name": "fog"}, {"name": "rain"})),
        ("checklist", ([{"name": "fog"}], [{"name": "rain"}])),
        ("text", ("prelabel doctor", "prelabel doctor, again")),
    ],
)
def test_an_answer_of_each_form_is_made(kind: str, answers: tuple[object, object]) -> None:
    probe = pick_of([], [{"type": kind, "name": "weather", "options": OPTIONS}])

    assert (probe.first["answer"], probe.changed["answer"]) == answers


def test_features_that_are_archived_or_cannot_be_made_are_skipped() -> None:
    tools = [
        {"tool": "superpixel", "name": "mask"},
        {"tool": "rectangle", "name": "old", "archived": 1},
        {"tool": "rectangle", "name": "twice"},
        {"tool": "point", "name": "twice"},
        {"tool": "point", "name": "spot"},
    ]

    assert pick_of(tools).feature == "spot"


def test_media_types_without_objects_get_an_answer() -> None:
    probe = pick_of([{"tool": "rectangle", "name": "car"}], [{"type": "text", "name": "note"}], media="AUDIO")

    assert probe.feature == "note"


def test_a_named_feature_is_taken_or_refused_with_the_reason() -> None:
    tools = [{"tool": "rectangle", "name": "car"}, {"tool": "point", "name": "spot"}]

    assert pick_of(tools, feature="spot").feature == "spot"
    with pytest.raises(NoProbe, match="no feature 'tram'"):
        pick_of(tools, feature="tram")
    with pytest.raises(NoProbe, match="no feature to try: not archived, and of the kind"):
        pick_of([])
    with pytest.raises(NoProbe, match="AUDIO assets"):
        pick_of(tools, media="AUDIO")
