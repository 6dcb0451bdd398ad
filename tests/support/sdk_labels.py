"""Labels of Labelbox's SDK with annotations of every kind, for the ontology in `tests/golden/harbour.json`."""

from typing import Any

import numpy
from hypothesis import strategies as st
from labelbox import types as lb

FIRST, SECOND, THIRD = (f"5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e110{at}" for at in (1, 2, 3))
IDS = {
    "vessel": "c05d0f20c7d1065cf2276b0b2",
    "fog": "c9cd2a692a3c6f3bf28073d2f",
    "weather": "c55ecb30c958cc49a78902462",
}


def label(*annotations: Any, **data: str) -> lb.Label:
    return lb.Label(data=data or {"global_key": "a"}, annotations=list(annotations))


def point(x: float = 1, y: float = 2) -> lb.Point:
    return lb.Point(x=x, y=y)


def box(left: float = 16, top: float = 48, width: float = 260, height: float = 120.5) -> lb.Rectangle:
    return lb.Rectangle(start=point(left, top), end=point(left + width, top + height))


def thing(name: str, value: Any, **more: Any) -> lb.ObjectAnnotation:
    return lb.ObjectAnnotation(name=name, value=value, **more)


def radio(name: str, option: str, *below: Any, **more: Any) -> lb.ClassificationAnnotation:
    answer = lb.ClassificationAnswer(name=option, classifications=list(below) or None)
    return lb.ClassificationAnnotation(name=name, value=lb.Radio(answer=answer), **more)


def checklist(name: str, *options: Any, **more: Any) -> lb.ClassificationAnnotation:
    answers = [lb.ClassificationAnswer(name=option) if isinstance(option, str) else option for option in options]
    return lb.ClassificationAnnotation(name=name, value=lb.Checklist(answer=answers), **more)


def text(name: str, answer: str, **more: Any) -> lb.ClassificationAnnotation:
    return lb.ClassificationAnnotation(name=name, value=lb.Text(answer=answer), **more)


def by_id(option: str, name: str | None = None) -> lb.ClassificationAnswer:
    return lb.ClassificationAnswer(name=name, feature_schema_id=IDS[option])


def seen(frame: int, value: Any = None, name: str = "vessel", **more: Any) -> lb.VideoObjectAnnotation:
    more = {"keyframe": True} | more
    return lb.VideoObjectAnnotation(name=name, value=value or box(frame), frame=frame, **more)


def said(frame: int, answer: lb.ClassificationAnnotation, **more: Any) -> lb.VideoClassificationAnnotation:
    return lb.VideoClassificationAnnotation(name=answer.name, value=answer.value, frame=frame, **more)


def when(name: str, *frames: tuple[int, int], below: Any = None) -> lb.TemporalClassificationAnswer:
    return lb.TemporalClassificationAnswer(name=name, frames=list(frames), classifications=below)


def question(name: str, *answers: Any) -> lb.TemporalClassificationQuestion:
    return lb.TemporalClassificationQuestion(name=name, value=list(answers))


def times(name: str, *value: tuple[int, int, str], below: Any = None) -> lb.TemporalClassificationText:
    return lb.TemporalClassificationText(name=name, value=list(value), classifications=below)


def array_mask() -> lb.MaskData:
    array = numpy.zeros((6, 8, 3), dtype="uint8")
    array[1:4, 2:5] = (0, 120, 255)
    array[5, 5:] = (200, 30, 30)
    return lb.MaskData(arr=array)


def link(source: Any, target: Any, name: str = "moored at", **more: Any) -> lb.RelationshipAnnotation:
    return lb.RelationshipAnnotation(name=name, value=lb.Relationship(source=source, target=target, **more))


