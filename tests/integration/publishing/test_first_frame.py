"""Properties of a project that its first frame fixes for good, and values that it must not fix."""

from typing import Any

import pytest
import redis

from prelabel.errors import PrelabelError
from tests.support.frames import encode_frame
from tests.support.project import Project, message


def frame(*, lanes: int = 16, form: str = "k") -> bytes:
    return encode_frame([b"{}"], lane=0, lanes=lanes, slow=0, form=form)


@pytest.mark.parametrize("bad", [{"lanes": 1025}, {"lanes": 65_535}, {"form": "z"}, {"form": "\0"}])
def test_the_first_frame_cannot_fix_a_form_or_a_lane_count_that_no_worker_serves(
    project: Project, bad: dict[str, Any]
) -> None:
    with pytest.raises(PrelabelError, match="exceeds a limit"):
        project.inbox.put("p", [frame(**bad)])

    assert project.client.hgetall(f"{project.root}:meta") == {}
    project.publish(message("a"))
    assert project.status().pending == 1


@pytest.mark.parametrize("lanes", ["0", "1000000000", "many", "-1", "1e300", "nan"])
def test_a_lane_count_set_past_the_script_is_not_walked(project: Project, lanes: str) -> None:
    project.client.hset(f"{project.root}:meta", mapping={"lanes": lanes})

    with pytest.raises(redis.ResponseError, match="KEYS-DIFFER"):
        project.ledger.cut_chunk("p")
    with pytest.raises(redis.ResponseError, match="KEYS-DIFFER"):
        project.publish(message("a"))
