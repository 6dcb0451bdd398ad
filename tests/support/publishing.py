"""Messages for a publisher, and the messages that wait in Redis."""

import json
import time
from collections.abc import Mapping
from itertools import chain

import redis

from prelabel.ids import uuid7
from prelabel.wire.frame import read_messages
from prelabel_worker.queries.status import Inspector
from tests.support.frames import encode_frame


def message(key: str, project: str = "p") -> dict[str, object]:
    annotation = {"name": "b", "point": {"x": 1, "y": 2}}
    return {"projectId": project, "messageId": key, "dataRow": {"globalKey": key}, "annotations": [annotation]}


def frame_of(key: str, days_ago: float = 0, project: str = "p") -> bytes:
    """Return a frame with one message, which was made this long ago."""
    body = json.dumps(message(key, project)).encode()
    made = encode_frame([body], lane=1, lanes=16, slow=0, form="k")
    milliseconds = int((time.time() - days_ago * 86_400) * 1000)
    return made[:2] + milliseconds.to_bytes(6, "big") + uuid7()[6:] + made[18:]


def waiting(client: "redis.Redis", prefix: str, project: str = "p") -> list[bytes]:
    """Return all messages in the inbox, lane by lane, in order of arrival, as they are at one moment."""
    with client.pipeline(transaction=True) as pipe:
        pipe.hgetall(f"{prefix}:{{{project}}}:frames")
        for lane in range(16):
            pipe.lrange(f"{prefix}:{{{project}}}:lane:{lane}", 0, -1)
        frames, *lanes = pipe.execute()
    messages = []
    for entry in chain.from_iterable(lanes):
        messages += messages_of(entry, frames)
    return messages


def messages_of(entry: bytes, frames: Mapping[bytes, bytes]) -> list[bytes]:
    """Return the messages that the entry of a lane refers to."""
    _, name, _, rows, _, _, _, _, *low = entry.split(b" ")
    first = int(low[0]) if low else 0
    return read_messages(frames[name])[first : first + int(rows)]


def published(client: "redis.Redis", prefix: str, project: str = "p") -> int:
    return Inspector(client, prefix).status(project).published
