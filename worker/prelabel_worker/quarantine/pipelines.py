"""Ask Redis about many projects in few round trips."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import redis

from prelabel.wire.client import Client, has_slots, is_away

TOGETHER = 500
"""Maximum number of items that share a round trip."""
Item = TypeVar("Item")


def ask(
    client: Client, items: Sequence[Item], commands: Callable[[Any, Item], object], together: int = TOGETHER
) -> Iterator[tuple[Item, list[Any]]]:
    """Yield the items, each with the answers to the commands that `commands` puts into a pipeline for it.

    The answer about a key that is not ours is an error: one project with wrong keys must not hide the others, and the
    quarantine reports it. The keys of an item are those of one project; in a cluster each item has a round trip of its
    own. Raises redis.RedisError if Redis is away.
    """
    together = 1 if has_slots(client) else together
    for at in range(0, len(items), together):
        part, ends = items[at : at + together], []
        with client.pipeline(transaction=False) as pipeline:
            for item in part:
                commands(pipeline, item)
                ends.append(len(pipeline))
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, redis.RedisError) and is_away(answer):
                raise answer
        begin = 0
        for item, end in zip(part, ends, strict=True):
            yield item, answers[begin:end]
            begin = end
