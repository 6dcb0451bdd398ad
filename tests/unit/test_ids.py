import os
import threading
from collections.abc import Callable

import pytest

from prelabel.ids import message_uuid7, uuid7


@pytest.mark.parametrize("draw", [uuid7, message_uuid7])
def test_ids_are_of_version_7_and_sort_by_the_millisecond(draw: Callable[[], bytes]) -> None:
    ids = [draw() for _ in range(1000)]

    assert len(set(ids)) == 1000
    assert {len(drawn) for drawn in ids} == {16}
    assert {(drawn[6] >> 4, drawn[8] >> 6) for drawn in ids} == {(7, 2)}
    assert [drawn[:6] for drawn in ids] == sorted(drawn[:6] for drawn in ids)


@pytest.mark.parametrize("draw", [uuid7, message_uuid7])
def test_each_of_the_other_74_bits_varies(draw: Callable[[], bytes]) -> None:
    always, never = (1 << 128) - 1, 0
    for _ in range(1000):
        drawn = int.from_bytes(draw(), "big")
        always, never = always & drawn, never | drawn

    random_bits = (1 << 80) - 1 & ~(0xF << 76) & ~(0x3 << 62)
    assert (always & random_bits, never & random_bits) == (0, random_bits)


def test_threads_never_draw_the_same_id() -> None:
    drawn: list[list[bytes]] = [[] for _ in range(8)]

    def draw(ids: list[bytes]) -> None:
        ids.extend(message_uuid7() for _ in range(2000))

    threads = [threading.Thread(target=draw, args=(ids,)) for ids in drawn]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({one[6:] for ids in drawn for one in ids}) == 16_000


def test_a_forked_child_never_draws_the_bits_of_its_parent() -> None:
    message_uuid7()  # others are drawn with it
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(message_uuid7()[6:] for _ in range(300)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        written = pipe.read()
    os.waitpid(child, 0)

    of_child = {written[at : at + 10] for at in range(0, len(written), 10)}
    assert len(of_child) == 300
    assert of_child.isdisjoint(message_uuid7()[6:] for _ in range(300))
