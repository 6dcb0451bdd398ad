"""Make docs/reference/schema: the message and each kind as JSON Schema, the inbox as AsyncAPI, and the script for it.

`docs/make_tables.py` writes the files. A schema has the rules between fields that JSON Schema can express; the gate in
`prelabel/validation` checks the others.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from typing import Any

from pydantic.json_schema import models_json_schema

from prelabel.annotations import base
from prelabel.annotations.kinds import KINDS, Kind, own_keys, wire_name
from prelabel.messages import VERSION, PredictionMessage
from prelabel.wire import keys
from prelabel.wire.frame import ONE_LANE, SHARED

FOLDER = f"schema/v{VERSION}"
DRAFT = "http://json-schema.org/draft-07/schema#"  # the draft that AsyncAPI's tools read
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum"}
_UUID = f"^{base._UUID.pattern}$"
_NAMES = ("name", "schemaId", "schema_id", "value")
_Json = dict[str, Any]


def schemas() -> dict[str, Callable[[], str]]:
    """Return the function that makes each file, by its path below docs/reference/."""
    pages: dict[str, Callable[[], str]] = {
        f"{FOLDER}/message.json": lambda: _text(_message()),
        f"{FOLDER}/asyncapi.json": lambda: _text(_asyncapi()),
        f"{FOLDER}/publish_messages.lua": _script,
    }
    for kind in KINDS:
        pages[f"{FOLDER}/kinds/{slug(kind)}.json"] = lambda kind=kind: _text(_of_kind(kind))  # type: ignore[misc]
    return pages


def _script() -> str:
    """Return the script for other languages: it cuts messages into frames, and continues as the publisher's script."""
    parts = [
        resources.files("prelabel.publishing").joinpath(f"{name}.lua") for name in ("messages_to_frames", "publish")
    ]
    return "\n".join(part.read_text("utf-8") for part in parts)


def _text(schema: _Json) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def slug(kind: Kind) -> str:
    """Return the name of a kind in the name of its file."""
    return kind.name.lower().replace(" ", "-")


@cache
def _definitions() -> tuple[dict[Any, str], _Json]:
    """Return name by model, and schema by name, of the message, the kinds, and every model inside them."""
    models: list[Any] = [PredictionMessage, *(kind.model for kind in KINDS)]
    refs, content = models_json_schema(
        [(model, "validation") for model in models], by_alias=True, ref_template="#/definitions/{model}"
    )
    names = {model: ref["$ref"].rpartition("/")[2] for (model, _), ref in refs.items()}
    definitions = {name: _tidy(schema) for name, schema in content["$defs"].items()}
    for name, schema in definitions.items():
        _ask_for_a_name(schema)
        _list_options(schema)
        schema |= copy.deepcopy(_RULES.get(name, {}))
    for kind in KINDS:
        _complete(definitions[names[kind.model]], kind)
    items = {"anyOf": [{"$ref": f"#/definitions/{names[kind.model]}"} for kind in KINDS]}
    definitions[names[PredictionMessage]]["properties"]["annotations"]["items"] = items
    return names, definitions


def _tidy(value: Any) -> Any:
    """Return a schema of pydantic in standard terms: standard bounds and patterns, no titles and no null defaults."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidy = {_BOUNDS.get(key, key): _tidy(item) for key, item in value.items() if not _is_noise(key, item)}
    members = tidy.get("anyOf")
    if members == [{"type": "integer"}, {"type": "number"}]:
        tidy = {"type": "number"} | {key: item for key, item in tidy.items() if key != "anyOf"}
    if isinstance(tidy.get("pattern"), str):
        tidy["pattern"] = tidy["pattern"].replace("\\Z", "$")
    if isinstance(tidy.get("description"), str):
        tidy["description"] = _first_sentence(tidy["description"])
    return tidy


def _is_noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)


def _first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, without its example in Python."""
    line = re.split(r"\n\n|: `", text)[0].replace("\n", " ")
    return re.sub(r" \(docs/reference/[^)]*\)", "", line).rstrip(".") + "."


def _present(key: str) -> _Json:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _ask_for_a_name(schema: _Json) -> None:
    """Require that a feature or an option is named, by any key that can name it."""
    ways = [key for key in _NAMES if key in schema.get("properties", {})]
    if "schemaId" in ways:
        schema["anyOf"] = [_present(key) for key in ways]


def _one_of(*keys: str) -> list[_Json]:
    """Return the alternatives of which exactly one must hold: one of these keys is present."""
    return [_present(key) for key in keys]


def _list_options(schema: _Json) -> None:
    """Require that a list of answers holds no answer twice."""
    for key in ("answer", "answers"):
        field = schema.get("properties", {}).get(key, {})
        members = [field, *field.get("anyOf", ())]
        for choice in [*members, *(inner for member in members for inner in member.get("oneOf", ()))]:
            if choice.get("type") == "array":
                choice["uniqueItems"] = True


def _complete(schema: _Json, kind: Kind) -> None:
    """Add a kind's rules: exactly one spelling of its key, a valid uuid, and null for the keys of other kinds."""
    wire = [wire_name(kind, key) for key in kind.keys]
    if len(wire) > 1:
        schema["oneOf"] = _one_of(*wire)
    if base.check_envelope not in kind.model.ENVELOPE:  # a set of masks names a feature in each instance
        del schema["anyOf"]
        schema["properties"] |= {"name": {"type": "null"}, "schemaId": {"type": "null"}}
    schema["allOf"] = [*schema.get("allOf", ()), *_also(uuid={"pattern": _UUID})]
    others = sorted(own_keys() - schema["properties"].keys())
    schema["patternProperties"] = {f"^({'|'.join(others)})$": {"type": "null"}}


