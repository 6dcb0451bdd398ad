"""The worker and the sandbox have one verdict on the same lines, wherever both know enough."""

import secrets
from typing import Any

import orjson
import pytest

from prelabel import MessageError
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.golden import HARBOUR, message_of
from tests.support.sandbox.process import SandboxProcess
from tests.support.sandbox.statuses import statuses as as_ground_truth
from tests.support.values import ADDRESSES, BLACK, COMPOSITES, LIT, METRICS, NOT_ADDRESSES, frames

Line = dict[str, Any]
LINE = {"line": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}
WEATHER, FLAGS, REMARK = (
    {"name": "weather", "answer": {"name": "clear"}},
    {"name": "flags", "answer": [{"name": "red"}]},
    {"name": "remark", "answer": "x"},
)
PROMPT = {"name": "task prompt", "answer": "long enough"}
RESPONSE = {"name": "reply quality", "answer": {"name": "good"}}
PROMPTS = "LLM_PROMPT_RESPONSE_CREATION"
UNKNOWN = {"classifications": [{"name": "nope", "answer": {"name": "zzz"}}]}


def times(start: int, end: int) -> Line:
    return {"frames": [{"start": start, "end": end}]}


def chosen(name: str, start: int, end: int, **below: Any) -> Line:
    return {"name": name, **times(start, end), **below}


def mask(uri: str) -> Line:
    return {"name": "oil film", "mask": {"instanceURI": uri, "colorRGB": [1, 2, 3]}}


def masks(uri: str) -> Line:
    instances = [{"colorRGB": [1, 2, 3], "name": "oil film"}]
    return {"masks": {"frames": [{"index": 1, "instanceURI": uri}], "instances": instances}}


def task(form: str, parent: str, **data: Any) -> Line:
    names = {"message-single-selection": "best reply", "message-multi-selection": "usable replies"}
    task = {"format": form, "data": {"parentMessageId": parent, **data}}
    return {"name": names.get(form, "reply order"), "messageEvaluationTask": task}


def reply(message: str, **more: Any) -> Line:
    return {"messageId": message, "modelConfigName": "m", **more}


def moods(*answers: Line) -> Line:
    nested = {"classifications": [{"name": "mood", "answer": list(answers)}]}
    return {"name": "speaker", "answer": [chosen("pilot", 0, 9, **nested)]}


def slices(**below: Any) -> Line:
    segments = [{"keyframes": [{"frame": 2, **LINE, **below}]}]
    return {"name": "mooring rope", "groupKey": "axial", "segments": segments}


def track(**beside: Any) -> Line:
    return {"name": "bollard", "segments": [{"keyframes": [{"frame": 1, "point": {"x": 1, "y": 1}}]}], **beside}


