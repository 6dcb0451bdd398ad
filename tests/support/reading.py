"""Helpers for tests of readers: small files, the messages that are read from them, and ontologies for these."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from prelabel.annotations.png import read_png
from prelabel.readers import FORMATS, BadRecord, PredictionMapping, ReaderOptions, Record
from prelabel.validation.gate import prepare
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

CATEGORIES = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]


def write(folder: Path, name: str, content: Any) -> Path:
    """Write a file with this text, these bytes or this JSON, and return its path."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(form: str, path: Path, **options: Any) -> tuple[list[dict[str, Any]], list[BadRecord]]:
    """Return the messages in a file, after asserting that the gate accepts each one, and the bad records."""
    mapping = options.pop("mapping", None) or PredictionMapping()
    records = list(FORMATS[form].read(path, ReaderOptions("p", mapping=mapping, **options)))
    messages = [message_of(record) for record in records if isinstance(record, Record)]
    for message in messages:
        assert prepare(message).project_id == "p"
    return messages, [record for record in records if isinstance(record, BadRecord)]


def message_of(record: Record) -> dict[str, Any]:
    """Return the message of a record that its reader made as an object, and not as bytes."""
    assert isinstance(record.message, Mapping)
    return dict(record.message)


def built(messages: list[dict[str, Any]], media: str, **ontology: Any) -> list[dict[str, Any]]:
    """Return the lines that the worker builds from these messages for a project with this ontology."""
    builder = RowBuilder("p", Ontology.from_normalized(ontology, media), data_row_forms="k")
    content = b"".join(builder.build(orjson.dumps(message)).lines for message in messages)
    return [json.loads(line) for line in content.splitlines()]


def schema(index: int) -> str:
    """Return a featureSchemaId with this number."""
    return f"c{index:024d}"


def tool(kind: str, *names: str, classifications: Any = ()) -> list[dict[str, Any]]:
    """Return tools of one kind with these names."""
    return [
        {"tool": kind, "name": name, "featureSchemaId": schema(at), "classifications": list(classifications)}
        for at, name in enumerate(names)
    ]


def classification(kind: str, name: str, *options: str) -> dict[str, Any]:
    """Return a classification with these options."""
    nodes = [
        {"label": option, "value": option, "featureSchemaId": schema(200 + at)} for at, option in enumerate(options)
    ]
    return {"type": kind, "name": name, "instructions": name, "featureSchemaId": schema(100), "options": nodes}


def mask_area(annotation: dict[str, Any]) -> int:
    """Return how many pixels the mask of an annotation has."""
    rows = read_png(base64.b64decode(annotation["mask"]["png"])).rows
    assert rows is not None
    return sum(map(sum, rows))


def real(name: str) -> Path:
    """Return the path of a file with real data of others; skip the test if the file is missing."""
    path = Path(__file__).parents[3] / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"no {path.name} beside the project")
    return path