DENT = checklist(
    "damage kinds", "dent", lb.ClassificationAnswer(name="hole", classifications=[text("hole remark", "port side")])
)
VESSEL = thing("vessel", box(), extra={"uuid": FIRST})
BOLLARD = thing("bollard", point(512, 384.5), extra={"uuid": SECOND})
REMARK = text("remark", "a", extra={"uuid": THIRD})
PAGE_BOX = thing(
    "vessel",
    lb.DocumentRectangle(start=point(72, 90), end=point(252.75, 104), page=1, unit=lb.RectangleUnit.POINTS),
    extra={"uuid": FIRST},
)

EXAMPLES: dict[str, tuple[str, Any]] = {
    "box": ("IMAGE", lambda: label(thing("vessel", box()))),
    "box from any corners": ("IMAGE", lambda: label(thing("vessel", lb.Rectangle(start=point(5, 9), end=point(1, 2))))),
    "box, noise of floats": ("IMAGE", lambda: label(thing("vessel", box(0.1, 0.2, 0.7, 109.843)))),
    "by data row id": ("IMAGE", lambda: label(thing("vessel", box()), uid="cmh2k4t8x00a107l5e1v9q3zr")),
    "by schema id": (
        "IMAGE",
        lambda: label(lb.ObjectAnnotation(feature_schema_id=IDS["vessel"], value=box())),
    ),
    "by name and schema id": ("IMAGE", lambda: label(thing("vessel", box(), feature_schema_id=IDS["vessel"]))),
    "uuid": ("IMAGE", lambda: label(VESSEL, REMARK)),
    "polygon": (
        "IMAGE",
        lambda: label(thing("quay area", lb.Polygon(points=[point(0, 300), point(220, 310), point(90, 480)]))),
    ),
    "polyline": ("IMAGE", lambda: label(thing("mooring rope", lb.Line(points=[point(0, 1), point(40, 12)])))),
    "point": ("IMAGE", lambda: label(thing("bollard", point(512, 384.5)))),
    "mask by address": (
        "IMAGE",
        lambda: label(thing("oil film", lb.Mask(mask=lb.MaskData(url="https://m.example/1.png"), color=(0, 120, 255)))),
    ),
    "mask from an array": (
        "IMAGE",
        lambda: label(
            thing("oil film", lb.Mask(mask=array_mask(), color=(0, 120, 255))),
            thing("foam", lb.Mask(mask=array_mask(), color=(200, 30, 30))),
        ),
    ),
    "mask from a file": (
        "IMAGE",
        lambda: label(
            thing(
                "oil film",
                lb.Mask(mask=lb.MaskData(im_bytes=array_mask().np_to_bytes(array_mask().arr)), color=(0, 120, 255)),
            )
        ),
    ),
    "mask of gray": (
        "IMAGE",
        lambda: label(
            thing("foam", lb.Mask(mask=lb.MaskData.from_2D_arr(numpy.array([[0, 1], [2, 1]], dtype="uint8")), color=1))
        ),
    ),
    "nested": (
        "IMAGE",
        lambda: label(
            thing(
                "vessel",
                box(),
                classifications=[
                    radio("hull state", "damaged", DENT),
                    checklist("deck load", "crates", "vehicles"),
                    text("hull number", "LV-2207"),
                ],
            )
        ),
    ),
    "radio": ("IMAGE", lambda: label(radio("weather", "clear"))),
    "radio, nested by id": (
        "IMAGE",
        lambda: label(
            lb.ClassificationAnnotation(
                feature_schema_id=IDS["weather"],
                value=lb.Radio(
                    answer=lb.ClassificationAnswer(
                        feature_schema_id=IDS["fog"],
                        classifications=[
                            lb.ClassificationAnnotation(
                                feature_schema_id="cf39c934b00e652f42a309b92",
                                value=lb.Radio(
                                    answer=lb.ClassificationAnswer(
                                        feature_schema_id="c7d749ff28015704b12bf512f",
                                        classifications=[text("visibility note", "about 80 m")],
                                    )
                                ),
                            )
                        ],
                    )
                ),
            )
        ),
    ),
    "checklist": ("IMAGE", lambda: label(checklist("flags", "red", "green"))),
    "text": ("IMAGE", lambda: label(text("remark", 'Zwei Schlepper,\nein "Lotse" \u2013 sonst leer.\u2028'))),
    "confidence and metrics": (
        "IMAGE",
        lambda: label(
            thing("vessel", box(), confidence=0.7, custom_metrics=[{"name": "iou", "value": 0.5}]),
            lb.ClassificationAnnotation(
                name="flags",
                value=lb.Checklist(
                    answer=[
                        lb.ClassificationAnswer(
                            name="yellow",
                            confidence=0.4,
                            custom_metrics=[{"name": "iou", "value": 0.5}],
                            classifications=[
                                checklist("yellow side", lb.ClassificationAnswer(name="port", confidence=0.3))
                            ],
                        )
                    ]
                ),
            ),
            lb.ClassificationAnnotation(name="remark", value=lb.Text(answer="a", confidence=0.2)),
        ),
    ),
    "benchmark": (
        "IMAGE",
        lambda: lb.Label(
            data={"global_key": "a"}, annotations=[thing("bollard", point())], is_benchmark_reference=True
        ),
    ),
    "relationship": ("IMAGE", lambda: label(VESSEL, BOLLARD, link(VESSEL, BOLLARD))),
    "relationship first, by id, both ways": (
        "IMAGE",
        lambda: label(
            lb.RelationshipAnnotation(
                name="moored at",
                feature_schema_id="c4df29f05604ed7fbb83d29b4",
                value=lb.Relationship(
                    source=VESSEL, target=BOLLARD, type=lb.Relationship.Type.BIDIRECTIONAL, readonly=False
                ),
            ),
            VESSEL,
            BOLLARD,
        ),
    ),
    "relationship of a document": (
        "PDF",
        lambda: label(
            PAGE_BOX,
            REMARK,
            link(REMARK, PAGE_BOX, "mentions"),
            link(None, PAGE_BOX, "mentions", source_ontology_name="weather"),
        ),
    ),
    "text entity": (
        "TEXT",
        lambda: label(
            thing("ship name", lb.TextEntity(start=4, end=12), classifications=[radio("certainty", "guess")]),
            thing("ship name", lb.TextEntity(start=0, end=0)),
        ),
    ),
    "conversation": (
        "CONVERSATIONAL",
        lambda: label(
            thing("harbour name", lb.ConversationEntity(start=18, end=26, message_id="m-2")),
            radio("tone", "calm", message_id="m-3"),
            checklist("topics", "berth", "cargo", message_id="m-3"),
            text("message note", "Asks for berth 4.", message_id="m-3"),
            text("remark", "Whole call is about berth 4."),
        ),
    ),
    "document": (
        "PDF",
        lambda: label(
            PAGE_BOX,
            thing(
                "ship name",
                lb.DocumentEntity(
                    text_selections=[lb.DocumentTextSelection(group_id="g", token_ids=["t", "u"], page=1)]
                ),
                classifications=[radio("certainty", "sure")],
            ),
        ),
    ),
    "evaluation": (
        "CONVERSATIONAL",
        lambda: label(
            lb.MessageEvaluationTaskAnnotation(
                name="best reply",
                value=lb.MessageSingleSelectionTask(parent_message_id="q", message_id="r", model_config_name="tide"),
            ),
            lb.MessageEvaluationTaskAnnotation(
                name="usable replies",
                value=lb.MessageMultiSelectionTask(
                    parent_message_id="q", selected_messages=[lb.MessageInfo(message_id="r", model_config_name="tide")]
                ),
            ),
            lb.MessageEvaluationTaskAnnotation(
                name="reply order",
                value=lb.MessageRankingTask(
                    parent_message_id="q",
                    ranked_messages=[
                        lb.OrderedMessageInfo(message_id="r", model_config_name="tide", order=2),
                        lb.OrderedMessageInfo(message_id="s", model_config_name="ebb", order=1),
                    ],
                ),
            ),
        ),
    ),
    "prompt and response": (
        "LLM_PROMPT_RESPONSE_CREATION",
        lambda: label(
            lb.PromptClassificationAnnotation(name="task prompt", value=lb.PromptText(answer="Describe.")),
            radio("reply quality", "good"),
        ),
    ),
    "video objects": (
        "VIDEO",
        lambda: label(
            *(seen(frame) for frame in (1, 2, 3, 9)),
            seen(4, point(310, 77.5), "bollard", extra={"uuid": FIRST}),
            seen(5, lb.Line(points=[point(0, 1), point(40, 12)]), "mooring rope", classifications=[]),
        ),
    ),
    "video objects with segments": (
        "VIDEO",
        lambda: label(
            seen(1, segment_index=0),
            seen(
                20,
                segment_index=0,
                classifications=[radio("hull state", "damaged", DENT), text("hull number", "LV-2207")],
            ),
            seen(40, segment_index=1),
        ),
    ),
    "video objects with interpolated frames": (
        "VIDEO",
        lambda: label(*(seen(frame, keyframe=frame in (5, 9)) for frame in range(5, 10))),
    ),
    "video masks": (
        "VIDEO",
        lambda: label(
            lb.VideoMaskAnnotation(
                frames=[
                    lb.MaskFrame(index=1, instance_uri="https://m.example/1.png"),
                    lb.MaskFrame(index=2, im_bytes=array_mask().np_to_bytes(array_mask().arr)),
                ],
                instances=[
                    lb.MaskInstance(color_rgb=(0, 120, 255), name="oil film"),
                    lb.MaskInstance(
                        color_rgb=(200, 30, 30), name="oil film", feature_schema_id="cb5f9d0e86e843bf1ee359122"
                    ),
                ],
            )
        ),
    ),
    "frame answers": (
        "VIDEO",
        lambda: label(
            *(said(frame, radio("light", "day")) for frame in (1, 2, 3, 7)),
            *(said(frame, checklist("events", "horn", "splash")) for frame in (2, 3)),
            *(said(frame, text("frame note", "gate opens")) for frame in (1, 2)),
            *(said(frame, text("frame note", "gate closes")) for frame in (3, 9)),
        ),
    ),
    "frame answers with segments": (
        "VIDEO",
        lambda: label(
            said(1, radio("light", "day"), segment_index=0),
            said(90, radio("light", "day"), segment_index=0),
            said(200, radio("light", "day"), segment_index=1),
            said(1, checklist("events", lb.ClassificationAnswer(name="splash",
                 classifications=[radio("splash size", "large")]))),
        ),
    ),
    "video, global": ("VIDEO", lambda: label(text("remark", "Two locks visible."), radio("weather", "clear"))),
    "audio": (
        "AUDIO",
        lambda: label(
            question(
                "speaker",
                when("pilot", (2500, 9000), below=[question("mood", when("hurried", (4000, 8800)))]),
            ),
            question("noise", when("engine", (0, 3000), (5000, 7000)), when("gulls", (100, 900))),
            times("transcript", (2500, 4100, "Tower."), (9100, 9800, "Go ahead.")),
            times("transcript", (9900, 9999, "Tower."), (9900, 9999, "Tower.")),
            text("remark", "Second half clipped."),
        ),
    ),
}  # fmt: skip
"""By name: the media type of the project, and a function that makes the label."""

