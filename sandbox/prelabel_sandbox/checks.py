"""Would Labelbox take this line? Judged by the rules of the format reference, in Labelbox's own error names."""

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import Any

from prelabel_sandbox.ontology import Level, Node

_UUID = re.compile(r"\{?[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}\}?")
_ENVELOPE = {"uuid", "dataRow", "name", "schemaId", "confidence", "customMetrics"}
_BLACK = [0, 0, 0]


class Bad(Exception):
    """The line is refused: Labelbox's name for it, and a text."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def _invalid(message: str) -> Bad:
    return Bad("ValidationError", message)


def check_line(line: dict[str, Any], tools: Level, classifications: Level, uuids: set[str]) -> None:
    """Check one line; `uuids` are those of the same data row in the same import. Raises Bad."""
    key = _kind_key(line)
    extra = set(line) - _ENVELOPE - {key, "classifications"}
    if extra:
        raise _invalid(f"{{'{sorted(extra)[0]}': ['Unknown field.']}}")
    if "uuid" in line and not (isinstance(line["uuid"], str) and _UUID.fullmatch(line["uuid"])):
        raise _invalid("{'uuid': ['Not a valid UUID.']}")
    if not line.get("name") and not line.get("schemaId"):
        raise _invalid("{'schema_id': ['Missing data for required field.']}")
    level = classifications if key in ("answer", "answers") else tools
    node = _node(level, line)
    if key in ("answer", "answers"):
        _answer(line, node)
        return
    tools_of_key, check = _OBJECTS[key]
    if node.type not in tools_of_key:
        raise _invalid(f"{{'_schema': ['{node.type} does not take {key}.']}}")
    check(line[key])
    if key == "relationship":
        _ends(line["relationship"], uuids)
    for nested in _array(line.get("classifications", []), "classifications"):
        _nested(nested, node.below)


def _kind_key(line: dict[str, Any]) -> str:
    present = [key for key in (*_OBJECTS, "answer", "answers") if key in line]
    if len(present) != 1:
        raise _invalid(f"{{'_schema': [\"One of {set(_OBJECTS)} must be specified.\"]}}")
    return present[0]


def _node(level: Level, given: dict[str, Any]) -> Node:
    node = level.find(given)
    if node is None and given.get("schemaId"):
        raise Bad("SchemaIdNotFound", f"project does not have schemaId {given['schemaId']}")
    if node is None:
        raise _invalid(f"Ontology does not contain name: {given.get('name')}")
    return node


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _invalid(f"{{'{path}': ['Not a valid number.']}}")
    return value


def _object(value: Any, keys: set[str], path: str, optional: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    if not isinstance(value, dict) or not keys <= set(value) <= keys | optional:
        raise _invalid(f"{{'{path}': ['Expected an object with {', '.join(sorted(keys))}.']}}")
    return value


def _array(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise _invalid(f"{{'{path}': ['Not a valid list.']}}")
    return value


def _bbox(value: Any) -> None:
    box = _object(value, {"top", "left", "height", "width"}, "bbox")
    for key in box:
        _number(box[key], f"bbox.{key}")
    if box["height"] <= 0 or box["width"] <= 0:
        raise Bad("GeometryInvalid", "Invalid geometry: a box needs a positive size")


def _vertex(value: Any) -> tuple[float, float]:
    point = _object(value, {"x", "y"}, "point")
    return _number(point["x"], "x"), _number(point["y"], "y")


def _polygon(value: Any) -> None:
    if len({_vertex(each) for each in _array(value, "polygon")}) < 3:
        raise Bad("GeometryInvalid", "Invalid geometry: Each linear ring must contain at least 4 positions")


def _line(value: Any) -> None:
    if len([_vertex(each) for each in _array(value, "line")]) < 2:
        raise Bad("GeometryInvalid", "Invalid geometry: a line needs at least 2 positions")


def _point(value: Any) -> None:
    _vertex(value)


def _mask(value: Any) -> None:
    keys = set(value) if isinstance(value, dict) else set()
    if keys not in ({"instanceURI", "colorRGB"}, {"imBytes", "colorRGB"}, {"png"}):
        raise _invalid("{'mask': ['One of instanceURI, imBytes with colorRGB, or png must be specified.']}")
    color = value.get("colorRGB")
    if color is not None:
        good = isinstance(color, list) and len(color) == 3
        if not good or any(isinstance(c, bool) or not isinstance(c, int) or not 0 <= c <= 255 for c in color):
            raise _invalid("{'colorRGB': ['Must provide RGB values between 0 and 255.']}")
        if color == _BLACK:
            raise Bad("InvalidAnnotation", "Found empty mask")
    uri = value.get("instanceURI")
    if uri is not None and not (isinstance(uri, str) and uri.startswith(("http://", "https://"))):
        raise Bad("FetchImageError", f"Error while downloading image from url: {uri}")
    for key in keys & {"imBytes", "png"}:
        try:
            if not base64.b64decode(value[key], validate=True).startswith(b"\x89PNG"):
                raise Bad("InvalidAnnotation", "Found empty mask")
        except (binascii.Error, ValueError, TypeError):
            raise _invalid(f"{{'{key}': ['Not base64.']}}") from None


def _relationship(value: Any) -> None:
    optional = {"source", "sourceOntologyName", "readonly"}
    link = _object(value, {"target", "type"}, "relationship", optional)
    if ("source" in link) == ("sourceOntologyName" in link):
        raise _invalid("{'relationship': ['Either source or source_ontology_name must be provided']}")
    if link["type"] not in ("unidirectional", "bidirectional"):
        raise _invalid("{'relationship': ['Not a valid type.']}")


def _ends(link: dict[str, Any], uuids: set[str]) -> None:
    for word in ("source", "target"):
        if word in link and canonical(link[word]) not in uuids:
            raise Bad("InvalidAnnotation", f"relationship {word} is not an annotation of this data row")


def _answer(given: dict[str, Any], node: Node) -> None:
    answer = given.get("answer", given.get("answers"))
    if node.type == "text":
        if not isinstance(answer, str) or not answer:
            raise _invalid("{'answer': ['Not a valid string.']}")
        return
    if node.type == "radio" and not isinstance(answer, dict):
        raise _invalid("{'answer': ['A radio takes one option.']}")
    if node.type == "checklist" and (not isinstance(answer, list) or not answer):
        raise _invalid("{'answer': ['Checklist answers should not be empty']}")
    if node.type not in ("radio", "checklist"):
        raise _invalid(f"{{'answer': ['{node.type} takes no answer.']}}")
    for option in answer if isinstance(answer, list) else [answer]:
        _option(option, node)


def _option(option: Any, node: Node) -> None:
    if not isinstance(option, dict) or not (option.get("name") or option.get("schemaId")):
        raise _invalid("{'answer': ['An option needs a name or schemaId.']}")
    if set(option) - {"name", "schemaId", "classifications"}:
        raise _invalid("{'answer': ['Unknown field.']}")
    chosen = _node(node.below, option)
    for nested in _array(option.get("classifications", []), "classifications"):
        _nested(nested, chosen.below)


def _nested(given: Any, level: Level) -> None:
    if not isinstance(given, dict) or set(given) - {"name", "schemaId", "answer", "answers"}:
        raise _invalid("{'classifications': ['Unknown field.']}")
    _answer(given, _node(level, given))


def canonical(uuid: object) -> str:
    """32 digits in lower case: two spellings of a uuid are one."""
    return str(uuid).strip("{}").replace("-", "").lower()


# What a new object kind adds: its key, the tools that take it, and a check of its value.
_OBJECTS: dict[str, tuple[set[str], Callable[[Any], None]]] = {
    "bbox": ({"rectangle"}, _bbox),
    "polygon": ({"polygon"}, _polygon),
    "point": ({"point"}, _point),
    "line": ({"line"}, _line),
    "mask": ({"raster-segmentation", "superpixel"}, _mask),
    "relationship": ({"edge"}, _relationship),
}
