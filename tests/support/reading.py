"""What tests of readers share: files of a few lines, and messages that the worker takes with their ontology."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from prelabel.readers import FORMATS, BadRecord, ClassMapping, ReaderOptions, Record
from prelabel.validation.gate import prepare
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

CATEGORIES = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]


def write(folder: Path, name: str, content: Any) -> Path:
    """A file with this text, these bytes or this JSON."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(form: str, path: Path, **options: Any) -> tuple[list[dict[str, Any]], list[BadRecord]]:
    """The messages, each of which the gate takes, and the bad records."""
    mapping = options.pop("mapping", None) or ClassMapping()
    found = list(FORMATS[form].read(path, ReaderOptions("p", mapping=mapping, **options)))
    messages: list[dict[str, Any]] = [dict(each.message) for each in found if isinstance(each, Record)]  # type: ignore[arg-type]
    for message in messages:
        assert prepare(message).project_id == "p"
    return messages, [each for each in found if isinstance(each, BadRecord)]


def built(messages: list[dict[str, Any]], media: str, **ontology: Any) -> list[dict[str, Any]]:
    """The lines that the worker makes of them for a project with this ontology."""
    builder = RowBuilder("p", Ontology.from_normalized(ontology, media), data_row_form="k")
    content = b"".join(builder.build(orjson.dumps(message)).lines for message in messages)
    return [json.loads(line) for line in content.splitlines()]


def schema(index: int) -> str:
    """A featureSchemaId."""
    return f"c{index:024d}"


def tool(kind: str, *names: str, classifications: Any = ()) -> list[dict[str, Any]]:
    """Tools of one kind."""
    return [
        {"tool": kind, "name": name, "featureSchemaId": schema(at), "classifications": list(classifications)}
        for at, name in enumerate(names)
    ]


def classification(kind: str, name: str, *options: str) -> dict[str, Any]:
    """A classification with options."""
    made = [{"label": each, "value": each, "featureSchemaId": schema(200 + at)} for at, each in enumerate(options)]
    return {"type": kind, "name": name, "instructions": name, "featureSchemaId": schema(100), "options": made}


def real(name: str) -> Path:
    """A file nobody on this project made; the test skips where it is not there."""
    path = Path(__file__).parents[3] / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"no {path.name} beside the project")
    return path
