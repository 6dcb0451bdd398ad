"""Edits: what is named is renamed, at every depth, and nothing else; a repeated run changes nothing."""

import copy
import threading
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.errors import MessageError, Reason
from prelabel.unix_time import UnixTime
from prelabel_worker.dead_letters.bulk import Pacer
from prelabel_worker.dead_letters.differences import differences
from prelabel_worker.dead_letters.editing import AmbiguousEdit, Edits, checked, edited_message
from prelabel_worker.dead_letters.letter import DeadLetter

OLD = st.sampled_from(["Car", "yes", "no", "a"])
NEW = st.sampled_from(["car", "Yes", "No", "b"])
NAMES = st.dictionaries(OLD, NEW, max_size=3)
ANY_NAME = OLD | NEW
LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_NAME
)


def classification(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    option = st.fixed_dictionaries({"name": ANY_NAME}, optional={"classifications": st.lists(children, max_size=2)})
    answer = option | st.lists(option, max_size=3) | ANY_NAME
    return st.fixed_dictionaries({"name": ANY_NAME}, optional={"answer": answer, "answers": st.lists(option)})


CLASSIFICATIONS = st.recursive(st.fixed_dictionaries({"name": ANY_NAME, "answer": ANY_NAME}), classification)
MESSAGES = st.fixed_dictionaries(
    {
        "projectId": ANY_NAME,
        "dataRow": st.fixed_dictionaries({}, optional={"id": ANY_NAME, "globalKey": ANY_NAME}) | LEAF,
        "annotations": st.lists(CLASSIFICATIONS | st.dictionaries(ANY_NAME, LEAF), max_size=4) | LEAF,
    },
    optional={"model": st.dictionaries(st.just("name"), ANY_NAME)},
)


def message(**fields: Any) -> dict[str, Any]:
    box = {"top": 1, "left": 2, "height": 3, "width": 4}
    base = {"messageId": "m", "projectId": "p", "dataRow": {"globalKey": "a"}}
    return base | {"annotations": [{"name": "Car", "bbox": box}]} | fields


def dead_letter(body: Any, **fields: Any) -> DeadLetter:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    header = b'{"path":"x","messageId":"m","dataRow":"k:a","model":"","stage":"submit"}'
    known: dict[str, Any] = {"message_id": "m", "data_row": "k:a", "message": raw, "header": header} | fields
    return DeadLetter(
        id="1",
        project_id="p",
        model="",
        reason="unknown-feature",
        group="g",
        details={},
        stage="submit",
        chunk_id="c",
        import_name="",
        attempts=1,
        first_at=UnixTime(0.0),
        last_at=UnixTime(0.0),
        superseded=False,
        weight=1,
        lane=3,
        **known,
    )


def applied(edits: Edits, body: Any) -> Any:
    return orjson.loads(edits.apply(orjson.dumps(body)))


@given(MESSAGES, NAMES, NAMES, NAMES)
def test_a_second_run_changes_nothing(
    body: Any, features: dict[str, str], options: dict[str, str], rows: dict[str, str]
) -> None:
    edits = Edits(features, options, rows)
    once = edits.apply(orjson.dumps(body))

    assert edits.apply(once) == once


@given(MESSAGES, NAMES, NAMES, NAMES)
def test_only_names_and_data_rows_change(
    body: Any, features: dict[str, str], options: dict[str, str], rows: dict[str, str]
) -> None:
    after = applied(Edits(features, options, rows), body)

    for path, was, became in differences(body, after):
        last = path.rsplit(".", 1)[-1]
        if path in ("dataRow.id", "dataRow.globalKey"):
            assert rows[was] == became
        elif path.count(".") == 1 and path.startswith("annotations[") and last == "name":
            assert features[was] == became
        else:
            assert last == "name"
            assert path.rsplit(".", 2)[-2].split("[")[0] in ("answer", "answers")
            assert options[was] == became


@given(MESSAGES)
def test_nothing_to_rename_gives_the_same_bytes(body: Any) -> None:
    raw = orjson.dumps(body)

    assert Edits({"not there": "x"}, {"not there": "y"}, {"not there": "z"}).apply(raw) is raw


def test_features_are_renamed_on_annotations_alone() -> None:
    nested = {"name": "Car", "answer": {"name": "Car"}}
    body = message(
        annotations=[{"name": "Car", "bbox": {}, "classifications": [nested]}, {"name": "Car", "answer": "Car"}]
    )

    after = applied(Edits(features={"Car": "car"}), body)

    expected = copy.deepcopy(body)
    expected["annotations"][0]["name"] = expected["annotations"][1]["name"] = "car"
    assert after == expected


def test_nested_classifications_are_renamed_at_every_depth_and_features_and_options_stay() -> None:
    deep = {"name": "q", "answer": [{"name": "q", "classifications": [{"name": "q", "answer": "q"}]}]}
    keyframe = {"frame": 1, "classifications": [{"name": "q", "answer": {"name": "q"}}]}
    annotations = [
        {"name": "q", "bbox": {}, "classifications": [deep]},
        {"name": "q", "segments": [{"keyframes": [keyframe]}]},
    ]

    box, track = applied(Edits(classifications={"q": "Q"}), message(annotations=annotations))["annotations"]

    below = box["classifications"][0]
    assert (box["name"], below["name"], below["answer"][0]["name"]) == ("q", "Q", "q")
    assert below["answer"][0]["classifications"] == [{"name": "Q", "answer": "q"}]
    assert track["segments"][0]["keyframes"][0]["classifications"] == [{"name": "Q", "answer": {"name": "q"}}]


def test_options_are_renamed_at_every_depth_and_texts_stay() -> None:
    deep = {"name": "q", "answer": [{"name": "yes"}, {"name": "maybe"}]}
    body = message(
        annotations=[
            {"name": "yes", "answer": {"name": "yes", "classifications": [deep]}},
            {"name": "t", "answer": "yes"},
            {"name": "o", "bbox": {}, "classifications": [{"name": "q", "answers": [{"name": "yes"}]}]},
        ]
    )

    after = applied(Edits(options={"yes": "Yes"}), body)

    first, text, nested = after["annotations"]
    assert (first["name"], first["answer"]["name"], text["answer"]) == ("yes", "Yes", "yes")
    assert first["answer"]["classifications"][0]["answer"] == [{"name": "Yes"}, {"name": "maybe"}]
    assert nested["classifications"][0]["answers"] == [{"name": "Yes"}]


def test_names_inside_masks_links_and_keyframes_are_found() -> None:
    masks = {"frames": [{"index": 1}], "instances": [{"name": "Car", "colorRGB": [1, 2, 3]}, {"name": "yes"}]}
    keyframe = {"frame": 1, "classifications": [{"name": "Car", "answer": [{"name": "yes"}]}]}
    timed = [{"name": "yes", "frames": [{"start": 1, "end": 2}]}, {"value": "yes"}]
    annotations = [
        {"masks": masks},
        {"name": "yes", "segments": [{"keyframes": [keyframe]}]},
        {"name": "link", "relationship": {"sourceOntologyName": "Car", "target": "yes"}},
        {"name": "noise", "answer": timed},
    ]
    after = applied(Edits({"Car": "car"}, {"yes": "Yes"}), message(annotations=annotations))["annotations"]

    assert [each["name"] for each in after[0]["masks"]["instances"]] == ["car", "yes"]
    assert after[1]["name"] == "yes"
    assert after[1]["segments"][0]["keyframes"][0]["classifications"] == [{"name": "Car", "answer": [{"name": "Yes"}]}]
    assert after[2]["relationship"] == {"sourceOntologyName": "car", "target": "yes"}
    assert [each.get("name", each.get("value")) for each in after[3]["answer"]] == ["Yes", "yes"]


def test_data_rows_are_replaced_in_their_form() -> None:
    rows = {"a": "b", "i1": "i2"}

    assert applied(Edits(data_rows=rows), message())["dataRow"] == {"globalKey": "b"}
    assert applied(Edits(data_rows=rows), message(dataRow={"id": "i1"}))["dataRow"] == {"id": "i2"}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"7", b"\xff", b'{"annotations": [7, {"answer": 3}], "dataRow": 1}'])
