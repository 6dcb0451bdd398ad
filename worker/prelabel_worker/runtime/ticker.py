"""The tick: every worker looks for timers that are due and sends hints. There is no Celery beat and no leader.

It runs in a thread, since the worker's event loop stands still in an outage, during a warm shutdown and, in some pools,
while a task runs.
"""

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

from prelabel.wire.client import words_of
from prelabel_worker.accounts.connection import fingerprints
from prelabel_worker.accounts.rate_limiter import POLLED_TOGETHER
from prelabel_worker.chunks.chunk import KNOWN_VERSION
from prelabel_worker.errors import ConfigurationError
from prelabel_worker.notify.duty import Duty, duty_of
from prelabel_worker.presence import Presence, Process, announce, forget_gone, new_identity, withdraw
from prelabel_worker.quarantine.quarantine import LOOK_AGAIN_SECONDS, Quarantine
from prelabel_worker.runtime import broker, roles
from prelabel_worker.runtime.clients import connect
from prelabel_worker.runtime.hints import NAMED_TOGETHER, hints_of
from prelabel_worker.runtime.liveness import Liveness
from prelabel_worker.runtime.preflight import ends_worker
from prelabel_worker.runtime.timers import Timers
from prelabel_worker.settings import Settings

TICK_SECONDS = 0.25
"""Longest wait between two ticks."""
_HINTS_PER_PROCESS = 4
_PRESENCE_SECONDS = 2.0
_NEXT_ROUND_SECONDS = 0.05  # the wait after a tick that sent hints, since workers take them soon
_LOG_AGAIN_SECONDS = 30.0
_LAST_SECONDS = 2.0  # the wait for the end of a tick, which may ask a server that does not answer
_log = structlog.get_logger(__name__)


class Ticker(bootsteps.StartStopStep):  # type: ignore[misc]
    """Starts the tick after the worker's pool, and stops it before the pool."""

    requires = {"celery.worker.components:Pool"}  # noqa: RUF012 - Celery reads the class attribute

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._notify: Duty | None = None

    def start(self, parent: Any) -> None:
        """Start the thread that ticks, and the one that tells people what is wrong, if there is a receiver."""
        self._stopped.clear()
        tick = _Tick(parent, self._stopped)
        self._thread = threading.Thread(target=tick.run, name="prelabel-ticker", daemon=True)
        self._thread.start()
        settings: Settings = parent.app.prelabel_runtime.settings
        self._notify = duty_of(settings, lambda: connect(settings))
        if self._notify:
            self._notify.start()

    def stop(self, parent: Any) -> None:
        """End the threads; other workers take what is due.

        The process must not end before the tick has withdrawn its announcement, or people are told that a worker died.
        """
        self._stopped.set()
        if self._notify:
            self._notify.stop()
        if self._thread:
            self._thread.join(_LAST_SECONDS)

    def terminate(self, parent: Any) -> None:
        """End the threads at a cold shutdown."""
        self.stop(parent)


