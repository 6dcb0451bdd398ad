"""The loop of every bridge: read, map, publish, wait until Redis has the rows durably, acknowledge.

A record is acknowledged only when Redis has its messages, or when it is durably in the file of bad records, or when the
mapping leaves it out. So a bridge that is killed at any moment loses nothing; what it had not acknowledged comes again.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from prelabel.bridges.bad_records import BadRecords
from prelabel.bridges.counts import Counts, Health, metrics_text, write_metrics
from prelabel.bridges.feed import Delivery, Feed, SourceAway, message_id
from prelabel.bridges.rows import Row, Rows
from prelabel.errors import BufferFull, MessageError, Reason, RedisUnavailable, shorten
from prelabel.mapping import PredictionMapping

T = TypeVar("T")

_log = logging.getLogger("prelabel.bridge")
BATCH_RECORDS = 500
_READ_SECONDS = 1.0
_FLUSH_SECONDS = 2.0
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 15.0
_BAD_RECORDS_LOGGED = 20
_REPORT_SECONDS = 60.0
_METRICS_SECONDS = 10.0


class Stopped(Exception):
    """The bridge was asked to stop while it waited: what is not acknowledged comes again."""


class Publishes(Protocol):
    """The part of `Publisher` that a bridge uses."""

    def publish(self, message: Any) -> str:
        """Accept a message. Raises MessageError or BufferFull."""
        ...

    def flush(self, timeout: float | None = None) -> None:
        """Wait until Redis has all messages durably. Raises RedisUnavailable."""
        ...


@dataclass(slots=True)
class Bridge:
    """Carries records from a source to Redis until it is stopped, or until a source has nothing more."""

    #: The name of the kind of source, for log and metrics.
    source: str
    feed: Feed
    rows: Rows
    mapping: PredictionMapping
    publisher: Publishes
    bad_records: BadRecords
    counts: Counts
    health: Health
    #: Ends the bridge when it is set.
    stop: threading.Event
    #: Whether to end when the source has nothing more.
    once: bool = False
    #: File of metrics, for the collector of node_exporter.
    metrics: Path | None = None
    _reported: float = 0.0
    _measured: float = 0.0

    def run(self) -> None:
        """Carry records. Raises SourceAway only with `once`, if the source does not answer at the beginning."""
        self._reported = time.monotonic()
        _log.info("bridge.started", extra={"fields": {"source": self.source}})
        try:
            while not self.stop.is_set():
                deliveries = self._read()
                self._take([*self.rows.add(deliveries), *self.rows.rest(all_of_it=False)])
                if not deliveries and self.once and self.feed.drained():
                    self._take(self.rows.rest(all_of_it=True))
                    break
                self._report()
        except Stopped:
            return
        finally:
            self._write_metrics()
            fields = {"source": self.source, **self.counts.fields(), "left_out_by": dict(self.mapping.left_out)}
            _log.info("bridge.ended", extra={"fields": fields})

    def _read(self) -> list[Delivery]:
        first = self.health.acknowledged == 0.0
        if self.once and first and not self.counts.published:
            return self.feed.read(BATCH_RECORDS, _READ_SECONDS)
        return self._patiently("source", lambda: self.feed.read(BATCH_RECORDS, _READ_SECONDS))

    def _take(self, rows: list[Row]) -> None:
        """Publish rows and acknowledge their records."""
        if not rows:
            return
        counts = Counts()
        for row in rows:
            self._publish(row, counts)
        self._flush()
        self._patiently("bad-records", self.bad_records.sync)
        self._patiently("source", lambda: self.feed.acknowledge([row.deliveries for row in rows]))
        self.health.acknowledged = time.time()
        for name, count in counts.fields().items():
            setattr(self.counts, name, getattr(self.counts, name) + count)

    def _publish(self, row: Row, counts: Counts) -> None:
        """Publish the messages of a row, or write its records to the file of bad records."""
        size = len(row.deliveries)
        if row.incoming is None:
            counts.unreadable += size
            self._set_aside(row, Reason.UNREADABLE_RECORD.value, row.problem, {}, counts)
            return
        try:
            messages = self.mapping.messages(row.incoming)
            for number, message in enumerate(messages):
                self._offer(_named(message, message_id(row.first.identity, number)))
        except MessageError as error:
            counts.refused += size
            self._set_aside(row, error.reason.value, str(error), error.details(), counts)
        except (Stopped, RedisUnavailable):
            raise
        except Exception as error:  # a record that our own code cannot handle may stop no other record
            _log.exception("bridge.defect", extra={"fields": {"where": row.first.where}})
            counts.refused += size
            problem = f"{type(error).__name__}: {shorten(str(error))}"
            self._set_aside(row, Reason.UNREADABLE_RECORD.value, problem, {}, counts)
        else:
            counts.messages += len(messages)
            if messages:
                counts.published += size
            else:
                counts.left_out += size

    def _offer(self, message: dict[str, Any]) -> None:
        while True:
            try:
                self.publisher.publish(message)
                return
            except BufferFull:
                self._flush()

    def _flush(self) -> None:
        self._patiently("redis", lambda: self.publisher.flush(_FLUSH_SECONDS))

    def _set_aside(self, row: Row, reason: str, problem: str, details: dict[str, Any], counts: Counts) -> None:
        for delivery in row.deliveries:
            number = self.counts.bad + counts.bad
            if number <= _BAD_RECORDS_LOGGED or number % 1000 == 0:
                fields = {"where": delivery.where, "reason": reason, "detail": problem, "bad_records": number}
                _log.warning("bridge.bad_record", extra={"fields": fields})
            keep = partial(self.bad_records.write, delivery.where, reason, problem, details, delivery.raw)
            if not self._patiently("bad-records", keep):
                counts.not_kept += 1
                if self.counts.not_kept + counts.not_kept == 1:
                    _log.error("bridge.bad_records_full", extra={"fields": {"where": delivery.where}})

    def _patiently(self, place: str, act: Callable[[], T]) -> T:
        """Do what needs a service, again and again until it answers. Raises Stopped."""
        wait = _FIRST_WAIT
        while True:
            try:
                result = act()
                break
            except (RedisUnavailable, SourceAway, OSError) as error:
                self._waits(place, error)
            if place != "source":
                with suppress(SourceAway):
                    self.feed.hold()
            if self.stop.wait(wait):
                raise Stopped
            wait = min(2 * wait, _LONGEST_WAIT if place == "source" else _FLUSH_SECONDS)
        if self.health.waits_for:
            seconds = round(time.time() - self.health.since, 1)
            _log.info("bridge.continues", extra={"fields": {"waited_for": self.health.waits_for, "seconds": seconds}})
            self.health.waits_for, self.health.since = "", time.time()
        return result

    def _waits(self, place: str, error: Exception) -> None:
        """Report, once, that something does not answer."""
        if self.health.waits_for != place:
            self.health.waits_for, self.health.since = place, time.time()
            fields = {"waits_for": place, "detail": str(error)}
            _log.warning("bridge.waits", extra={"fields": fields})
        self._report()

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            _log.info("bridge.counts", extra={"fields": self.counts.fields()})
        if now - self._measured >= _METRICS_SECONDS:
            self._measured = now
            self._write_metrics()

    def _write_metrics(self) -> None:
        if self.metrics is not None:
            text = metrics_text(self.source, self.counts, self.health)
            try:
                write_metrics(self.metrics, text)
            except OSError as error:
                _log.warning("bridge.metrics_not_written", extra={"fields": {"detail": str(error)}})


def _named(message: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a message with this id, unless its producer named it."""
    return message if message.get("messageId") is not None else {**message, "messageId": name}
