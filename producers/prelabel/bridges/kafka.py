"""A topic of Kafka, read in a consumer group with librdkafka (extra `kafka`)."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from prelabel.bridges.feed import Delivery, SourceAway, deliver, text_of
from prelabel.bridges.positions import Positions

Headers = list[tuple[str, bytes | str | None]]
OURS = {
    # An offset is committed when Redis has the rows, never by a timer.
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
}
"""What no configuration may change."""
DEFAULTS = {"auto.offset.reset": "earliest", "log_level": 3}


class KafkaTopic:
    """The records of a topic, from the partitions that the consumer group gives to this process."""

    def __init__(self, topic: str, config: Mapping[str, Any]) -> None:
        """`config` is librdkafka's; it has at least `bootstrap.servers` and `group.id`. Raises ValueError."""
        self._topic = topic
        self._positions: dict[int, Positions] = {}
        self._at_end: set[int] = set()
        self._assigned: set[int] = set()
        self._waiting: list[Message] = []
        self._paused = False
        self._error: KafkaError | None = None
        try:
            self._consumer = Consumer({**DEFAULTS, **config, **OURS, "error_cb": self._note})
        except KafkaException as error:
            raise ValueError(f"the configuration of Kafka: {error.args[0].str()}") from None
        self._consumer.subscribe([topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke)

    def read(self, max_records: int, seconds: float) -> list[Delivery]:
        """Return records, in their order within each partition."""
        self._resume()
        messages, self._waiting = self._waiting, []
        try:
            messages += self._consumer.consume(max_records, seconds)
        except KafkaException as error:
            self._waiting = messages
            raise SourceAway(f"Kafka: {error.args[0].str()}") from None
        deliveries = [self._delivery(message) for message in messages if self._is_record(message)]
        if not deliveries and self._error is not None:
            noted, self._error = self._error, None
            raise SourceAway(f"Kafka: {noted.str()}")
        self._error = None
        return deliveries

    def drained(self) -> bool:
        """Return whether the end of every assigned partition was reached."""
        return bool(self._assigned) and self._assigned <= self._at_end

    def acknowledge(self, groups: Sequence[Sequence[Delivery]]) -> None:
        """Commit how far each partition is done. A partition that was revoked meanwhile belongs to another process."""
        for group in groups:
            by_partition: dict[int, list[int]] = {}
            for delivery in group:
                positions, partition, offset = delivery.token
                if self._positions.get(partition) is positions:
                    by_partition.setdefault(partition, []).append(offset)
            for partition, offsets in by_partition.items():
                self._positions[partition].finish(offsets)
        self._commit(self._positions)

    def hold(self) -> None:
        """Stay in the group: without a call, librdkafka leaves it after `max.poll.interval.ms`."""
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        message = self._consumer.poll(0)
        if message is not None:
            self._waiting.append(message)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _resume(self) -> None:
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def _is_record(self, message: Message) -> bool:
        """Return whether this is a record of a partition that is still ours, not the news of its end or an error."""
        partition, error = message.partition(), message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._at_end.add(cast(int, partition))
        elif error is not None:
            self._error = error
        return error is None and partition in self._assigned

    def _delivery(self, message: Message) -> Delivery:
        partition, offset = cast(int, message.partition()), cast(int, message.offset())
        self._at_end.discard(partition)
        positions = self._positions.setdefault(partition, Positions(offset))
        positions.begin(offset, offset + 1)
        place = f"{self._topic}:{partition}:{offset}"
        header = {name.lower(): text_of(value) for name, value in cast(Headers, message.headers() or [])}
        record = {"topic": self._topic, "partition": partition, "offset": offset, "key": text_of(message.key())}
        raw = message.value() or b""  # a tombstone has none
        return deliver(f"{self._topic}[{partition}] at {offset}", f"kafka:{place}", (positions, partition, offset),
                       raw.encode() if isinstance(raw, str) else raw, header, record)  # fmt: skip

    def _commit(self, partitions: Mapping[int, Positions]) -> None:
        offsets = [TopicPartition(self._topic, number, positions.safe()) for number, positions in partitions.items()]
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() in _NOT_OURS:
                return  # the group was divided anew: the records come again, to another process
            raise SourceAway(f"Kafka: offsets not committed: {error.args[0].str()}") from None

    def _assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._assigned.add(partition.partition)
            self._positions.pop(partition.partition, None)
            self._at_end.discard(partition.partition)

    def _revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._assigned.discard(partition.partition)
            self._positions.pop(partition.partition, None)
        # They come again with the partition, from the last committed offset.
        self._waiting = [message for message in self._waiting if message.partition() in self._assigned]

    def _note(self, error: KafkaError) -> None:
        self._error = error


_NOT_OURS = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError._STATE,
    KafkaError._NO_OFFSET,
}