class _Tick:
    def __init__(self, worker: Any, stopped: threading.Event) -> None:
        self._app = worker.app
        self._settings: Settings = worker.app.prelabel_runtime.settings
        self._stopped = stopped
        self._client = connect(self._settings)
        self._timers = Timers(self._client, self._settings.key_prefix, self._settings.lease_seconds)
        self._processes = int(worker.concurrency or 1)
        self._name = worker.hostname
        self._identity = new_identity()
        self._process = Process.own()
        self._queues: list[str] = sorted(worker.app.amqp.queues.consume_from)
        self._role = roles.role_of(self._queues)
        self._announced = self._logged = float("-inf")
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
                # Redis or the broker is down or loading. Nothing is lost: the timers stay in Redis.
                self._fails(error)
            except Exception:
                _log.exception("tick.broken")
            self._stopped.wait(wait)
        self._withdraw()

    def _fails(self, error: Exception) -> None:
        """Log a failure at first and then every half minute, since a tick is tried four times a second.

        Stop the worker if a server refuses it for good and no tick has succeeded yet.
        """
        now = time.monotonic()
        if not self._worked and ends_worker(error):
            state.should_stop = ConfigurationError.exit_code
            self._stopped.set()
        if self._failed_since is None:
            self._failed_since, self._logged = now, float("-inf")
        if now - self._logged >= _LOG_AGAIN_SECONDS:
            seconds = round(now - self._failed_since, 1)
            _log.warning("tick.failed", error=type(error).__name__, detail=words_of(error), seconds=seconds)
            self._logged = now

    def _works(self) -> None:
        self._worked = True
        if self._failed_since is not None:
            _log.info("tick.works", seconds=round(time.monotonic() - self._failed_since, 1))
            self._failed_since = None

    def _tick(self) -> float:
        """Send hints for what is due; return the seconds to the next tick."""
        with self._app.producer_or_acquire() as producer:
            waiting = sum(_waiting_hints(producer.channel, queue) for queue in self._queues)
            begun, before = state.all_total_count[0], self._begun
            self._begun = begun
            # list() copies at once, while the consumer's thread adds and removes requests.
            self._liveness.look(list(state.requests), begun, waiting)
            room = room_for_hints(self._processes, waiting, moves=begun != before)
            if not room:
                return TICK_SECONDS  # the queue is full: what is due stays due
            stages = roles.stages_of(self._role)
            due, wait = self._timers.due(room * NAMED_TOGETHER, stages, most_polls=room * POLLED_TOGETHER)
            for hint in hints_of(due, room):
                self._app.send_task(f"prelabel.{hint.stage}", hint.args, producer=producer)
        if due:
            return _NEXT_ROUND_SECONDS
        # A timer that is due now but was not returned belongs to another role: do not look again at once.
        return TICK_SECONDS if (wait <= 0 and self._role != "all") else max(wait, 0.005)

    def _sweep(self) -> None:
        """End the quarantine of projects that have had no error for a while, and forget workers that were killed."""
        if time.monotonic() - self._swept > LOOK_AGAIN_SECONDS:
            self._quarantine.sweep()
            forget_gone(self._client, self._settings.key_prefix)
            self._swept = time.monotonic()

    def _announce(self) -> None:
        """Announce that this worker is alive and makes progress, for `prelabel status`, `doctor` and `healthy`."""
        now = time.monotonic()
        if now - self._announced < _PRESENCE_SECONDS:
            return
        presence = Presence(
            name=self._name,
            host=self._process.host,
            pid=self._process.pid,
            system=self._process.system,
            began=self._process.began,
            version=version("prelabel"),
            knows=KNOWN_VERSION,
            role=self._role,
            concurrency=self._processes,
            accounts=sorted(self._settings.accounts),
            fingerprints=fingerprints(self._settings),
            requests_per_minute=self._settings.requests_per_minute,
            request_burst=self._settings.request_burst,
            history_days=self._settings.history_days,
            settings=self._settings.shared,
            busy_seconds=self._liveness.busy_seconds(),
            stalled_seconds=self._liveness.stalled_seconds(),
        )
        announce(self._client, self._settings.key_prefix, self._identity, presence)
        self._announced = now

    def _withdraw(self) -> None:
        try:
            withdraw(self._client, self._settings.key_prefix, self._identity)
            self._client.close()
        except (redis.RedisError, OSError):
            _log.info("worker.not_withdrawn", worker=self._name)


def room_for_hints(processes: int, waiting: int, *, moves: bool) -> int:
    """Return how many hints a tick may send; `moves` is whether tasks have begun since the previous tick.

    Stages send the hints for what follows themselves, which can keep the queue full. Even then one hint may be sent, so
    that a project that only the tick knows of gets its turn.
    """
    return max(processes * _HINTS_PER_PROCESS - waiting, 1 if moves else 0)


def _waiting_hints(channel: Any, queue: str) -> int:
    """Return the number of hints that no worker has taken yet."""
    if isinstance(channel, virtual.Channel):
        # With Redis, a passive declaration would find no queue: kombu runs EXISTS without the `global_keyprefix`.
        return int(channel._size(queue))  # type: ignore[no-untyped-call]
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except ChannelError:
        return 0  # no worker has declared the queue yet
