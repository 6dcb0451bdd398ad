"""The tick: every worker looks for what is due and sends hints. No beat, no leader.

It is a thread: the worker's event loop stands still in an outage, during a warm shutdown and, in some pools, while a
task runs.
"""

import os
import socket
import threading
import time
from importlib.metadata import version
from typing import Any

import redis
import structlog
from celery import bootsteps
from celery.worker import state
from kombu.exceptions import ChannelError
from kombu.transport import virtual

from prelabel.wire import keys
from prelabel.wire.client import words_of
from prelabel_worker.accounts.rate_limiter import POLLED_TOGETHER
from prelabel_worker.chunks.chunk import KNOWN_VERSION
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.presence import Presence, announce
from prelabel_worker.quarantine.quarantine import LOOK_AGAIN_SECONDS, Quarantine
from prelabel_worker.runtime import broker, roles
from prelabel_worker.runtime.clients import connect
from prelabel_worker.runtime.liveness import Liveness
from prelabel_worker.runtime.preflight import ends_worker
from prelabel_worker.runtime.timers import Due, Timers
from prelabel_worker.settings import Settings

TICK_SECONDS = 0.25
"""Longest sleep between two looks."""
_HINTS_PER_PROCESS = 4
_PRESENCE_SECONDS = 2.0
_NEXT_ROUND_SECONDS = 0.05  # after hints were sent: those who took them are soon free for more
_SAY_AGAIN_SECONDS = 30.0
_log = structlog.get_logger(__name__)


class Ticker(bootsteps.StartStopStep):  # type: ignore[misc]
    """Starts the tick with the worker and stops it first."""

    requires = {"celery.worker.components:Pool"}  # noqa: RUF012 - Celery reads the class attribute

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._stopped = threading.Event()

    def start(self, parent: Any) -> None:
        """Begin to tick."""
        self._stopped.clear()
        tick = _Tick(parent, self._stopped)
        threading.Thread(target=tick.run, name="prelabel-ticker", daemon=True).start()

    def stop(self, parent: Any) -> None:
        """Stop ticking: other workers take what is due."""
        self._stopped.set()

    def terminate(self, parent: Any) -> None:
        """Tick no more."""
        self._stopped.set()


