"""`prelabel bridge kafka` against librdkafka's mock cluster, which the test's own producer runs."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from prelabel.bridges.feed import Delivery
from prelabel.bridges.kafka import KafkaTopic
from tests.support.bridging import Bridges, record
from tests.support.waiting import wait_for


class Cluster:
    """A mock cluster, which lives as long as this producer."""

    def __init__(self) -> None:
        self.producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored", "log_level": 0})
        metadata = self.producer.list_topics(timeout=10)
        self.brokers = ",".join(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())

    def send(self, *payloads: bytes, partition: int = 0, headers: dict[str, str] | None = None) -> None:
        for payload in payloads:
            self.producer.produce("detections", payload, partition=partition, key=b"cam-1", headers=headers or {})
        assert self.producer.flush(10) == 0

    def committed(self, partition: int = 0) -> int:
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": "prelabel", "log_level": 0})
        (found,) = consumer.committed([TopicPartition("detections", partition)], timeout=10)
        consumer.close()
        return int(found.offset)


def filled(got: list[Delivery], feed: KafkaTopic) -> list[Delivery]:
    """Add what a read brings; return all."""
    got += feed.read(10, 0.2)
    return got


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.producer.flush(1)


def test_records_are_published_and_offsets_committed_past_a_poisoned_one(bridges: Bridges, cluster: Cluster) -> None:
    cluster.send(record("a"), b"\x00poison", record("b"))
    cluster.send(b'{"annotations": []}', headers={"X-Frame": "c"})

    bridges.run("kafka", "detections", "--brokers", cluster.brokers, "--once", code=1)

    assert {each["dataRow"]["globalKey"] for each in bridges.messages()} == {"a", "b", "c"}
    assert {each["messageId"] for each in bridges.messages()} == {f"kafka:detections:0:{n}" for n in (0, 2, 3)}
    assert [each["where"] for each in bridges.bad()] == ["detections[0] at 1"]
    assert cluster.committed() == 4


def test_nothing_is_committed_before_it_is_acknowledged_and_no_group_is_cut(cluster: Cluster) -> None:
    cluster.send(*[record(str(n)) for n in range(4)])
    feed = KafkaTopic("detections", {"bootstrap.servers": cluster.brokers, "group.id": "prelabel"})
    got: list[Delivery] = []
    wait_for(lambda: len(filled(got, feed)) == 4, "four records")
    assert cluster.committed() < 0

    feed.acknowledge([[got[0]], [got[1], got[3]]])  # the third one waits, inside of a group

    assert cluster.committed() == 1
    feed.acknowledge([[got[2]]])
    assert cluster.committed() == 4
    feed.close()


def test_a_partition_that_went_to_another_bridge_is_not_committed_by_the_first(cluster: Cluster) -> None:
    cluster.send(record("a"))
    config = {"bootstrap.servers": cluster.brokers, "group.id": "prelabel", "session.timeout.ms": 6000}
    feed = KafkaTopic("detections", config)
    got: list[Delivery] = []
    wait_for(lambda: filled(got, feed), "the record")
    feed._revoke(feed._consumer, [TopicPartition("detections", 0)])

    feed.acknowledge([got])

    assert cluster.committed() < 0
    feed.close()


def test_of_two_live_members_each_commits_only_its_own_partitions(cluster: Cluster) -> None:
    for partition in range(4):
        cluster.send(record(f"{partition}-a"), record(f"{partition}-b"), partition=partition)
    # A mock cluster divides a group when each member has come again, or its session is over.
    config = {"bootstrap.servers": cluster.brokers, "group.id": "prelabel", "session.timeout.ms": 4000}
    config["heartbeat.interval.ms"] = 300
    first = KafkaTopic("detections", config)
    in_hand: list[Delivery] = []
    wait_for(lambda: len(filled(in_hand, first)) == 8, "the records of all partitions")

    second = KafkaTopic("detections", config)
    again: list[Delivery] = []
    moved: list[Delivery] = []

    def all_have_come_again() -> bool:
        both = all([filled(again, first), filled(moved, second)])
        return both and {each.where for each in [*moved, *again]} == {each.where for each in in_hand}

    wait_for(all_have_come_again, "each member to get partitions, and the records of all of them")
    first.acknowledge([[each] for each in in_hand])

    assert all(cluster.committed(partition) < 1 for partition in range(4)), "read before the group was divided anew"
    first.acknowledge([[each] for each in again])
    assert sorted(cluster.committed(partition) > 0 for partition in range(4)) == [False, False, True, True]
    second.acknowledge([[each] for each in moved])
    assert [cluster.committed(partition) for partition in range(4)] == [2] * 4
    first.close()
    second.close()


def test_bridges_that_join_and_leave_a_live_group_lose_nothing(bridges: Bridges, cluster: Cluster) -> None:
    written: list[str] = []
    config = bridges.folder / "kafka.properties"
    config.write_text("session.timeout.ms=4000\nheartbeat.interval.ms=300\n")
    words = ["kafka", "detections", "--brokers", cluster.brokers, "--config", str(config), "--model"]

    def published_by(name: str) -> set[str]:
        """Write a record to each partition, and return the data rows that the bridge with this model published."""
        for partition in range(4):
            written.append(f"k{len(written)}")
            cluster.send(record(written[-1]), partition=partition)
        return {row["dataRow"]["globalKey"] for row in bridges.messages() if row["model"]["name"] == name}

    first = bridges.start(*words, "first")
    wait_for(lambda: published_by("first"), "the first bridge to publish")
    bridges.start(*words, "second")
    wait_for(lambda: published_by("second"), "the second bridge to get partitions")
    alone = published_by("first")
    wait_for(lambda: published_by("first") > alone, "the first bridge to continue beside it")
    first.process.terminate()
    assert first.end() == 0
    left = published_by("first")
    wait_for(lambda: bridges.lefts().keys() == set(written), "every record")

    assert bridges.bad() == []
    assert published_by("second") - left, "the second bridge took the partitions over"


def test_the_group_is_kept_while_the_bridge_waits(cluster: Cluster) -> None:
    cluster.send(record("a"))
    feed = KafkaTopic("detections", {"bootstrap.servers": cluster.brokers, "group.id": "prelabel"})
    got: list[Delivery] = []
    wait_for(lambda: filled(got, feed), "the record")
    cluster.send(record("b"))
    for _ in range(20):
        feed.hold()

    wait_for(lambda: len(filled(got, feed)) == 2, "the next record")

    feed.acknowledge([got])
    assert cluster.committed() == 2
    feed.close()


def test_a_killed_bridge_loses_nothing(bridges: Bridges, cluster: Cluster) -> None:
    def write(number: int) -> None:
        cluster.producer.produce("detections", record(f"k{number}", left=number), partition=0)
        if number % 50 == 49:
            cluster.producer.flush(10)

    # A broker gives the partition to the next member when the session of the killed one is over.
    config = bridges.folder / "kafka.properties"
    config.write_text("# short, for the test\nsession.timeout.ms=4000\nheartbeat.interval.ms=300\n")
    words = ["kafka", "detections", "--brokers", cluster.brokers, "--config", str(config)]
    bridges.survive(words, write, rows=600, seed=4, kills=1)

    assert bridges.lefts() == {f"k{n}": n for n in range(600)}
    assert bridges.bad() == []