SPOT = st.integers(-50, 5000) | st.floats(-50, 5000, allow_nan=False)
LENGTH = st.floats(0.5, 4000, allow_nan=False)
BOXES = st.builds(box, SPOT, SPOT, LENGTH, LENGTH)
POINTS = st.builds(point, SPOT, SPOT)
LINES = st.builds(lb.Line, points=st.lists(POINTS, min_size=2, max_size=5))
WORDS = st.text(min_size=1, max_size=9)
SCORES = st.none() | st.floats(0.01, 1)
HULL = st.builds(radio, st.just("hull state"), st.sampled_from(["intact"])) | st.just(
    radio("hull state", "damaged", DENT)
)
LOAD = st.lists(st.sampled_from(["crates", "vehicles"]), min_size=1, unique=True).map(
    lambda options: checklist("deck load", *options)
)
BELOW = st.tuples(st.lists(HULL, max_size=1), st.lists(LOAD, max_size=1)).map(lambda lists: lists[0] + lists[1])
OBJECTS = (
    st.builds(thing, st.just("vessel"), BOXES, classifications=BELOW, confidence=SCORES)
    | st.builds(thing, st.just("bollard"), POINTS, confidence=SCORES)
    | st.builds(thing, st.just("mooring rope"), LINES)
    | st.lists(POINTS, min_size=3, max_size=6, unique_by=lambda vertex: (vertex.x, vertex.y)).map(
        lambda points: thing("quay area", lb.Polygon(points=points))
    )
)
ANSWERS = (
    st.builds(text, st.just("remark"), WORDS)
    | st.sampled_from(["clear", "fog"]).map(lambda option: radio("weather", option))
    | st.lists(st.sampled_from(["red", "green", "yellow"]), min_size=1, unique=True).map(
        lambda options: checklist("flags", *options)
    )
)
# A data row answers each question once.
IMAGES = st.tuples(
    st.lists(OBJECTS, min_size=1, max_size=6), st.lists(ANSWERS, max_size=3, unique_by=lambda answer: answer.name)
).map(lambda lists: label(*lists[0], *lists[1]))

