"""The embedded Redis after a crash in the middle of a write."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prelabel_worker.stack.stack import Stack

SET_TWO = "redis.call('SET', KEYS[1], ARGV[1]); redis.call('SET', KEYS[2], ARGV[1])"
"""A script that writes twice is a transaction in the append-only file."""

Cut = Callable[[bytes], int]
CUTS: dict[str, Cut] = {
    "between its commands": lambda content: content.rindex(b"*"),  # EXEC is the last command
    "through its last command": lambda content: len(content) - 3,
    "through a command": lambda content: content.rindex(b"half-written") + 4,
    "through its first command": lambda content: content.rindex(b"MULTI") + 3,
}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / ".prelabel", workers=0) as running:
        yield running


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_a_script_that_was_cut_off_takes_no_effect_at_any_later_start(stack: Stack, cut: Cut) -> None:
    with stack.client() as client:
        client.eval(SET_TWO, 2, "{p}first", "{p}second", "whole")
        client.eval(SET_TWO, 2, "{p}third", "{p}fourth", "half-written")
    stack.kill("redis")
    file = newest_file(stack)
    content = file.read_bytes()
    file.write_bytes(content[: cut(content)])

    stack.restart("redis")
    with stack.client() as client:
        client.eval(SET_TWO, 2, "{p}fifth", "{p}sixth", "after")
    for _ in range(2):
        stack.kill("redis")
        stack.restart("redis")

    with stack.client() as client:
        present = {key: client.get(key) for key in sorted(client.scan_iter("{p}*"))}
    assert present == {b"{p}fifth": b"after", b"{p}first": b"whole", b"{p}second": b"whole", b"{p}sixth": b"after"}


def newest_file(stack: Stack) -> Path:
    """Return the append-only file that the server writes: the only one, or since Redis 7 the last of several."""
    folder = stack.folder / "data" / "redis"
    several = sorted(folder.glob("appendonlydir/*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))
    return several[-1] if several else folder / "appendonly.aof"
