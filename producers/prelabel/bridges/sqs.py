"""A queue of SQS (extra `sqs`)."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from prelabel.bridges.feed import Delivery, SourceAway, deliver

_BATCH = 10
"""Maximum number of messages of one call, set by SQS."""
_HOLD_SHARE = 3
_LONGEST_POLL = 20


class Queue:
    """The messages of a queue. Any number of processes can share one."""

    def __init__(
        self,
        url: str,
        *,
        endpoint: str | None = None,
        visibility_seconds: int = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The region and the keys are those that boto3 finds. Raises BotoCoreError."""
        self._url = url
        self._visibility = visibility_seconds
        self._clock = clock
        self._client: Any = boto3.client(
            "sqs", endpoint_url=endpoint, config=Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 2})
        )
        #: Messages that are not acknowledged, by their handle, and when their time was last started anew.
        self._in_flight: dict[str, float] = {}
        self._drained = False

    def read(self, max_records: int, seconds: float) -> list[Delivery]:
        """Return messages; a queue that is not FIFO has them in any order.

        No call begins when `seconds` are over: calls may be so slow that the first messages would be visible again
        before the last ones have come.
        """
        self.hold()
        deliveries: list[Delivery] = []
        wait, ends = min(int(seconds), _LONGEST_POLL), self._clock() + seconds
        while len(deliveries) < max_records and (not deliveries or self._clock() < ends):
            with self._errors("messages not received", keep=bool(deliveries)):
                answer = {}
                answer = self._client.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=min(_BATCH, max_records - len(deliveries)),
                    WaitTimeSeconds=wait, VisibilityTimeout=self._visibility,
                    MessageAttributeNames=["All"], AttributeNames=["All"],
                )  # fmt: skip
            messages = answer.get("Messages", [])
            if not messages:
                break
            now, wait = self._clock(), 0
            for message in messages:
                self._in_flight[message["ReceiptHandle"]] = now
                deliveries.append(self._delivery(message))
        self._drained = not deliveries
        return deliveries

    def drained(self) -> bool:
        """Return whether the queue had nothing more to give."""
        return self._drained

    def acknowledge(self, groups: Sequence[Sequence[Delivery]]) -> None:
        """Delete messages from the queue."""
        handles = [delivery.token for group in groups for delivery in group]
        for batch in _batches([handle for handle in handles if handle in self._in_flight]):
            entries = [{"Id": str(at), "ReceiptHandle": handle} for at, handle in enumerate(batch)]
            with self._errors("messages not deleted"):
                answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            failed = {int(entry["Id"]): entry for entry in answer.get("Failed", [])}
            for at, handle in enumerate(batch):
                # One whose handle has expired is with another process, or comes again; it is no reason to wait.
                if at not in failed or failed[at].get("SenderFault"):
                    self._in_flight.pop(handle, None)
            again = [entry for entry in failed.values() if not entry.get("SenderFault")]
            if again:
                raise SourceAway(f"{self._url}: messages not deleted: {again[0].get('Message') or again[0]['Code']}")

    def hold(self) -> None:
        """Start the time anew for which messages are invisible to other processes."""
        now = self._clock()
        late = [handle for handle, at in self._in_flight.items() if now - at >= self._visibility / _HOLD_SHARE]
        for batch in _batches(late):
            entries = [
                {"Id": str(at), "ReceiptHandle": handle, "VisibilityTimeout": self._visibility}
                for at, handle in enumerate(batch)
            ]
            with self._errors("visibility not extended"):
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            self._in_flight.update(dict.fromkeys(batch, now))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _delivery(self, message: dict[str, Any]) -> Delivery:
        name = message["MessageId"]
        header = {
            key.lower(): value["StringValue"]
            for key, value in message.get("MessageAttributes", {}).items()
            if "StringValue" in value
        }
        of_queue = message.get("Attributes", {})
        record = {"id": name, "group": of_queue.get("MessageGroupId", "")}
        return deliver(name, f"sqs:{name}", message["ReceiptHandle"], message["Body"].encode("utf-8", "replace"),
                       header, record)  # fmt: skip

    @contextmanager
    def _errors(self, what: str, *, keep: bool = False) -> Iterator[None]:
        """Turn errors of AWS into SourceAway; with `keep`, pass over them, since messages wait to be carried."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            if not keep:
                raise SourceAway(f"{self._url}: {what}: {error}") from None


def _batches(handles: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(handles), _BATCH):
        yield handles[at : at + _BATCH]