class _Tick:
    def __init__(self, worker: Any, stopped: threading.Event) -> None:
        self._app = worker.app
        self._settings: Settings = worker.app.prelabel_runtime.settings
        self._stopped = stopped
        self._client = connect(self._settings)
        self._timers = Timers(self._client, self._settings.key_prefix, self._settings.lease_seconds)
        self._processes = int(worker.concurrency or 1)
        self._name = worker.hostname
        self._queues: list[str] = sorted(worker.app.amqp.queues.consume_from)
        self._role = roles.role_of(self._queues)
        self._announced = self._said = float("-inf")
        self._quarantine = Quarantine(self._client, self._settings.key_prefix)
        self._swept = time.monotonic()
        self._failed_since: float | None = None
        self._liveness = Liveness()
        self._begun = 0
        self._worked = False

    def run(self) -> None:
        while not self._stopped.is_set():
            wait = TICK_SECONDS
            try:
                self._announce()
                wait = min(self._tick(), TICK_SECONDS)
                self._sweep()
                self._works()
            except broker.ERRORS as error:
                # Redis or the broker is away or loading: the timers are where they were.
                self._fails(error)
            except Exception:
                _log.exception("tick.broken")
            self._stopped.wait(wait)
        self._withdraw()

    def _fails(self, error: Exception) -> None:
        """Log the failure once, then every half minute: a tick is tried four times a second.

        A worker that has not worked yet, and that Redis refuses for good, stops.
        """
        now = time.monotonic()
        if not self._worked and ends_worker(error):
            state.should_stop = ConfigurationError.exit_code
            self._stopped.set()
        if self._failed_since is None:
            self._failed_since, self._said = now, float("-inf")
        if now - self._said >= _SAY_AGAIN_SECONDS:
            seconds = round(now - self._failed_since, 1)
            _log.warning("tick.failed", error=type(error).__name__, detail=words_of(error), seconds=seconds)
            self._said = now

    def _works(self) -> None:
        self._worked = True
        if self._failed_since is not None:
            _log.info("tick.works", seconds=round(time.monotonic() - self._failed_since, 1))
            self._failed_since = None

    def _tick(self) -> float:
        """Send hints for what is due; seconds to the next look."""
        with self._app.producer_or_acquire() as producer:
            waiting = sum(_waiting_hints(producer.channel, queue) for queue in self._queues)
            # A copy in one step: the consumer's thread adds and removes while we look.
            begun, before = state.all_total_count[0], self._begun
            self._begun = begun
            self._liveness.look(list(state.requests), begun, waiting)
            room = room_for_hints(self._processes, waiting, moves=begun != before)
            if not room:
                return TICK_SECONDS  # no process is free: what is due stays due
            due, wait = self._timers.due(room, roles.stages_of(self._role), most_polls=room * POLLED_TOGETHER)
            for name, args in _messages(due):
                self._app.send_task(name, args, producer=producer)
        # What is due at once and not ours is another role's.
        if due:
            return _NEXT_ROUND_SECONDS
        return TICK_SECONDS if (wait <= 0 and self._role != "all") else max(wait, 0.005)

    def _sweep(self) -> None:
        """End the quarantine of projects that are well again."""
        if time.monotonic() - self._swept > LOOK_AGAIN_SECONDS:
            self._quarantine.sweep()
            self._swept = time.monotonic()

    def _announce(self) -> None:
        """Announce that this worker is alive and makes progress, for `prelabel status`, `doctor` and `healthy`."""
        now = time.monotonic()
        if now - self._announced < _PRESENCE_SECONDS:
            return
        presence = Presence(
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version("prelabel"),
            knows=KNOWN_VERSION,
            role=self._role,
            concurrency=self._processes,
            accounts=sorted(self._settings.accounts),
            at=time.time(),
            busy_seconds=self._liveness.busy_seconds(),
            stalled_seconds=self._liveness.stalled_seconds(),
        )
        announce(self._client, self._settings.key_prefix, self._name, presence)
        self._announced = now

    def _withdraw(self) -> None:
        try:
            self._client.hdel(keys.workers(self._settings.key_prefix), self._name)
            self._client.close()
        except (redis.RedisError, OSError):
            _log.info("worker.not_withdrawn", worker=self._name)


def room_for_hints(processes: int, waiting: int, *, moves: bool) -> int:
    """How many hints a tick may send; `moves`: tasks were begun since the last one.

    Stages hint what follows themselves, which can keep the queue full: then a project that only the tick knows of has a
    turn at each look all the same.
    """
    return max(processes * _HINTS_PER_PROCESS - waiting, 1 if moves else 0)


def _waiting_hints(channel: Any, queue: str) -> int:
    """Hints that no worker has taken yet."""
    if isinstance(channel, virtual.Channel):
        # Redis: a passive declaration asks with EXISTS, to which kombu adds no `global_keyprefix`: it finds no queue.
        return int(channel._size(queue))  # type: ignore[no-untyped-call]
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except ChannelError:
        return 0  # no worker has declared the queue yet


def _messages(due: list[Due]) -> list[tuple[str, list[Any]]]:
    """One message for each thing, but imports to be polled go together."""
    polled = [[each.project_id, each.chunk_id] for each in due if each.stage == "poll"]
    found: list[tuple[str, list[Any]]] = [
        ("prelabel.poll", [polled[at : at + POLLED_TOGETHER]]) for at in range(0, len(polled), POLLED_TOGETHER)
    ]
    for each in due:
        if each.stage in ("group", "retry", "expire"):
            found.append((f"prelabel.{each.stage}", [each.project_id]))
        elif each.stage != "poll":
            found.append((f"prelabel.{each.stage}", [each.project_id, each.chunk_id]))
    return found
