"""5,000 projects with a million dead letters of 300 causes, written as the pages about them read them."""

import hashlib
import time

import redis

from prelabel.wire import keys

PROJECTS, GROUPS, OF_A_PROJECT, ROWS = 5000, 300, 3, 67
_TOGETHER = 500
_STATE = (
    b'{"seq":1,"lane":1,"weight":1,"bytes":9,"slow":0,"reason":"refused","group":"%s","attempts":1,"first":1,"last":1}'
)
_BODY = b'{"path":"annotations[0].name","found":"x","dataRow":"k:a","model":"yolo"}\n{"a":1}'


def project_ids() -> list[str]:
    """Return the ids of all projects."""
    return [f"cproject{number:017}" for number in range(PROJECTS)]


def fill_with_dead_letters(client: "redis.Redis", prefix: str) -> list[str]:
    """Write the dead letters of three causes to each project; return the projects' ids."""
    causes = [hashlib.blake2b(str(number).encode(), digest_size=6).hexdigest() for number in range(GROUPS)]
    ids = project_ids()
    for at in range(0, PROJECTS, _TOGETHER):
        with client.pipeline(transaction=False) as pipeline:
            for number, name in enumerate(ids[at : at + _TOGETHER], at):
                own = [causes[(number + 101 * place) % GROUPS] for place in range(OF_A_PROJECT)]
                _fill(pipeline, keys.ProjectKeys(prefix, name), own)
                pipeline.zadd(keys.projects(prefix), {name: 0})
            pipeline.execute()
    return ids


def _fill(pipeline: "redis.client.Pipeline", project_keys: keys.ProjectKeys, causes: list[str]) -> None:
    pipeline.hset(project_keys.counts, mapping={"published": 1000, "dead": ROWS * len(causes)})
    for number, cause in enumerate(causes, 1):
        pipeline.zadd(project_keys.dead, {str(number): number})
        pipeline.zadd(project_keys.dead_group(cause), {str(number): number})
        pipeline.hset(project_keys.dead_groups, cause, ROWS)
        pipeline.hset(project_keys.dead_sample, cause, number)
        pipeline.hset(project_keys.held, str(number), _STATE % cause.encode())
        pipeline.hset(project_keys.held_body, str(number), _BODY)


def fill_with_waiting_rows(client: "redis.Redis", prefix: str) -> list[str]:
    """Write rows that wait to every tenth project, and what all have of lanes and rows; return the projects' ids."""
    ids = project_ids()
    for at in range(0, PROJECTS, _TOGETHER):
        with client.pipeline(transaction=False) as pipeline:
            for number, name in enumerate(ids[at : at + _TOGETHER], at):
                project_keys = keys.ProjectKeys(prefix, name)
                pipeline.zadd(keys.projects(prefix), {name: 0})
                pipeline.hset(project_keys.counts, mapping={"published": 1000, "imported": 900, "dead": number % 7})
                pipeline.hset(project_keys.meta, mapping={"lanes": 16, "seq": 1000})
                if number % 10 == 0:
                    pipeline.hset(project_keys.inbox, mapping={"rows": 93, "3:rows": 93})
                    pipeline.rpush(project_keys.lane(3), f"f id 1 93 5 0 1 {int(time.time() * 1000)}")
            pipeline.execute()
    return ids