def test_what_is_no_message_stays_as_it_is(raw: bytes) -> None:
    assert Edits({"a": "b"}, {"c": "d"}, {"e": "f"}).apply(raw) is raw


@pytest.mark.parametrize("names", [{"a": "b", "b": "c"}, {"a": "b", "b": "a"}, {"a": "a"}])
def test_a_name_that_is_old_and_new_is_refused(names: dict[str, str]) -> None:
    for field in ("features", "options", "data_rows"):
        with pytest.raises(AmbiguousEdit, match="both an old and a new name"):
            Edits(**{field: names})


def test_a_new_message_is_checked_as_when_it_is_published() -> None:
    with pytest.raises(MessageError) as error:
        checked(dead_letter(b"{"), orjson.dumps(message(annotations=[{"name": "Car", "bbox": {"top": 1}}])))

    assert error.value.path == "annotations[0].bbox.left"


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"projectId": "other"}, "projectId", Reason.WRONG_PROJECT),
        ({"messageId": "other"}, "messageId", Reason.MALFORMED_MESSAGE),
    ],
)
def test_project_and_message_id_stay(fields: dict[str, str], path: str, reason: Reason) -> None:
    with pytest.raises(MessageError) as error:
        checked(dead_letter(message()), orjson.dumps(message(**fields)))

    assert (error.value.path, error.value.reason) == (path, reason)


def test_a_message_that_lost_its_id_gets_it_back() -> None:
    body = message()
    del body["messageId"]

    assert checked(dead_letter(message()), orjson.dumps(body)).message_id == "m"


def test_the_facts_follow_the_message_and_the_cause_stays() -> None:
    before = dead_letter(message())
    pretty = orjson.dumps(message(dataRow={"globalKey": "b"}, model={"name": "x"}), option=orjson.OPT_INDENT_2)

    new = edited_message(before, checked(before, pretty), 16)

    header, _, raw = new.body.partition(b"\n")
    assert orjson.loads(header) == {
        "path": "x", "messageId": "m", "dataRow": "k:b", "model": "x", "stage": "submit"
    }  # fmt: skip
    assert b"\n" not in raw
    assert new.facts["bytes"] == len(raw)
    assert new.facts["lane"] != 3
    same = edited_message(before, checked(before, orjson.dumps(message())), 16)
    assert same.facts["lane"] == 3


class Stop(threading.Event):
    """Time that passes when it is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        self.now += timeout or 0
        return False


def test_the_pace_lets_so_many_rows_a_second_go() -> None:
    stop = Stop()
    pacer = Pacer(100, lambda: stop.now)
    for _ in range(3):
        pacer.wait(stop)
        pacer.spent(50)

    assert stop.waits == [0.5, 0.5]
    assert (Pacer(100).slice, Pacer(0.5).slice, Pacer(5000).slice) == (100, 1, 200)
