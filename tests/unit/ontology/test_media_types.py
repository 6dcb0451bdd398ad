"""Names of media types: known in any spelling, and a wrong one is refused wherever a person gives it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prelabel_worker.cli.main import app
from prelabel_worker.ontology.media_types import API_MEDIA_TYPES, UnknownMediaType, known_media_type


@pytest.mark.parametrize("name", API_MEDIA_TYPES)
@pytest.mark.parametrize("spell", [str.lower, str.title, lambda name: name.replace("_", "-"), lambda name: name])
def test_every_spelling_of_the_api_is_known(name: str, spell: Callable[[str], str]) -> None:
    assert known_media_type(spell(name)) == name


@pytest.mark.parametrize("name", ["IMAGES", "", "PDFS", "TMS GEO", "UNSUPPORTED"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownMediaType, match="known are IMAGE, VIDEO, TEXT"):
        known_media_type(name)


def test_validate_refuses_a_media_type_that_does_not_exist(tmp_path: Path) -> None:
    file, ontology = tmp_path / "predictions.ndjson", tmp_path / "ontology.json"
    line = {"dataRow": {"globalKey": "a"}, "name": "car", "bbox": {"top": 1, "left": 1, "height": 1, "width": 1}}
    file.write_text(json.dumps(line))
    ontology.write_text(json.dumps({"tools": [{"tool": "rectangle", "name": "car"}]}))
    command = ["validate", str(file), "--ontology", str(ontology), "--media-type"]

    right = CliRunner().invoke(app, [*command, "image"], catch_exceptions=False)
    wrong = CliRunner().invoke(app, [*command, "IMAGES"])

    assert right.exit_code == 0, right.output
    assert isinstance(wrong.exception, UnknownMediaType)
    assert "did you mean IMAGE?" in str(wrong.exception)
