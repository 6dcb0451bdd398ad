"""What workers announce of themselves: who is alive, who is gone, and which of them run here."""

import os
from dataclasses import replace

import msgspec
import redis

from prelabel.wire import keys
from prelabel_worker.presence import Presence, Process, announce, forget_gone, living, new_identity

WORKER = Presence(host="h", pid=1, version="0.1.0", concurrency=1, name="worker@h")


def test_the_announcement_of_a_killed_worker_is_removed_and_no_other(client: "redis.Redis", prefix: str) -> None:
    """Otherwise each restart would leave one behind, since every start has an identity of its own."""
    announce(client, prefix, "alive", WORKER)
    killed = msgspec.structs.replace(WORKER, at=client.time()[0] - 61)
    client.hset(keys.workers(prefix), "killed", msgspec.json.encode(killed))

    forget_gone(client, prefix)

    assert client.hkeys(keys.workers(prefix)) == [b"alive"]


def test_only_workers_that_share_a_name_are_shown_with_their_process(client: "redis.Redis", prefix: str) -> None:
    for pid, name in ((7, "a@h"), (8, "a@h"), (9, "b@h")):
        announce(client, prefix, new_identity(), msgspec.structs.replace(WORKER, pid=pid, name=name))

    assert [worker.label for worker in living(client, prefix)] == ["a@h pid 7", "a@h pid 8", "b@h"]


def test_a_process_is_told_from_a_later_one_with_its_id_and_from_one_of_another_container() -> None:
    own = Process.own()

    assert own.pid == os.getpid()
    assert own.is_of_this_system
    assert not own.has_ended
    assert replace(own, began=own.began - 1).has_ended
    assert not replace(own, system="another boot pid:[1]").is_of_this_system