def _also(**properties: _Json) -> list[_Json]:
    """Return more rules for fields. A rule holds only for values of its own type, so null stays allowed."""
    return [{"properties": properties}]


_WEB = {"pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]"}
_EMPTY = {"maxItems": 0}
_VISIBLE = {"not": {"const": [0, 0, 0]}}
_COLOURED = {"required": ["colorRGB"], "properties": {"colorRGB": {"type": "array"} | _VISIBLE}}
_TIMED_TEXT = {"allOf": [_present("value"), _present("frames")]}
_OPTION = {"properties": {"value": {"type": "null"}}}
_RULES: dict[str, _Json] = {
    "DataRow": {"oneOf": _one_of("id", "globalKey")},
    "Classification": {"oneOf": _one_of("answer", "answers")},
    "TimedClassification": {"oneOf": _one_of("answer", "answers")},
    "TimedOption": {"oneOf": [_present("value"), {"anyOf": [_present(key) for key in _NAMES if key != "value"]}]},
    "TimedText": {"allOf": _also(answer={"items": _TIMED_TEXT})},
    "TimedChecklist": {"allOf": _also(answer={"items": _OPTION}, answers={"items": _OPTION})},
    "TimedRadio": {"allOf": _also(answer=_OPTION)},
    "Polygon": {"allOf": _also(polygon={"minItems": 3})},
    "DicomPolyline": {"allOf": _also(classifications=_EMPTY)},
    "Slice": {"allOf": _also(classifications=_EMPTY)},
    "MaskImage": {
        "oneOf": _one_of("instanceURI", "imBytes", "png"),
        "anyOf": [_present("png"), _COLOURED],
        "allOf": _also(instanceURI=_WEB),
    },
    "MaskFrame": {"oneOf": _one_of("instanceURI", "imBytes"), "allOf": _also(instanceURI=_WEB)},
    "MaskInstance": {"allOf": _also(colorRGB=_VISIBLE)},
    "Link": {
        "oneOf": _one_of("source", "sourceOntologyName"),
        "allOf": _also(source={"pattern": _UUID}, target={"pattern": _UUID}),
    },
}
"""Rules between fields, by the name of the definition that they belong to."""


def _file(name: str, title: str, root: str) -> _Json:
    """Return a self-contained schema: a definition and every definition that it refers to."""
    _, definitions = _definitions()
    needed = sorted(_reachable(root, definitions) - {root})
    head = {"$schema": DRAFT, "$id": f"urn:prelabel:schema:{VERSION}:{name}", "title": title}
    return head | definitions[root] | {"definitions": {other: definitions[other] for other in needed}}


def _reachable(root: str, definitions: _Json) -> set[str]:
    reached: set[str] = set()
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _refs(definitions[name])
    return reached


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "$ref" in value:
        yield value["$ref"].rpartition("/")[2]
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _refs(item)


def _message() -> _Json:
    names, _ = _definitions()
    return _file("message", "Prediction message", names[PredictionMessage])


def _of_kind(kind: Kind) -> _Json:
    names, _ = _definitions()
    return _file(f"kind:{slug(kind)}", f"Annotation: {kind.name}", names[kind.model])


def _asyncapi() -> _Json:
    """Return the inbox as the workers see it: they receive its messages."""
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:prelabel:inbox:{VERSION}",
        "info": {
            "title": "prelabel inbox",
            "version": f"{VERSION}.0.0",
            "description": "What inference services publish and the workers import into Labelbox as pre-labels.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"redis": {"host": "localhost:6379", "protocol": "redis", "description": "PRELABEL_REDIS_URL"}},
        "channels": {"inbox": _channel()},
        "operations": {
            "receivePrediction": {
                "action": "receive",
                "channel": {"$ref": "#/channels/inbox"},
                "messages": [{"$ref": "#/channels/inbox/messages/prediction"}],
                "description": "Each message is counted once; of one data row and model the last to arrive stays.",
            }
        },
        "components": {"messages": {"prediction": _prediction()}},
    }


def _channel() -> _Json:
    root = keys.project_root(keys.DEFAULT_PREFIX, "<project>")
    return {
        "address": "{projectRoot}:frames",
        "title": "A project's inbox",
        "description": "A Redis hash of frames, which scripts alone write: a frame is a binary header "
        f"(version {ONE_LANE} or {SHARED}) and messages as JSON, one a line, perhaps compressed; see "
        "docs/explanation/data-model.md. The Publisher makes frames and calls its script; programs in other languages "
        "call publish_messages.lua, which makes frames of messages; see docs/reference/publish-script.md.",
        "servers": [{"$ref": "#/servers/redis"}],
        "parameters": {"projectRoot": {"description": "Key prefix and project.", "examples": [root]}},
        "messages": {"prediction": {"$ref": "#/components/messages/prediction"}},
    }


def _prediction() -> _Json:
    box = {"name": "vessel", "bbox": {"top": 20, "left": 10, "height": 40, "width": 30}}
    example = {"projectId": "cm1", "dataRow": {"globalKey": "cam-1/000184.jpg"}, "annotations": [box]}
    return {
        "name": "prediction",
        "title": "Prediction message",
        "summary": "One model's predictions for one data row.",
        "contentType": "application/json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-07",
            "schema": {"$ref": "./message.json"},
        },
        "examples": [{"name": "a box", "payload": example}],
    }
