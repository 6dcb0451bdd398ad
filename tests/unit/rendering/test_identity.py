"""Golden values: what is digested here can never change again."""

import hashlib
import uuid

import pytest

from prelabel_worker.ontology.tree import feature_bytes
from prelabel_worker.rendering.identity import ProjectIdentity, import_name, row_key, unsent_line, uuid_bytes

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
            "476322f6-52ad-8426-b661-3d98700d6c84",
            "5295822b-f7e8-897b-a1de-a8d0f76b61f0",
            "6a147c9f-1f11-84d5-be2a-d02bc65fcf56",
            "e9abd406-956e-8c5f-9692-d01f333ff940",
        ],
    ),
    ("i:cmh2k4t8x00a107l5e1v9q3zr", "", [VESSEL], ["ee4348d9-2e91-812f-99b2-19332a3a36b5"]),
    ("k:Überfahrt \U0001f6a2", "détecteur", [BOLLARD], ["0cae72b3-3c4d-8b0c-8e78-2820f4c9417b"]),
]


@pytest.mark.parametrize(("data_row_key", "model", "features", "expected"), GOLDEN)
def test_uuids_of_annotations_never_change(
    data_row_key: str, model: str, features: list[bytes], expected: list[str]
) -> None:
    assert uuids(data_row_key, model, *features) == expected


def test_a_uuid_is_the_digest_that_the_documentation_says() -> None:
    parts = [PROJECT, "k:a", "yolo", "c05d0f20c7d1065cf2276b0b2"]
    data = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts) + (1).to_bytes(4, "big")
    digest = bytearray(hashlib.blake2b(data, digest_size=16, person=b"prelabel.uuid.1").digest())
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80

    assert uuids("k:a", "yolo", VESSEL, VESSEL)[1] == str(uuid.UUID(bytes=bytes(digest)))


def test_uuids_are_version_8_of_rfc_9562_in_bytes_and_text() -> None:
    binary, text, _ = ProjectIdentity(PROJECT).row("k:a", "").uuids([VESSEL] * 5000)

    assert [str(uuid.UUID(bytes=each)) for each in binary] == text
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in text} == {(8, uuid.RFC_4122)}
    assert len(set(text)) == 5000
    assert [uuid_bytes(each) for each in text[:3]] == binary[:3]


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
    assert import_name("7f3a", b"{}\n") == "prelabel-7f3a-539873d3417f9a0abedf2ba4bfcf808d"
    assert import_name("7f3a", b"") != import_name("7f3a", b"{}\n")


def test_keys_of_held_rows_never_change() -> None:
    assert row_key("k:pier-7/cam-2/000184.jpg", "yolo") == "517c16ab419fede42f021a711ea57630"
    assert row_key("i:cmh2k4t8x00a107l5e1v9q3zr", "") == "aad64560b099b9f201832f9dd1c523e2"
    assert row_key("k:a", "b") != row_key("k:ab", "")


def test_the_keys_of_lines_without_uuid_never_change() -> None:
    assert unsent_line("k:a", "yolo", 0).hex() == "87268db27fff5830b48b6583ce5015f6"
    assert unsent_line("k:a", "yolo", 0)[:8] == unsent_line("k:a", "sam", 7)[:8] != unsent_line("i:a", "yolo", 0)[:8]
