"""Frames whose header has a wrong number of slow annotations: chunks follow the real rows."""

import orjson
import pytest

from tests.support.frames import encode_frame
from tests.support.rig import MakeRig

TOOLS = {"tools": [{"tool": "raster-segmentation", "name": "film"}], "classifications": []}
MASK = {"name": "film", "mask": {"instanceURI": "https://masks.example.org/1.png", "colorRGB": [0, 120, 255]}}
ROWS = 8


def frame(project: str, at: int, *, slow: int) -> bytes:
    """Return a frame of eight rows with five masks each, whose header has this number of slow annotations."""
    rows = [
        {"projectId": project, "dataRow": {"globalKey": f"{at}-{n}"}, "annotations": [MASK] * 5} for n in range(ROWS)
    ]
    return encode_frame([orjson.dumps(row) for row in rows], lane=0, lanes=16, slow=slow, form="k")


@pytest.mark.parametrize(("says", "imports"), [(0, 8), (40, 8), (2**32 - 1, 8)])
def test_a_header_that_lies_makes_no_import_of_more_slow_annotations_than_one_takes(
    make_rig: MakeRig, says: int, imports: int
) -> None:
    rig = make_rig(chunk_slow_annotations=10)
    rig.sandbox.project(rig.project.id, TOOLS)

    rig.project.inbox.put(rig.project.id, [frame(rig.project.id, at, slow=says) for at in range(2)])
    status = rig.settle()

    assert (status.imported, status.pending) == (2 * ROWS, 0)
    assert rig.creates() == imports
    assert max(each["annotations"] for each in rig.events("import.submitted")) == 10
