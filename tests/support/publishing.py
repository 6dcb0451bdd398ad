"""Messages for a publisher, and the messages that wait in Redis."""

import redis

from prelabel.wire.frame import read_messages
from prelabel_worker.queries.status import Inspector


def message(key: str, project: str = "p") -> dict[str, object]:
    annotation = {"name": "b", "point": {"x": 1, "y": 2}}
    return {"projectId": project, "messageId": key, "dataRow": {"globalKey": key}, "annotations": [annotation]}


def waiting(client: "redis.Redis", prefix: str, project: str = "p") -> list[bytes]:
    """Return all messages in the inbox, lane by lane, in order of arrival."""
    frames = client.hgetall(f"{prefix}:{{{project}}}:frames")
    messages = []
    for lane in range(16):
        for entry in client.lrange(f"{prefix}:{{{project}}}:lane:{lane}", 0, -1):
            messages += read_messages(frames[entry.split(b" ")[1]])
    return messages


def published(client: "redis.Redis", prefix: str, project: str = "p") -> int:
    return Inspector(client, prefix).status(project).published
