"""`mapping.toml`: read, checked, and compared with an ontology, with suggestions for misspelt names."""

import json
from pathlib import Path
from typing import Any

import pytest

from prelabel.mapping import BadMapping, read_mapping
from prelabel.mapping.file import mapping_of

ONTOLOGY = {
    "id": "o1",
    "name": "harbour",
    "normalized": {
        "tools": [
            {"tool": "rectangle", "name": "Person"},
            {
                "tool": "rectangle",
                "name": "Animal",
                "classifications": [
                    {
                        "type": "radio",
                        "name": "kind",
                        "instructions": "Which kind?",
                        "options": [{"label": "Dog", "value": "dog"}],
                    }
                ],
            },
        ],
        "classifications": [
            {
                "type": "radio",
                "name": "weather",
                "instructions": "weather",
                "options": [{"label": "Rain", "value": "rain"}],
            }
        ],
    },
}
BOX: dict[str, Any] = {"box": "b", "box_format": "xyxy", "label": "l"}
WEATHER: dict[str, Any] = {"classification": "weather", "label": "l"}


def load(folder: Path, text: str, ontology: Any = ONTOLOGY) -> Any:
    (folder / "mapping.toml").write_text(text)
    (folder / "ontology.json").write_text(json.dumps(ontology))
    return read_mapping(folder / "mapping.toml", ontology=folder / "ontology.json")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (
            "[classes]\nperson = 'Persn'",
            "classes.person.feature: the ontology has no feature 'Persn'; did you mean Person?",
        ),
        ("[classes]\nperson = {confidence = 0.5}", "classes.person.feature: the ontology has no feature 'person'; did"),
        (
            "[classes]\ndog = {feature = 'Animal', classification = 'knd', option = 'dog'}",
            "classes.dog.classification: the ontology has no classification of Animal 'knd'; did you mean kind?",
        ),
        (
            "[classes]\ndog = {feature = 'Animal', classification = 'kind', option = 'dg'}",
            "classes.dog.option: the ontology has no option of kind 'dg'; did you mean Dog?",
        ),
        (
            "[classes]\ndog = {feature = 'Person', classification = 'kind', option = 'dog'}",
            "classes.dog.classification: the ontology has no classification of Person 'kind'",
        ),
        (
            "[classes]\nSPEAKER_0 = {option = 'Rian'}",
            "classes.SPEAKER_0.option: the ontology has no option 'Rian'; did",
        ),
        (
            "[output]\nbox='b'\nbox_format='xyxy'\nlabel='l'\nlabels=['Person', 'Animl']",
            "classes.Animl.feature: the ontology has no feature 'Animl'; did you mean Animal?",
        ),
        (
            "[output]\nclassification='wether'\nlabel='l'",
            "output.classification: the ontology has no classification 'wether'; did you mean weather?",
        ),
        (
            "[classes]\nfog = {option = 'Ran'}\n[output]\nclassification='weather'\nlabel='l'",
            "classes.fog.option: the ontology has no option of weather 'Ran'; did you mean Rain?",
        ),
    ],
)
def test_a_name_that_the_ontology_lacks_is_an_error_with_a_suggestion(tmp_path: Path, table: str, problem: str) -> None:
    with pytest.raises(BadMapping) as caught:
        load(tmp_path, table)

    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/mapping.toml: ")


@pytest.mark.parametrize(
    "table",
    [
        "[classes]\nperson = 'Person'\ncat = {drop = true}\nrain = 'weather'",
        "[classes]\ndog = {feature = 'Animal', classification = 'Which kind?', option = 'Dog'}",
        "[classes]\nSPEAKER_0 = {option = 'Rain'}",
        "unmapped = 'drop'\n[output]\nbox='b'\nbox_format='xyxy'\nlabel='l'\nlabels=['Person', 'Animl']",
        "[classes]\nfog = {option = 'rain'}\n[output]\nclassification='weather'\nlabel='l'\nlabels=['fog', 'Rain']",
    ],
)
@pytest.mark.parametrize("nested", ["normalized", "ontology", None])
def test_names_that_the_ontology_has_are_accepted(tmp_path: Path, table: str, nested: str | None) -> None:
    tree = ONTOLOGY["normalized"]

    load(tmp_path, table, {nested: tree} if nested else tree)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "ontology.json: not JSON"),
        ("[]", "expected an ontology with tools and classifications, found an empty array"),
        ('{"normalized": {}}', "found an empty object"),
    ],
)
def test_a_file_that_is_no_ontology_is_named(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "mapping.toml").write_text("")
    (tmp_path / "ontology.json").write_text(content)

    with pytest.raises(BadMapping) as caught:
        read_mapping(tmp_path / "mapping.toml", ontology=tmp_path / "ontology.json")

    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"model": {"version": "1"}}, "model.name: missing"),
        ({"model": {"name": "a", "vesion": "1"}}, "model.vesion: unknown; .* did you mean version"),
        ({"model": 3}, "model: expected a text"),
        ({"project": 3}, "project: expected a text"),
        ({"empty": "drop"}, "empty: expected publish or leave-out"),
        ({"routes": {}}, "routes: expected an array"),
        ({"output": []}, "output: expected a table"),
        ({"global_key": "{bdy.x}"}, "global key '{bdy.x}': found {bdy.x}"),
    ],
)
def test_a_mistake_is_named_with_its_key(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadMapping, match=problem):
        mapping_of(table)