SINGLE, MULTI, RANKING = (f"message-{form}" for form in ("single-selection", "multi-selection", "ranking"))
ACCEPTED: list[tuple[str, list[Line]]] = [
    *(("IMAGE", [mask(address)]) for address in ADDRESSES),
    *(("IMAGE", [{"name": "oil film", "mask": {"png": image}}]) for image in LIT.values()),
    *(
        ("IMAGE", [{"name": "oil film", "mask": {"imBytes": image, "colorRGB": inside}}])
        for image, inside, _ in COMPOSITES.values()
    ),
    ("VIDEO", [frames(BLACK["gray"], COMPOSITES["rgb"][0])]),
    ("IMAGE", [{"name": "remark", "answer": ""}, {"name": "flags", "answer": []}]),
    ("IMAGE", [{"name": "flags", "answers": []}]),
    ("IMAGE", [REMARK | {"classifications": []}, FLAGS | {"classifications": []}]),
    (
        "IMAGE",
        [
            {
                "name": "weather",
                "answer": {
                    "name": "fog",
                    "classifications": [
                        {
                            "schema_id": "cf39c934b00e652f42a309b92",
                            "custom_metrics": METRICS,
                            "answer": {"name": "light", "custom_metrics": METRICS},
                        }
                    ],
                },
            }
        ],
    ),
    ("VIDEO", [{"name": "events", "answer": [], **times(1, 2)}]),
    ("VIDEO", [masks("HTTP://masks.example.org/1.png")]),
    ("VIDEO", [{"name": "frame note", "answer": [{"value": "", **times(1, 2)}]}]),
    ("VIDEO", [{"name": "light", "answer": [chosen("day", 1, 5), chosen("night", 6, 9)]}]),
    ("VIDEO", [{"name": "light", "answer": chosen("day", 1, 5)}, {"name": "light", "answer": chosen("night", 6, 9)}]),
    ("VIDEO", [{"name": "light", "answer": chosen("day", 1, 5)}, {"name": "light", "answer": chosen("day", 3, 9)}]),
    ("VIDEO", [{"name": "events", "answer": [chosen("horn", 1, 5), chosen("splash", 1, 5)]}]),
    ("VIDEO", [track(classifications=[])]),
    ("AUDIO", [{"name": "speaker", "answer": [chosen("pilot", 1, 5), chosen("tower", 6, 9)]}]),
    ("AUDIO", [moods(chosen("relaxed", 0, 4), chosen("hurried", 5, 9))]),
    ("AUDIO", [{"name": "transcript", "answer": [{"value": "", **times(1, 5)}]}] * 2),
    ("CONVERSATIONAL", [{"name": "tone", "answer": {"name": "calm"}, "messageId": f"m-{at}"} for at in range(2)]),
    ("CONVERSATIONAL", [task(SINGLE, "q-1", **reply("r")), task(SINGLE, "q-2", **reply("r"))]),
    ("CONVERSATIONAL", [task(MULTI, "q", selectedMessages=[]), task(RANKING, "q", rankedMessages=[])]),
    ("DICOM", [slices(), slices(classifications=[]) | {"classifications": []}]),
    (PROMPTS, [PROMPT, RESPONSE]),
    ("TEXT", [RESPONSE, WEATHER]),
]
REFUSED: list[tuple[str, list[Line]]] = [
    *(("IMAGE", [mask(text)]) for text in NOT_ADDRESSES),
    ("VIDEO", [masks("https:///1.png")]),
    *(("IMAGE", [{"name": "oil film", "mask": {"png": image}}]) for image in BLACK.values()),
    *(
        ("IMAGE", [{"name": "oil film", "mask": {"imBytes": image, "colorRGB": outside}}])
        for image, _, outside in COMPOSITES.values()
    ),
    ("VIDEO", [frames(BLACK["gray"], BLACK["gray"])]),
    ("DICOM", [frames(BLACK["gray"]) | {"groupKey": "axial"}]),
    ("IMAGE", [REMARK | UNKNOWN]),
    ("IMAGE", [{"name": "weather", "answer": []}]),
    ("CONVERSATIONAL", [{"name": "message note", "answer": "x", "messageId": "m", **UNKNOWN}]),
    (PROMPTS, [PROMPT | UNKNOWN]),
    ("VIDEO", [{"name": "frame note", "answer": [{"value": "x", **times(1, 2), **UNKNOWN}]}]),
    ("AUDIO", [{"name": "transcript", "answer": [{"value": "x", **times(1, 2), **UNKNOWN}]}]),
    ("VIDEO", [{"name": "frame note", "answer": {"value": "x", **times(1, 2)}}]),
    ("VIDEO", [{"name": "frame note", "answers": [{"value": "x", **times(1, 2)}]}]),
    ("AUDIO", [{"name": "transcript", "answers": [{"value": "x", **times(1, 2)}]}]),
    *(("DICOM", [line]) for line in (WEATHER, FLAGS, REMARK)),
    ("DICOM", [slices(classifications=[{"name": "certainty", "answer": {"name": "sure"}}])]),
    ("VIDEO", [{"name": "light", "answer": [chosen("day", 1, 5), chosen("night", 1, 5)]}]),
    ("VIDEO", [{"name": "light", "answer": [chosen("day", 1, 5), chosen("night", 5, 9)]}]),
    ("VIDEO", [{"name": "light", "answer": [{"name": "day"}, {"name": "night"}], **times(1, 2)}]),
    ("VIDEO", [{"name": "light", "answer": chosen("day", 1, 5)}, {"name": "light", "answer": chosen("night", 2, 2)}]),
    ("VIDEO", [track(classifications=[{"name": "certainty", "answer": {"name": "sure"}}])]),
    ("AUDIO", [{"name": "speaker", "answer": [chosen("pilot", 1, 5), chosen("tower", 1, 5)]}]),
    ("AUDIO", [moods(chosen("relaxed", 0, 5), chosen("hurried", 5, 9))]),
    ("IMAGE", [WEATHER, {"name": "weather", "answer": {"name": "fog"}}]),
    ("IMAGE", [WEATHER, {"schemaId": "c55ecb30c958cc49a78902462", "answer": {"name": "clear"}}]),
    ("HTML", [FLAGS, {"name": "flags", "answer": []}]),
    ("TEXT", [REMARK, REMARK]),
    ("CONVERSATIONAL", [{"name": "tone", "answer": {"name": "calm"}, "messageId": "m"}] * 2),
    ("CONVERSATIONAL", [task(SINGLE, "q", **reply("r"))] * 2),
    ("CONVERSATIONAL", [task(SINGLE, "q", **reply("q"))]),
    ("CONVERSATIONAL", [task(MULTI, [], selectedMessages=[reply("r")])]),  # type: ignore[arg-type]
    ("TMS_GEO", [{"name": "vessel", "bbox": {"top": 1, "left": 1, "height": 1, "width": -1}}]),
    ("AUDIO", [{"name": "speaker", "answer": [chosen("pilot", 1, 5), chosen("pilot", 6, 9)]}]),
    ("CONVERSATIONAL", [task(MULTI, "q", selectedMessages=[reply("r"), reply("r")])]),
    ("CONVERSATIONAL", [task(RANKING, "q", rankedMessages=[reply("r", order=1), reply("r", order=2)])]),
    *((PROMPTS, [line]) for line in (WEATHER, FLAGS, REMARK)),
    (PROMPTS, [RESPONSE, RESPONSE]),
    *((media, [PROMPT]) for media in ("IMAGE", "TEXT", "CONVERSATIONAL", "VIDEO")),
    *((media, [RESPONSE]) for media in ("IMAGE", "CONVERSATIONAL", "AUDIO", "PDF")),
]  # fmt: skip
CASES = [(media, lines, True) for media, lines in ACCEPTED] + [(media, lines, False) for media, lines in REFUSED]


