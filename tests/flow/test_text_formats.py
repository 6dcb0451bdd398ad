"""Real outputs of speech, text, page and table tools go through the command, and are imported without a dead letter."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.flow import Flow, Run
from tests.support.reading import built, classification, read, tool

EXAMPLES = Path(__file__).parents[2] / "examples" / "formats"
SPEAKERS = classification("checklist", "speaker", "SPEAKER_00", "SPEAKER_01")
TRANSCRIPT = {"type": "text", "name": "transcript", "instructions": "transcript", "featureSchemaId": f"c{300:024d}"}
ENTITIES = ("ship name", "port name", "subject", "ship_name", "port_name", "ship")
BELOW = [classification("radio", "certainty", "sure")]

# Media type, ontology, and the files with their options and the global keys that tell them apart.
PROJECTS: dict[str, tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]] = {
    "AUDIO": (
        {"classifications": [SPEAKERS, TRANSCRIPT | {"options": [], "scope": "index"}]},
        [
            ("whisper", "vhf-whisper.json", {}),
            ("whisper", "vhf-whisperx.json", {}),
            ("pyannote", "vhf-pyannote.json", {}),
        ],
    ),
    "TEXT": (
        {
            "tools": [
                *tool("named-entity", *ENTITIES, classifications=BELOW),
                {"tool": "edge", "name": "moored_near", "featureSchemaId": f"c{400:024d}", "classifications": []},
            ],
            "classifications": [
                classification("radio", "category", "arrival", "departure"),
                classification("radio", "label", "arrival", "departure") | {"featureSchemaId": f"c{500:024d}"},
            ],
        },
        [
            ("spacy", "report-spacy.json", {}),
            ("huggingface-tokens", "report-entities.json", {}),
            ("huggingface-labels", "report-class.json", {}),
            ("conll", "report.bio", {"texts": EXAMPLES / "report.txt", "global_key": "bio/{file}"}),
            ("conll", "report.conllu", {"global_key": "conllu/{document}"}),
            ("brat", "report.ann", {"global_key": "brat/{file}"}),
        ],
    ),
    "PDF": (
        {
            "tools": [
                *tool("rectangle", "line", classifications=[classification("text", "text")]),
                *(each | {"featureSchemaId": f"c{600:024d}"} for each in tool("named-entity", "word")),
            ]
        },
        [
            ("hocr", "page.hocr", {"text_feature": "text"}),
            ("hocr", "page.hocr", {"ocr_as": "entities", "level": "word", "global_key": "entities/{file}"}),
            ("alto", "page-alto.xml", {"dpi": 150}),
            ("doctr", "page-doctr.json", {}),
            ("paddleocr", "page-rapidocr.json", {"text_feature": "text"}),
        ],
    ),
    "IMAGE": (
        {"tools": tool("rectangle", "vessel", "bollard")},
        [("table", "vessels.csv", {})],
    ),
}


@pytest.mark.parametrize("media", PROJECTS)
def test_files_of_every_format_are_imported_whole(flow: Flow, run: Run, media: str) -> None:
    ontology, files = PROJECTS[media]
    flow.control("POST", "projects", {"id": flow.project, "ontology": ontology, "dataRows": "any", "mediaType": media})
    lines = []
    for form, name, options in files:
        messages, bad = read(form, EXAMPLES / name, **options)
        assert bad == []
        flags = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        done = run("publish", str(EXAMPLES / name), "--format", form, "--project", flow.project, *flags)
        assert done.stdout == f"published {len(messages)}, refused 0\n", done.stderr
        lines += built(messages, media, **ontology)

    status = flow.settled()

    assert (status.dead, status.imported) == (0, status.published)
    assert values(flow.pre_labels()) == values(lines)


def test_a_file_that_was_published_before_is_resumed_by_its_report(flow: Flow, run: Run, tmp_path: Path) -> None:
    flow.control("POST", "projects", {"id": flow.project, "ontology": PROJECTS["IMAGE"][0], "dataRows": "any"})
    report = str(tmp_path / "report.ndjson")
    table = (EXAMPLES / "vessels.csv").read_text()
    (tmp_path / "vessels.csv").write_text(table)
    words = ["publish", str(tmp_path / "vessels.csv"), "--project", flow.project, "--report", report]

    first = run(*words)
    (tmp_path / "vessels.csv").write_text(table + "quay.png,vessel,0.9,1,2,3,4\n")
    again = run(*words)

    assert first.stdout == "published 2, refused 0\n", first.stderr
    assert again.stdout == "published 1, refused 0, published before 2\n", again.stderr
    assert flow.settled().imported == 3


def values(lines: list[dict[str, Any]]) -> list[str]:
    """Return the lines without uuids that depend on the project, in one order."""
    return sorted(
        str({key: line[key] for key in sorted(line) if key not in ("uuid", "relationship")}) for line in lines
    )
