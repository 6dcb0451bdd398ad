"""docs/reference/schema: the message and each kind as JSON Schema, and the inbox as AsyncAPI, out of the models.

`docs/make_tables.py` writes them. A schema says of the rules between fields what it can; the rest is the gate's.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from prelabel.annotations import base
from prelabel.annotations.kinds import KINDS, Kind, own_keys, wire_name
from prelabel.messages import VERSION, PredictionMessage
from prelabel.wire import keys
from prelabel.wire.frame import VERSION as FRAME_VERSION

FOLDER = f"schema/v{VERSION}"
DRAFT = "http://json-schema.org/draft-07/schema#"  # the one that AsyncAPI's tools read
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum"}
_UUID = f"^{base._UUID.pattern}$"
_NAMES = ("name", "schemaId", "schema_id", "value")
_Json = dict[str, Any]


def schemas() -> dict[str, Callable[[], str]]:
    """Path below docs/reference/ → what makes the file."""
    pages: dict[str, Callable[[], str]] = {
        f"{FOLDER}/message.json": lambda: _text(_message()),
        f"{FOLDER}/asyncapi.json": lambda: _text(_asyncapi()),
    }
    for kind in KINDS:
        pages[f"{FOLDER}/kinds/{slug(kind)}.json"] = lambda kind=kind: _text(_of_kind(kind))  # type: ignore[misc]
    return pages


def _text(schema: _Json) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def slug(kind: Kind) -> str:
    """Return the name of a kind as its file has it."""
    return kind.name.lower().replace(" ", "-")


@cache
def _definitions() -> tuple[dict[Any, str], _Json]:
    """Model → its name, and name → schema, of the message, the kinds, and all that they hold."""
    models: list[Any] = [PredictionMessage, *(kind.model for kind in KINDS)]
    refs, content = models_json_schema(
        [(model, "validation") for model in models], by_alias=True, ref_template="#/definitions/{model}"
    )
    names = {model: ref["$ref"].rpartition("/")[2] for (model, _), ref in refs.items()}
    found = {name: _tidy(schema) for name, schema in content["$defs"].items()}
    for name, schema in found.items():
        _ask_for_a_name(schema)
        _list_options(schema)
        schema |= copy.deepcopy(_RULES.get(name, {}))
    for kind in KINDS:
        _complete(found[names[kind.model]], kind)
    items = {"anyOf": [{"$ref": f"#/definitions/{names[kind.model]}"} for kind in KINDS]}
    found[names[PredictionMessage]]["properties"]["annotations"]["items"] = items
    return names, found


def _tidy(value: Any) -> Any:
    """What pydantic writes, with bounds that schemas know, patterns that others read, and without what says nothing."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {_BOUNDS.get(key, key): _tidy(each) for key, each in value.items() if not _is_noise(key, each)}
    members = found.get("anyOf")
    if members == [{"type": "integer"}, {"type": "number"}]:
        found = {"type": "number"} | {key: each for key, each in found.items() if key != "anyOf"}
    if isinstance(found.get("pattern"), str):
        found["pattern"] = found["pattern"].replace("\\Z", "$")
    if isinstance(found.get("description"), str):
        found["description"] = _first_sentence(found["description"])
    return found


def _is_noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)


def _first_sentence(text: str) -> str:
    """Of a docstring, without its example in Python."""
    line = re.split(r"\n\n|: `", text)[0].replace("\n", " ")
    return re.sub(r" \(docs/reference/[^)]*\)", "", line).rstrip(".") + "."


def _present(key: str) -> _Json:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _ask_for_a_name(schema: _Json) -> None:
    """A feature or option is named in one of the ways that it has."""
    ways = [key for key in _NAMES if key in schema.get("properties", {})]
    if "schemaId" in ways:
        schema["anyOf"] = [_present(key) for key in ways]


def _one_of(*keys: str) -> list[_Json]:
    """Exactly one of them."""
    return [_present(key) for key in keys]


def _list_options(schema: _Json) -> None:
    """A list of answers is not empty, and holds none twice."""
    for key in ("answer", "answers"):
        field = schema.get("properties", {}).get(key, {})
        members = [field, *field.get("anyOf", ())]
        for each in [*members, *(inner for member in members for inner in member.get("oneOf", ()))]:
            if each.get("type") == "array":
                each |= {"minItems": 1, "uniqueItems": True}


def _complete(schema: _Json, kind: Kind) -> None:
    """What a kind's rules say that a schema can: its key, one spelling of it, a uuid; null for what is not its own."""
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
    """More about fields; a bound holds for values of its own type only, so null stays null."""
    return [{"properties": properties}]


_WEB = {"pattern": "^https?://"}
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
"""Rules between fields, by the name of the definition that keeps them."""


def _file(name: str, title: str, root: str) -> _Json:
    """A schema that stands alone: a definition and those that it leads to."""
    _, found = _definitions()
    needed = sorted(_reachable(root, found) - {root})
    head = {"$schema": DRAFT, "$id": f"urn:prelabel:schema:{VERSION}:{name}", "title": title}
    return head | found[root] | {"definitions": {each: found[each] for each in needed}}


def _reachable(root: str, found: _Json) -> set[str]:
    seen: set[str] = set()
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _refs(found[name])
    return seen


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "$ref" in value:
        yield value["$ref"].rpartition("/")[2]
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _refs(each)


def _message() -> _Json:
    names, _ = _definitions()
    return _file("message", "Prediction message", names[PredictionMessage])


def _of_kind(kind: Kind) -> _Json:
    names, _ = _definitions()
    return _file(f"kind:{slug(kind)}", f"Annotation: {kind.name}", names[kind.model])


def _asyncapi() -> _Json:
    """The inbox as the workers see it: they receive."""
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
        "description": "A Redis hash of frames, which the script publish.lua alone writes: a frame is a binary header "
        f"(version {FRAME_VERSION}) and messages as JSON, one a line, perhaps compressed; see "
        "docs/explanation/data-model.md. "
        "The Publisher makes frames and calls the script.",
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
