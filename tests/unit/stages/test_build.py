"""The rows of a chunk become a file and outcomes: validated first, then superseded, and no row is lost."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.held_rows import Origin, facts_of, split_body
from prelabel_worker.chunks.history import trace_of
from prelabel_worker.chunks.rows import ChunkRow, RowBlock, Unreadable
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.identity import row_digest, row_key
from prelabel_worker.rendering.row_builder import RowBuilder
from prelabel_worker.stages.build import Policy, build, newest

TOOLS = [{"tool": "rectangle", "name": "vessel", "featureSchemaId": "c" + "1" * 24}]
ORIGIN = Origin("submit", "chunk-1")


def builder() -> RowBuilder:
    return RowBuilder("p", Ontology.from_normalized({"tools": TOOLS}, "IMAGE"), data_row_forms="k")


def row(index: int, key: str, *, good: bool = True, model: str = "m", **fields: Any) -> ChunkRow:
    box = {"name": "vessel" if good else "vesel", "bbox": {"top": index, "left": 1, "height": 1, "width": 1}}
    message = {
        "messageId": f"m{index}",
        "projectId": "p",
        "dataRow": {"globalKey": key},
        "model": {"name": model},
        "annotations": [box | fields.pop("box", {})],
    }
    return ChunkRow(index, fields.pop("seq", 100 + index), 3, json.dumps(message).encode(), **fields)


def test_bad_rows_are_set_aside_and_the_others_are_the_file() -> None:
    built = build([row(0, "a"), row(1, "b", good=False), row(2, "c")], builder(), ORIGIN)

    assert built.sent.rows == (0, 2)
    assert len(b"".join(built.content).splitlines()) == 2
    (held,) = built.set_aside
    assert (held.name, held.index, held.held_id, held.in_history) == ("held", 1, "101", "unknown-feature")
    details, message = split_body(held.body)
    assert (details["messageId"], details["dataRow"], details["hint"]) == ("m1", "k:b", "did you mean vessel?")
    assert message == row(1, "b", good=False).raw
    assert built.not_in_ontology == 1


def test_an_invalid_message_supersedes_nothing() -> None:
    built = build([row(0, "a"), row(1, "a", good=False)], builder(), ORIGIN)

    assert built.sent.rows == (0,)
    assert [outcome.name for outcome in built.set_aside] == ["held"]


def test_a_newer_message_of_the_same_row_and_model_supersedes() -> None:
    built = build([row(0, "a"), row(1, "a"), row(2, "a", model="other"), row(3, "b")], builder(), ORIGIN)

    assert built.sent.rows == (1, 2, 3)
    assert [(outcome.name, outcome.index) for outcome in built.set_aside] == [("superseded", 0)]


def test_a_returning_row_keeps_its_old_number() -> None:
    returning = row(1, "a", seq=5, held_id="5")
    built = build([row(0, "a", seq=50), returning], builder(), ORIGIN)

    assert built.sent.rows == (0,)
    assert [(outcome.name, outcome.held_id) for outcome in built.set_aside] == [("superseded", "5")]


def test_a_superseded_row_is_superseded_before_it_is_read() -> None:
    built = build([ChunkRow(0, 1, 3, b"whatever", "1", superseded=True)], builder(), ORIGIN)

    assert [(outcome.name, outcome.held_id) for outcome in built.set_aside] == [("superseded", "1")]


def empty(index: int, key: str, **fields: Any) -> ChunkRow:
    full = row(index, key, **fields)
    full.raw = orjson.dumps(orjson.loads(full.raw) | {"annotations": []})
    return full


def test_a_message_without_annotations_is_skipped_and_supersedes_older_rows_of_its_data_row_and_model() -> None:
    rows = [row(0, "a"), row(1, "a", model="other"), empty(2, "a"), empty(3, "b"), row(4, "c"), row(5, "b")]
    built = build(rows, builder(), ORIGIN)

    assert built.sent.rows == (1, 4, 5)
    assert [(outcome.name, outcome.index) for outcome in built.set_aside] == [("superseded", 0), ("superseded", 3)]
    (emptied,) = built.emptied
    assert (emptied.name, emptied.index, emptied.in_history) == ("skipped", 2, "no-annotations")
    assert (emptied.empty_of, emptied.supersedes) == ("m", row_key("k:a", "m"))
    assert emptied.trace == trace_of("k:a", "m2")
    assert built.count("skipped") == 1


def test_a_retried_row_without_annotations_is_skipped_under_its_held_id() -> None:
    built = build([empty(0, "a", seq=5, held_id="5")], builder(), ORIGIN)

    assert built.sent.rows == ()
    assert [(outcome.held_id, outcome.empty_of) for outcome in built.emptied] == [("5", "m")]


def test_messages_of_a_block_without_annotations_are_skipped_too() -> None:
    block = RowBlock(0, 100, 3, [empty(0, "a").raw, row(1, "b").raw, empty(2, "c", model="other").raw])
    built = build([block], builder(), ORIGIN)

    assert built.sent.rows == (1,)
    assert [outcome.index for outcome in built.emptied] == [0, 2]


UUID = {"uuid": "5b0c9a1e-6d0f-4c7b-9a55-2f3d8c1e1101"}


@pytest.mark.parametrize(("seqs", "refused"), [((100, 101), 1), ((101, 100), 0)])
def test_of_two_rows_that_give_one_uuid_the_one_that_arrived_later_is_set_aside(
    seqs: tuple[int, int], refused: int
) -> None:
    built = build([row(0, "a", seq=seqs[0], box=UUID), row(1, "b", seq=seqs[1], box=UUID)], builder(), ORIGIN)

    assert built.sent.rows == (1 - refused,)
    (held,) = built.set_aside
    assert (held.index, held.in_history) == (refused, "duplicate-uuid")
    assert split_body(held.body)[0]["path"] == "annotations[0].uuid"


def test_a_newer_message_that_gives_the_uuids_of_the_older_one_supersedes_it() -> None:
    built = build([row(0, "a", box=UUID), row(1, "a", box=UUID)], builder(), ORIGIN)

    assert built.sent.rows == (1,)
    assert [(outcome.name, outcome.index) for outcome in built.set_aside] == [("superseded", 0)]


def test_a_message_with_another_row_s_uuid_supersedes_nothing() -> None:
    other = {"uuid": UUID["uuid"].replace("1101", "1102")}
    built = build([row(0, "a", box=UUID), row(1, "b", box=other), row(2, "a", box=other)], builder(), ORIGIN)

    assert built.sent.rows == (0, 1)
    assert [(outcome.in_history, outcome.index) for outcome in built.set_aside] == [("duplicate-uuid", 2)]


def test_what_is_sent_says_how_each_row_names_its_data_row() -> None:
    by_id = row(1, "b")
    by_id.raw = by_id.raw.replace(b"globalKey", b"id")
    sent = build([row(0, "a"), by_id], RowBuilder("p", builder()._ontology), ORIGIN).sent

    assert [sent.form(position) for position in range(2)] == ["k", "i"]
    assert [sent.adds(position) for position in range(2)] == [False, False]


def test_a_frame_that_cannot_be_read_weighs_its_rows() -> None:
    built = build([Unreadable(0, 7, 1, 3, b"raw", "f1", "truncated"), row(7, "a")], builder(), ORIGIN)

    (held,) = built.set_aside
    assert (held.rows, held.state and held.state.weight, held.held_id) == (7, 7, "f1")
    assert built.sent.rows == (7,)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12))
def test_every_row_is_in_the_file_or_has_an_outcome(spec: list[tuple[str, bool]]) -> None:
    rows = [row(index, key, good=good) for index, (key, good) in enumerate(spec)]

    built = build(rows, builder(), ORIGIN)

    assert sorted([*built.sent.rows, *(outcome.index for outcome in built.set_aside)]) == list(range(len(rows)))
    assert len(b"".join(built.content).splitlines()) == built.sent.annotations


@pytest.mark.parametrize("name", ["", "dead-letter"])
@given(spec=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([{}, UUID]), st.booleans()), max_size=12))
def test_the_rows_of_a_block_are_built_as_they_are_alone(
    spec: list[tuple[str, dict[str, str], bool]], name: str
) -> None:
    policy = Policy(name, _is_b) if name else None
    rows = [row(index, key, good=good, box=box) for index, (key, box, good) in enumerate(spec)]
    block = RowBlock(0, 100, 3, [each.raw for each in rows])

    alone, together = (build(parts, builder(), ORIGIN, policy) for parts in (rows, [block]))

    assert alone == together
    assert [*block.rows()] == rows


def _is_b(digests: Sequence[int]) -> set[int]:
    return {row_digest(row_key("k:b", "m"))}.intersection(digests)


@pytest.mark.parametrize(("name", "outcome"), [("skip", "skipped"), ("dead-letter", "existing")])
def test_a_policy_sets_aside_rows_that_were_imported_before(name: str, outcome: str) -> None:
    built = build(
        [RowBlock(0, 100, 3, [row(index, key).raw for index, key in enumerate("abc")])],
        builder(),
        ORIGIN,
        Policy(name, _is_b),
    )

    (aside,) = built.set_aside
    assert (aside.index, aside.in_history, built.sent.rows) == (1, outcome, (0, 2))
    assert aside.trace == trace_of("k:b", "m1")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"dataRow": 3}',
        b'{"dataRow": {"globalKey": 3}}',
        b'{"model": [], "dataRow": []}',
        b"\xff",
    ],
)
def test_facts_are_read_of_whatever_there_is(raw: bytes) -> None:
    assert facts_of(raw).row_key == ""


@pytest.mark.parametrize(
    ("raw", "data_row", "message_id"),
    [
        (b'{"messageId": "m", "dataRow": {"globalKey": "k"}, "annotations": [{"name": "x", "top": NaN}]}', "k:k", "m"),
        (b'{"messageId": "m", "dataRow": {"globalKey": "k"}, "annotations": [{"na', "k:k", "m"),
        (b'{"dataRow": {"id": "d"}, "annotations": [1e400], "messageId": "m"}', "i:d", "m"),
        (b'{"dataRow": {"id": "d"}, "messageId": "\xff"}', "i:d", None),
        (b'{"dataRow": {"id": "d"}, "model": {"name": 3}, "messageId": "m"}', "i:d", "m"),
        (b'{"annotations": [}, "dataRow": {"id": "d"}}', "", None),
    ],
)
def test_facts_are_read_up_to_the_place_where_json_breaks(raw: bytes, data_row: str, message_id: str | None) -> None:
    facts = facts_of(raw)

    assert (facts.data_row_key, facts.message_id) == (data_row, message_id)
    assert bool(facts.row_key) == (bool(data_row) and b'"name": 3' not in raw)


def test_facts_of_a_message_that_was_refused() -> None:
    facts = facts_of(orjson.dumps({"messageId": "m", "dataRow": {"id": "c1"}, "annotations": "nonsense"}))

    assert (facts.data_row_key, facts.model, facts.message_id) == ("i:c1", "", "m")
    assert len(facts.row_key) == 32


arrived = st.lists(
    st.tuples(st.integers(0, 50), st.tuples(st.sampled_from("abc"), st.sampled_from("mn"))), max_size=30
).map(lambda found: [(index, seq, key) for index, (seq, key) in enumerate(found)])


@given(arrived)
def test_of_one_data_row_and_model_only_the_last_to_arrive_stays(rows: list[tuple[int, int, tuple[str, str]]]) -> None:
    stay, gone = newest(rows)

    assert sorted(stay + gone) == [index for index, _, _ in rows]
    by_index = {index: (seq, key) for index, seq, key in rows}
    assert len({by_index[index][1] for index in stay}) == len(stay)
    for index in gone:
        seq, key = by_index[index]
        assert any(by_index[other][1] == key and (by_index[other][0], other) > (seq, index) for other in stay)
