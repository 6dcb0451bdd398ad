"""Messages that are right for the ontology harbour, as JSON values, and ways to spoil them."""

import copy
from typing import Any

from hypothesis import strategies as st

from tests.golden import HARBOUR

numbers = st.one_of(st.integers(-5000, 5000), st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3)))
sizes = st.one_of(st.integers(1, 5000), st.floats(0.001, 1e6).map(lambda value: round(value, 3)))
texts = st.text(min_size=1, max_size=20)
vertices = st.fixed_dictionaries({"x": numbers, "y": numbers})
uuids = st.uuids().map(str)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAAAAACRn/EaAAAAEklEQVR42mNgYGBgYGBgZITQAAAeAANBy/8LAAAAAElFTkSuQmCC"
masks = st.one_of(
    st.just({"png": PNG}),
    st.fixed_dictionaries({
        "instanceURI": texts.map(lambda text: f"https://masks.example.org/{text}"),
        "colorRGB": st.lists(st.integers(1, 255), min_size=3, max_size=3),
    }),
)  # fmt: skip
geometries = {
    "rectangle": st.fixed_dictionaries({
        "bbox": st.fixed_dictionaries({"top": numbers, "left": numbers, "height": sizes, "width": sizes})
    }),
    "polygon": st.lists(vertices, min_size=3, max_size=6, unique_by=lambda each: (each["x"], each["y"])).map(
        lambda points: {"polygon": points}
    ),
    "point": vertices.map(lambda point: {"point": point}),
    "line": st.lists(vertices, min_size=2, max_size=6).map(lambda points: {"line": points}),
    "raster-segmentation": masks.map(lambda mask: {"mask": mask}),
}  # fmt: skip
envelope = st.fixed_dictionaries(
    {}, optional={"confidence": st.floats(0, 1), "customMetrics": st.just([{"name": "iou", "value": 0.5}])}
)


def named(item: dict[str, Any], name: str) -> st.SearchStrategy[dict[str, Any]]:
    """By name, by id, or by both."""
    by_name, by_id = {"name": item[name]}, {"schemaId": item["featureSchemaId"]}
    return st.sampled_from([by_name, by_id, by_name | by_id])


def answers(feature: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Right answers of a classification, with nested ones here and there."""
    if feature["type"] == "text":
        return texts
    if feature["type"] == "radio":
        return st.sampled_from(feature["options"]).flatmap(options)
    chosen = st.lists(st.sampled_from(feature["options"]), min_size=1, unique_by=lambda each: each["value"])
    return chosen.flatmap(lambda each: st.tuples(*map(options, each)).map(list))


def options(option: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda *parts: merged(*parts), named(option, "value"), nested(option["options"]))


def nested(features: list[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Answers of some of these classifications, at most one of each."""
    each = [st.one_of(st.none(), classification(feature)) for feature in features]
    found = st.tuples(*each).map(lambda answered: [one for one in answered if one is not None])
    return found.map(lambda answered: {"classifications": answered} if answered else {})


def classification(feature: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    answer = answers(feature).map(lambda value: {"answer": value})
    return st.builds(lambda *parts: merged(*parts), named(feature, "name"), answer)


def objects(tool: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda *parts: merged(*parts),
        named(tool, "name"),
        geometries[tool["tool"]],
        envelope,
        nested(tool["classifications"]),
    )


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


TOOLS = [tool for tool in HARBOUR["tools"] if tool["tool"] in geometries]
CLASSIFICATIONS = [each for each in HARBOUR["classifications"] if each["type"] in ("radio", "checklist", "text")]
annotations = st.one_of(
    st.sampled_from(TOOLS).flatmap(objects), st.sampled_from(CLASSIFICATIONS).flatmap(classification)
)


_NAMES = {item["featureSchemaId"]: item["name"] for item in (*HARBOUR["tools"], *HARBOUR["classifications"])}
_SPREAD = {"events", "frame note", "noise", "transcript"}  # checklists and texts, which may be answered for more times


def once(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The annotations without those that answer a question of the data row, or of a message, again."""
    kept: list[dict[str, Any]] = []
    asked = set()
    for each in found:
        question = _question(each)
        if question is None or question not in asked:
            kept.append(each)
        asked.add(question)
    return kept


def _question(annotation: dict[str, Any]) -> Any:
    task, answer = annotation.get("messageEvaluationTask"), annotation.get("answer")
    if task is None and answer is None:
        return None
    name = annotation["name"] if "name" in annotation else _NAMES[annotation["schemaId"]]
    if task is not None:
        return name, task["data"]["parentMessageId"]
    items = answer if isinstance(answer, list) else [answer]
    timed = "frames" in annotation or any(isinstance(item, dict) and "frames" in item for item in items)
    return None if timed and name in _SPREAD else (name, annotation.get("messageId"))


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """Whole messages, some with uuids of their own, some with a link between two objects."""
    found = once(draw(st.lists(annotations, min_size=1, max_size=4)))
    for each in found:
        if draw(st.booleans()):
            each["uuid"] = draw(uuids)
    ends = [each["uuid"] for each in found if "uuid" in each and "answer" not in each]
    if len(ends) > 1:
        found.append({"name": "mentions", "relationship": {"source": ends[0], "target": ends[1]}})
    around = st.fixed_dictionaries(
        {"dataRow": st.one_of(texts.map(lambda key: {"globalKey": key}), texts.map(lambda key: {"id": key}))},
        optional={
            "version": st.just(1),
            "messageId": texts,
            "model": st.fixed_dictionaries({"name": texts}, optional={"version": texts}),
            "producedAt": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
            "traceparent": texts,
        },
    )
    return {"projectId": "harbour", "annotations": found} | draw(around)


ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 0.5, 2**63, 2**64, 2**70, 1e300, "", "1", "text", "x" * 30, "x" * 1001),
    *([], {}, [None], [[]], [{}], {"name": "x"}, [{"name": "x"}, {"name": "x"}], [0, 0, 0], "\u2028", "{" + "0" * 32),
]
KEYS = [
    *("version", "dataRow", "id", "uuid", "name", "schemaId", "schema_id", "answer", "answers", "classifications"),
    *("bbox", "point", "line", "polygon", "mask", "relationship", "png", "source", "type", "confidence", "colour"),
]


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """A message with one to three changes anywhere: replaced, removed, added, doubled."""
    message = copy.deepcopy(draw(messages()))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(_places(message))))
        if isinstance(place, dict):
            key = draw(st.sampled_from([*place, *KEYS]))
            if key in place and draw(st.booleans()):
                del place[key]
            else:
                place[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
        elif place and draw(st.booleans()):
            place.append(place[0])
        else:
            place[draw(st.integers(0, len(place))) :] = [copy.deepcopy(draw(st.sampled_from(ODD)))]
    return message


def _places(value: Any) -> Any:
    """Yield every object and array of a JSON value."""
    if isinstance(value, dict | list):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _places(each)
