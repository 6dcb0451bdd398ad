"""Outcomes of a large import are committed slice by slice, so that Redis serves others between two slices."""

import re
from collections.abc import Iterator

import pytest

from prelabel_worker.chunks.imported_rows import COMMITTED_TOGETHER, EXACT_ROWS
from tests.support.rig import MakeRig, Rig

ROWS = 2 * COMMITTED_TOGETHER + 1


@pytest.fixture
def recorded(make_rig: MakeRig) -> Iterator[Rig]:
    """Work with a server that records each call, until the test ends."""
    rig = make_rig(chunk_rows=ROWS)
    settings = rig.client.config_get("slowlog-*")
    rig.client.config_set("slowlog-max-len", 100_000)
    rig.client.config_set("slowlog-log-slower-than", 0)
    yield rig
    for name, value in settings.items():
        rig.client.config_set(str(name), str(value))


def begun_at(rig: Rig) -> list[int]:
    """Return where in the chunk the commits began that the server recorded."""
    found = (re.search(rb'"cursor":(\d+)', entry["command"]) for entry in rig.client.slowlog_get(100_000))
    return sorted({int(match[1]) for match in found if match})


def test_a_large_import_into_a_large_project_is_committed_in_slices(recorded: Rig) -> None:
    rig = recorded
    rig.client.hset(rig.project.keys.counts, mapping={"published": EXACT_ROWS, "imported": EXACT_ROWS})
    rig.publish(*(f"k{at}" for at in range(ROWS)))

    assert rig.settle().imported == EXACT_ROWS + ROWS
    assert begun_at(rig) == [0, COMMITTED_TOGETHER, 2 * COMMITTED_TOGETHER]
