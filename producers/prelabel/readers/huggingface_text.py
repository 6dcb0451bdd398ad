"""Read outputs of Hugging Face's pipelines for text and sound: entities, and classes of whole texts or recordings.

An output names no data row. So a file is one data row, or its records are, in the order of the inputs; or a record is
an object with the output in one of its fields, beside others for the global key.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    ReaderOptions,
    Scores,
    Source,
    UnreadableSource,
    bad_record,
    fields_of,
    text_of,
)
from prelabel.readers.by_document import read_documents
from prelabel.readers.documents import JSON, Document, documents, joined, object_of
from prelabel.readers.labels import answers_of, entity
from prelabel.readers.tags import Tags, mean

LABEL = "label"
"""The feature of classes that have none in the mapping."""
_OUTPUTS = ("output", "outputs", "predictions", "prediction", "result", "results", "entities", "labels")


def read_tokens(path: Path, options: ReaderOptions) -> Source:
    """Return one message per text, with its entities. Raises UnreadableSource."""

    def entities(document: Document, scores: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        tags, where = Tags(), ""
        for index, item in enumerate(_output(document.value)):
            where = f"[{index}]"
            try:
                item = object_of(item, "the entity")
                score = scores.read(item.get("score"))
                if "entity_group" in item:
                    name = text_of(item["entity_group"], "entity_group")
                    if annotation := entity(name, score, *_span(item), options):
                        yield annotation
                else:
                    tags.add(_tag(item), *_span(item), where, score)
            except ValueError as error:
                yield bad_record(where, error)
        tags.end()
        for span in tags.spans:
            if annotation := entity(span.name, mean(span.scores), span.start, span.end, options):
                yield annotation

    return read_documents(
        path, options, entities, split=lambda path: _inputs(path, options, ("entity", "entity_group"))
    )


def read_labels(path: Path, options: ReaderOptions) -> Source:
    """Return one message per text or recording, with its class or classes. Raises UnreadableSource."""

    def answers(document: Document, scores: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        classes: dict[str, float | None] = {}
        for index, item in enumerate(_output(document.value)):
            try:
                item = object_of(item, "the class")
                name, score = text_of(item.get("label"), "label"), scores.read(item.get("score"))
            except ValueError as error:
                yield bad_record(f"[{index}]", error)
                continue
            if name in classes:
                raise UnreadableSource(
                    f"{document.where}: label {name[:40]!r} occurs twice, as in outputs for several inputs, one for "
                    "each. Type --global-key '{file}-{index}', or another template with {index}"
                )
            classes[name] = score
        yield from answers_of(classes.items(), options.question or LABEL, options)

    return read_documents(path, options, answers, split=lambda path: _inputs(path, options, ("label",)))


def _inputs(path: Path, options: ReaderOptions, keys: tuple[str, ...]) -> Iterator[Document | BadRecord]:
    """Yield the output for each input.

    Predictions that stand side by side in a file's array are one output, unless the template of global keys has the
    `{index}` of each.
    """
    if "index" in fields_of(options.key_template("{file}")):
        return documents(path, *JSON)
    return joined(path, lambda value: _is_prediction(value, keys))


def _is_prediction(value: Any, keys: tuple[str, ...]) -> bool:
    return isinstance(value, dict) and any(key in value for key in keys) and not set(_OUTPUTS) & value.keys()


def _output(value: Any) -> list[Any]:
    """Return the predictions in a record. Raises ValueError."""
    if isinstance(value, dict):
        name = next((name for name in _OUTPUTS if name in value), None)
        if name is None:
            return [value]
        value = value[name]
        if isinstance(value, dict):
            return [value]
    if not isinstance(value, list):
        raise BadValue("the record", f"a pipeline's output, or an object with it as {_OUTPUTS[0]}", found_value(value))
    return value[0] if len(value) == 1 and isinstance(value[0], list) else value


def _span(item: dict[str, Any]) -> tuple[Any, Any]:
    """Return the characters of an entity, half-open. Raises ValueError."""
    if item.get("start") is None or item.get("end") is None:
        raise BadValue("start", "characters, which only a fast tokenizer gives", found_value(item.get("start")))
    return item["start"], item["end"]


def _tag(item: dict[str, Any]) -> str:
    """Return the tag of a token; a model's class without a prefix is one token's."""
    tag = text_of(item.get("entity"), "entity")
    return tag if tag == "O" or tag[1:2] == "-" else f"I-{tag}"