FRAMES = st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True).map(sorted)


@st.composite
def _track(draw: st.DrawFn, name: str, values: Any) -> list[Any]:
    frames = draw(FRAMES)
    indices = sorted(draw(st.lists(st.integers(0, 3), min_size=len(frames), max_size=len(frames))))
    segmented = draw(st.booleans())
    return [
        seen(frame, draw(values), name, **({"segment_index": index} if segmented else {}))
        for frame, index in zip(frames, indices, strict=True)
    ]


@st.composite
def _frame_answers(draw: st.DrawFn) -> list[Any]:
    answer = draw(
        st.sampled_from([radio("light", "day"), checklist("events", "horn", "splash"), checklist("events", "horn")])
    )
    notes = [said(frame, text("frame note", draw(st.sampled_from(["opens", "closes"])))) for frame in draw(FRAMES)]
    return [*(said(frame, answer) for frame in draw(FRAMES)), *notes]


VIDEOS = st.tuples(
    _track("vessel", BOXES), _track("bollard", POINTS), _track("mooring rope", LINES), _frame_answers()
).map(lambda lists: label(*(annotation for annotations in lists for annotation in annotations)))

RANGES = st.tuples(st.integers(0, 9000), st.integers(0, 500)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@st.composite
def _speaker(draw: st.DrawFn, mood: str) -> Any:
    frames = draw(st.lists(RANGES, min_size=1, max_size=4))
    below = draw(st.lists(st.sampled_from(frames), max_size=2))
    return question("speaker", when("pilot", *frames, below=[question("mood", when(mood, *below))] if below else None))


# One mood in a label: two at one time would be two options of a radio, which is wrong.
SOUNDS = (
    st.sampled_from(["hurried", "relaxed"])
    .flatmap(
        lambda mood: st.lists(
            _speaker(mood)
            | st.dictionaries(
                st.sampled_from(["engine", "gulls"]), st.lists(RANGES, min_size=1, max_size=3), min_size=1
            ).map(lambda noises: question("noise", *(when(name, *frames) for name, frames in noises.items())))
            | st.lists(st.tuples(RANGES, WORDS), min_size=1, max_size=4).map(
                lambda words: times("transcript", *((*frames, word) for frames, word in words))
            ),
            min_size=1,
            max_size=4,
        )
    )
    .map(lambda annotations: label(*annotations))
)
GENERATED = {"IMAGE": IMAGES, "VIDEO": VIDEOS, "AUDIO": SOUNDS}
