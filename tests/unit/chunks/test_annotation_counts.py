"""Annotation counts: the number of annotations that a message has of each feature, in bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.chunks.annotation_counts import (
    MOST_BYTES,
    Counted,
    Slots,
    annotation_counts_of,
    leftovers,
    names_of,
    pack,
    unpack,
)
from prelabel_worker.ontology.tree import feature_bytes
from prelabel_worker.rendering.identity import ProjectIdentity

CAR, DOG = feature_bytes("car"), feature_bytes("dog")
ROW = ProjectIdentity("p").row("k:a", "m")

counts = st.dictionaries(st.integers(1, 255), st.integers(1, 5000), min_size=1, max_size=15)


@given(counts)
def test_a_shape_keeps_the_count_of_each_feature(by_feature: dict[int, int]) -> None:
    packed = pack(by_feature, 9)

    assert unpack(packed) == {number: Slots(count, count) for number, count in by_feature.items()}
    assert len(packed) <= MOST_BYTES


@pytest.mark.slow
@given(st.dictionaries(st.integers(1, 255), st.integers(1, 5000), min_size=40), st.integers(1, 10**6))
def test_a_message_of_more_features_than_redis_packs_is_counted_as_a_whole(
    by_feature: dict[int, int], annotations: int
) -> None:
    assert unpack(pack(by_feature, annotations)) == {0: Slots(annotations, annotations)}


def test_a_message_whose_features_have_no_number_or_no_derived_uuid_is_counted_as_a_whole() -> None:
    assert unpack(pack({1: 2, 0: 3}, 5)) == unpack(pack({}, 5)) == {0: Slots(5, 5)}


def test_few_boxes_of_few_features_take_two_bytes_a_feature() -> None:
    assert len(pack({1: 5, 2: 63}, 68)) == 4


def test_features_and_models_are_numbered_once_whatever_the_messages() -> None:
    rows = [Counted("m", {CAR: 2}, 2), Counted("m", {CAR: 1, DOG: 1}, 2), Counted("n", {}, 4)]
    names = names_of(rows)
    numbers = {name: at for at, name in enumerate(names, 1)}

    assert len(names) == 4
    assert [unpack(packed) for packed in annotation_counts_of(rows, numbers)] == [
        {1: Slots(2, 2)},
        {1: Slots(1, 1), 2: Slots(1, 1)},
        {0: Slots(4, 4)},
    ]


def test_the_uuids_left_are_those_of_the_higher_ordinals() -> None:
    packed = bytes((1, 2 * 1 + 1, 3, 2, 4))  # of the first feature one, at most three; of the second two

    left = leftovers("m", packed, {1: b"f" + CAR, 2: b"f" + DOG}, ROW)

    assert left.uuids == ROW.uuids([CAR] * 3)[1][1:]
    assert (left.annotations, left.unnamed) == (2, 0)


def test_a_message_that_is_counted_as_a_whole_has_only_a_number() -> None:
    left = leftovers("m", bytes((0, 2 * 1 + 1, 3)), {}, ROW)

    assert (left.uuids, left.unnamed, left.annotations) == ([], 2, 2)
