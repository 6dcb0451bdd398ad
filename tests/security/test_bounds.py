"""The most expensive messages of each kind: their work is counted before it is done, and all checks agree."""

import io
import sys
import time
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from prelabel.annotations.base import check_distinct
from prelabel.annotations.kinds import KINDS
from prelabel.annotations.png import MOST_WORK, PictureWork, read_png
from prelabel.errors import MessageError, Reason
from prelabel.readers.ndjson import LineOptions, read_lines
from prelabel.validation.gate import MAX_MESSAGE_BYTES, prepare, read_message
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.file_validation import Check, OfProject, structure, validate
from prelabel_worker.rendering.row_builder import RowBuilder
from tests.support.most_expensive import (
    NARROW,
    PROJECT,
    Expensive,
    colliding_points,
    filled,
    message,
    messages,
    ontology,
    png,
    text,
)

SECONDS = 30.0
"""Twenty times what docs/reference/messages.md says a message costs at most."""
SMALL = 24 * 1024
NORMALIZED = ontology()


@cache
def made(size: int) -> tuple[Expensive, ...]:
    """Return all expensive messages of a size. To make them costs more than to check them."""
    return tuple(messages(size))


ONTOLOGIES = {media: Ontology.from_normalized(NORMALIZED, media) for media in {each.media for each in made(SMALL)}}
Verdict = tuple[str, str] | None


def builder(media: str) -> RowBuilder:
    return RowBuilder(PROJECT, ONTOLOGIES[media])


def film(at: int, picture: str) -> dict[str, Any]:
    return {"name": f"{_FILMS[at % len(_FILMS)]}", "mask": {"png": picture}}


