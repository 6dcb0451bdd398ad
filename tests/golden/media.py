"""Messages of each media type that are right for the ontology harbour, as JSON values in the form that is sent."""

from typing import Any

from hypothesis import strategies as st

from tests.golden import HARBOUR
from tests.golden.strategies import (
    PNG,
    classification,
    envelope,
    geometries,
    merged,
    named,
    nested,
    once,
    texts,
    uuids,
)

TOOLS = {tool["name"]: tool for tool in HARBOUR["tools"]}
ANSWERED = {each["name"]: each for each in HARBOUR["classifications"]}
starts = st.integers(0, 9000)
spans = st.tuples(starts, st.integers(0, 900)).map(lambda each: {"start": each[0], "end": each[0] + each[1]})
message_ids = texts.map(lambda text: {"messageId": text})
colors = st.tuples(st.integers(1, 255), st.integers(0, 255), st.integers(0, 255)).map(list)
uris = texts.map(lambda text: f"https://masks.example.org/{text}")


def together(*parts: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda *each: merged(*each), *parts)


def tool(name: str, shape: st.SearchStrategy[dict[str, Any]], ids: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """An object of this tool, with what is nested under it here and there."""
    name_or_id = named(TOOLS[name], "name") if ids else st.just({"name": name})
    return together(name_or_id, shape, envelope, nested(TOOLS[name]["classifications"]))


def answered(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([ANSWERED[name] for name in names]).flatmap(classification)


everywhere = answered("weather", "flags", "remark")
entity = st.sampled_from(["ship name", "harbour name"])
selections = st.fixed_dictionaries(
    {"groupId": texts, "tokenIds": st.lists(texts, min_size=1, max_size=3), "page": st.integers(1, 300)}
)
document_boxes = together(
    geometries["rectangle"],
    st.fixed_dictionaries(
        {"page": st.integers(0, 300), "unit": st.sampled_from(["INCHES", "PIXELS", "POINTS", "PERCENT"])}
    ),
)
document_entities = st.lists(selections, min_size=1, max_size=2).map(lambda each: {"textSelections": each})

# -- video -------------------------------------------------------------------------------------------------------------

frames = st.lists(st.integers(0, 20_000), min_size=1, max_size=5, unique=True).map(sorted)


@st.composite
def tracks(draw: st.DrawFn) -> dict[str, Any]:
    """A tracked object: ascending frames in segments, one geometry, answers in some frames."""
    name, kind = draw(st.sampled_from([("vessel", "rectangle"), ("bollard", "point"), ("mooring rope", "line")]))
    keyframes = [
        draw(together(st.just({"frame": frame}), geometries[kind], nested(TOOLS[name]["classifications"])))
        for frame in draw(frames)
    ]
    cut = draw(st.integers(0, len(keyframes) - 1))
    segments = [{"keyframes": part} for part in (keyframes[:cut], keyframes[cut:]) if part]
    return merged(draw(named(TOOLS[name], "name")), {"segments": segments})


def mask_sets(more: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    source = st.one_of(uris.map(lambda uri: {"instanceURI": uri}), st.just({"imBytes": PNG}))
    frame = together(st.integers(0, 20_000).map(lambda index: {"index": index}), source)
    name = st.one_of(
        st.just({"name": "oil film"}), st.just({"name": "oil film", "featureSchemaId": "cb5f9d0e86e843bf1ee359122"})
    )
    instance = together(colors.map(lambda color: {"colorRGB": color}), name)
    masks = st.fixed_dictionaries(
        {
            "frames": st.lists(frame, min_size=1, max_size=3, unique_by=lambda each: each["index"]),
            "instances": st.lists(instance, min_size=1, max_size=3, unique_by=lambda each: tuple(each["colorRGB"])),
        }
    )
    return together(masks.map(lambda each: {"masks": each}), more)


ranges = st.lists(spans, min_size=1, max_size=3).map(lambda each: {"frames": each})


def timed_option(feature: str, ids: bool) -> st.SearchStrategy[dict[str, Any]]:
    def option(each: dict[str, Any]) -> Any:
        return together(named(each, "value") if ids else st.just({"name": each["value"]}), ranges)

    return st.sampled_from(ANSWERED[feature]["options"]).flatmap(option)


def timed(feature: str, ids: bool, several: bool) -> st.SearchStrategy[dict[str, Any]]:
    options = timed_option(feature, ids)
    if several:
        options = st.lists(
            options, min_size=1, max_size=2, unique_by=lambda each: each.get("name", each.get("schemaId"))
        )
        known = {each["featureSchemaId"]: each["value"] for each in ANSWERED[feature]["options"]}
        options = options.filter(
            lambda found: len({each.get("name") or known[each["schemaId"]] for each in found}) == len(found)
        )
    name = named(ANSWERED[feature], "name") if ids else st.just({"name": feature})
    return together(name, options.map(lambda each: {"answer": each}))


def timed_text(feature: str, ids: bool) -> st.SearchStrategy[dict[str, Any]]:
    items = st.lists(together(texts.map(lambda text: {"value": text}), ranges), min_size=1, max_size=3)
    name = named(ANSWERED[feature], "name") if ids else st.just({"name": feature})
    return together(name, items.map(lambda each: {"answer": each}))


@st.composite
def moods(draw: st.DrawFn) -> dict[str, Any]:
    """A speaker with a nested answer within his ranges."""
    outer = draw(spans)
    start = draw(st.integers(outer["start"], outer["end"]))
    inner = {"start": start, "end": draw(st.integers(start, outer["end"]))}
    mood = {"name": draw(st.sampled_from(["relaxed", "hurried"])), "frames": [inner]}
    below = [{"name": "mood", "answer": [mood]}]
    return {"name": "speaker", "answer": [{"name": "pilot", "frames": [outer], "classifications": below}]}


# -- the rest ----------------------------------------------------------------------------------------------------------

longitudes = st.floats(-180, 179).map(lambda value: round(value, 5))
latitudes = st.floats(-89, 88).map(lambda value: round(value, 5))
positions = st.fixed_dictionaries({"x": longitudes, "y": latitudes})


def tiles(heights: st.SearchStrategy[float]) -> st.SearchStrategy[dict[str, Any]]:
    widths = st.floats(0.001, 1)
    box = st.fixed_dictionaries({"left": longitudes, "top": latitudes, "width": widths, "height": heights})
    return box.map(lambda each: {"bbox": each})


slices = st.lists(st.integers(0, 500), min_size=1, max_size=3, unique=True).map(sorted)
group_keys = st.sampled_from(["axial", "sagittal", "coronal"]).map(lambda key: {"groupKey": key})
config = st.fixed_dictionaries({"messageId": texts, "modelConfigName": texts})
configs = st.lists(config, min_size=1, max_size=3, unique_by=lambda each: each["messageId"])


@st.composite
def slice_lines(draw: st.DrawFn) -> dict[str, Any]:
    keyframes = [{"frame": at, **draw(geometries["line"])} for at in draw(slices)]
    return {"name": "mooring rope", "segments": [{"keyframes": keyframes}], **draw(group_keys)}


@st.composite
def evaluations(draw: st.DrawFn) -> dict[str, Any]:
    parent = {"parentMessageId": draw(texts)}
    name = draw(st.sampled_from(["best reply", "usable replies", "reply order"]))
    replies = configs.filter(lambda each: parent["parentMessageId"] not in {reply["messageId"] for reply in each})
    chosen = draw(replies)
    data: dict[str, Any] = {
        "best reply": chosen[0],
        "usable replies": {"selectedMessages": chosen},
        "reply order": {"rankedMessages": [each | {"order": at} for at, each in enumerate(chosen, 1)]},
    }[name]
    task = {"format": TOOLS[name]["tool"], "data": parent | data}
    return merged(draw(named(TOOLS[name], "name")), {"messageEvaluationTask": task})


ANNOTATIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "TEXT": st.one_of(entity.flatmap(lambda name: tool(name, spans.map(lambda each: {"location": each}))), everywhere),
    "CONVERSATIONAL": st.one_of(
        entity.flatmap(lambda name: tool(name, together(spans.map(lambda each: {"location": each}), message_ids))),
        together(answered("tone", "topics", "message note"), message_ids),
        evaluations(),
        everywhere,
    ),
    "PDF": st.one_of(tool("vessel", document_boxes), tool("ship name", document_entities, ids=False), everywhere),
    "VIDEO": st.one_of(
        tracks(),
        mask_sets(st.just({})),
        timed("light", ids=True, several=False),
        timed("events", ids=True, several=True),
        timed_text("frame note", ids=True),
        together(
            st.just({"name": "events", "answer": [{"name": "horn"}, {"name": "splash"}]}),
            ranges,
        ),
        everywhere,
    ),
    "AUDIO": st.one_of(
        timed("noise", ids=False, several=True),
        timed_text("transcript", ids=False),
        moods(),
        everywhere,
    ),
    "TMS_GEO": st.one_of(
        tool("vessel", tiles(st.floats(0.001, 1))),
        tool("vessel", tiles(st.floats(-1, -0.001))),
        tool("bollard", positions.map(lambda point: {"point": point})),
        tool("mooring rope", st.lists(positions, min_size=2, max_size=4).map(lambda line: {"line": line})),
        everywhere,
    ),
    "HTML": everywhere,
    "DICOM": st.one_of(slice_lines(), mask_sets(group_keys)),
}  # fmt: skip


@st.composite
def messages(draw: st.DrawFn, media: str) -> dict[str, Any]:
    """A whole message of this media type, some annotations with uuids of their own."""
    found = once(draw(st.lists(ANNOTATIONS[media], min_size=1, max_size=4)))
    for each in found:
        if draw(st.booleans()):
            each["uuid"] = draw(uuids)
    return {"projectId": "harbour", "dataRow": {"globalKey": draw(texts)}, "annotations": found}


__all__ = ["ANNOTATIONS", "messages"]