def of_the_worker(media: str, lines: list[Line]) -> bool:
    builder = RowBuilder("harbour", Ontology.from_normalized(HARBOUR, media))
    try:
        builder.build(orjson.dumps(message_of([line | {"dataRow": {"globalKey": "a"}} for line in lines])))
    except MessageError:
        return False
    return True


@pytest.fixture(scope="module")
def of_the_sandbox(sandbox_process: SandboxProcess) -> list[bool]:
    """The verdicts on all cases: of each medium in one import, each on a data row of its own."""
    verdicts: dict[int, bool] = {}
    for media in {media for media, _, _ in CASES}:
        project = f"c{secrets.token_hex(12)}"
        sandbox_process.project(project, HARBOUR, mediaType=media)
        cases = {at: lines for at, (of_media, lines, _) in enumerate(CASES) if of_media == media}
        lines = [(at, line | {"dataRow": {"globalKey": f"row-{at}"}}) for at, case in cases.items() for line in case]
        statuses = sandbox_process.statuses(project, "all", [line for _, line in lines])
        for (at, _), status in zip(lines, statuses, strict=True):
            verdicts[at] = verdicts.get(at, True) and status["status"] == "SUCCESS"
    return [verdicts[at] for at in range(len(CASES))]


@pytest.mark.parametrize("at", range(len(CASES)), ids=lambda at: f"{CASES[at][0]} {at}")
def test_worker_and_sandbox_have_one_verdict(of_the_sandbox: list[bool], at: int) -> None:
    media, lines, valid = CASES[at]

    assert (of_the_worker(media, lines), of_the_sandbox[at]) == (valid, valid), lines


def test_a_benchmark_mark_is_taken_in_ground_truth_and_is_true_or_false(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR)
    lines = [
        WEATHER | {"dataRow": {"globalKey": key}, "isBenchmarkReferenceLabel": mark}
        for key, mark in (("a", True), ("b", 1))
    ]

    assert [each["status"] for each in as_ground_truth(sandbox, project, "marks", lines)] == ["SUCCESS", "FAILURE"]


def test_an_answer_with_the_uuid_of_another_replaces_it(sandbox: SandboxProcess, project: str) -> None:
    sandbox.project(project, HARBOUR)
    row = {"dataRow": {"globalKey": "a"}, "uuid": "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e0101"}

    assert [each["status"] for each in sandbox.statuses(project, "a", [WEATHER | row] * 2)] == ["SUCCESS"] * 2
    again = [WEATHER | row, WEATHER | row | {"uuid": "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e0102"}]
    assert [each["status"] for each in sandbox.statuses(project, "b", again)] == ["SUCCESS", "FAILURE"]