_FILMS = [tool["name"] for tool in NORMALIZED["tools"] if tool["tool"] == "raster-segmentation"]


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, generators resumed among them: a count of work, whatever the machine does."""
    count = 0

    def look(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(look)
    try:
        work()
    except MessageError:
        pass
    finally:
        sys.setprofile(None)
    return count


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds of CPU time that a call takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def verdict(work: Callable[[], object]) -> Verdict:
    try:
        work()
    except MessageError as error:
        return error.reason.value, error.path
    return None


def said_of(raw: bytes, check: Check) -> Verdict:
    """Return the report of `prelabel validate` on a line."""
    report = validate(read_lines(io.BytesIO(raw + b"\n"), LineOptions(PROJECT, mixed=True)), check, 1)
    return (report.errors[0].reason.value, report.errors[0].path) if report.errors else None


def test_there_is_an_expensive_message_of_every_kind() -> None:
    assert {each.kind for each in made(SMALL)} == {kind.name for kind in KINDS}


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_twice_the_bytes_cost_twice_the_work(kind: str) -> None:
    sizes = (3 * SMALL, 6 * SMALL)
    for small, large in zip(*([each for each in made(size) if each.kind == kind] for size in sizes), strict=True):
        if " x " in small.shape and not small.shape.endswith("1 x 1"):
            continue  # pictures that cost by what they unpack to: see below
        build = builder(small.media).build
        for each in (small, large):  # what is made once is made
            verdict(lambda build=build, each=each: build(each.raw))

        once = calls(lambda build=build, small=small: build(small.raw))
        twice = calls(lambda build=build, large=large: build(large.raw))

        assert twice < 2.6 * once + 5000, f"{small.shape}: {once} calls, then {twice}"


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_publish_validate_and_a_worker_say_the_same_of_it(kind: str) -> None:
    for each in made(SMALL):
        if each.kind == kind:
            ofproject = OfProject(ONTOLOGIES[each.media], PROJECT)
            published, built = verdict(lambda each=each: prepare(each.raw)), _built(each)

            assert said_of(each.raw, structure) == published, each.shape
            assert said_of(each.raw, ofproject) == built, each.shape
            assert (built is None) == each.fits, f"{each.shape}: {built}"
            assert published in (None, built), each.shape


def _built(each: Expensive) -> Verdict:
    return verdict(lambda: builder(each.media).build(each.raw))


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_a_picture_of_two_million_rows_is_left_to_labelbox() -> None:
    picture = png(1, 2_000_000, kind=2)
    work = PictureWork()

    assert read_png(picture, work).rows is None
    assert work.remaining == MOST_WORK  # nothing was unpacked
    assert calls(lambda: read_png(picture)) < 100


def test_a_message_of_such_pictures_is_taken_and_costs_little() -> None:
    raw = filled(MAX_MESSAGE_BYTES, lambda at: film(at, NARROW))
    assert len(orjson.loads(raw)["annotations"]) > 780

    assert seconds(lambda: read_message(raw)) < SECONDS
    assert len(builder("IMAGE").build(raw).uuids) > 780
    assert calls(lambda: read_message(raw)) < 100_000


def pictures(*parts: bytes) -> bytes:
    return message([film(at, text(part)) for at, part in enumerate(parts)])


WHITE = png(2048, 2047, value=2)
"""Refused where it is looked at: a pixel of 2."""
PLAIN = png(2048, 2047, value=1)


@pytest.mark.parametrize(("before", "refused"), [(0, True), (20, True), (60, False)])
def test_pictures_are_looked_at_until_they_have_cost_what_those_of_a_message_may(before: int, refused: bool) -> None:
    raw = pictures(*[PLAIN] * before, WHITE)
    expected = ("invalid-annotation", f"annotations[{before}].mask.png") if refused else None

    assert verdict(lambda: prepare(raw)) == expected
    assert verdict(lambda: builder("IMAGE").build(raw)) == expected
    assert said_of(raw, structure) == said_of(raw, OfProject(ONTOLOGIES["IMAGE"], PROJECT)) == expected


def test_images_beyond_the_work_limit_of_a_message_are_not_unpacked() -> None:
    work = PictureWork(10_000_000)

    looked_at = [read_png(PLAIN, work).rows is not None for _ in range(5)]

    assert looked_at == [True, False, False, False, False]
    assert 0 <= work.remaining < 10_000_000


def test_a_picture_that_nobody_looks_at_still_has_to_be_one() -> None:
    raw = pictures(*[PLAIN] * 60, b"no picture")

    assert verdict(lambda: prepare(raw)) == ("invalid-annotation", "annotations[60].mask.png")


@pytest.mark.parametrize("kind", range(5))
def test_undoing_any_filter_is_counted_before_it_is_done(kind: int) -> None:
    costs = []
    for height in (100, 200):
        work = PictureWork()
        assert read_png(png(64, height, kind=kind), work).rows is not None
        costs.append(MOST_WORK - work.remaining)

    assert costs[0] >= 100 * (64 + 500)
    assert costs[1] == 2 * costs[0]


# -- numbers, ranges, uuids --------------------------------------------------------------------------------------------


class Counted(int):
    """A number that counts its comparisons; all have the same hash."""

    compared = 0

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__eq__(other)


def test_points_that_collide_are_not_compared_with_each_other() -> None:
    Counted.compared = 0

    check_distinct([SimpleNamespace(x=Counted(n), y=0) for n in range(1000)], 3, "polygon")

    assert Counted.compared < 3000


def test_points_of_one_hash_cost_no_more_than_others() -> None:
    points = colliding_points(20_000)
    assert len({hash((each["x"], each["y"])) for each in points}) == 1

    name = next(tool["name"] for tool in NORMALIZED["tools"] if tool["tool"] == "polygon")
    raw = message([{"name": name, "polygon": points}])

    assert seconds(lambda: builder("IMAGE").build(raw)) < 1  # 4.5 where each was compared with each


@pytest.mark.parametrize(("inner", "fits"), [((5, 9), True), ((5, 10), False), ((30, 40), True), ((39, 41), False)])
def test_a_range_lies_in_one_of_those_above_it_however_they_are_sorted(inner: tuple[int, int], fits: bool) -> None:
    def ranges(*pairs: tuple[int, int]) -> list[dict[str, int]]:
        return [{"start": start, "end": end} for start, end in pairs]

    nested = {"name": "n", "answer": [{"name": "o", "frames": ranges(inner)}]}
    outer = ranges((30, 40), (0, 9), (35, 36), (10, 20))
    answer = [{"name": "o", "frames": outer, "classifications": [nested]}]
    raw = message([{"name": "c", "answer": answer}])

    assert (verdict(lambda: prepare(raw)) is None) == fits


def test_ranges_beside_options_are_not_repeated_without_bound() -> None:
    def beside(options: int, ranges: int) -> bytes:
        answer = [{"name": f"{n}"} for n in range(options)]
        return message([{"name": "c", "answer": answer, "frames": [{"start": n, "end": n} for n in range(ranges)]}])

    assert verdict(lambda: prepare(beside(500, 400))) is None
    assert verdict(lambda: prepare(beside(501, 400))) == ("invalid-annotation", "annotations[0].frames")


def test_uuids_of_answers_in_audio_are_looked_up_and_not_searched_for() -> None:
    texts = [feature["name"] for feature in NORMALIZED["classifications"] if feature["type"] == "text"]
    answer = [{"value": "x", "frames": [{"start": 0, "end": 0}]}]
    raw = filled(
        MAX_MESSAGE_BYTES,
        lambda at: {"uuid": f"5b0c9a1e-6d0f-4c7b-9a55-{at:012x}", "name": texts[at % len(texts)], "answer": answer},
    )

    assert seconds(lambda: builder("AUDIO").build(raw)) < 4  # 5 where each was searched for


# -- what looks like a place in a message ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["$.annotations[99].foo", f"$.annotations[{'1' * 5000}].foo", "` - at `$.annotations[7].x"]
)
def test_a_key_that_looks_like_a_place_is_an_unknown_key(key: str) -> None:
    box = {"name": "n", "bbox": {"top": 0, "left": 0, "height": 1, "width": 1}}
    outside = orjson.dumps(orjson.loads(message([box])) | {key: 1})
    inside = message([box | {key: 1}])

    assert verdict(lambda: prepare(outside)) == ("malformed-message", orjson.loads(outside) and _shown(key))
    assert (verdict(lambda: prepare(inside)) or ("", ""))[0] == "invalid-annotation"


def _shown(key: str) -> str:
    return key if len(key) <= 80 else key[:79] + "…"


def test_a_long_unknown_key_is_not_compared_with_the_known_ones() -> None:
    odd = "".join(chr(97 + at * at % 26) for at in range(4_000_000))
    raw = message([{"name": "n", "bbox": {"top": 0, "left": 0, "height": 1, "width": 1}, odd: 1}])

    assert calls(lambda: prepare(raw)) < 5_000
    assert verdict(lambda: prepare(raw)) is not None
    assert seconds(lambda: verdict(lambda: prepare(raw))) < SECONDS


def test_wrong_names_are_compared_with_the_known_ones_so_often_and_no_more() -> None:
    build = builder("IMAGE").build

    def refused(at: int) -> MessageError:
        with pytest.raises(MessageError) as refusal:
            build(message([{"name": f"wrong-{at:04d}", "bbox": {"top": 0, "left": 0, "height": 1, "width": 1}}]))
        return refusal.value

    first = calls(lambda: refused(0))
    for at in range(1, 210):
        refused(at)

    assert refused(5000).reason is Reason.UNKNOWN_FEATURE
    assert calls(lambda: refused(5001)) < first / 4
