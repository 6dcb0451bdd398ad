"""The example of each media type is right for the ontology beside it, from the publisher to the line."""

import json

import pytest

from prelabel.annotations.kinds import KINDS
from prelabel.validation.gate import prepare, read_message
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.support.media_examples import FOLDER, MEDIA, ONTOLOGY

FILES = {
    path.stem: [
        json.dumps({"projectId": "demo-project"} | json.loads(line)) for line in path.read_text("utf-8").splitlines()
    ]
    for path in FOLDER.glob("*.ndjson")
}


def test_there_is_an_example_of_each_media_type() -> None:
    assert FILES.keys() == MEDIA.keys()


@pytest.mark.parametrize("name", MEDIA)
def test_an_example_becomes_lines(name: str) -> None:
    builder = RowBuilder("demo-project", Ontology.from_normalized(ONTOLOGY, MEDIA[name]))
    for text in FILES[name]:
        row = builder.build(prepare(text.encode()).raw)

        assert row.lines.count(b"\n") == len(json.loads(text)["annotations"])


def test_the_examples_show_every_kind_but_those_of_volumes() -> None:
    shown = {kind.name for lines in FILES.values() for text in lines for kind in read_message(text.encode())[1]}

    assert {kind.name for kind in KINDS} - shown <= {"DICOM polyline", "DICOM mask set"}
