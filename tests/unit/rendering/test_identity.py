"""Golden values: what is digested here can never change again."""

import hashlib
import uuid

import pytest

from prelabel_worker.ontology.tree import feature_bytes
from prelabel_worker.rendering.identity import (
    ProjectIdentity,
    import_name,
    packed_row_key,
    row_key,
    unsent_line,
    uuid_bytes,
    uuid_texts,
)

PROJECT = "cmh2k4t8x00a107l5e1v9q3zr"
VESSEL, BOLLARD = feature_bytes("c05d0f20c7d1065cf2276b0b2"), feature_bytes("ca268f14ed7a0ba3915391f99")


def uuids(data_row_key: str, model: str, *features: bytes, project: str = PROJECT) -> list[str]:
    return ProjectIdentity(project).row(data_row_key, model).uuids(features)[1]


GOLDEN = [
    (
        "k:pier-7/cam-2/000184.jpg",
        "yolo",
        [VESSEL, VESSEL, BOLLARD, VESSEL],
        [
            "3a194824-a86d-8bdd-b958-3340b00dcaf2",
            "3a194824-a86d-8bdd-b958-3340b00dcaf3",
            "23c91cdc-a971-8db1-b8cd-2fbaf3a26903",
            "3a194824-a86d-8bdd-b958-3340b00dcaf0",
        ],
    ),
    ("i:cmh2k4t8x00a107l5e1v9q3zr", "", [VESSEL], ["c1b31bef-596b-8fcb-97d9-06ac7f6d9f20"]),
    ("k:Überfahrt \U0001f6a2", "détecteur", [BOLLARD], ["7c47cb7e-bcaa-84f1-b202-093d333c7119"]),
]


@pytest.mark.parametrize(("data_row_key", "model", "features", "expected"), GOLDEN)
def test_uuids_of_annotations_never_change(
    data_row_key: str, model: str, features: list[bytes], expected: list[str]
) -> None:
    assert uuids(data_row_key, model, *features) == expected


def digest(person: bytes, *parts: str) -> int:
    data = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return int.from_bytes(hashlib.blake2b(data, digest_size=16, person=person).digest(), "big")


@pytest.mark.parametrize("ordinal", [0, 1, 255, 256, 4999])
def test_a_uuid_is_the_combination_of_digests_that_the_documentation_says(ordinal: int) -> None:
    row = digest(b"prelabel.row.1", "k:a", "yolo")
    feature = digest(b"prelabel.uuid.2", PROJECT, "c05d0f20c7d1065cf2276b0b2")
    combined = bytearray((row ^ feature ^ ordinal).to_bytes(16, "big"))
    combined[6] = combined[6] & 0x0F | 0x80
    combined[8] = combined[8] & 0x3F | 0x80

    assert uuids("k:a", "yolo", *[VESSEL] * 5000)[ordinal] == str(uuid.UUID(bytes=bytes(combined)))


def test_ordinals_change_the_last_13_bits_alone() -> None:
    """This is what the odds of two equal uuids are computed from."""
    binary = ProjectIdentity(PROJECT).row("k:a", "").uuids([VESSEL] * 5000)[0]

    assert len({int.from_bytes(each, "big") >> 13 for each in binary}) == 1


def test_uuids_are_version_8_of_rfc_9562_in_bytes_and_text() -> None:
    binary, text, _ = ProjectIdentity(PROJECT).row("k:a", "").uuids([VESSEL] * 5000)

    assert [str(uuid.UUID(bytes=each)) for each in binary] == text
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in text} == {(8, uuid.RFC_4122)}
    assert len(set(text)) == 5000
    assert [uuid_bytes(each) for each in text[:3]] == binary[:3]


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 14, 15, 100])
def test_texts_of_many_uuids_are_those_of_each(count: int) -> None:
    packed = bytes(range(256)) * 7

    assert uuid_texts(packed[: 16 * count]) == [
        str(uuid.UUID(bytes=packed[start : start + 16])) for start in range(0, 16 * count, 16)
    ]


def test_everything_that_tells_annotations_apart_changes_the_uuid() -> None:
    found = [
        *uuids("k:a", "m", VESSEL, VESSEL, BOLLARD),
        *uuids("i:a", "m", VESSEL),
        *uuids("k:a", "", VESSEL),
        *uuids("k:a", "m", VESSEL, project="other"),
        *uuids("k:", "am", VESSEL),
        *uuids("k:am", "", VESSEL),
    ]

    assert len(set(found)) == len(found)


def test_the_order_of_other_features_does_not_matter() -> None:
    first = uuids("k:a", "m", VESSEL, BOLLARD, VESSEL)
    second = uuids("k:a", "m", BOLLARD, VESSEL, VESSEL)

    assert (first[0], first[1], first[2]) == (second[1], second[0], second[2])


def test_names_of_imports_never_change() -> None:
    assert import_name("7f3a", [b"{}", b"\n"]) == "prelabel-7f3a-ca3d163bab055381827226140568f3be"
    assert import_name("7f3a", []) != import_name("7f3a", [b"{}\n"])


def test_keys_of_held_rows_never_change() -> None:
    assert row_key("k:pier-7/cam-2/000184.jpg", "yolo") == "517c16ab419fede42f021a711ea57630"
    assert row_key("i:cmh2k4t8x00a107l5e1v9q3zr", "") == "aad64560b099b9f201832f9dd1c523e2"
    assert row_key("k:a", "b") != row_key("k:ab", "")
    assert packed_row_key("k:a", "b").hex() == row_key("k:a", "b")
    assert row_key("k:" + "a" * 5000, "b") == f"{digest(b'prelabel.row.1', 'k:' + 'a' * 5000, 'b'):032x}"


def test_the_keys_of_lines_without_uuid_never_change() -> None:
    assert unsent_line("k:a", "yolo", 0).hex() == "87268db27fff5830b48b6583ce5015f6"
    assert unsent_line("k:a", "yolo", 0)[:8] == unsent_line("k:a", "sam", 7)[:8] != unsent_line("i:a", "yolo", 0)[:8]
