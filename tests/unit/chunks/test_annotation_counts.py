"""Annotation counts: the numbers of annotations that messages have of each feature, and what is left over of them."""

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.annotation_counts import AnnotationCounts, Counted, ImportedMessage, leftovers
from prelabel_worker.ontology.tree import feature_bytes
from prelabel_worker.rendering.identity import ProjectIdentity
from tests.support.sent import packed_counts

CAR, DOG = feature_bytes("car"), feature_bytes("dog")
ROW = ProjectIdentity("p").row("k:a", "m")

by_feature = st.dictionaries(st.integers(1, 500).map(lambda n: b"%d" % n), st.integers(1, 5000), max_size=12)
counted = st.builds(
    lambda model, features, more: Counted(model, features, sum(features.values()) or more),
    st.sampled_from(["", "m", "yolo"]),
    by_feature,
    st.integers(1, 10**6),
)


@given(st.lists(counted))
def test_every_message_keeps_its_model_and_its_count_of_each_feature(messages: list[Counted]) -> None:
    column = AnnotationCounts(packed_counts(messages))

    assert [column.of(position) for position in range(len(messages))] == messages


def test_a_message_of_very_many_features_is_counted_as_a_whole() -> None:
    many = Counted("m", {b"%d" % number: 1 for number in range(130)}, 130)

    column = AnnotationCounts(packed_counts([many, Counted("m", {CAR: 2}, 2)]))

    assert [column.of(0), column.of(1)] == [Counted("m", {}, 130), Counted("m", {CAR: 2}, 2)]


def test_messages_of_five_boxes_take_few_bytes_each() -> None:
    features = [feature_bytes(name) for name in ("car", "truck", "bus", "person", "sign")]
    messages = [
        Counted("m", {features[n % 5]: 2, features[n // 5 % 5]: 2, features[n // 25 % 5]: 1}, 5) for n in range(5_000)
    ]

    assert len(packed_counts(messages)) < 5_000 * 3


def test_a_column_that_claims_a_huge_size_is_refused() -> None:
    huge = zstandard.ZstdCompressor().compress(bytes(65 * 1024 * 1024))

    with pytest.raises(ValueError, match="larger than any"):
        AnnotationCounts(huge)


def message(counts: dict[bytes, int], *, annotations: int = 0, undone: bool = False) -> ImportedMessage:
    return ImportedMessage(Counted("m", counts, annotations or sum(counts.values())), undone)


def left(*messages: ImportedMessage) -> tuple[list[str], int]:
    found = leftovers(messages, ROW)
    assert found.annotations == len(found.uuids) + found.unnamed
    return found.uuids, found.unnamed


def uuids(feature: bytes, first: int, last: int) -> list[str]:
    return ROW.uuids([feature] * last)[1][first:]


def test_the_uuids_left_are_those_of_the_higher_ordinals() -> None:
    assert left(message({CAR: 3, DOG: 1}), message({CAR: 1, DOG: 2})) == (uuids(CAR, 1, 3), 0)


def test_what_two_messages_left_stays_until_a_message_overrides_it() -> None:
    first, second = message({CAR: 4}), message({CAR: 1, DOG: 3})

    assert left(first, second, message({DOG: 1})) == (uuids(CAR, 0, 4) + uuids(DOG, 1, 3), 0)
    assert left(first, second, message({CAR: 4, DOG: 3})) == ([], 0)


def test_what_an_undone_import_had_overridden_does_not_come_back() -> None:
    first, undone = message({CAR: 4}), message({CAR: 2}, undone=True)

    assert left(first, undone) == ([], 0)
    assert left(first, undone, message({CAR: 1})) == (uuids(CAR, 2, 4), 0)
    assert left(message({CAR: 4}, undone=True), message({CAR: 1})) == ([], 0)
    assert left(message({CAR: 4}, undone=True)) == ([], 0)


def test_a_message_without_annotations_leaves_all_older_ones() -> None:
    nothing = ImportedMessage(Counted("m", {}, 0), undone=False)

    assert left(message({CAR: 2}), message({CAR: 1}), nothing) == (uuids(CAR, 0, 2), 0)
    assert left(message({CAR: 2}), nothing, message({CAR: 1})) == (uuids(CAR, 1, 2), 0)
    assert left(message({CAR: 2}, undone=True), nothing) == ([], 0)
    assert left(message({}, annotations=3), nothing) == ([], 3)


def test_messages_that_are_counted_as_a_whole_leave_a_minimum_without_uuids() -> None:
    assert left(message({}, annotations=3), message({}, annotations=1)) == ([], 2)
    assert left(message({}, annotations=3), message({CAR: 1})) == ([], 2)
    assert left(message({CAR: 3}), message({}, annotations=1)) == ([], 2)
    assert left(message({}, annotations=1), message({}, annotations=3)) == ([], 0)
