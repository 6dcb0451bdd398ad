"""Every annotation kind beside every key of the others, on every media type: valid, or refused at the right key."""

import io
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from prelabel.annotations.kinds import KEYS, KINDS, Kind, kind_of_json
from prelabel.errors import Reason
from prelabel.readers.ndjson import LineOptions, read_lines
from prelabel_worker.rendering.file_validation import Fault, OfProject, validate
from tests.support.kind_matrix import (
    BUILDERS,
    DEEP,
    EXAMPLES,
    MEDIA,
    ONTOLOGIES,
    PROJECT,
    Cell,
    accepts,
    below,
    cells,
    lines_of,
    publisher_says,
    rendered,
    sandbox_says,
    worker_says,
)

CELLS = list(cells())
PROBES = [(cell, media) for cell in CELLS for media in MEDIA if accepts(media, cell.kind)]
NOT_TOGETHER = {
    **{(f"{volume} mask set", key): "the instances name their tools"
       for volume in ("DICOM", "video") for key in ("name", "schemaId")},
    **{(f"timed {form}", "frames"): "the options have them already" for form in ("radio", "checklist")},
}  # fmt: skip
"""Kind and key → why a key that the kind has does not fit its example."""
LACKING = {("bounding box", "page"): "unit", ("bounding box", "unit"): "page"}
"""Kind and key → the key that is missing for the kind that the annotation becomes with the key."""


def expected_path(cell: Cell, media: str | None) -> tuple[str, ...]:
    """Return the paths at which the annotation may be refused; none if it must be accepted."""
    place = (cell.kind.name, cell.key)
    if {"answer", "answers"} <= cell.annotation.keys():
        return ("answers",)
    if cell.key in KEYS:
        return ("",)  # two kinds at once: no key is the wrong one
    if cell.has or cell.becomes is cell.kind:
        return (cell.key,) if place in NOT_TOGETHER else ()
    if cell.becomes is not None and accepts(media, cell.becomes):
        return (LACKING[place],) if place in LACKING else ()
    if cell.becomes is None and cell.key in kind_of_json(cell.annotation).marks:
        return (cell.key, *cell.kind.marks)  # the two keys exclude each other
    return (cell.key,)


def keys_of(path: str) -> set[str]:
    return {part.partition("[")[0] for part in path.split(".")}


def test_every_kind_has_an_example_and_no_example_is_of_another_kind() -> None:
    assert set(EXAMPLES) == {kind.name for kind in KINDS}
    assert [kind_of_json(annotation).name for annotation in EXAMPLES.values()] == list(EXAMPLES)


@pytest.mark.parametrize("media", MEDIA)
def test_an_example_is_accepted_on_the_media_types_of_its_kind_alone(media: str | None) -> None:
    wrong = {}
    for kind in KINDS:
        error = worker_says(EXAMPLES[kind.name], media)
        if (error is None) != accepts(media, kind):
            wrong[kind.name] = str(error)

    assert wrong == {}


def probes(kind: str) -> Iterator[tuple[Cell, str | None]]:
    return ((cell, media) for cell, media in PROBES if cell.kind.name == kind)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_a_worker_accepts_a_further_key_or_refuses_it_by_its_name(kind: str) -> None:
    for cell, media in probes(kind):
        error, paths = worker_says(cell.annotation, media), expected_path(cell, media)

        assert (error is None) == (paths == ()), f"{cell.key} on {media}: {error}"
        if error is not None:
            assert keys_of(error.path) & set(paths), f"{cell.key} on {media}: {error}"


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_publishing_refuses_what_fits_no_media_type_and_names_the_same_keys(kind: str) -> None:
    for cell in CELLS:
        if cell.kind.name != kind:
            continue
        error, paths = publisher_says(cell.annotation), expected_path(cell, None)

        assert (error is None) == (paths == ()), f"{cell.key}: {error}"
        if error is not None:
            assert keys_of(error.path) & set(paths), f"{cell.key}: {error}"


def faults_of(lines: list[dict[str, Any]], media: str | None) -> list[Fault]:
    raw = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    check = OfProject(ONTOLOGIES[media], PROJECT)
    return validate(read_lines(io.BytesIO(raw), LineOptions(PROJECT, mixed=True)), check, 10).errors


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_validate_says_of_a_line_what_a_worker_says(kind: str) -> None:
    for cell, media in probes(kind):
        if cell.key == "dataRow":  # belongs to the line
            continue
        error = worker_says(cell.annotation, media)
        faults = [
            (fault.path, fault.reason, fault.expected) for fault in faults_of(lines_of(cell.annotation, media), media)
        ]

        assert faults == ([] if error is None else [(error.path, error.reason, error.expected)]), (
            f"{cell.key} on {media}"
        )


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_the_sandbox_accepts_what_a_worker_sends_and_refuses_what_it_refuses(kind: str) -> None:
    for cell, media in probes(kind):
        if cell.key == "dataRow":
            continue
        refused = worker_says(cell.annotation, media)
        lines = lines_of(cell.annotation, media) if refused else rendered(cell.annotation, media)
        refusal = sandbox_says(lines, media)

        assert (refusal is None) == (refused is None), f"{cell.key} on {media}: {refused} / {refusal}"


def test_a_null_counts_as_no_key_whichever_kind_it_belongs_to() -> None:
    for cell in CELLS:
        if not cell.has and cell.key != "dataRow":
            annotation = EXAMPLES[cell.kind.name] | {cell.key: None}
            assert worker_says(annotation, None) is None, f"{cell.kind.name}: {cell.key}"


def test_a_builder_stands_for_each_media_type() -> None:
    assert set(BUILDERS) == set(MEDIA)


# -- keys below the annotation -----------------------------------------------------------------------------------------

ABOVE = {
    **{f"segments[0].keyframes[0].{shape}": "groupKey" for shape in ("bbox", "point")},
    **dict.fromkeys(("answer[0].value", "answer[0].frames", "answer.frames"), "messageId"),
}
"""Path of a key → the key of the annotation that does not fit it; the media type would tell which of the two is wrong.
"""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_key_below_an_annotation_gets_one_verdict_and_is_named_at_its_place(kind: Kind) -> None:
    medias = [media for media in MEDIA if accepts(media, kind) and worker_says(DEEP[kind.name], media) is None]
    assert medias
    for case in below(kind):
        for media in {medias[0], medias[-1]}:
            error = worker_says(case.annotation, media)
            lines = lines_of(case.annotation, media) if error else rendered(case.annotation, media)
            refusal = sandbox_says(lines, media)

            assert (error is None) == (refusal is None), f"{case.path} on {media}: {error} / {refusal}"
            if error is not None:
                # Of keys that exclude each other, none is the wrong one: the error names the object that has both.
                named = error.path.startswith(case.path) or error.path == case.holder
                assert named or ABOVE.get(case.path) == error.path, f"{case.path} on {media}: {error}"
                assert error.reason is not Reason.GATE_DISAGREES
